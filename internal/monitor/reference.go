package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"database/sql"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/stat"
)

// ReferenceRow is one row of the hold-out of a package: what it would have answered, and what happened.
type ReferenceRow struct {
	Day        time.Time `json:"day"`
	Prediction float64   `json:"prediction"`
	Truth      float64   `json:"truth"`
	Baseline   *float64  `json:"baseline,omitempty"` // answer of the naive rule
}

// reference is what live numbers of a package are held against.
type reference struct {
	product  string
	pack     string
	digest   string
	seq      int64
	Rows     []ReferenceRow             `json:"rows"`
	Features map[string]*stat.Histogram `json:"features"`
}

// referenceBins is the number of quantile bins of a feature.
const referenceBins = 10

// SetReference keeps the hold-out of a package and freezes the histograms of its features (values of the training data by
// column; only numeric columns). It is idempotent; a package whose hold-out changed is refused with fault.Conflict, because
// limits that move with the model are none.
func (r *Room) SetReference(ctx context.Context, product, packageDigest string, rows []ReferenceRow, features map[string][]float64) error {
	body := reference{Rows: rows, Features: map[string]*stat.Histogram{}}
	for i, row := range rows {
		if row.Day.IsZero() || !isFinite(row.Prediction) || !isFinite(row.Truth) || row.Baseline != nil && !isFinite(*row.Baseline) {
			return fault.New(fault.Invalid, "hold-out row %d of package %s has no day or holds something that is not a number", i+1, short(packageDigest)).
				WithHint("write day, prediction and truth for every row of model.holdout")
		}
	}
	for name, values := range features {
		h := stat.NewHistogram(stat.FrozenEdges(values, referenceBins))
		for _, x := range values {
			h.Add(x)
		}
		if h.Bins() > 0 {
			body.Features[name] = h
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return fault.Wrap(err, "writing the reference of package %s", short(packageDigest))
	}
	digest := string(ref.Sum(text))
	return fault.Wrap(r.db.Update(ctx, func(tx *db.Tx) error {
		var old string
		found, err := db.Found(tx.QueryRow(`SELECT digest FROM monitor_reference WHERE product = ? AND package = ?`, product, packageDigest).Scan(&old))
		switch {
		case err != nil:
			return err
		case found && old == digest:
			return nil
		case found:
			return fault.New(fault.Conflict, "the reference of package %s is frozen already, with other rows", short(packageDigest)).
				WithHint("build a new package: its digest covers its hold-out")
		}
		_, err = tx.Exec(`INSERT INTO monitor_reference (product, package, digest, created_ms, seq, body)
			SELECT ?, ?, ?, ?, coalesce(max(seq), 0) + 1, ? FROM monitor_reference WHERE product = ?`,
			product, packageDigest, digest, db.Millis(r.clock()), string(text), product)
		return err
	}), "keeping the reference of %s", product)
}

func references(tx *db.Tx, product string) (out []reference, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		f, body := reference{product: product}, ""
		if err := rows.Scan(&f.pack, &f.digest, &f.seq, &body); err != nil {
			return err
		}
		out = append(out, f)
		return json.Unmarshal([]byte(body), &out[len(out)-1])
	}, `SELECT package, digest, seq, body FROM monitor_reference WHERE product = ? ORDER BY seq`, product)
	return out, err
}

// usual is what is normal for a package: derived from its reference by the settings of the product.
type usual struct {
	Package     string    `json:"package"`
	Performance spread    `json:"performance"`
	Loss        spread    `json:"loss"` // cost − cost of the naive rule, per window
	CostPerUnit *Number   `json:"cost_per_unit,omitempty"`
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Rows        int       `json:"rows"`
}

// spread is stat.Limits without NaN.
type spread struct {
	Mean        *Number `json:"mean,omitempty"`
	Std         *Number `json:"std,omitempty"`
	Low         *Number `json:"low,omitempty"`
	High        *Number `json:"high,omitempty"`
	Windows     int     `json:"windows"`
	Dropped     int     `json:"dropped"`
	Provisional bool    `json:"provisional"`
}

// sigmas is how many standard deviations of the reference windows lie between their mean and a limit.
const sigmas = 3

const minReferenceWindows = stat.MinWindows

func spreadOf(points []stat.Point) spread {
	l := stat.ReferenceLimits(points, sigmas)
	return spread{Mean: number(l.Mean), Std: number(l.Std), Low: number(l.Low), High: number(l.High),
		Windows: l.Windows, Dropped: l.Dropped, Provisional: l.Provisional}
}

// usualOf computes what is normal by the same SQL as the live numbers.
func (s settings) usualOf(ctx context.Context, an Analytics, f reference) (usual, error) {
	q := question{product: f.product, calendar: s.calendar, value: s.value}
	u := usual{Package: f.pack, Rows: len(f.Rows)}
	for i, row := range f.Rows {
		id := fmt.Sprintf("reference-%06d", i)
		q.predictions = append(q.predictions, Prediction{ID: id, Package: f.pack, EventTime: row.Day, PredictedAt: row.Day, Value: row.Prediction})
		v := version{event: id, eventMS: db.Millis(row.Day), version: 1, value: row.Truth, knownMS: db.Millis(row.Day)}
		if row.Baseline != nil {
			v.baseline = sql.NullFloat64{Float64: *row.Baseline, Valid: true}
		}
		q.truths = append(q.truths, v)
		if u.First.IsZero() || row.Day.Before(u.First) {
			u.First = row.Day
		}
		if row.Day.After(u.Last) {
			u.Last = row.Day
		}
	}
	if len(f.Rows) == 0 {
		u.Performance.Provisional, u.Loss.Provisional = true, true
		return u, nil
	}
	windows, err := q.windows(ctx, an, s.metric)
	if err != nil {
		return u, fault.Wrap(err, "computing the limits of package %s", short(f.pack))
	}
	var errors, losses []stat.Point
	var cost, demand float64
	for _, at := range slices.SortedFunc(maps.Keys(windows), time.Time.Compare) {
		w := windows[at]
		errors = append(errors, stat.Point{Value: w.MetricValue.Float(), Rows: w.Rows})
		losses = append(losses, stat.Point{Value: -w.Saving.Float(), Rows: w.BaselineRows})
		cost, demand = cost+w.Cost.Float(), demand+w.Demand
	}
	u.Performance, u.Loss = spreadOf(errors), spreadOf(losses)
	if demand > 0 {
		u.CostPerUnit = number(cost / demand)
	}
	return u, nil
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// short names a package for people.
func short(digest string) string { return ref.Digest(digest).Short() }
