package tracking_test

import (
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/series"
	"github.com/paraplu/paraplu/internal/tracking"
)

// ways are how points of a run arrive, by the number of the point: what training does, and what breaks assumptions.
var ways = map[string]func(random *rand.Rand, i int) series.Point{
	"in order":     func(_ *rand.Rand, i int) series.Point { return series.Point{Timestamp: int64(i), Step: int64(i)} },
	"same instant": func(_ *rand.Rand, i int) series.Point { return series.Point{Timestamp: 7, Step: int64(i)} },
	"no step":      func(_ *rand.Rand, i int) series.Point { return series.Point{Timestamp: int64(i / 50)} },
	"all the same": func(*rand.Rand, int) series.Point { return series.Point{Timestamp: 7} },
	"backwards": func(_ *rand.Rand, i int) series.Point {
		return series.Point{Timestamp: int64(1e6 - i), Step: int64(-i)}
	},
	"anywhere": func(r *rand.Rand, _ int) series.Point {
		return series.Point{Timestamp: r.Int64N(300), Step: r.Int64N(40)}
	},
	"clock set back": func(_ *rand.Rand, i int) series.Point { return series.Point{Timestamp: int64(i % 700), Step: int64(i)} },
}

// TestHistoryIsTheSetOfPoints: whatever the order and size of batches, repeated or not, a history is the set of the points,
// in order, page by page; and what the series says of itself is true of that set.
func TestHistoryIsTheSetOfPoints(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		for name, way := range ways {
			t.Run(name, func(t *testing.T) {
				random := rand.New(rand.NewPCG(3, 4))
				run := newRun(r)
				var all []series.Point
				value := func() float64 {
					if random.IntN(20) == 0 {
						return math.NaN()
					}
					return float64(random.IntN(1000))
				}
				for n := 0; n < 3000; {
					size := []int{1, 1, 7, 130, 1000}[random.IntN(5)]
					var batch []tracking.Metric
					for range size {
						p := way(random, n)
						p.Value = value()
						all = append(all, p)
						batch = append(batch, tracking.Metric{Key: "m", TimestampMs: p.Timestamp, Step: p.Step, Value: p.Value})
						n++
					}
					ok(t, r.LogBatch(ctx, run.ID, batch, nil, nil))
					if random.IntN(3) == 0 {
						ok(t, r.LogBatch(ctx, run.ID, batch, nil, nil))
					}
				}
				want := series.Sort(slices.Clone(all))
				sameHistory(t, "whole", must(r.MetricHistory(ctx, run.ID, "m", 0, "")).Items, want)
				var pages []tracking.Metric
				for token := ""; ; {
					page := must(r.MetricHistory(ctx, run.ID, "m", 211, token))
					pages = append(pages, page.Items...)
					if token = page.Next; token == "" {
						break
					}
				}
				sameHistory(t, "paged", pages, want)
				bySteps := slices.SortedFunc(slices.Values(want), series.CompareSteps)
				sameHistory(t, "sample", must(r.SampleHistories(ctx, []string{run.ID}, "m", 100, nil)), series.Sample(bySteps, 100))

				sum := series.Summarize(want)
				var points, nans int64
				var total, low, high float64
				var first sql.NullFloat64
				ok(t, d.View(ctx, func(tx *db.Tx) error {
					return tx.QueryRow(`SELECT points, nans, total, first_value, low, high FROM tracking_series WHERE run = ?`, run.ID).
						Scan(&points, &nans, &total, &first, &low, &high)
				}))
				if points != sum.Count || nans != sum.NaNs || total != sum.Sum || first.Valid && first.Float64 != sum.First.Value || low != sum.Low.Value || high != sum.High.Value {
					t.Errorf("%d points, %d NaN, sum %v, from %v, %v … %v; want %+v", points, nans, total, first, low, high, sum)
				}
				last := must(r.Run(ctx, run.ID)).Metrics[0]
				if (series.Compare(series.Point{Timestamp: last.TimestampMs, Step: last.Step, Value: last.Value}, sum.Last)) != 0 {
					t.Errorf("latest %+v, want %+v", last, sum.Last)
				}
			})
		}
	})
}

func sameHistory(t *testing.T, what string, got []tracking.Metric, want []series.Point) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d points, want %d", what, len(got), len(want))
	}
	for i, m := range got {
		if series.Compare(series.Point{Timestamp: m.TimestampMs, Step: m.Step, Value: m.Value}, want[i]) != 0 {
			t.Fatalf("%s: point %d is %+v, want %+v", what, i, m, want[i])
		}
	}
}

// TestChunksStayFew: points that come one by one, or in batches, are kept in few and large chunks.
func TestChunksStayFew(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		for _, size := range []int{60, 100, 500, 1000} {
			run := newRun(r)
			step := int64(0)
			for range 24_000 / size {
				batch := make([]tracking.Metric, size)
				for i := range batch {
					step++
					batch[i] = tracking.Metric{Key: "m", Step: step, TimestampMs: step, Value: float64(step)}
				}
				ok(t, r.LogBatch(ctx, run.ID, batch, nil, nil))
			}
			var chunks, small int
			ok(t, d.View(ctx, func(tx *db.Tx) error {
				return tx.QueryRow(`SELECT count(*), count(CASE WHEN points < 1024 THEN 1 END) FROM tracking_chunk WHERE run = ?`, run.ID).Scan(&chunks, &small)
			}))
			if chunks > 2+8+8 || small > 8 {
				t.Errorf("batches of %d: 24,000 points lie in %d chunks, %d of them small", size, chunks, small)
			}
		}
	})
}

// TestAdopt moves points of the tables of an earlier version.
func TestAdopt(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		var want []series.Point
		runs := []string{newRun(r).ID, newRun(r).ID}
		ok(t, d.Update(ctx, func(tx *db.Tx) error {
			for _, run := range runs {
				want = nil
				for i := range 300 {
					p := series.Point{Timestamp: int64(i), Step: int64(i % 7), Value: float64(i)}
					want = append(want, p)
					if _, err := tx.Exec(`INSERT INTO tracking_metric (run, key, timestamp_ms, step, value, is_nan) VALUES (?, 'm', ?, ?, ?, 0)`,
						run, p.Timestamp, p.Step, p.Value); err != nil {
						return err
					}
				}
				if _, err := tx.Exec(`INSERT INTO tracking_latest (run, key, timestamp_ms, step, value, is_nan) VALUES (?, 'm', 0, 0, 0, 0)`, run); err != nil {
					return err
				}
			}
			return nil
		}))
		for range 2 {
			ok(t, r.Adopt(ctx))
			for _, run := range runs {
				sameHistory(t, run, must(r.MetricHistory(ctx, run, "m", 0, "")).Items, want)
				if m := must(r.Run(ctx, run)).Metrics; len(m) != 1 || m[0].Step != 6 || m[0].Value != 293 {
					t.Errorf("latest %+v", m)
				}
			}
		}
		var left int
		ok(t, d.View(ctx, func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT (SELECT count(*) FROM tracking_metric) + (SELECT count(*) FROM tracking_latest)`).Scan(&left)
		}))
		if left != 0 {
			t.Errorf("%d old rows are left", left)
		}
	})
}

// TestDamagedSeriesIsNamed: bytes that do not decode are an error with the metric's name, not wrong numbers.
func TestDamagedSeriesIsNamed(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		run := newRun(r)
		ok(t, r.LogMetric(ctx, run.ID, tracking.Metric{Key: "m", Value: 1}))
		ok(t, d.Update(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE tracking_series SET tail = ? WHERE run = ?`, []byte{9, 9}, run.ID)
			return err
		}))
		_, err := r.MetricHistory(ctx, run.ID, "m", 0, "")
		if fault.KindOf(err) != fault.Internal || err == nil || fault.HintOf(err) == "" {
			t.Errorf("%v", err)
		}
	})
}

// BenchmarkHistory reads a million points, whole and by the client's pages of 25,000.
func BenchmarkHistory(b *testing.B) {
	r := benchRoom(b, 1)
	run := fmt.Sprintf("%032x", 0)
	random := rand.New(rand.NewPCG(1, 2))
	began := time.Now()
	for step := 0; step < 1_000_000; {
		batch := make([]tracking.Metric, 1000)
		for i := range batch {
			batch[i] = tracking.Metric{Key: "loss", Step: int64(step), TimestampMs: 1.7e12 + int64(step)*1000, Value: random.Float64()}
			step++
		}
		if err := r.LogBatch(ctx, run, batch, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("written in %s", time.Since(began).Round(time.Millisecond))
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			must(r.MetricHistory(ctx, run, "loss", 0, ""))
		}
	})
	b.Run("paged", func(b *testing.B) {
		for b.Loop() {
			for token := ""; ; {
				page := must(r.MetricHistory(ctx, run, "loss", 25_000, token))
				if token = page.Next; token == "" {
					break
				}
			}
		}
	})
	b.Run("sample", func(b *testing.B) {
		for b.Loop() {
			must(r.SampleHistories(ctx, []string{run}, "loss", 320, nil))
		}
	})
}
