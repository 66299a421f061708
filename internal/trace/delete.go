package trace

import (
	"context"
	"database/sql"
	"slices"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// Deletion says which traces of an experiment go: those with the given ids, or those that started at BeforeMs or earlier, the
// oldest Max of them.
type Deletion struct {
	ExperimentID string
	IDs          []string
	BeforeMs     *int64
	Max          *int64
}

// Delete removes traces with all that hangs on them, for good. Their files stay until somebody removes them.
func (r *Room) Delete(ctx context.Context, d Deletion) (n int, err error) {
	if err := d.check(); err != nil {
		return 0, err
	}
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		ids, err := d.find(tx)
		if err != nil {
			return err
		}
		n = len(ids)
		return remove(tx, ids)
	})
	return n, err
}

func (d Deletion) check() error {
	switch {
	case d.BeforeMs == nil && len(d.IDs) == 0:
		return fault.New(fault.Invalid, "Either `max_timestamp_millis` or `trace_ids` must be specified.")
	case d.BeforeMs != nil && len(d.IDs) > 0:
		return fault.New(fault.Invalid, "Only one of `max_timestamp_millis` and `trace_ids` can be specified.")
	case d.Max != nil && len(d.IDs) > 0:
		return fault.New(fault.Invalid, "`max_traces` can't be specified if `trace_ids` is specified.")
	case d.Max != nil && *d.Max <= 0:
		return fault.New(fault.Invalid, "`max_traces` must be a positive integer, received %d.", *d.Max)
	}
	return checkCount("trace ids", len(d.IDs), maxIDs)
}

func (d Deletion) find(tx *db.Tx) (ids []string, err error) {
	experiment, err := experimentNumber(d.ExperimentID)
	if err != nil {
		return nil, err
	}
	add := func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}
	if d.BeforeMs == nil {
		err = eachIn(tx, d.IDs, add, `SELECT id FROM trace_info WHERE experiment = ? AND id IN %IN%`, experiment)
		slices.Sort(ids)
		return slices.Compact(ids), err
	}
	query, args := `SELECT id FROM trace_info WHERE experiment = ? AND timestamp_ms <= ? ORDER BY timestamp_ms, id`, []any{experiment, *d.BeforeMs}
	if d.Max != nil {
		query, args = query+` LIMIT ?`, append(args, *d.Max)
	}
	return ids, tx.Each(add, query, args...)
}

func remove(tx *db.Tx, ids []string) error {
	for part := range slices.Chunk(ids, 400) {
		args := make([]any, len(part))
		for i, id := range part {
			args[i] = id
		}
		for _, from := range []string{"trace_chunk WHERE trace", "trace_link WHERE trace", "trace_assessment WHERE trace", "trace_metadata WHERE trace",
			"trace_tag WHERE trace", "trace_info WHERE id"} {
			if _, err := tx.Exec(`DELETE FROM `+from+` IN `+db.In(len(part)), args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// Purge removes all traces of an experiment. Deleting an experiment keeps them, so that it can be restored; who removes a
// deleted experiment for good calls Purge in the same transaction. Files of traces lie below the artifact location of the
// experiment, and go with it.
func Purge(tx *db.Tx, experiment string) error {
	n, err := experimentNumber(experiment)
	if err != nil {
		return err
	}
	var ids []string
	err = tx.Each(func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT id FROM trace_info WHERE experiment = ?`, n)
	if err != nil {
		return err
	}
	return remove(tx, ids)
}
