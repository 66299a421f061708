package tracking

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// MaxBulk bounds the points of one bulk answer, over all runs.
const MaxBulk = 25000

// MetricHistory gives the points of one series in order of (timestamp, step, value). max 0 means all points; otherwise the
// answer is a page, and a deep page costs no more than the first. An unknown run has no points.
func (r *Room) MetricHistory(ctx context.Context, run, key string, max int64, token string) (page Page[Metric], err error) {
	from, err := parseCursor(token)
	if err != nil {
		return page, err
	}
	query := `SELECT ` + metricColumns + ` FROM tracking_metric WHERE run = ? AND key = ?`
	args := []any{run, key}
	if p := from.Point; p != nil {
		query += ` AND (timestamp_ms, step, value, is_nan) > (?, ?, ?, ?)`
		args = append(args, p.Timestamp, p.Step, p.Value, p.NaN)
	}
	query += ` ORDER BY timestamp_ms, step, value, is_nan`
	if max > 0 {
		query += fmt.Sprintf(` LIMIT %d OFFSET %d`, max+1, from.Offset)
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		page = Page[Metric]{}
		var at []pointAt
		err := tx.Each(func(rows *sql.Rows) error {
			var m Metric
			var p pointAt
			if err := rows.Scan(&m.Key, &p.Value, &p.Timestamp, &p.Step, &p.NaN); err != nil {
				return err
			}
			m.Value, m.TimestampMs, m.Step = loaded(p.Value, p.NaN), p.Timestamp, p.Step
			page.Items, at = append(page.Items, m), append(at, p)
			return nil
		}, query, args...)
		if err == nil && max > 0 && int64(len(page.Items)) > max {
			page.Items = page.Items[:max]
			page.Next = cursor{Point: &at[max-1]}.token()
		}
		return err
	})
	return page, err
}

// MetricHistories gives at most max points over all runs, in order of (run, timestamp, step, value). Unknown runs have none.
func (r *Room) MetricHistories(ctx context.Context, runs []string, key string, max int64) (out []Metric, err error) {
	if len(runs) == 0 || max <= 0 {
		return nil, nil
	}
	args := []any{key}
	for _, id := range runs {
		args = append(args, id)
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		return tx.Each(func(rows *sql.Rows) error {
			var id string
			m, err := scanMetric(func(dest ...any) error { return rows.Scan(append([]any{&id}, dest...)...) })
			m.RunID = id
			out = append(out, m)
			return err
		}, `SELECT run, `+metricColumns+` FROM tracking_metric WHERE key = ? AND run IN `+db.In(len(runs))+
			` ORDER BY `+textOrder(tx, "run")+`, timestamp_ms, step, value, is_nan`+fmt.Sprintf(` LIMIT %d`, min(max, MaxBulk)), args...)
	})
	return out, err
}

// Steps is an inclusive range of steps.
type Steps struct{ First, Last int64 }

// SampleHistories gives for each run at most max points of a series, spread evenly over it, in order of (step, timestamp,
// value), always with the first (max > 1) and the last point. steps nil means all.
func (r *Room) SampleHistories(ctx context.Context, runs []string, key string, max int64, steps *Steps) (out []Metric, err error) {
	if max < 1 {
		return nil, fault.New(fault.Invalid, "max_results must be at least 1")
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		for _, id := range runs {
			points, err := sample(tx, id, key, max, steps)
			if err != nil {
				return err
			}
			out = append(out, points...)
		}
		return nil
	})
	return out, err
}

// sample cuts the ordered series into max buckets of equal size and keeps the first point of each; the very last point
// takes the place of the last one kept.
func sample(tx *db.Tx, run, key string, max int64, steps *Steps) (out []Metric, err error) {
	where, args := `run = ? AND key = ?`, []any{run, key}
	if steps != nil {
		where += ` AND step >= ? AND step <= ?`
		args = append(args, steps.First, steps.Last)
	}
	var total, number int64
	err = tx.Each(func(rows *sql.Rows) error {
		m, err := scanMetric(func(dest ...any) error { return rows.Scan(append(dest, &number, &total)...) })
		m.RunID = run
		if number == total && int64(len(out)) == max {
			out[max-1] = m
		} else {
			out = append(out, m)
		}
		return err
	}, fmt.Sprintf(`SELECT key, value, timestamp_ms, step, is_nan, number, total FROM (
		SELECT key, value, timestamp_ms, step, is_nan, number, total, row_number() OVER (PARTITION BY bucket ORDER BY number) AS inside FROM (
			SELECT key, value, timestamp_ms, step, is_nan, count(*) OVER () AS total,
				row_number() OVER (ORDER BY step, timestamp_ms, value, is_nan) AS number,
				ntile(%d) OVER (ORDER BY step, timestamp_ms, value, is_nan) AS bucket
			FROM tracking_metric WHERE %s) AS a) AS b
		WHERE inside = 1 OR number = total ORDER BY number`, max, where), args...)
	return out, err
}
