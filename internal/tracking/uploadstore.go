package tracking

import (
	"context"
	"database/sql"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

func dropUploads(tx *db.Tx, which string, args ...any) error {
	if _, err := tx.Exec(`DELETE FROM tracking_upload_part WHERE upload IN (`+which+`)`, args...); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM tracking_upload WHERE id IN (`+which+`)`, args...)
	return err
}

func uploadNotFound(id string) error {
	return fault.New(fault.NotFound, "There is no open upload %s of this path.", Quote(id))
}

func upload(tx *db.Tx, id string) (u Upload, err error) {
	err = tx.QueryRow(`SELECT id, path, parts, expires_ms, digest, size FROM tracking_upload WHERE id = ?`, id).
		Scan(&u.ID, &u.Path, &u.Parts, &u.ExpiresMs, &u.Digest, &u.Size)
	found, err := db.Found(err)
	if err == nil && !found {
		err = uploadNotFound(id)
	}
	return u, err
}

func uploadParts(tx *db.Tx, id string) (out []uploadPart, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		var p uploadPart
		err := rows.Scan(&p.number, &p.Name, &p.Digest, &p.Size)
		out = append(out, p)
		return err
	}, `SELECT number, name, digest, size FROM tracking_upload_part WHERE upload = ? ORDER BY number`, id)
	return out, err
}

// openUpload gives an upload and the parts that arrived, in order.
func (r *Room) openUpload(ctx context.Context, id string) (u Upload, parts []uploadPart, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		if u, err = upload(tx, id); err == nil {
			parts, err = uploadParts(tx, id)
		}
		return err
	})
	return u, parts, err
}

// openUploads gives the ids of uploads whose parts are needed.
func (r *Room) openUploads(ctx context.Context) (map[string]bool, error) {
	open := map[string]bool{}
	err := r.db.View(ctx, func(tx *db.Tx) error {
		ids, err := column[string](tx, `SELECT id FROM tracking_upload WHERE digest = ''`)
		for _, id := range ids {
			open[id] = true
		}
		return err
	})
	return open, err
}

// sweepUploads forgets uploads that have expired and removes parts that no open upload needs and that are older than the
// given instant.
func (r *Room) sweepUploads(ctx context.Context, before time.Time) error {
	if err := r.db.Update(ctx, func(tx *db.Tx) error {
		return dropUploads(tx, `SELECT id FROM tracking_upload WHERE expires_ms < ?`, r.nowMs())
	}); err != nil {
		return err
	}
	open, err := r.openUploads(ctx)
	if err != nil {
		return err
	}
	return r.blobs.SweepParts(ctx, open, before)
}
