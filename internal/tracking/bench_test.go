package tracking_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/series"
	"github.com/paraplu/paraplu/internal/tracking"
)

// benchRoom gives a room on SQLite with n finished runs of five metrics, params and tags.
func benchRoom(b *testing.B, n int) *tracking.Room {
	d := dbtest.SQLite(b, sources...)
	store, err := blob.Open(ctx, "mem://")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	err = d.Update(ctx, func(tx *db.Tx) error {
		for i := range n {
			id := fmt.Sprintf("%032x", i)
			if _, err := tx.Exec(`INSERT INTO tracking_run (id, experiment, name, user_id, status, stage, start_ms, artifact_uri)
				VALUES (?, 0, ?, 'daisy', 'FINISHED', 'active', ?, '')`, id, id, i); err != nil {
				return err
			}
			for k := range 5 {
				key := fmt.Sprint("k", k)
				if _, err := tx.Exec(`INSERT INTO tracking_param (run, key, value) VALUES (?, ?, ?)`, id, key, fmt.Sprint(i%7)); err != nil {
					return err
				}
				if _, err := tx.Exec(`INSERT INTO tracking_series (run, key, experiment, points, nans, total, first_value, timestamp_ms, step, value, is_nan, tail)
					VALUES (?, ?, 0, 1, 0, ?, ?, 0, 0, ?, 0, ?)`, id, key, i%1000, i%1000, i%1000,
					append(make([]byte, 7), series.Encode([]series.Point{{Value: float64(i % 1000)}})...)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return tracking.New(d, store, time.Now)
}

// BenchmarkSearchRuns pages through 20,000 runs: a page of 50, first and deep, filtered and sorted by a metric.
func BenchmarkSearchRuns(b *testing.B) {
	r := benchRoom(b, 20_000)
	search := func(b *testing.B, s tracking.Search) string {
		s.ExperimentIDs, s.MaxResults = []string{"0"}, 50
		page, err := r.SearchRuns(ctx, s)
		if err != nil || len(page.Items) != 50 {
			b.Fatal(len(page.Items), err)
		}
		return page.Next
	}
	deep := ""
	for range 300 {
		deep = search(b, tracking.Search{PageToken: deep})
	}
	for name, s := range map[string]tracking.Search{
		"first": {}, "deep": {PageToken: deep}, "filtered": {Filter: "params.k1 = '3' AND metrics.k2 > 500"}, "sorted": {OrderBy: []string{"metrics.k3 DESC"}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				search(b, s)
			}
		})
	}
}

// BenchmarkLogBatch writes 100 points of 10 series a call.
func BenchmarkLogBatch(b *testing.B) {
	r := benchRoom(b, 1)
	run := fmt.Sprintf("%032x", 0)
	step := int64(0)
	for b.Loop() {
		var points []tracking.Metric
		for range 10 {
			step++
			for k := range 10 {
				points = append(points, tracking.Metric{Key: fmt.Sprint("m", k), Step: step, TimestampMs: step, Value: float64(step)})
			}
		}
		if err := r.LogBatch(ctx, run, points, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStorm writes one point a call from eight clients at once, each to a run of its own.
func BenchmarkStorm(b *testing.B) {
	r := benchRoom(b, 8)
	var all sync.WaitGroup
	calls := int64(0)
	b.ResetTimer()
	for w := range 8 {
		all.Go(func() {
			for i := int64(0); atomic.AddInt64(&calls, 1) <= int64(b.N); i++ {
				if err := r.LogMetric(ctx, fmt.Sprintf("%032x", w), tracking.Metric{Key: "m", Step: i, TimestampMs: i, Value: float64(i)}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkWideBatch writes one point of each of 1,000 series a call.
func BenchmarkWideBatch(b *testing.B) {
	r := benchRoom(b, 1)
	step := int64(0)
	for b.Loop() {
		step++
		points := make([]tracking.Metric, 1000)
		for k := range points {
			points[k] = tracking.Metric{Key: fmt.Sprint("m", k), Step: step, TimestampMs: step, Value: float64(step)}
		}
		if err := r.LogBatch(ctx, fmt.Sprintf("%032x", 0), points, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}
