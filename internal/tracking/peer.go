package tracking

import (
	"context"
	"database/sql"

	"github.com/paraplu/paraplu/internal/db"
)

// Known is what an earlier import or export noted about one thing: which thing it is on the other side, and a mark of the
// state in which it was brought over.
type Known struct {
	Kind, ID string // "run", its id in the source
	Other    string // its id in the target
	Mark     string // digest of what was brought over, "" = not finished
}

// KnownTo gives what was noted with a peer about things of a kind, by id. A peer is a direction and an address, such as
// "from http://localhost:5000".
func (r *Room) KnownTo(ctx context.Context, peer, kind string) (out map[string]Known, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = map[string]Known{}
		return tx.Each(func(rows *sql.Rows) error {
			k := Known{Kind: kind}
			err := rows.Scan(&k.ID, &k.Other, &k.Mark)
			out[k.ID] = k
			return err
		}, `SELECT id, other, mark FROM tracking_peer WHERE peer = ? AND kind = ?`, peer, kind)
	})
	return out, err
}

// NoteKnown remembers with a peer what was brought over.
func (r *Room) NoteKnown(ctx context.Context, peer string, k Known) error {
	return r.db.Update(ctx, func(tx *db.Tx) error { return noteKnown(tx, peer, k) })
}

func noteKnown(tx *db.Tx, peer string, k Known) error {
	_, err := tx.Exec(`INSERT INTO tracking_peer (peer, kind, id, other, mark) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (peer, kind, id) DO UPDATE SET other = excluded.other, mark = excluded.mark`, peer, k.Kind, k.ID, k.Other, k.Mark)
	return err
}

// Workspace gives the name that this database has had since it was made; no two have the same, except copies.
func (r *Room) Workspace(ctx context.Context) (id string, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT other FROM tracking_peer WHERE peer = '' AND kind = 'workspace'`).Scan(&id)
	})
	return id, err
}
