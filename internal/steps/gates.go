package steps

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/spec"
)

// Gates computes every gate that the product asks for, on the data and package that are there now.
func (s *Steps) Gates(ctx context.Context, p *spec.Product, pkg ref.Digest, actor string) ([]registry.GateResult, error) {
	all := map[string]func(context.Context, gateInput) (registry.GateResult, error){
		"contract":       s.gateContract,
		"leakage":        s.gateLeakage,
		"parity":         s.gateParity,
		"beats-baseline": s.gateBaseline,
		"beats-champion": s.gateChampion,
	}
	in := gateInput{p: p, pkg: pkg, actor: actor}
	var out []registry.GateResult
	for _, name := range p.Release.Gates {
		compute, ok := all[name]
		if !ok {
			return nil, fault.New(fault.Unsupported, "gate %q is not known", name)
		}
		g, err := compute(ctx, in)
		if err != nil {
			return nil, fault.Wrap(err, "gate %s", name)
		}
		g.Name = name
		out = append(out, g)
	}
	return out, nil
}

type gateInput struct {
	p     *spec.Product
	pkg   ref.Digest
	actor string
}

func passed(ok bool) string {
	if ok {
		return registry.Pass
	}
	return registry.Fail
}

// gateContract: the newest version of every dataset under contract was checked, and nothing blocked it.
func (s *Steps) gateContract(ctx context.Context, in gateInput) (registry.GateResult, error) {
	var good, bad []string
	var evidence []byte
	for _, d := range in.p.Data {
		if d.Contract == "" {
			continue
		}
		v, err := s.Datasets.Latest(ctx, in.p.Name, d.Name)
		if fault.Is(err, fault.NotFound) {
			bad = append(bad, d.Name+" has no version")
			continue
		} else if err != nil {
			return registry.GateResult{}, err
		}
		rep, err := s.reportOf(ctx, in.p, v)
		if err != nil {
			return registry.GateResult{}, err
		}
		switch {
		case rep == nil:
			bad = append(bad, v.String()+" was never checked")
		case rep.Draft:
			bad = append(bad, v.String()+" was held against a draft only; set status: active in its contract")
		case rep.Blocked():
			bad = append(bad, v.String()+" breaks its contract")
		default:
			good = append(good, v.String())
			evidence = append(evidence, rep.ID...)
		}
	}
	g := registry.GateResult{Status: passed(len(bad) == 0 && len(good) > 0), Required: "every dataset version keeps its contract",
		Observed: strings.Join(good, ", "), Digest: ref.Sum(evidence)}
	if len(bad) > 0 {
		g.Detail = strings.Join(bad, "; ") + ". Deliver the data again: paraplu data add NAME PATH"
	}
	return g, nil
}

// gateLeakage: no feature was known later than the decision.
func (s *Steps) gateLeakage(ctx context.Context, in gateInput) (registry.GateResult, error) {
	loaded, err := s.Packs.Load(ctx, in.pkg, nil)
	if err != nil {
		return registry.GateResult{}, err
	}
	var inputs []string
	for _, c := range loaded.Signature().Inputs {
		inputs = append(inputs, c.Name)
	}
	rep, err := s.Leakage(ctx, in.p, "", in.actor, inputs...)
	if err != nil {
		return registry.GateResult{}, err
	}
	g := registry.GateResult{Status: passed(!rep.Blocked()), Required: "every feature is known when the decision is taken",
		Observed: fmt.Sprintf("%d inputs of the model, %d decisions", len(inputs), rep.Rows), Digest: ref.Sum([]byte(rep.ID))}
	if err := rep.Err(); err != nil {
		g.Detail = err.Error()
	}
	return g, nil
}

// gateParity: files, signature, graph and all parity rows of the package, asked again now.
func (s *Steps) gateParity(ctx context.Context, in gateInput) (registry.GateResult, error) {
	v, err := s.Packs.Verify(ctx, in.pkg)
	g := registry.GateResult{Required: "the engine answers as the original model does, within the declared tolerance"}
	if err != nil {
		if fault.Is(err, fault.Canceled) || fault.Is(err, fault.NotFound) {
			return g, err
		}
		g.Status, g.Detail, g.Observed = registry.Fail, err.Error(), "refused"
		return g, nil
	}
	g.Status, g.Observed, g.Digest = registry.Pass, describeParity(v), in.pkg
	return g, nil
}

func describeParity(v *modelpack.Verification) string {
	worst := 0.0
	for _, o := range v.Parity.Outputs {
		worst = max(worst, o.Worst)
	}
	return fmt.Sprintf("%d rows, largest difference %.2g", v.Parity.Rows, worst)
}

// gateBaseline: the package saves money against the naive rule on the hold-out, and the interval is clear of zero.
func (s *Steps) gateBaseline(ctx context.Context, in gateInput) (registry.GateResult, error) {
	h, mine, err := s.scored(ctx, in.p, in.pkg)
	if err != nil {
		return registry.GateResult{}, err
	}
	m, err := s.value(ctx, in.p, h, mine, h.Baseline)
	if err != nil {
		return registry.GateResult{}, err
	}
	return moneyGate(in.p, h, m, "the rule "+in.p.Canvas.Baseline, m.Interval.Low > 0), nil
}

// gateChampion: the package saves money against the one that answers now. Without a champion there is nothing to beat. A
// retraining has few days, so here the saving itself must be positive and the interval is shown.
func (s *Steps) gateChampion(ctx context.Context, in gateInput) (registry.GateResult, error) {
	champion, err := s.Champion(ctx, in.p)
	if err != nil {
		return registry.GateResult{}, err
	}
	if champion == nil || champion.Package == in.pkg {
		return registry.GateResult{Status: registry.Pass, Required: "costs less than the champion", Observed: "there is no other champion"}, nil
	}
	h, mine, err := s.scored(ctx, in.p, in.pkg)
	if err != nil {
		return registry.GateResult{}, err
	}
	loaded, err := s.Packs.Load(ctx, champion.Package, nil)
	if err != nil {
		return registry.GateResult{}, err
	}
	theirs, err := h.Score(ctx, loaded)
	if err != nil {
		return registry.GateResult{}, err
	}
	m, err := s.value(ctx, in.p, h, mine, theirs)
	if err != nil {
		return registry.GateResult{}, err
	}
	return moneyGate(in.p, h, m, "the champion "+champion.Package.Short(), m.Saving > 0), nil
}

// scored reads the hold-out and lets the package itself answer for it, so that the gate judges what will be served.
func (s *Steps) scored(ctx context.Context, p *spec.Product, pkg ref.Digest) (*Holdout, []float64, error) {
	h, err := ReadHoldout(p.Path(p.Model.Holdout))
	if err != nil {
		return nil, nil, err
	}
	loaded, err := s.Packs.Load(ctx, pkg, nil)
	if err != nil {
		return nil, nil, err
	}
	mine, err := h.Score(ctx, loaded)
	return h, mine, err
}

// sentence says what is saved, or what it costs more, with its interval.
func (m Money) sentence(unit string) string {
	does, more, saving, low, high := "saves", "", m.Saving, m.Interval.Low, m.Interval.High
	if saving < 0 {
		does, more, saving, low, high = "costs", " more", -saving, -high, -low
	}
	return fmt.Sprintf("%s %.0f %s%s in %d days (95 %%: %.0f … %.0f); cost %.0f against %.0f", does, saving, unit, more, m.Days, low, high, m.Cost, m.Baseline)
}

func moneyGate(p *spec.Product, h *Holdout, m Money, rival string, ok bool) registry.GateResult {
	unit := p.Canvas.Value.Unit
	detail, err := json.Marshal(m)
	if err != nil {
		detail = nil // an interval with an infinite end is not JSON; the sentence says it
	}
	g := registry.GateResult{
		Status:   passed(ok),
		Required: "costs less than " + rival,
		Observed: m.sentence(unit),
		Digest:   ref.Sum(append(detail, h.Digest...)),
	}
	if !ok {
		g.Detail = fmt.Sprintf("on %s … %s it costs %.0f %s more than %s, or the interval is not clear of zero; keep the champion, or train again with other data", h.Days[0], h.Days[len(h.Days)-1], 0-m.Saving, unit, rival)
	}
	return g
}
