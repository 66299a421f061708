package tracking

import (
	"context"
	"database/sql"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// FreedBy gives the digests and sizes of files that only what is discarded refers to, among artifacts.
func FreedBy(tx *db.Tx, list []Discarded) (map[ref.Digest]int64, error) {
	roots := map[string]bool{}
	for _, d := range list {
		if root := d.root(); root != "" && d.Kept == "" {
			roots[root] = true
		}
	}
	freed := map[ref.Digest]int64{}
	if len(roots) == 0 {
		return freed, nil
	}
	for _, keep := range []bool{false, true} { // first what is in those folders, then without what is elsewhere too
		if err := tx.Each(func(rows *sql.Rows) error {
			var p string
			var d ref.Digest
			var size int64
			err := rows.Scan(&p, &d, &size)
			inside := false
			for dir := p; dir != "" && !inside; dir = parentOf(dir) {
				inside = roots[dir]
			}
			if inside && !keep {
				freed[d] = size
			} else if !inside && keep {
				delete(freed, d)
			}
			return err
		}, `SELECT path, digest, size FROM tracking_artifact WHERE digest <> ''`); err != nil {
			return nil, err
		}
	}
	return freed, nil
}

// Settle finishes what was begun: it removes the artifacts of what was deleted for good, forgets uploads that have expired,
// and removes what killed processes left before the given instant.
func (r *Room) Settle(ctx context.Context, before time.Time) error {
	for more := true; more; {
		if err := r.db.Update(ctx, func(tx *db.Tx) (err error) {
			more, err = clearDoomed(tx)
			return err
		}); err != nil {
			return fault.Wrap(err, "removing artifacts of what was deleted")
		}
	}
	if r.Links != nil {
		if err := r.Links.sweep(before); err != nil {
			return fault.Wrap(err, "sweeping the keys of links")
		}
	}
	return r.sweepUploads(ctx, before)
}
