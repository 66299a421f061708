package tracking

import (
	"context"
	"database/sql"
	"math"
	"slices"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/series"
)

// MaxChartPoints bounds the points of one chart.
const MaxChartPoints = 10000

// ChartQuery asks for a series in a range of steps or instants.
type ChartQuery struct {
	Run, Key string
	ByTime   bool   // the range is of timestamps (Unix milliseconds), else of steps
	From, To *int64 // inclusive; nil = open
	Max      int    // 4 to MaxChartPoints
}

// Chart is a series as it is drawn.
type Chart struct {
	Points  []series.Point // in order of (step, timestamp), or of (timestamp, step)
	Exact   bool           // all points of the range; else the lowest and highest of each stretch, without NaNs
	Summary series.Summary // of the whole series
}

// Chart gives the points of a range if there are at most q.Max. Of more it gives at most q.Max of them: the first and the
// last, and the lowest and the highest number of each of equally long stretches, so that no peak is lost. A run without the
// metric is fault.NotFound.
func (r *Room) Chart(ctx context.Context, q ChartQuery) (c Chart, err error) {
	if q.Max < 4 || q.Max > MaxChartPoints {
		return c, fault.New(fault.Invalid, "a chart has 4 to %d points, not %d", MaxChartPoints, q.Max)
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		c = Chart{}
		if _, err := runInfo(tx, q.Run); err != nil {
			return err
		}
		known, err := loadSeries(tx, q.Run, []string{q.Key})
		if err != nil {
			return err
		}
		s := known[q.Key]
		if s == nil {
			return fault.New(fault.NotFound, "run %s has no metric %s", q.Run, Quote(q.Key))
		}
		c.Summary = s.summary
		points, exact, err := s.inRange(tx, q)
		if err != nil {
			return err
		}
		compare := series.CompareSteps
		if q.ByTime {
			compare = series.Compare
		}
		slices.SortFunc(points, compare)
		c.Points, c.Exact = thin(points, q.Max), exact && len(points) <= q.Max
		return nil
	})
	return c, err
}

// thin keeps at most n points: the ends, and the extremes of stretches between them.
func thin(points []series.Point, n int) []series.Point {
	if len(points) <= n {
		return points
	}
	first, last := points[0], points[len(points)-1]
	inner := points[1 : len(points)-1]
	stretches := (n - 2) / 2
	out := append([]series.Point{first}, series.Extremes(inner, (len(inner)+stretches-1)/stretches)...)
	return append(out, last)
}

// span is the range as a box.
func (q ChartQuery) span() series.Box {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if q.From != nil {
		from = *q.From
	}
	if q.To != nil {
		to = *q.To
	}
	if q.ByTime {
		return series.Box{FromTime: from, ToTime: to, FromStep: math.MinInt64, ToStep: math.MaxInt64}
	}
	return series.Box{FromTime: math.MinInt64, ToTime: math.MaxInt64, FromStep: from, ToStep: to}
}

// coarseWorth is how many times more points than asked for make it worth to read the coarse form of a chunk, which holds
// about a sixteenth of them.
const coarseWorth = coarseEvery / 2

// inRange gives the points of a range. Of a range with far more points than asked for, chunks that lie wholly inside give
// their extremes only; exact is then false.
func (s *metricSeries) inRange(tx *db.Tx, q ChartQuery) (out []series.Point, exact bool, err error) {
	span := q.span()
	chunks, total, err := s.chunksMeeting(tx, span)
	if err != nil {
		return nil, false, err
	}
	exact = true
	first, last := ends(chunks, q.ByTime)
	for i, c := range chunks {
		form := "data"
		if total > coarseWorth*q.Max && c.points >= coarseFrom && span.Join(c.box) == span && i != first && i != last {
			form, exact = "coarse", false
		}
		points, err := s.read(tx, c.number, form)
		if err != nil {
			return nil, false, err
		}
		out = appendInside(out, points, span)
	}
	tail, err := s.tailPoints()
	return appendInside(out, tail, span), exact, err
}

// chartChunk is a row of tracking_chunk, for charts.
type chartChunk struct {
	number int64
	points int
	box    series.Box
}

// ends gives the places of the chunks that begin first and end last: the extremes of a chunk leave out its own ends.
func ends(chunks []chartChunk, byTime bool) (first, last int) {
	along := func(c chartChunk) (from, to int64) {
		if byTime {
			return c.box.FromTime, c.box.ToTime
		}
		return c.box.FromStep, c.box.ToStep
	}
	for i, c := range chunks {
		from, to := along(c)
		if f, _ := along(chunks[first]); from < f {
			first = i
		}
		if _, t := along(chunks[last]); to > t {
			last = i
		}
	}
	return first, last
}

func appendInside(out, points []series.Point, span series.Box) []series.Point {
	for _, p := range points {
		if p.Timestamp >= span.FromTime && p.Timestamp <= span.ToTime && p.Step >= span.FromStep && p.Step <= span.ToStep {
			out = append(out, p)
		}
	}
	return out
}

// chunksMeeting lists the chunks that may have points of a span, and how many points they have with the tail.
func (s *metricSeries) chunksMeeting(tx *db.Tx, span series.Box) (out []chartChunk, total int, err error) {
	total = s.tail.Len()
	err = tx.Each(func(rows *sql.Rows) error {
		var c chartChunk
		err := rows.Scan(&c.number, &c.points, &c.box.FromTime, &c.box.ToTime, &c.box.FromStep, &c.box.ToStep)
		out, total = append(out, c), total+c.points
		return err
	}, `SELECT number, points, first_ms, last_ms, from_step, to_step FROM tracking_chunk
		WHERE run = ? AND key = ? AND first_ms <= ? AND last_ms >= ? AND from_step <= ? AND to_step >= ? ORDER BY number`,
		s.run, s.key, span.ToTime, span.FromTime, span.ToStep, span.FromStep)
	return out, total, err
}

// read gives the points of one chunk, in one of its forms.
func (s *metricSeries) read(tx *db.Tx, number int64, form string) ([]series.Point, error) {
	var data []byte
	err := tx.QueryRow(`SELECT coalesce(`+form+`, data) FROM tracking_chunk WHERE run = ? AND key = ? AND number = ?`, s.run, s.key, number).Scan(&data)
	if err != nil {
		return nil, err
	}
	points, err := series.Decode(data)
	if err != nil {
		return nil, damaged(s.run, s.key, err)
	}
	return points, nil
}
