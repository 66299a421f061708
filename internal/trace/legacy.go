package trace

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"

	"github.com/paraplu/paraplu/internal/db"
)

// Begin makes a trace that is in progress, under an id of ours: clients before MLflow 3 announce a trace and End it later.
func (r *Room) Begin(ctx context.Context, in Info) (Info, error) {
	raw := make([]byte, 16)
	rand.Read(raw) //nolint:errcheck // never fails
	in.ID, in.State = hex.EncodeToString(raw), InProgress
	if err := r.checkInfo(&in); err != nil {
		return Info{}, err
	}
	if in.ExperimentID == "" {
		in.ExperimentID = "0" // the default one
	}
	location, err := r.homeOf(ctx, &in)
	if err != nil {
		return Info{}, err
	}
	in.Tags[locationTag] = artifacts(location, in.ID)
	return in, r.db.Update(ctx, func(tx *db.Tx) error { return put(tx, in) })
}

// End closes a trace of Begin at an instant; metadata and tags are joined with those of before.
func (r *Room) End(ctx context.Context, id string, endMs int64, state string, metadata, tags map[string]string) (out Info, err error) {
	told := Info{ID: id, Metadata: metadata, Tags: tags}
	if err := r.checkInfo(&told); err != nil {
		return Info{}, err
	}
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		in, err := one(tx, id, "Trace with ID '%s' not found.")
		if err != nil {
			return err
		}
		duration := endMs - in.TimeMs
		in.DurationMs, in.State = &duration, state
		in.Metadata, in.Tags = maps.Clone(told.Metadata), maps.Clone(told.Tags)
		if err := put(tx, in); err != nil {
			return err
		}
		out, err = one(tx, id, "Trace with ID '%s' not found.")
		return err
	})
	return out, err
}
