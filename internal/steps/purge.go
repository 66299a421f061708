package steps

import (
	"context"
	"time"

	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/trace"
	"github.com/paraplu/paraplu/internal/tracking"
)

// PurgeOptions say what Purge may delete for good.
type PurgeOptions struct {
	OlderThan  time.Duration // only what was deleted that long ago
	Experiment string        // name; "" = all
	Actor      string
	DryRun     bool
}

// Purged is what Purge deleted, or would delete, and what it kept.
type Purged struct {
	Deleted []tracking.Discarded `json:"deleted"`
	Kept    []tracking.Discarded `json:"kept"`
	Frees   int64                `json:"frees"` // bytes of objects that nothing refers to then; a sweep frees them
}

// Purge deletes for good the runs, logged models and experiments that were softly deleted. It keeps what a model version or
// a package refers to, and so what a deployment does. Traces go with their experiment. Their objects go with the next sweep.
func (s *Steps) Purge(ctx context.Context, o PurgeOptions) (Purged, error) {
	p := tracking.Purge{Before: s.Clock().Add(-o.OlderThan), Actor: o.Actor, Source: "cli", Holds: holds, Along: trace.Purge, DryRun: true}
	if o.Experiment != "" {
		e, err := s.Tracking.ExperimentByName(ctx, o.Experiment)
		if err != nil {
			return Purged{}, err
		}
		p.Experiment = e.ID
	}
	out := Purged{Deleted: []tracking.Discarded{}, Kept: []tracking.Discarded{}}
	list, err := s.Tracking.Purge(ctx, p)
	if err != nil {
		return out, err
	}
	if out.Frees, err = s.frees(ctx, list); err != nil {
		return out, err
	}
	if p.DryRun = o.DryRun; !o.DryRun {
		list, err = s.Tracking.Purge(ctx, p)
	}
	for _, d := range list {
		if d.Kept == "" {
			out.Deleted = append(out.Deleted, d)
		} else {
			out.Kept = append(out.Kept, d)
		}
	}
	return out, fault.Wrap(err, "what was deleted before stays deleted; the same command goes on")
}

// holds are the references of other rooms to what is tracked.
func holds(tx *db.Tx) (out []tracking.Hold, err error) {
	uses, err := registry.Uses(tx)
	if err != nil {
		return nil, err
	}
	for _, u := range uses {
		out = append(out, tracking.Hold{Run: u.Run, Model: u.LoggedModel, Location: u.Location, By: "model version " + u.Version})
	}
	origins, err := modelpack.Origins(tx)
	for _, o := range origins {
		out = append(out, tracking.Hold{Run: o.Run, Execution: o.Execution, By: "package " + o.Package.Short()})
	}
	return out, err
}

// frees counts the bytes that only the discarded things keep in the object store.
func (s *Steps) frees(ctx context.Context, list []tracking.Discarded) (bytes int64, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		bytes = 0
		freed, err := tracking.FreedBy(tx, list)
		if err != nil || len(freed) == 0 {
			return err
		}
		for _, of := range []func(*db.Tx) ([]ref.Digest, error){dataset.References, pipeline.References, modelpack.References, registry.References} {
			digests, err := of(tx)
			if err != nil {
				return err
			}
			for _, d := range digests {
				delete(freed, d)
			}
		}
		for _, size := range freed {
			bytes += size
		}
		return nil
	})
	return bytes, err
}
