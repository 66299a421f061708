package steps

import (
	"context"
	"io"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/spec"
)

// RetrainOptions say who asks and why, and what else is set.
type RetrainOptions struct {
	Actor    string
	Reason   string
	Set      map[string]any // on top of retrain.set
	Out      io.Writer      // what the steps print
	Env      []string
	Progress func(pipeline.StepEvent)
	Force    bool // although the cool-down is not over
}

// Retrained is a candidate with its evidence.
type Retrained struct {
	Execution *pipeline.Execution `json:"execution"`
	Packaged  *Packaged           `json:"packaged"`
	Release   *registry.Release   `json:"release"`
}

// Retrain runs the pipeline on the data that lies there with the overrides of the section retrain, packages the result,
// and computes its gates against the naive rule and the champion. It places nothing.
func (s *Steps) Retrain(ctx context.Context, p *spec.Product, o RetrainOptions) (*Retrained, error) {
	if !p.Has("retrain") {
		return nil, fault.New(fault.Precondition, "%s has no section retrain", p.File).WithHint("add retrain: {step: evaluate}")
	}
	if err := s.cooledDown(ctx, p, o); err != nil {
		return nil, err
	}
	set := map[string]any{}
	for _, more := range []map[string]any{p.Retrain.Set, o.Set} {
		for k, v := range more {
			set[k] = v
		}
	}
	plan, err := s.Pipeline.Plan(ctx, pipeline.PlanInput{Product: p, Targets: []string{p.Retrain.Step}, Set: set})
	if err != nil {
		return nil, err
	}
	out := &Retrained{}
	if out.Execution, err = s.Pipeline.Run(ctx, plan, pipeline.RunOptions{Actor: o.Actor, Out: o.Out, Env: o.Env, Progress: o.Progress}); err != nil {
		return out, err
	}
	if out.Packaged, err = s.Package(ctx, p, o.Actor); err != nil {
		return out, err
	}
	if out.Release, err = s.Request(ctx, p, out.Packaged.Package.Digest, o.Actor); err != nil {
		return out, err
	}
	return out, s.decided(ctx, p, o, out)
}

// cooledDown refuses a retraining too soon after the one before.
func (s *Steps) cooledDown(ctx context.Context, p *spec.Product, o RetrainOptions) error {
	if o.Force {
		return nil
	}
	facts, err := s.facts(ctx, event.Filter{Product: p.Name, Verbs: []string{event.RetrainDecided}, Newest: true, Limit: 1})
	if err != nil || len(facts) == 0 {
		return err
	}
	if wait := p.Retrain.Cooldown.Std() - s.Clock().Sub(facts[0].Time); wait > 0 {
		return fault.New(fault.Precondition, "the last retraining was at %s UTC; the cool-down of %s ends at %s", facts[0].Time.UTC().Format(time.DateTime), p.Retrain.Cooldown, facts[0].Time.Add(p.Retrain.Cooldown.Std()).UTC().Format(time.DateTime)).
			WithHint("wait, or say --force")
	}
	return nil
}

func (s *Steps) decided(ctx context.Context, p *spec.Product, o RetrainOptions, r *Retrained) error {
	return s.DB.Update(ctx, func(tx *db.Tx) error {
		return event.Append(tx, event.Fact{Time: s.Clock(), Actor: o.Actor, Product: p.Name, Verb: event.RetrainDecided, Object: p.Name,
			Digest: string(r.Packaged.Package.Digest), Reason: o.Reason, Key: "retrain:" + r.Execution.ID,
			Inputs: []string{"execution:" + r.Execution.ID}, Outputs: []string{"package:" + string(r.Packaged.Package.Digest)},
			Data: map[string]any{"release": r.Release.ID, "state": r.Release.State}})
	})
}
