package tracking_test

import (
	"math"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/series"
	"github.com/paraplu/paraplu/internal/tracking"
)

// wide gives a room on SQLite with 10,000 runs of 100 metrics (with 30 points each), 60 params and 40 tags.
func wide(b *testing.B) *tracking.Room {
	d := dbtest.SQLite(b, sources...)
	store, err := blob.Open(ctx, "mem://")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	points := make([]series.Point, 30)
	for i := range points {
		points[i] = series.Point{Step: int64(i), Timestamp: int64(i), Value: math.Sqrt(float64(i))}
	}
	const upTo = `WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < 9999), k(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < ?) `
	err = d.Update(ctx, func(tx *db.Tx) error {
		for _, s := range []struct {
			sql  string
			args []any
		}{
			{upTo + `INSERT INTO tracking_run (id, experiment, name, user_id, status, stage, start_ms, artifact_uri)
				SELECT printf('%08x', i.n * 2654435761 % 4294967296) || printf('%024x', i.n), 0, 'run ' || i.n, 'daisy', 'FINISHED', 'active', i.n, '' FROM i, k`, []any{0}},
			{upTo + `INSERT INTO tracking_series (run, key, experiment, points, nans, total, first_value, timestamp_ms, step, value, is_nan,
				low, low_step, high, high_step, tail)
				SELECT r.id, printf('metric_%02d', k.n), 0, 30, 0, 100, 0, 29, 29, (r.start_ms * 7919 + k.n) % 10007, 0, 0, 0, 6, 29, ?
				FROM tracking_run r, k`, []any{99, series.Encode(points)}}, // as large as a tail; nobody reads it here
			{upTo + `INSERT INTO tracking_param (run, key, value) SELECT r.id, printf('param_%02d', k.n), '' || ((r.start_ms * 31 + k.n) % 10) FROM tracking_run r, k`, []any{59}},
			{upTo + `INSERT INTO tracking_tag (run, key, value) SELECT r.id, printf('tag_%02d', k.n), 'value ' || (r.start_ms % 5) FROM tracking_run r, k`, []any{39}},
		} {
			if _, err := tx.Exec(s.sql, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return tracking.New(d, store, time.Now)
}

// BenchmarkTable asks for a page of 100 rows with all 200 columns and the count, out of 10,000 runs.
func BenchmarkTable(b *testing.B) {
	r := wide(b)
	page := func(b *testing.B, q tracking.TableQuery) tracking.Table {
		q.Limit = 100
		t, err := r.Table(ctx, q)
		if err != nil || len(t.Rows) != 100 {
			b.Fatal(len(t.Rows), err)
		}
		return t
	}
	deep := func(order ...string) (token string) {
		for range 50 {
			t, err := r.Table(ctx, tracking.TableQuery{Limit: 100, Page: token, NoTotal: true, Order: order, Columns: []string{"name"}})
			if err != nil {
				b.Fatal(err)
			}
			token = t.Next
		}
		return token
	}
	by, few := []string{"min(metrics.metric_07) DESC"}, []string{"metrics.metric_01", "params.param_01"}
	for _, c := range []struct {
		name string
		q    tracking.TableQuery
	}{
		{"all columns", tracking.TableQuery{}},
		{"all columns deep", tracking.TableQuery{Page: deep()}},
		{"one experiment", tracking.TableQuery{Experiments: []string{"0"}}},
		{"two columns", tracking.TableQuery{Columns: few}},
		{"filtered", tracking.TableQuery{Filter: "params.param_01 >= 3 AND (metrics.metric_02 > 5000 OR tags.tag_03 = 'value 2')"}},
		{"by metric", tracking.TableQuery{Order: by}},
		{"by metric deep", tracking.TableQuery{Order: by, Page: deep(by...)}},
		{"by param", tracking.TableQuery{Order: []string{"params.param_05"}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				page(b, c.q)
			}
		})
	}
	b.Run("columns", func(b *testing.B) {
		for b.Loop() {
			if c, err := r.Columns(ctx, nil, tracking.ActiveOnly); err != nil || len(c) != 200 {
				b.Fatal(len(c), err)
			}
		}
	})
}
