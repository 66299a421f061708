package rollout

import (
	"context"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
)

// PlaceInput says what to place.
type PlaceInput struct {
	Product     string
	Environment string
	Endpoint    string // "" = the product's name
	Model       string // "" = the model of the release
	Package     ref.Digest
	Actor       string
	Cause       Cause // "" = release
	Reason      string
	Force       bool     // emergency: do not wait for gates and people; needs a reason
	Steps       []string // of the rollout; none = full
}

// Place makes a package the champion of an environment. A package that is champion already is answered unchanged, so the
// same command again does no harm. Errors: fault.Precondition when the release or the self-test is missing.
func (r *Room) Place(ctx context.Context, in PlaceInput) (*Deployment, error) {
	began := r.now()
	if err := in.check(); err != nil {
		return nil, err
	}
	steps, err := Steps(in.Steps)
	if err != nil {
		return nil, err
	}
	if len(steps) > 1 {
		return nil, fault.New(fault.Unsupported, "this build places a package at once; shadow and canary are planned").WithHint("set deploy.rollout to [full]")
	}
	pkg, err := r.reg.Package(ctx, in.Package)
	if err != nil {
		return nil, fault.Wrap(err, "placing package %s", in.Package.Short())
	}
	seen := Observation{SelfTest: TestFailed}
	if pkg.SelfTested {
		seen.SelfTest = TestPassed
	}
	state, _ := Next(Start(steps, began), seen, began)
	if state.Phase != Full {
		return nil, fault.New(fault.Precondition, "package %s may not be placed in %s of %s: %s", in.Package.Short(), in.Environment, in.Product, state.Reason).
			WithHint("paraplu package verify %s shows which parity rows differ; not even an emergency skips them", in.Package.Short())
	}
	var out *Deployment
	err = r.db.Update(ctx, func(tx *db.Tx) (err error) {
		out, err = r.place(tx, in, state.Share, began)
		return err
	})
	return out, err
}

func (in *PlaceInput) check() error {
	if in.Endpoint == "" {
		in.Endpoint = in.Product
	}
	if in.Cause == "" {
		in.Cause = CauseRelease
	}
	if in.Force {
		in.Cause = CauseEmergency
	}
	for _, f := range [][2]string{{"product", in.Product}, {"environment", in.Environment}, {"endpoint", in.Endpoint}, {"actor", in.Actor}} {
		if err := ref.CheckName(f[1]); err != nil {
			return fault.New(fault.Invalid, "placing a package: %s: %w", f[0], err)
		}
	}
	if in.Cause == CauseEmergency && !in.Force {
		return fault.New(fault.Invalid, "an emergency is placed with force and a reason").WithHint(`paraplu place PACKAGE --force --reason "…"`)
	}
	if in.Cause != CauseRelease && in.Cause != CauseRetrain && in.Cause != CauseEmergency {
		return fault.New(fault.Invalid, "a package is placed because of a release, a retrain or an emergency, not of %q", in.Cause)
	}
	return nil
}

func (r *Room) place(tx *db.Tx, in PlaceInput, share float64, began time.Time) (*Deployment, error) {
	old, err := champion(tx, in.Product, in.Environment)
	if err != nil || old != nil && old.Package == in.Package {
		return old, err
	}
	var rel *registry.Release
	if in.Force {
		model := in.Model
		if model == "" {
			model = in.Product
		}
		rel, err = r.reg.Forced(tx, in.Product, in.Environment, model, in.Package, in.Actor, in.Reason)
	} else {
		rel, err = r.reg.AuthorizeTx(tx, in.Product, in.Environment, in.Package)
	}
	if err != nil {
		return nil, err
	}
	now := r.now()
	next := &Deployment{ID: ref.NewID(), Product: in.Product, Environment: in.Environment, Endpoint: in.Endpoint, Model: rel.Model, Role: RoleChampion,
		Package: in.Package, Share: share, From: now, Release: rel.ID, Cause: in.Cause, Reason: in.Reason, Actor: in.Actor, Took: now.Sub(began)}
	return next, r.commit(tx, old, next, rel)
}

// commit writes the two intervals, tells the registry and records the fact.
func (r *Room) commit(tx *db.Tx, old, next *Deployment, rel *registry.Release) error {
	back := next.Cause == CauseRollback
	if err := swap(tx, old, next, back); err != nil {
		return fault.Wrap(err, "placing package %s", next.Package.Short())
	}
	p := registry.Placement{Release: rel, Rollback: back, Actor: next.Actor}
	inputs := []string{"package:" + string(next.Package), rel.Ref()}
	data := map[string]any{"deployment": next.ID, "environment": next.Environment, "endpoint": next.Endpoint, "model": next.Model, "package": next.Package,
		"role": next.Role, "share": next.Share, "cause": next.Cause, "release": rel.ID, "took_ms": next.Took.Milliseconds()}
	if old != nil {
		p.Replaced = old.Package
		data["replaced"], data["replaced_deployment"] = old.Package, old.ID
	}
	if err := r.reg.Placed(tx, p); err != nil {
		return err
	}
	verb := event.DeploymentPlaced
	if back {
		verb, inputs = event.DeploymentRolledBack, append(inputs, old.Ref())
	}
	return event.Append(tx, event.Fact{Time: next.From, Actor: next.Actor, Product: next.Product, Verb: verb, Object: next.ID, Digest: string(next.Package),
		Reason: next.Reason, Key: verb + ":" + next.ID, Inputs: inputs, Outputs: []string{next.Ref()}, Data: data})
}
