package tracking_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"reflect"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/tracking"
)

var (
	ctx     = context.Background()
	sources = []db.Source{event.Migrations(), tracking.Migrations()}
	noon    = time.Date(2015, 3, 1, 12, 0, 0, 0, time.UTC)
)

// each runs fn with a room on every database.
func each(t *testing.T, fn func(t *testing.T, r *tracking.Room, d *db.DB)) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		store, err := blob.Open(ctx, "mem://")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		fn(t, tracking.New(d, store, func() time.Time { return noon }), d)
	}, sources...)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRun(r *tracking.Room, tags ...tracking.KV) tracking.Run {
	return must(r.CreateRun(ctx, tracking.NewRun{UserID: "daisy", StartMs: 1, Tags: tags}))
}

func facts(t *testing.T, d *db.DB) (out []event.Fact) {
	t.Helper()
	ok(t, d.View(ctx, func(tx *db.Tx) (err error) {
		out, err = event.List(tx, event.Filter{})
		return err
	}))
	return out
}

func TestFinishedRunIsOneFact(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		exp := must(r.CreateExperiment(ctx, "umbrella", "", nil))
		run := must(r.CreateRun(ctx, tracking.NewRun{ExperimentID: exp.ID, UserID: "daisy", Name: "first"}))
		sales := tracking.Dataset{Name: "sales", Digest: "12ab", SourceType: "local", Source: "{}"}
		ok(t, r.LogInputs(ctx, run.ID, []tracking.DatasetInput{{Dataset: sales}}, nil))
		ok(t, r.LogMetric(ctx, run.ID, tracking.Metric{Key: "wape", Value: math.NaN()}))
		end := int64(5)
		for range 3 { // a repeated call changes nothing
			must(r.UpdateRun(ctx, tracking.RunUpdate{ID: run.ID, Status: "FINISHED", EndMs: &end}))
		}
		must(r.UpdateRun(ctx, tracking.RunUpdate{ID: run.ID, Status: "RUNNING"}))
		must(r.UpdateRun(ctx, tracking.RunUpdate{ID: run.ID, Status: "FAILED"}))
		list := facts(t, d)
		if len(list) != 1 {
			t.Fatalf("%d facts, want 1: %+v", len(list), list)
		}
		f := list[0]
		if f.Verb != event.RunFinished || f.Actor != "daisy" || f.Product != "umbrella" || f.Object != run.ID ||
			!reflect.DeepEqual(f.Inputs, []string{"dataset:sales@12ab"}) || !reflect.DeepEqual(f.Outputs, []string{"run:" + run.ID}) {
			t.Errorf("fact = %+v", f)
		}
		tagged := newRun(r, tracking.KV{Key: tracking.TagProduct, Value: "gloves"}, tracking.KV{Key: tracking.TagExecution, Value: "06h1"})
		must(r.UpdateRun(ctx, tracking.RunUpdate{ID: tagged.ID, Status: "KILLED", Actor: "eddy"}))
		if f := facts(t, d)[1]; f.Product != "gloves" || f.Actor != "eddy" || !reflect.DeepEqual(f.Inputs, []string{"execution:06h1"}) {
			t.Errorf("fact of a tagged run = %+v", f)
		}
	})
}

func TestLatestIsTheGreatestPointInAnyOrder(t *testing.T) {
	points := []tracking.Metric{
		{Key: "m", Step: 1, TimestampMs: 5, Value: 1}, {Key: "m", Step: 1, TimestampMs: 5, Value: 2}, {Key: "m", Step: 1, TimestampMs: 4, Value: 9},
		{Key: "m", Step: -3, TimestampMs: 99, Value: 100}, {Key: "m", Step: 1, TimestampMs: 5, Value: math.NaN()},
	}
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		for shift := range points {
			for _, batch := range []int{1, 2, 5} {
				run := newRun(r)
				order := append(append([]tracking.Metric{}, points[shift:]...), points[:shift]...)
				for len(order) > 0 {
					n := min(batch, len(order))
					ok(t, r.LogBatch(ctx, run.ID, order[:n], nil, nil))
					ok(t, r.LogBatch(ctx, run.ID, order[:n], nil, nil)) // a client repeats after a lost answer
					order = order[n:]
				}
				got := must(r.Run(ctx, run.ID)).Metrics
				if len(got) != 1 || got[0].Value != 2 || got[0].Step != 1 {
					t.Errorf("shift %d, batches of %d: latest = %+v", shift, batch, got)
				}
				if n := len(must(r.MetricHistory(ctx, run.ID, "m", 0, "")).Items); n != len(points) {
					t.Errorf("shift %d, batches of %d: %d points, want %d", shift, batch, n, len(points))
				}
			}
		}
	})
}

func TestBatchIsAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		run := newRun(r)
		ok(t, r.LogParam(ctx, run.ID, tracking.KV{Key: "p", Value: "1"}))
		err := r.LogBatch(ctx, run.ID, []tracking.Metric{{Key: "m", Value: 1}},
			[]tracking.KV{{Key: "new", Value: "1"}, {Key: "p", Value: "2"}}, []tracking.KV{{Key: "t", Value: "1"}})
		want := "Changing param values is not allowed. Params were already logged='[{'key': 'p', 'old_value': '1', 'new_value': '2'}]' for run ID='" + run.ID + "'."
		if !fault.Is(err, fault.Invalid) || err.Error() != want {
			t.Errorf("error = %v\nwant    %s", err, want)
		}
		got := must(r.Run(ctx, run.ID))
		if len(got.Metrics) != 0 || len(got.Params) != 1 || got.Tag("t") != "" {
			t.Errorf("half of the batch was written: %+v", got)
		}
	})
}

func TestBatchLimits(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		run := newRun(r)
		list := func(n int) (out []tracking.KV) {
			for i := range n {
				out = append(out, tracking.KV{Key: fmt.Sprint("k", i), Value: "v"})
			}
			return out
		}
		points := make([]tracking.Metric, 1001)
		for i := range points {
			points[i] = tracking.Metric{Key: "m", Step: int64(i)}
		}
		for want, err := range map[string]error{
			"at most 1000 metrics. Got 1001":                       r.LogBatch(ctx, run.ID, points, nil, nil),
			"at most 100 params. Got 101":                          r.LogBatch(ctx, run.ID, nil, list(101), nil),
			"at most 100 tags. Got 101":                            r.LogBatch(ctx, run.ID, nil, nil, list(101)),
			"at most 1000 metrics, params, and tags. Got 1001":     r.LogBatch(ctx, run.ID, points[:1000], list(1), nil),
			"Duplicate parameter keys have been submitted: ['k0']": r.LogBatch(ctx, run.ID, nil, append(list(1), list(1)...), nil),
			"'Metric name' exceeds the maximum length of 250":      r.LogMetric(ctx, run.ID, tracking.Metric{Key: strings.Repeat("é", 251)}),
		} {
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
				t.Errorf("error = %v, want %s", err, want)
			}
		}
		ok(t, r.LogBatch(ctx, run.ID, points[:800], list(100), list(100)))
	})
}

func TestConcurrentWritersLoseNothing(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		run := newRun(r)
		var wg sync.WaitGroup
		for w := range 6 {
			wg.Go(func() {
				for i := range 15 {
					m := tracking.Metric{Key: "m", Step: int64(w*15 + i), Value: float64(w*15 + i)}
					for try := 0; ; try++ {
						err := r.LogBatch(ctx, run.ID, []tracking.Metric{m}, nil, []tracking.KV{{Key: fmt.Sprintf("w%d", w), Value: fmt.Sprint(i)}})
						if err == nil {
							break
						}
						t.Logf("try %d: %v (%v)", try, err, fault.KindOf(err))
						if try == 50 {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		wg.Wait()
		got := must(r.Run(ctx, run.ID))
		if n := len(must(r.MetricHistory(ctx, run.ID, "m", 0, "")).Items); n != 90 || got.Metrics[0].Value != 89 {
			t.Errorf("%d points, latest %v; want 90 and 89", n, got.Metrics)
		}
		for w := range 6 {
			if v := got.Tag(fmt.Sprintf("w%d", w)); v != "14" {
				t.Errorf("tag of writer %d = %s", w, v)
			}
		}
	})
}

func TestConcurrentExperimentsOfOneName(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		var made int
		for range 6 {
			wg.Go(func() {
				_, err := r.CreateExperiment(ctx, "same", "", nil)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					made++
				} else if !fault.Is(err, fault.Exists) {
					t.Log(err) // busy after many tries: the client repeats
				}
			})
		}
		wg.Wait()
		if made != 1 {
			t.Errorf("%d experiments of one name, want 1", made)
		}
	})
}

func TestSampleKeepsTheEnds(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		run := newRun(r)
		var points []tracking.Metric
		for i := range 100 {
			points = append(points, tracking.Metric{Key: "m", Step: int64(i), TimestampMs: int64(i), Value: float64(i)})
		}
		ok(t, r.LogBatch(ctx, run.ID, points, nil, nil))
		for max := int64(1); max <= 101; max += 10 {
			got := must(r.SampleHistories(ctx, []string{run.ID}, "m", max, nil))
			if int64(len(got)) != min(max, 100) || got[len(got)-1].Step != 99 || max > 1 && got[0].Step != 0 {
				t.Errorf("max %d: %d points from %d to %d", max, len(got), got[0].Step, got[len(got)-1].Step)
			}
			if !sort.SliceIsSorted(got, func(i, j int) bool { return got[i].Step < got[j].Step }) {
				t.Errorf("max %d: not in order of step", max)
			}
		}
		got := must(r.SampleHistories(ctx, []string{run.ID}, "m", 50, &tracking.Steps{First: 10, Last: 12}))
		if len(got) != 3 || got[0].Step != 10 || got[2].Step != 12 {
			t.Errorf("steps 10 to 12: %+v", got)
		}
	})
}

func TestArtifacts(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		put := func(p, text string) { must(r.PutArtifact(ctx, p, strings.NewReader(text))) }
		names := func(dir string) (out []string) {
			for _, a := range must(r.ListPage(ctx, dir, "")).Items {
				out = append(out, a.Name())
			}
			return out
		}
		put("1/r/artifacts/b.txt", "one")
		put("1/r/artifacts/b.txt", "two")
		put("1/r/artifacts/a/x/y.txt", "deep")
		put("1/r/artifacts/ab", "")
		if got := names("1/r/artifacts"); !reflect.DeepEqual(got, []string{"a", "ab", "b.txt"}) {
			t.Errorf("names = %v", got)
		}
		a := must(r.StatArtifact(ctx, "1/r/artifacts/b.txt"))
		body := must(r.OpenArtifact(ctx, a, 0))
		if text := must(io.ReadAll(body)); string(text) != "two" || a.Size != 3 {
			t.Errorf("b.txt = %q, %d bytes", text, a.Size)
		}
		body.Close()
		for _, p := range []string{"1/r/artifacts/b.txt/c", "1/r/artifacts/a", "", "..", "a/../../b", "/a", `a\b`, "a#b", "%2e%2e/x", "a%00b", "c:/x", strings.Repeat("long/", 401)} {
			if _, err := r.PutArtifact(ctx, p, strings.NewReader("x")); !fault.Is(err, fault.Invalid) {
				t.Errorf("PutArtifact(%q) = %v, want a refusal", p, err)
			}
		}
		put(strings.Repeat("é/", 600)+"x", "a path of many bytes")
		var refs int
		ok(t, d.View(ctx, func(tx *db.Tx) error {
			list, err := tracking.References(tx)
			refs = len(list)
			return err
		}))
		if refs != 4 {
			t.Errorf("%d references, want 4: the replaced object is free", refs)
		}
		ok(t, r.DeleteArtifact(ctx, "1/r/artifacts/a"))
		ok(t, r.DeleteArtifact(ctx, "1/r/artifacts/a"))
		if got := names("1/r/artifacts"); !reflect.DeepEqual(got, []string{"ab", "b.txt"}) {
			t.Errorf("after the deletion: %v", got)
		}
		if _, err := r.StatArtifact(ctx, "1/r/artifacts/a/x/y.txt"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a deleted file is there: %v", err)
		}
	})
}

func TestPagesCoverEveryRunOnce(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		want := map[string]bool{}
		for i := range 23 {
			want[must(r.CreateRun(ctx, tracking.NewRun{StartMs: int64(i / 5)})).ID] = true
		}
		for _, order := range [][]string{nil, {"attributes.run_name DESC"}} {
			seen, token := map[string]bool{}, ""
			for {
				page := must(r.SearchRuns(ctx, tracking.Search{ExperimentIDs: []string{"0"}, OrderBy: order, MaxResults: 4, PageToken: token}))
				for _, run := range page.Items {
					if seen[run.ID] {
						t.Errorf("order %v: run %s twice", order, run.ID)
					}
					seen[run.ID] = true
				}
				if token = page.Next; token == "" {
					break
				}
				if order == nil { // new runs do not shift the pages that follow
					newRun(r)
				}
			}
			for id := range want {
				if !seen[id] {
					t.Errorf("order %v: run %s is on no page", order, id)
				}
			}
		}
	})
}

// fuzzRoom gives a room on SQLite for a fuzz target.
func fuzzRoom(f *testing.F) (*tracking.Room, func()) {
	store, err := blob.Open(ctx, "mem://")
	if err != nil {
		f.Fatal(err)
	}
	r := tracking.New(dbtest.SQLite(f, sources...), store, func() time.Time { return noon })
	run := newRun(r, tracking.KV{Key: "t", Value: "x"})
	if err := r.LogMetric(ctx, run.ID, tracking.Metric{Key: "m", Value: 1}); err != nil {
		f.Fatal(err)
	}
	return r, func() { store.Close() }
}
