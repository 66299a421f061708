package tracking

import (
	"context"
	"database/sql"
	"slices"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/series"
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
	err = r.db.View(ctx, func(tx *db.Tx) error {
		page = Page[Metric]{}
		points, err := history(tx, run, key, from, max)
		if err != nil {
			return err
		}
		if max > 0 && int64(len(points)) > max {
			points = points[:max]
			page.Next = cursor{Point: pointAtOf(points[max-1])}.token()
		}
		page.Items = metricsAt(run, key, points)
		return nil
	})
	for i := range page.Items {
		page.Items[i].RunID = "" // the caller knows
	}
	return page, err
}

func metricsAt(run, key string, points []series.Point) []Metric {
	out := make([]Metric, len(points))
	for i, p := range points {
		out[i] = metricAt(run, key, p)
	}
	return out
}

// history gives the points of a series after a place, in order; with max > 0 one more than that at most.
func history(tx *db.Tx, run, key string, from cursor, max int64) ([]series.Point, error) {
	skip := from.Offset
	var out []series.Point
	full := func() bool { return max > 0 && int64(len(out)) > max }
	err := eachGroup(tx, run, key, from.Point, func(points []series.Point) bool {
		if from.Point != nil {
			points = series.After(points, from.Point.point())
		}
		if n := min(skip, int64(len(points))); n > 0 {
			points, skip = points[n:], skip-n
		}
		out = append(out, points...)
		return !full()
	})
	if full() {
		out = out[:max+1]
	}
	return out, err
}

// MetricHistories gives at most max points over all runs, in order of (run, timestamp, step, value). Unknown runs have none.
func (r *Room) MetricHistories(ctx context.Context, runs []string, key string, max int64) (out []Metric, err error) {
	runs = slices.Clone(runs)
	slices.Sort(runs)
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		left := min(max, MaxBulk)
		for _, run := range slices.Compact(runs) {
			if left <= 0 {
				return nil
			}
			points, err := history(tx, run, key, cursor{}, left)
			if err != nil {
				return err
			}
			points = points[:min(int64(len(points)), left)]
			left -= int64(len(points))
			out = append(out, metricsAt(run, key, points)...)
		}
		return nil
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
		for _, run := range runs {
			points, err := history(tx, run, key, cursor{}, 0)
			if err != nil {
				return err
			}
			if steps != nil {
				points = slices.DeleteFunc(points, func(p series.Point) bool { return p.Step < steps.First || p.Step > steps.Last })
			}
			slices.SortFunc(points, series.CompareSteps)
			out = append(out, metricsAt(run, key, series.Sample(points, int(max)))...)
		}
		return nil
	})
	return out, err
}

// eachGroup gives the points of a series in order, in groups: a group is the points of chunks whose ranges overlap, and
// comes after all groups before. Chunks that lie wholly before a place are left out. use tells whether to go on.
func eachGroup(tx *db.Tx, run, key string, after *pointAt, use func([]series.Point) bool) error {
	known, err := loadSeries(tx, run, []string{key})
	if err != nil || known[key] == nil {
		return err
	}
	s := known[key]
	chunks, err := s.chunksAfter(tx, after)
	if err != nil {
		return err
	}
	tail, err := s.tailPoints()
	if err != nil {
		return err
	}
	for len(chunks) > 0 {
		n, last := 1, chunks[0].last
		for n < len(chunks) && series.Compare(chunks[n].first, last) <= 0 {
			last = later(last, chunks[n].last)
			n++
		}
		group, err := s.pointsOf(tx, chunks[:n])
		if err != nil {
			return err
		}
		chunks = chunks[n:]
		// Points of the tail that come before the next chunk belong here.
		cut := len(tail)
		if len(chunks) > 0 {
			cut, _ = slices.BinarySearchFunc(tail, chunks[0].first, comparePlaces)
		}
		if !use(series.Merge(group, tail[:cut])) {
			return nil
		}
		tail = tail[cut:]
	}
	if len(tail) > 0 {
		use(tail)
	}
	return nil
}

// comparePlaces orders by (timestamp, step) only: the ends of a chunk have no value.
func comparePlaces(a, b series.Point) int {
	a.Value, b.Value = 0, 0
	return series.Compare(a, b)
}

func later(a, b series.Point) series.Point {
	if series.Compare(a, b) < 0 {
		return b
	}
	return a
}

// chunksAfter lists the chunks that may hold a point after a place, by their first points.
func (s *metricSeries) chunksAfter(tx *db.Tx, after *pointAt) (out []chunkRow, err error) {
	where, args := "", []any{s.run, s.key}
	if after != nil {
		where, args = ` AND last_ms >= ?`, append(args, after.Timestamp)
	}
	err = tx.Each(func(rows *sql.Rows) error {
		var c chunkRow
		err := rows.Scan(&c.number, &c.points, &c.first.Timestamp, &c.first.Step, &c.last.Timestamp, &c.last.Step)
		if after == nil || comparePlaces(c.last, after.point()) >= 0 {
			out = append(out, c)
		}
		return err
	}, `SELECT number, points, first_ms, first_step, last_ms, last_step FROM tracking_chunk WHERE run = ? AND key = ?`+where+
		` ORDER BY first_ms, first_step, number`, args...)
	return out, err
}

// pointsOf reads chunks into one sorted list.
func (s *metricSeries) pointsOf(tx *db.Tx, chunks []chunkRow) (all []series.Point, err error) {
	for _, c := range chunks {
		if err := s.eachChunk(tx, c.number, c.number, func(points []series.Point) { all = append(all, points...) }); err != nil {
			return nil, err
		}
	}
	return series.Sort(all), nil
}
