package steps

import (
	"context"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/monitor"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/rollout"
	"github.com/paraplu/paraplu/internal/spec"
)

// Request computes the gates for a package and asks for its release. Red gates are not an error: the release is a draft
// that says what is missing. For the package that answers now its own release is given.
func (s *Steps) Request(ctx context.Context, p *spec.Product, pkg ref.Digest, actor string) (*registry.Release, error) {
	if c, err := s.Champion(ctx, p); err != nil {
		return nil, err
	} else if c != nil && c.Package == pkg && c.Release != "" { // it answers already: its evidence stands
		return s.Registry.Release(ctx, c.Release)
	}
	gates, err := s.Gates(ctx, p, pkg, actor)
	if err != nil {
		return nil, err
	}
	return s.Registry.Request(ctx, registry.ReleaseRequest{Product: p.Name, Environment: p.Release.Environment, Package: pkg, Model: p.Model.Name,
		Gates: gates, Author: actor, Policy: registry.Policy{Gates: p.Release.Gates, People: p.Release.Approvals.People,
			Role: p.Release.Approvals.Role, Expires: p.Release.Approvals.Expires.Std()}})
}

// Approve signs a release in the name of a member, with the role that the team gives that member.
func (s *Steps) Approve(ctx context.Context, p *spec.Product, releaseID, member, reason string) (*registry.Approval, error) {
	m, ok := p.Member(member)
	if !ok {
		return nil, fault.New(fault.Denied, "%q is not a member of %s", member, p.Name).WithHint("paraplu approve %s --as NAME, with a name from the section team", releaseID)
	}
	return s.Registry.Approve(ctx, releaseID, m.Name, m.Role, reason)
}

// PlaceOptions say why a package is placed, and whether evidence is skipped.
type PlaceOptions struct {
	Cause  string // release or retrain; Force makes it emergency
	Reason string
	Force  bool
}

// Place puts a package into the product's environment. What answers from then on is watched against the package's own
// hold-out.
func (s *Steps) Place(ctx context.Context, p *spec.Product, pkg ref.Digest, actor string, o PlaceOptions) (*rollout.Deployment, error) {
	endpoint := p.Deploy.Endpoint
	if endpoint == "" {
		endpoint = p.Name
	}
	watch, err := s.reference(ctx, p, pkg)
	if err != nil && !o.Force { // an emergency does not wait for a mended hold-out table
		return nil, err
	}
	d, err := s.Rollout.Place(ctx, rollout.PlaceInput{Product: p.Name, Environment: p.Release.Environment, Endpoint: endpoint, Model: p.Model.Name,
		Package: pkg, Actor: actor, Cause: o.Cause, Reason: o.Reason, Force: o.Force})
	if err != nil {
		return nil, err
	}
	if watch == nil {
		return d, nil
	}
	err = s.Monitor.SetReference(ctx, p.Name, string(pkg), watch.rows, watch.features)
	if fault.Is(err, fault.Conflict) {
		err = nil // it was placed before, and the pipeline ran since: what it was first held against stays
	}
	return d, err
}

// reference is what the future of a package is held against: its hold-out, and the features that it was trained on.
type reference struct {
	rows     []monitor.ReferenceRow
	features map[string][]float64
}

// reference computes the hold-out of a package by the package itself, so it is right for a forced release too; nil when
// there is no hold-out table.
func (s *Steps) reference(ctx context.Context, p *spec.Product, pkg ref.Digest) (*reference, error) {
	h, mine, err := s.scored(ctx, p, pkg)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	out := &reference{rows: make([]monitor.ReferenceRow, h.Len()), features: map[string][]float64{}}
	for i := range out.rows {
		day, err := time.Parse(time.DateOnly, h.Days[i])
		if err != nil {
			return nil, fault.New(fault.Invalid, "column day: %q is not YYYY-MM-DD", h.Days[i]).At(h.Path, i+2, 0)
		}
		out.rows[i] = monitor.ReferenceRow{Day: day, Prediction: mine[i], Truth: h.Truth[i], Baseline: &h.Baseline[i]}
	}
	if p.Monitor.Drift != nil {
		trained, err := trainedOn(p, h.Days[0], p.Monitor.Drift.Columns)
		if err != nil {
			return nil, err
		}
		for _, c := range p.Monitor.Drift.Columns {
			out.features[c] = trained[c]
		}
	}
	return out, nil
}

// Champion gives the deployment that answers in the product's environment, nil when there is none.
func (s *Steps) Champion(ctx context.Context, p *spec.Product) (*rollout.Deployment, error) {
	all, err := s.Rollout.Current(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Product == p.Name && all[i].Environment == p.Release.Environment {
			return &all[i], nil
		}
	}
	return nil, nil
}

// Rollback brings back the package that answered before.
func (s *Steps) Rollback(ctx context.Context, p *spec.Product, actor, reason string) (*rollout.Deployment, error) {
	return s.Rollout.Rollback(ctx, p.Name, p.Release.Environment, actor, reason)
}
