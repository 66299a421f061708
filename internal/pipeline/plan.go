package pipeline

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/dag"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// PlanInput says what is wanted.
type PlanInput struct {
	Product *spec.Product
	Dir     string         // workspace; "" = the folder of the product
	Targets []string       // steps to reach, with all they need; none = all steps
	Set     map[string]any // parameters to override, by dotted key
	Force   bool           // run although nothing changed
}

// Plan is what would be done now.
type Plan struct {
	Steps []PlannedStep // in the order in which they run

	product *spec.Product
	graph   *dag.Graph[string]
	ws      *workspace
	params  params
	input   PlanInput
}

// PlannedStep is a decision about one step.
type PlannedStep struct {
	Name   string     `json:"name"`
	Action Action     `json:"action"`
	Why    string     `json:"why"`
	Digest ref.Digest `json:"digest,omitempty"` // fingerprint; "" when undecided
	After  []string   `json:"after,omitempty"`  // steps it waits for
}

// Action is what a plan does with a step.
type Action string

// The actions. Undecided: a step before it runs, and may write the same as before.
const (
	WillRun   Action = "run"
	WillReuse Action = "cached"
	Undecided Action = "undecided"
)

// Plan reads the files and decides what can be decided before anything runs. It changes nothing. Errors: an unknown
// target or parameter and a missing file are fault.NotFound.
func (r *Room) Plan(ctx context.Context, in PlanInput) (*Plan, error) {
	if in.Dir == "" {
		in.Dir = in.Product.Dir
	}
	dir, err := filepath.Abs(in.Dir)
	if err != nil {
		return nil, fault.Wrap(err, "workspace %s", in.Dir)
	}
	p := &Plan{product: in.Product, input: in}
	if err := p.choose(); err != nil {
		return nil, err
	}
	p.ws = openWorkspace(dir)
	if len(in.Product.Pipeline.Params) > 0 || len(in.Set) > 0 {
		if p.params, err = readParams(p.ws, in.Product.Pipeline.Params, in.Set); err != nil {
			return nil, err
		}
	}
	order, err := p.graph.Order()
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	f := &foresight{known: map[string]Out{}, settled: map[string]bool{}}
	for _, name := range order {
		step, err := r.preview(ctx, p, name, f)
		if err != nil {
			return nil, err
		}
		f.settled[name] = step.Action == WillReuse
		p.Steps = append(p.Steps, step)
	}
	p.ws.save()
	return p, nil
}

// choose selects the targets and what they need.
func (p *Plan) choose() error {
	all := p.product.Pipeline.Graph()
	if all.Len() == 0 {
		return fault.New(fault.Precondition, "the product %s has no pipeline", p.product.Name).
			WithHint("add pipeline.steps to %s", spec.FileName)
	}
	for _, t := range p.input.Targets {
		if all.Has(t) {
			continue
		}
		err := fault.New(fault.NotFound, "%s is not a step of the pipeline; steps: %s", t, strings.Join(all.Nodes(), ", "))
		if near := spec.Nearest(t, all.Nodes()); near != "" {
			return err.WithHint("did you mean %s?", near)
		}
		return err
	}
	p.graph = all.Select(p.input.Targets...)
	return nil
}

// foresight is what is certain before anything runs.
type foresight struct {
	settled map[string]bool // steps that are taken from the cache
	known   map[string]Out  // their outputs
	restore []string        // those that the workspace does not have as they were
}

var errLater = errors.New("known when an output is restored")

// content gives the digest that a dependency will have. errLater: it lies in or around an output to be restored.
func (f *foresight) content(p *Plan, dep string) (ref.Digest, error) {
	if out, ok := f.known[dep]; ok {
		return out.Digest, nil
	}
	for _, out := range f.restore {
		if strings.HasPrefix(dep, out+"/") || strings.HasPrefix(out, dep+"/") {
			return "", errLater
		}
	}
	return p.content(dep)
}

// preview decides about one step from the files and from the recorded outputs of the steps before it.
func (r *Room) preview(ctx context.Context, p *Plan, name string, f *foresight) (PlannedStep, error) {
	s, _ := p.product.Step(name)
	step := PlannedStep{Name: name, Action: Undecided, After: p.graph.Before(name)}
	if _, err := p.inputsOf(s, p.sourceOnly); err != nil {
		return step, err // a file of its own is missing, whatever the steps before it do
	}
	if p.input.Force {
		step.Action, step.Why = WillRun, "--force"
		return step, nil
	}
	waits := slices.DeleteFunc(slices.Clone(step.After), func(before string) bool { return f.settled[before] })
	if len(waits) > 0 {
		step.Why = "waits for " + strings.Join(waits, ", ")
		return step, nil
	}
	in, err := p.inputsOf(s, func(dep string) (ref.Digest, error) { return f.content(p, dep) })
	if errors.Is(err, errLater) {
		step.Why = "waits for " + strings.Join(step.After, ", ") + ", whose outputs are restored first"
		return step, nil
	} else if err != nil {
		return step, err
	}
	d, err := r.decide(ctx, p, s, in)
	if err != nil {
		return step, err
	}
	step.Action, step.Why, step.Digest = WillRun, d.why, in.Digest()
	if d.hit == nil {
		return step, nil
	}
	step.Action = WillReuse
	for _, out := range d.hit.outs {
		f.known[out.Path] = out
		if differs, why := p.ws.differs(out); differs {
			f.restore = append(f.restore, out.Path)
			step.Why += "; restores " + out.Path + " (" + why + ")"
		}
	}
	return step, nil
}

func (p *Plan) content(dep string) (ref.Digest, error) {
	out, err := p.ws.state(dep)
	return out.Digest, err
}

// sourceOnly looks only for files that no step writes.
func (p *Plan) sourceOnly(dep string) (ref.Digest, error) {
	if _, ok := p.product.Pipeline.Producer(dep); ok {
		return "", nil
	}
	if _, err := p.ws.state(dep); err != nil && !p.contains(dep) {
		return "", fs.ErrNotExist
	}
	return "", nil
}

// contains tells whether a step writes below this folder.
func (p *Plan) contains(folder string) bool {
	return slices.ContainsFunc(p.product.Pipeline.Steps, func(s spec.Step) bool {
		return slices.ContainsFunc(s.Outputs(), func(out string) bool { return strings.HasPrefix(out, folder+"/") })
	})
}

// decision about a step whose inputs are known.
type decision struct {
	hit *cached // nil: run it
	why string
}

// cached is an earlier success with the same inputs.
type cached struct {
	execution string
	outs      []Out
	metrics   map[string]float64
}

func (r *Room) decide(ctx context.Context, p *Plan, s spec.Step, in *Inputs) (decision, error) {
	switch {
	case p.input.Force:
		return decision{why: "--force"}, nil
	case s.AlwaysChanged:
		return decision{why: "always_changed"}, nil
	case len(s.Deps)+len(s.Outputs()) == 0:
		return decision{why: "it has neither deps nor outs, so it always runs"}, nil
	}
	var hit *cached
	var last *Inputs
	err := r.db.View(ctx, func(tx *db.Tx) (err error) {
		if hit, err = lookup(tx, p.product.Name, s.Name, in.Digest()); err != nil || hit != nil {
			return err
		}
		last, err = lastInputs(tx, p.product.Name, s.Name)
		return err
	})
	switch {
	case err != nil:
		return decision{}, err
	case hit != nil:
		return decision{hit: hit, why: "unchanged since execution " + hit.execution}, nil
	case last == nil:
		return decision{why: "never run"}, nil
	}
	reasons := in.changes(last)
	if len(reasons) == 0 {
		return decision{why: "its last result was not kept"}, nil
	}
	return decision{why: sentence(reasons)}, nil
}

// Step finds the decision about a step.
func (p *Plan) Step(name string) (PlannedStep, bool) {
	i := slices.IndexFunc(p.Steps, func(s PlannedStep) bool { return s.Name == name })
	if i < 0 {
		return PlannedStep{}, false
	}
	return p.Steps[i], true
}

// Params gives the effective parameters as plain values.
func (p *Plan) Params() map[string]any {
	return maps.Clone(plainValue(map[string]any(p.params)).(map[string]any))
}
