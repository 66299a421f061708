package tracking

import (
	"math"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/series"
)

// A series is kept as one row with its summary and a hot tail of fewer than tailPoints points, and as chunks that only grow
// in size: a full tail becomes a chunk, and the newest chunks of one size class are joined when together they reach the
// next. A point is therefore written about three times in all, and a series of n points has O(n/8192 + log n) rows.
const tailPoints = 128

// classes are the sizes from which a chunk belongs to a higher class, in points. A chunk of the highest class stays.
var classes = []int{0, 1024, 8192}

// coarseFrom is the size from which a chunk also keeps its lowest and highest point of every coarseEvery, for charts.
const (
	coarseFrom  = 1024
	coarseEvery = 32
)

// metricSeries is a row of tracking_series.
type metricSeries struct {
	run, key   string
	experiment int64
	summary    series.Summary
	tail       series.Tail // sorted
	chunks     int64       // the number of the next chunk
	sealed     series.Box  // of all chunks, if there are any
	changed    bool
}

// chunkRow is a row of tracking_chunk without its points.
type chunkRow struct {
	number      int64
	points      int
	first, last series.Point // Value is not set
}

// pointOf gives a metric's point as it is stored.
func pointOf(m Metric) series.Point {
	value, isNaN := stored(m.Value)
	if isNaN {
		value = math.NaN()
	}
	return series.Point{Timestamp: m.TimestampMs, Step: m.Step, Value: value}
}

// metricAt gives a point as a metric of a run.
func metricAt(run, key string, p series.Point) Metric {
	return Metric{Key: key, Value: p.Value, TimestampMs: p.Timestamp, Step: p.Step, RunID: run}
}

// add takes in points, drops those that are there already, and seals the tail when it is full.
func (s *metricSeries) add(tx *db.Tx, points []series.Point) error {
	points = series.Sort(points)
	behind := s.tail.Len() == 0 || len(points) == 0 || series.Compare(points[0], s.tail.Last()) > 0
	var tail []series.Point
	if !behind { // only then what is there must be read
		var err error
		if tail, err = s.tailPoints(); err != nil {
			return err
		}
		points = series.Without(points, tail)
	}
	if len(points) > 0 && s.chunks > 0 && series.BoxOf(points).Meets(s.sealed) {
		err := s.eachChunkIn(tx, series.BoxOf(points), func(held []series.Point) { points = series.Without(points, held) })
		if err != nil {
			return err
		}
	}
	if len(points) == 0 {
		return nil
	}
	s.changed = true
	s.summary.Join(series.Summarize(points))
	if behind {
		s.tail.Append(points)
	} else {
		s.tail = series.Tail{}
		s.tail.Append(series.Merge(tail, points))
	}
	if s.tail.Len() < tailPoints {
		return nil
	}
	return s.seal(tx)
}

// tailPoints gives the points of the tail, sorted.
func (s *metricSeries) tailPoints() ([]series.Point, error) {
	points, err := s.tail.Points()
	if err != nil {
		return nil, damaged(s.run, s.key, err)
	}
	return points, nil
}

// seal turns the tail into chunks, and joins chunks of a class that has become large enough.
func (s *metricSeries) seal(tx *db.Tx) error {
	tail, err := s.tailPoints()
	if err != nil {
		return err
	}
	box := series.BoxOf(tail)
	if s.chunks > 0 {
		box = box.Join(s.sealed)
	}
	s.sealed = box
	largest := classes[len(classes)-1]
	for len(tail) > 0 {
		n := min(len(tail), largest)
		if err := s.putChunk(tx, s.chunks, tail[:n]); err != nil {
			return err
		}
		s.chunks++
		tail = tail[n:]
	}
	s.tail = series.Tail{}
	return s.compact(tx)
}

func (s *metricSeries) compact(tx *db.Tx) error {
	// The chunks below the highest class are few: fewer than 8,192 points in chunks of at least 128.
	newest, err := s.newestChunks(tx, classes[len(classes)-1]/tailPoints+1)
	if err != nil {
		return err
	}
	for class := 1; class < len(classes); class++ {
		total, n := 0, 0
		for n < len(newest) && newest[n].points < classes[class] {
			total += newest[n].points
			n++
		}
		if n < 2 || total < classes[class] {
			continue
		}
		joined, err := s.join(tx, newest[:n])
		if err != nil {
			return err
		}
		newest = append([]chunkRow{joined}, newest[n:]...)
	}
	return nil
}

// join makes one chunk of several; the newest comes first.
func (s *metricSeries) join(tx *db.Tx, parts []chunkRow) (chunkRow, error) {
	var all []series.Point
	lowest := parts[len(parts)-1].number
	err := s.eachChunk(tx, lowest, parts[0].number, func(points []series.Point) { all = append(all, points...) })
	if err != nil {
		return chunkRow{}, err
	}
	all = series.Sort(all)
	if err := s.dropChunks(tx, lowest, parts[0].number); err != nil {
		return chunkRow{}, err
	}
	return chunkRow{number: lowest, points: len(all)}, s.putChunk(tx, lowest, all)
}

// coarse keeps the lowest and the highest point of every few, for charts. nil when the chunk is small.
func coarse(points []series.Point) []byte {
	if len(points) < coarseFrom {
		return nil
	}
	return series.Encode(series.Extremes(points, coarseEvery))
}

func damaged(run, key string, err error) error {
	return fault.New(fault.Internal, "the points of metric %s of run %s are damaged: %w", Quote(key), run, err).
		WithHint("restore the database from a backup")
}
