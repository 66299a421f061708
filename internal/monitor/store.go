package monitor

import (
	"database/sql"
	"encoding/json"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/stat"
)

// stored is a window with what its numbers were computed from.
type stored struct {
	Window
	settings string
	limits   string
	mark     mark
	digest   string
}

func storedWindows(tx *db.Tx, product string) (out []stored, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		var s stored
		var body string
		if err := rows.Scan(&s.settings, &s.limits, &s.mark.truths, &s.mark.seq, &s.digest, &body); err != nil {
			return err
		}
		out = append(out, s)
		return json.Unmarshal([]byte(body), &out[len(out)-1].Window)
	}, `SELECT settings, limits, truths, truth_seq, digest, body FROM monitor_window WHERE product = ? ORDER BY start_ms`, product)
	return out, err
}

// contentDigest names the numbers and verdicts of a window, not when they were computed.
func contentDigest(w Window) string {
	w.AsOf, w.Revision = time.Time{}, 0
	b, err := json.Marshal(w)
	if err != nil {
		panic(err) // a Window holds finite numbers only
	}
	return string(ref.Sum(b))
}

func writeWindow(tx *db.Tx, s stored) error {
	body, err := json.Marshal(s.Window)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO monitor_window (product, start_ms, end_ms, state, revision, as_of_ms, settings, limits, truths, truth_seq, package, digest, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (product, start_ms) DO UPDATE SET end_ms = excluded.end_ms, state = excluded.state, revision = excluded.revision,
		as_of_ms = excluded.as_of_ms, settings = excluded.settings, limits = excluded.limits, truths = excluded.truths,
		truth_seq = excluded.truth_seq, package = excluded.package, digest = excluded.digest, body = excluded.body`,
		s.Product, db.Millis(s.Start), db.Millis(s.End), s.State, s.Revision, db.Millis(s.AsOf), s.settings, s.limits,
		s.mark.truths, s.mark.seq, s.Package, s.digest, string(body))
	return err
}

// dropOtherCalendar removes windows of another length: the file changed, and they would overlap.
func dropOtherCalendar(tx *db.Tx, product string, length time.Duration) error {
	if _, err := tx.Exec(`DELETE FROM monitor_cells WHERE product = ? AND start_ms IN (
		SELECT start_ms FROM monitor_window WHERE product = ? AND end_ms - start_ms <> ?)`, product, product, length.Milliseconds()); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM monitor_window WHERE product = ? AND end_ms - start_ms <> ?`, product, length.Milliseconds())
	return err
}

// cellBody is the stored form of cells.
type cellBody struct {
	Package  string                     `json:"package"`
	Features map[string]*stat.Histogram `json:"features"`
}

// allFeatures is the feature column of the one row that holds all features of a window.
const allFeatures = "*"

func writeCells(tx *db.Tx, product string, c cells) error {
	body, err := json.Marshal(cellBody{c.pack, c.features})
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO monitor_cells (product, start_ms, feature, reference, body) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (product, start_ms, feature) DO UPDATE SET reference = excluded.reference, body = excluded.body`,
		product, db.Millis(c.start), allFeatures, c.reference, string(body))
	return err
}

func storedCells(tx *db.Tx, product string) (out []cells, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		var ms int64
		var c cells
		var text string
		if err := rows.Scan(&ms, &c.reference, &text); err != nil {
			return err
		}
		var body cellBody
		if err := json.Unmarshal([]byte(text), &body); err != nil {
			return err
		}
		c.start, c.pack, c.features = db.Time(ms), body.Package, body.Features
		out = append(out, c)
		return nil
	}, `SELECT start_ms, reference, body FROM monitor_cells WHERE product = ? AND feature = ? ORDER BY start_ms`, product, allFeatures)
	return out, err
}
