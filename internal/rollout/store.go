package rollout

import (
	"database/sql"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/ref"
)

const columns = `id, product, environment, endpoint, model, role, package, share, from_ms, to_ms, effective_ms, release_id, cause, reason, actor,
	previous, rolled_back, took_ms`

func deployments(tx *db.Tx, where string, args ...any) ([]Deployment, error) {
	var out []Deployment
	err := tx.Each(func(rows *sql.Rows) error {
		var d Deployment
		var from, effective, back, took int64
		var to sql.NullInt64
		err := rows.Scan(&d.ID, &d.Product, &d.Environment, &d.Endpoint, &d.Model, &d.Role, &d.Package, &d.Share, &from, &to, &effective,
			&d.Release, &d.Cause, &d.Reason, &d.Actor, &d.Previous, &back, &took)
		d.From, d.EffectiveAt, d.RolledBack, d.Took = db.Time(from), db.Time(effective), back == 1, time.Duration(took)*time.Millisecond
		if to.Valid {
			d.To = db.Time(to.Int64)
		}
		out = append(out, d)
		return err
	}, `SELECT `+columns+` FROM rollout_deployment WHERE `+where, args...)
	return out, err
}

// champion is the open interval, nil when there is none.
func champion(tx *db.Tx, product, env string) (*Deployment, error) {
	ds, err := deployments(tx, `product = ? AND environment = ? AND role = 'champion' AND to_ms IS NULL`, product, env)
	if err != nil || len(ds) == 0 {
		return nil, err
	}
	return &ds[0], nil
}

// swap closes the old interval and opens the next at the same instant, later than the old one's beginning even when the
// clock stands still or goes back.
func swap(tx *db.Tx, old, next *Deployment, rolledBack bool) error {
	if old != nil {
		if !next.From.After(old.From) {
			next.From = old.From.Add(time.Millisecond)
		}
		next.Previous = old.ID
		back := 0
		if rolledBack {
			back = 1
		}
		if _, err := tx.Exec(`UPDATE rollout_deployment SET to_ms = ?, rolled_back = ? WHERE id = ? AND to_ms IS NULL`,
			db.Millis(next.From), back, old.ID); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`INSERT INTO rollout_deployment (`+columns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 0, ?, ?, ?, ?, ?, 0, ?)`,
		next.ID, next.Product, next.Environment, next.Endpoint, next.Model, string(next.Role), string(next.Package), next.Share, db.Millis(next.From),
		next.Release, string(next.Cause), next.Reason, next.Actor, next.Previous, next.Took.Milliseconds())
	return err
}

// References lists the packages that were ever placed: they are kept for ever.
func References(tx *db.Tx) ([]ref.Digest, error) {
	var out []ref.Digest
	err := tx.Each(func(rows *sql.Rows) error {
		var d ref.Digest
		err := rows.Scan(&d)
		out = append(out, d)
		return err
	}, `SELECT DISTINCT package FROM rollout_deployment ORDER BY package`)
	return out, err
}
