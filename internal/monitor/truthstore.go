package monitor

import (
	"database/sql"
	"time"

	"github.com/paraplu/paraplu/internal/db"
)

// version is one row of monitor_truth.
type version struct {
	event    string
	day      string
	eventMS  int64
	version  int64
	value    float64
	baseline sql.NullFloat64
	knownMS  int64
	ingestMS int64
	source   string
}

func lastTruthSeq(tx *db.Tx, product string) (seq int64, err error) {
	err = tx.QueryRow(`SELECT coalesce(max(seq), 0) FROM monitor_truth WHERE product = ?`, product).Scan(&seq)
	return seq, err
}

// keepTruth adds a version unless it says nothing new. Without a KnownAt of its own a truth is compared with the version that
// counts; with one only an equal claim is a duplicate, because a later "still the same" decides which version counts in the end.
func keepTruth(tx *db.Tx, product string, seq int64, t Truth) (added bool, err error) {
	next, known := int64(1), db.Millis(t.KnownAt)
	claimed := !t.KnownAt.IsZero()
	if !claimed {
		known = db.Millis(t.ReceivedAt)
	}
	var newest *version
	same := false
	err = tx.Each(func(rows *sql.Rows) error {
		var v version
		if err := rows.Scan(&v.version, &v.value, &v.baseline, &v.knownMS); err != nil {
			return err
		}
		next = max(next, v.version+1)
		newest = &v
		same = same || (v.knownMS == known && v.says(t))
		return nil
	}, `SELECT version, value, baseline, known_ms FROM monitor_truth WHERE product = ? AND event = ? ORDER BY known_ms, ingest_ms, version`,
		product, t.event())
	if err != nil || same || (!claimed && newest != nil && newest.says(t)) {
		return false, err
	}
	var baseline any
	if t.Baseline != nil {
		baseline = *t.Baseline
	}
	_, err = tx.Exec(`INSERT INTO monitor_truth (product, seq, event, day, event_ms, version, value, baseline, known_ms, ingest_ms, source)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		product, seq, t.event(), day(t.EventTime), db.Millis(t.EventTime), next, t.Value, baseline, known, db.Millis(t.ReceivedAt), t.Source)
	return err == nil, err
}

// says tells whether the version holds all that t says.
func (v version) says(t Truth) bool {
	return v.value == t.Value && (t.Baseline == nil || (v.baseline.Valid && v.baseline.Float64 == *t.Baseline))
}

func keepDelivery(tx *db.Tx, d Delivery, now time.Time) error {
	_, err := tx.Exec(`INSERT INTO monitor_delivery (product, digest, first_ms, last_ms, times, truths, accepted, duplicates)
		VALUES (?, ?, ?, ?, 1, ?, ?, ?)
		ON CONFLICT (product, digest) DO UPDATE SET last_ms = excluded.last_ms, times = monitor_delivery.times + 1,
		accepted = monitor_delivery.accepted + excluded.accepted, duplicates = monitor_delivery.duplicates + excluded.duplicates`,
		d.Product, string(d.Digest), db.Millis(now), db.Millis(now), d.Truths, d.Accepted, d.Duplicates)
	return err
}

// duplicatesOf counts the truths of a product that said nothing new.
func duplicatesOf(tx *db.Tx, product string) (n int64, err error) {
	err = tx.QueryRow(`SELECT coalesce(sum(duplicates), 0) FROM monitor_delivery WHERE product = ?`, product).Scan(&n)
	return n, err
}

// truthBetween reads all versions about the days [from, to) that were received by the cut-off, in a fixed order.
func truthBetween(tx *db.Tx, product string, from, to, cutoff time.Time) (out []version, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		var v version
		err := rows.Scan(&v.event, &v.day, &v.eventMS, &v.version, &v.value, &v.baseline, &v.knownMS, &v.ingestMS, &v.source)
		out = append(out, v)
		return err
	}, `SELECT event, day, event_ms, version, value, baseline, known_ms, ingest_ms, source FROM monitor_truth
		WHERE product = ? AND day >= ? AND day < ? AND ingest_ms <= ? ORDER BY event, known_ms, value, version`,
		product, day(from), day(to), db.Millis(cutoff))
	return out, err
}

// mark is what is known about a day: enough to see that it changed. truths counts predictions too; neither is ever taken back.
type mark struct{ truths, seq int64 }

// marks gives the mark of each day as of the cut-off.
func marks(tx *db.Tx, product string, cutoff time.Time) (map[string]mark, error) {
	out := map[string]mark{}
	err := tx.Each(func(rows *sql.Rows) error {
		var d string
		var m mark
		err := rows.Scan(&d, &m.truths, &m.seq)
		out[d] = m
		return err
	}, `SELECT day, count(*), max(seq) FROM monitor_truth WHERE product = ? AND ingest_ms <= ? GROUP BY day`, product, db.Millis(cutoff))
	return out, err
}
