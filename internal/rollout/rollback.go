package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
)

// again is the time within which the same rollback by the same person for the same reason is taken for a repetition of a
// command that was cut off, not for a wish to go back one more.
const again = time.Minute

// Rollback makes the newest earlier package champion again that is another one, was not rolled back itself and is not
// revoked. It asks nobody. Without such a package it is fault.Precondition.
func (r *Room) Rollback(ctx context.Context, product, env, actor, reason string) (*Deployment, error) {
	began := r.now()
	if err := ref.CheckName(actor); err != nil {
		return nil, fault.New(fault.Invalid, "rolling back: actor: %w", err)
	}
	var out *Deployment
	err := r.db.Update(ctx, func(tx *db.Tx) error {
		now := r.now()
		cur, err := champion(tx, product, env)
		if err != nil {
			return err
		}
		if cur == nil {
			return fault.New(fault.Precondition, "nothing is deployed in %s of %s, so there is nothing to roll back", env, product).
				WithHint("paraplu release asks for the first package, paraplu place puts it there")
		}
		if cur.Cause == CauseRollback && cur.Actor == actor && cur.Reason == reason && now.Sub(cur.From) < again {
			out = cur
			return nil
		}
		target, rel, err := r.target(tx, cur)
		if err != nil {
			return err
		}
		out = &Deployment{ID: ref.NewID(), Product: product, Environment: env, Endpoint: cur.Endpoint, Model: target.Model, Role: RoleChampion,
			Package: target.Package, Share: 1, From: now, Release: target.Release, Cause: CauseRollback, Reason: reason, Actor: actor, Took: now.Sub(began)}
		return r.commit(tx, cur, out, rel)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// target finds where a rollback goes to.
func (r *Room) target(tx *db.Tx, cur *Deployment) (*Deployment, *registry.Release, error) {
	past, err := deployments(tx, `product = ? AND environment = ? AND role = 'champion' AND to_ms IS NOT NULL ORDER BY from_ms DESC`, cur.Product, cur.Environment)
	if err != nil {
		return nil, nil, err
	}
	var skipped []string
	seen := map[ref.Digest]bool{cur.Package: true}
	for _, d := range past {
		if seen[d.Package] {
			continue
		}
		seen[d.Package] = true // a package is judged by its newest interval
		if d.RolledBack {
			skipped = append(skipped, fmt.Sprintf("%s was rolled back", d.Package.Short()))
			continue
		}
		rel, revoked, err := r.reg.RevokedTx(tx, d.Release)
		if err != nil {
			return nil, nil, err
		}
		if !revoked {
			return &d, rel, nil
		}
		skipped = append(skipped, fmt.Sprintf("%s was revoked by %s: %s", d.Package.Short(), rel.ClosedBy, rel.Reason))
	}
	why := "it is the only package that was ever there"
	if len(skipped) > 0 {
		why = strings.Join(skipped, "; ")
	}
	return nil, nil, fault.New(fault.Precondition, "package %s in %s of %s cannot be rolled back: there is no earlier package to go to (%s)",
		cur.Package.Short(), cur.Environment, cur.Product, why).
		WithHint("use the fallback of the canvas, or place a mended package at once: paraplu place PACKAGE --force --reason \"…\"")
}
