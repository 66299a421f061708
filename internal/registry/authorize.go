package registry

import (
	"context"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Authorize answers the release that allows a new placement of the package now, or fault.Precondition with everything
// that is missing. It trusts no stored state: gates, signatures, authors, policy and expiry are judged again. The newest
// request for a package speaks for it: when evidence changes, older approvals are void.
func (r *Room) Authorize(ctx context.Context, product, env string, digest ref.Digest) (*Release, error) {
	return db.Get(ctx, r.db, func(tx *db.Tx) (*Release, error) { return r.AuthorizeTx(tx, product, env, digest) })
}

// AuthorizeTx is Authorize inside the transaction that places.
func (r *Room) AuthorizeTx(tx *db.Tx, product, env string, digest ref.Digest) (*Release, error) {
	now := r.now()
	rel, err := latestRelease(tx, product, env, digest, now)
	if err != nil {
		return nil, err
	}
	if rel == nil {
		return nil, fault.New(fault.Precondition, "package %s may not be placed in %s of %s: nobody asked for its release", digest.Short(), env, product).
			WithHint("paraplu release evaluates the gates and asks")
	}
	if missing := rel.missing(now); len(missing) > 0 {
		return nil, rel.refusal(missing)
	}
	if rel.State == InReview || rel.State == Draft || rel.State == Expired {
		return nil, rel.refusal([]string{"it is " + string(rel.State)})
	}
	return rel, nil
}

// Forced records an emergency: the package is placed without waiting for gates and people, by whom, why, and until when
// another person reviews it. It runs inside the transaction that places. A revoked package stays refused.
func (r *Room) Forced(tx *db.Tx, product, env, model string, digest ref.Digest, by, reason string) (*Release, error) {
	if strings.TrimSpace(reason) == "" {
		return nil, fault.New(fault.Invalid, "an emergency placement needs a reason: it is what the reviewer reads").WithHint(`add --reason "…"`)
	}
	now := r.now()
	rel, err := latestRelease(tx, product, env, digest, now)
	if err != nil {
		return nil, err
	}
	made := rel == nil
	if made {
		policy := Policy{People: 1}
		rel = &Release{ID: ref.NewID(), Product: product, Environment: env, Model: model, Package: digest, Evidence: EvidenceDigest(nil),
			Policy: policy, PolicyID: policy.digest(), Author: by, Authors: people([]string{by}), State: Draft, CreatedAt: now, attempt: 1}
	}
	if rel.State == Revoked {
		return nil, rel.refusal(rel.missing(now))
	}
	if rel.Emergency == nil {
		rel.Emergency = &Emergency{By: by, Reason: reason, At: now, ReviewDue: workingDays(now, 2)}
	}
	if made {
		return rel, insertRelease(tx, rel)
	}
	return rel, updateRelease(tx, rel)
}

// Placement tells the registry what changed in an environment.
type Placement struct {
	Release  *Release   // under which the package runs now
	Replaced ref.Digest // the package that ran before, or ""
	Rollback bool
	Actor    string
}

// Placed marks the release as deployed and the one before as superseded, registers the package as a model version where it
// is none yet, and moves the alias that has the environment's name. It runs inside the transaction that places.
func (r *Room) Placed(tx *db.Tx, p Placement) error {
	now, rel, by := r.now(), p.Release, place
	switch {
	case p.Rollback:
		by = restore
	case rel.Emergency != nil:
		by = force
	}
	state, err := rel.State.next(by)
	if err != nil {
		return err
	}
	if err := unplace(tx, rel, now); err != nil {
		return err
	}
	rel.State, rel.Live = state, true
	if err := updateRelease(tx, rel); err != nil {
		return err
	}
	v, err := r.registerPackage(tx, rel.Product, rel.Model, rel.Package, "", p.Actor, now)
	if err != nil {
		return err
	}
	return r.setAlias(tx, v, rel.Environment, p.Actor)
}

// unplace supersedes what ran in the environment.
func unplace(tx *db.Tx, rel *Release, now time.Time) error {
	live, err := releases(tx, now, `product = ? AND environment = ? AND live = 1 AND id <> ?`, rel.Product, rel.Environment, rel.ID)
	if err != nil {
		return err
	}
	for i := range live {
		old := &live[i]
		if old.State, err = old.State.next(replace); err != nil {
			return err
		}
		old.Live = false
		if err := updateRelease(tx, old); err != nil {
			return err
		}
	}
	return nil
}

// RevokedTx tells whether the release under which a package was placed has been revoked since.
func (r *Room) RevokedTx(tx *db.Tx, releaseID string) (*Release, bool, error) {
	rel, err := getRelease(tx, releaseID, r.now())
	if err != nil {
		return nil, false, err
	}
	return rel, rel.State == Revoked, nil
}

// RegisterPackage makes a package a version of a model, and makes the model where it is missing. The version that holds
// the package already is answered unchanged.
func (r *Room) RegisterPackage(ctx context.Context, product, model string, pkg ref.Digest, runID, by string) (Version, error) {
	if err := checkModelName("name", model); err != nil {
		return Version{}, err
	}
	return db.Change(ctx, r.db, func(tx *db.Tx) (Version, error) {
		return r.registerPackage(tx, product, model, pkg, runID, by, r.now())
	})
}

func (r *Room) registerPackage(tx *db.Tx, product, model string, pkg ref.Digest, runID, by string, now time.Time) (Version, error) {
	m, found, err := findModel(tx, model)
	if err == nil && !found {
		m, err = r.createModel(tx, ModelInput{Name: model, Product: product, Actor: by}, now)
	}
	if err != nil {
		return Version{}, err
	}
	if m.Product == "" { // made by an MLflow client first
		m.Product = product
		if _, err := tx.Exec(`UPDATE registry_model SET product = ? WHERE id = ?`, product, m.id); err != nil {
			return Version{}, err
		}
	}
	in := VersionInput{Model: model, Source: packageSource(pkg), RunID: runID, Package: pkg, Actor: by}
	return r.createVersion(tx, m, in, in.Source, now)
}

// pastReviews lists emergencies whose review is overdue, oldest first: they page the business.
func pastReviews(tx *db.Tx, now time.Time) ([]Release, error) {
	all, err := releases(tx, now, `emergency_ms > 0 AND review_due_ms < ?`, db.Millis(now))
	if err != nil {
		return nil, err
	}
	var out []Release
	for _, rel := range all {
		if !rel.Emergency.Reviewed {
			out = append([]Release{rel}, out...)
		}
	}
	return out, nil
}

// OverdueReviews lists emergency placements that no other person reviewed in two working days, oldest first.
func (r *Room) OverdueReviews(ctx context.Context) ([]Release, error) {
	return db.Get(ctx, r.db, func(tx *db.Tx) ([]Release, error) { return pastReviews(tx, r.now()) })
}
