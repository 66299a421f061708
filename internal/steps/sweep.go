package steps

import (
	"context"
	"errors"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/tracking"
)

// references are all rooms that keep objects.
func references(tx *db.Tx) (map[ref.Digest]bool, error) {
	out := map[ref.Digest]bool{}
	for _, of := range []func(*db.Tx) ([]ref.Digest, error){
		dataset.References, pipeline.References, tracking.References, modelpack.References, registry.References,
	} {
		digests, err := of(tx)
		if err != nil {
			return nil, err
		}
		for _, d := range digests {
			out[d] = true
		}
	}
	return out, nil
}

// Sweep removes objects that nothing refers to, the parts of uploads that were given up, and what killed processes left half-written, once they are older than the
// grace period. A grace period of zero is right only when no other process has the workspace open.
func (s *Steps) Sweep(ctx context.Context, grace time.Duration, dryRun bool) (blob.Swept, error) {
	before := s.Clock().Add(-grace)
	if grace == 0 {
		before = before.Add(time.Second) // object times may be coarser than the clock
	}
	if !dryRun {
		if err := s.Tracking.Settle(ctx, before); err != nil {
			return blob.Swept{}, err
		}
	}
	refs, err := s.references(ctx)
	if err != nil {
		return blob.Swept{}, err
	}
	swept, err := s.Blob.Sweep(ctx, refs, before, dryRun)
	if err != nil || dryRun {
		return swept, err
	}
	return swept, errors.Join(s.Packs.Sweep(before), s.Registry.Sweep(before), s.Webhooks.Sweep(before))
}

func (s *Steps) references(ctx context.Context) (refs map[ref.Digest]bool, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		refs, err = references(tx)
		return err
	})
	return refs, err
}

// Inspect looks for damage in the workspace: objects that are referred to and missing (or, deep, whose bytes are wrong),
// objects that nothing refers to, gaps in the facts, and overlapping deployments. Each finding is a sentence.
func (s *Steps) Inspect(ctx context.Context, deep bool) ([]string, error) {
	refs, err := s.references(ctx)
	if err != nil {
		return nil, err
	}
	var findings []string
	there := map[ref.Digest]bool{}
	if err := s.Blob.List(ctx, func(o blob.Object) error {
		there[o.Digest] = true
		if !refs[o.Digest] && !o.Packed { // in packs it waits for its sweep
			findings = append(findings, "object "+o.Digest.Short()+" is not referred to by anything (paraplu gc removes it)")
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for d := range refs {
		if !there[d] {
			findings = append(findings, "object "+string(d)+" is referred to and missing; restore it from a backup")
		}
	}
	if deep {
		if _, err := s.Blob.Verify(ctx, func(d blob.Damage) error {
			if d.Object == "" || refs[d.Object] { // else the next sweep removes it
				findings = append(findings, d.Err.Error())
			}
			return nil
		}); err != nil {
			return findings, err
		}
	}
	more, err := s.Rollout.Verify(ctx)
	if err != nil {
		return findings, err
	}
	findings = append(findings, more...)
	gaps, err := s.factGaps(ctx)
	return append(findings, gaps...), err
}

func (s *Steps) factGaps(ctx context.Context) (findings []string, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		var n, last int64
		if err := tx.QueryRow(`SELECT count(*), coalesce(max(seq), 0) FROM fact`).Scan(&n, &last); err != nil {
			return err
		}
		if n != last {
			findings = append(findings, "facts are missing: the newest has another number than there are facts")
		}
		return nil
	})
	return findings, err
}
