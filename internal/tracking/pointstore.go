package tracking

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"math"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/series"
)

const seriesColumns = `run, key, experiment, points, nans, total, first_value, timestamp_ms, step, value, is_nan, low, low_step, high, high_step, tail`

// loadSeries gives the series of a run that exist, by key.
func loadSeries(tx *db.Tx, run string, keys []string) (map[string]*metricSeries, error) {
	out := make(map[string]*metricSeries, len(keys))
	err := eachIn(tx, keys, func(rows *sql.Rows) error {
		s, err := scanSeries(rows.Scan)
		out[s.key] = s
		return err
	}, `SELECT `+seriesColumns+` FROM tracking_series WHERE run = ? AND key IN %IN%`, run)
	return out, err
}

func scanSeries(scan func(...any) error) (*metricSeries, error) {
	s := &metricSeries{}
	sum := &s.summary
	var first, low, high sql.NullFloat64
	var lowStep, highStep sql.NullInt64
	var isNaN int64
	var tail sql.RawBytes
	err := scan(&s.run, &s.key, &s.experiment, &sum.Count, &sum.NaNs, &sum.Sum, &first,
		&sum.Last.Timestamp, &sum.Last.Step, &sum.Last.Value, &isNaN, &low, &lowStep, &high, &highStep, &tail)
	if err != nil {
		return s, err
	}
	sum.First.Value = math.NaN()
	if first.Valid {
		sum.First.Value = first.Float64
	}
	if isNaN == 1 {
		sum.Last.Value = math.NaN()
	}
	sum.Low = series.Point{Step: lowStep.Int64, Value: low.Float64}
	sum.High = series.Point{Step: highStep.Int64, Value: high.Float64}
	if err := s.unpack(tail); err != nil {
		return s, damaged(s.run, s.key, err)
	}
	return s, nil
}

// pack gives what only this file reads, in one value: where the first point lies, the number of chunks, their box, and the
// points of the tail.
func (s *metricSeries) pack() []byte {
	out := make([]byte, 0, s.tail.Size()+32)
	for _, n := range s.packed() {
		out = binary.AppendVarint(out, *n)
	}
	return s.tail.AppendBytes(out)
}

func (s *metricSeries) unpack(data []byte) (err error) {
	for _, n := range s.packed() {
		v, used := binary.Varint(data)
		if used <= 0 {
			return errors.New("the row ends too early")
		}
		*n, data = v, data[used:]
	}
	s.tail, err = series.ParseTail(data)
	return err
}

func (s *metricSeries) packed() []*int64 {
	return []*int64{&s.summary.First.Timestamp, &s.summary.First.Step, &s.chunks, &s.sealed.FromTime, &s.sealed.ToTime, &s.sealed.FromStep, &s.sealed.ToStep}
}

// row gives the values of seriesColumns.
func (s *metricSeries) row() []any {
	sum := s.summary
	first := sql.NullFloat64{Float64: sum.First.Value, Valid: !math.IsNaN(sum.First.Value)}
	last, isNaN := stored(sum.Last.Value)
	row := []any{s.run, s.key, s.experiment, sum.Count, sum.NaNs, bounded(sum.Sum), first, sum.Last.Timestamp, sum.Last.Step, last, flag(isNaN)}
	if sum.Numbers() > 0 {
		row = append(row, sum.Low.Value, sum.Low.Step, sum.High.Value, sum.High.Step)
	} else {
		row = append(row, nil, nil, nil, nil)
	}
	return append(row, s.pack())
}

// bounded keeps a sum that ran over within what both databases hold.
func bounded(sum float64) float64 {
	switch {
	case math.IsNaN(sum): // of both infinities
		return 0
	case math.IsInf(sum, 0):
		return math.Copysign(math.MaxFloat64, sum)
	}
	return sum
}

// saveSeries writes the series that changed.
func saveSeries(tx *db.Tx, list []*metricSeries) error {
	var rows [][]any
	for _, s := range list {
		if s.changed {
			rows = append(rows, s.row())
		}
	}
	return insert(tx, `INSERT INTO tracking_series (`+seriesColumns+`)`, rows, `ON CONFLICT (run, key) DO UPDATE SET
		points = excluded.points, nans = excluded.nans, total = excluded.total, first_value = excluded.first_value,
		timestamp_ms = excluded.timestamp_ms, step = excluded.step, value = excluded.value, is_nan = excluded.is_nan,
		low = excluded.low, low_step = excluded.low_step, high = excluded.high, high_step = excluded.high_step, tail = excluded.tail`)
}

func (s *metricSeries) putChunk(tx *db.Tx, number int64, points []series.Point) error {
	box, first, last := series.BoxOf(points), points[0], points[len(points)-1]
	_, err := tx.Exec(`INSERT INTO tracking_chunk (run, key, number, points, first_ms, first_step, last_ms, last_step, from_step, to_step, coarse, data)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, s.run, s.key, number, len(points), first.Timestamp, first.Step, last.Timestamp, last.Step,
		box.FromStep, box.ToStep, coarse(points), series.Encode(points))
	return err
}

// newestChunks gives the last chunks, the newest first, without their points.
func (s *metricSeries) newestChunks(tx *db.Tx, n int) (out []chunkRow, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		var c chunkRow
		err := rows.Scan(&c.number, &c.points)
		out = append(out, c)
		return err
	}, `SELECT number, points FROM tracking_chunk WHERE run = ? AND key = ? ORDER BY number DESC LIMIT ?`, s.run, s.key, n)
	return out, err
}

// eachChunk gives the points of the chunks of a range of numbers.
func (s *metricSeries) eachChunk(tx *db.Tx, from, to int64, use func([]series.Point)) error {
	return s.decode(tx, use, `number >= ? AND number <= ? ORDER BY number`, from, to)
}

// eachChunkIn gives the points of the chunks that may hold a point of a box.
func (s *metricSeries) eachChunkIn(tx *db.Tx, b series.Box, use func([]series.Point)) error {
	return s.decode(tx, use, `first_ms <= ? AND last_ms >= ? AND from_step <= ? AND to_step >= ? ORDER BY number`,
		b.ToTime, b.FromTime, b.ToStep, b.FromStep)
}

func (s *metricSeries) decode(tx *db.Tx, use func([]series.Point), where string, args ...any) error {
	return tx.Each(func(rows *sql.Rows) error {
		var data []byte
		if err := rows.Scan(&data); err != nil {
			return err
		}
		points, err := series.Decode(data)
		if err != nil {
			return damaged(s.run, s.key, err)
		}
		use(points)
		return nil
	}, `SELECT data FROM tracking_chunk WHERE run = ? AND key = ? AND `+where, append([]any{s.run, s.key}, args...)...)
}

func (s *metricSeries) dropChunks(tx *db.Tx, from, to int64) error {
	_, err := tx.Exec(`DELETE FROM tracking_chunk WHERE run = ? AND key = ? AND number >= ? AND number <= ?`, s.run, s.key, from, to)
	return err
}
