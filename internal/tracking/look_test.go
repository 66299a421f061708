package tracking_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/series"
	"github.com/paraplu/paraplu/internal/tracking"
)

func logPoints(t *testing.T, r *tracking.Room, run, key string, points []series.Point) {
	t.Helper()
	for part := range slices.Chunk(points, 1000) {
		var batch []tracking.Metric
		for _, p := range part {
			batch = append(batch, tracking.Metric{Key: key, Step: p.Step, TimestampMs: p.Timestamp, Value: p.Value})
		}
		ok(t, r.LogBatch(ctx, run, batch, nil, nil))
	}
}

// TestChartKeepsPeaks: a chart of few points is exact, one of many keeps the ends and every stretch's extremes, in whatever
// order points came and whatever the range.
func TestChartKeepsPeaks(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, _ *db.DB) {
		random := rand.New(rand.NewPCG(1, 2))
		const n = 20000
		all := make([]series.Point, n)
		for i := range all {
			all[i] = series.Point{Step: int64(i), Timestamp: int64(1000 + 2*i), Value: random.Float64()}
			switch {
			case i == 13013:
				all[i].Value = 99
			case i == 4077:
				all[i].Value = -99
			case i%1000 == 5:
				all[i].Value = math.NaN()
			}
		}
		inOrder, mixed := newRun(r), newRun(r)
		logPoints(t, r, inOrder.ID, "loss", all)
		shuffled := slices.Clone(all)
		random.Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		logPoints(t, r, mixed.ID, "loss", shuffled[:3000])
		of := func(run string, max int, byTime bool, ends ...int64) tracking.Chart {
			q := tracking.ChartQuery{Run: run, Key: "loss", Max: max, ByTime: byTime}
			if len(ends) > 0 {
				q.From, q.To = &ends[0], &ends[1]
			}
			return must(r.Chart(ctx, q))
		}
		for _, max := range []int{4, 100, 1001} {
			c := of(inOrder.ID, max, false)
			if len(c.Points) > max || len(c.Points) < max/2 || c.Exact || c.Summary.Count != n {
				t.Errorf("%d points of %d, exact %v", len(c.Points), max, c.Exact)
			}
			if c.Points[0].Step != 0 || c.Points[len(c.Points)-1].Step != n-1 || !slices.IsSortedFunc(c.Points, series.CompareSteps) {
				t.Errorf("max %d: the ends are %v and %v", max, c.Points[0], c.Points[len(c.Points)-1])
			}
			if !slices.Contains(c.Points, all[13013]) || !slices.Contains(c.Points, all[4077]) {
				t.Errorf("max %d lost a peak", max)
			}
		}
		c := of(inOrder.ID, 500, true, 1000+2*4000, 1000+2*4100)
		if !c.Exact || !sameAs(c.Points, all[4000:4101]) {
			t.Errorf("a short range of time: %d points, exact %v", len(c.Points), c.Exact)
		}
		c = of(inOrder.ID, 60, false, 3000, 17000)
		if c.Exact || c.Points[0].Step != 3000 || !slices.Contains(c.Points, all[13013]) || !slices.Contains(c.Points, all[4077]) {
			t.Errorf("a long range: exact %v, from %v", c.Exact, c.Points[0])
		}
		want := slices.SortedFunc(slices.Values(shuffled[:3000]), series.CompareSteps)
		if c = of(mixed.ID, 3000, false); !c.Exact || !sameAs(c.Points, want) {
			t.Errorf("points in any order: %d, exact %v", len(c.Points), c.Exact)
		}
		for _, q := range []tracking.ChartQuery{{Run: inOrder.ID, Key: "none", Max: 10}, {Run: "none", Key: "loss", Max: 10}} {
			if _, err := r.Chart(ctx, q); !fault.Is(err, fault.NotFound) {
				t.Errorf("%+v: %v", q, err)
			}
		}
		if _, err := r.Chart(ctx, tracking.ChartQuery{Run: inOrder.ID, Key: "loss", Max: 3}); !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
}

func sameAs(a, b []series.Point) bool {
	return slices.EqualFunc(a, b, func(a, b series.Point) bool { return series.Compare(a, b) == 0 })
}

func TestCompareMarksWhatDiffers(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, _ *db.DB) {
		a, b := newRun(r, tracking.KV{Key: "mlflow.source.git.commit", Value: "c0ffee"}), newRun(r, tracking.KV{Key: "mlflow.source.git.commit", Value: "decade"})
		for i, run := range []tracking.Run{a, b} {
			ok(t, r.LogBatch(ctx, run.ID, []tracking.Metric{{Key: "loss", Value: math.NaN()}, {Key: "wape", Value: float64(i)}},
				[]tracking.KV{{Key: "same", Value: "1"}, {Key: fmt.Sprint("only", i), Value: "x"}}, []tracking.KV{{Key: "note", Value: fmt.Sprint(i)}}))
			ok(t, r.LogInputs(ctx, run.ID, []tracking.DatasetInput{{Dataset: tracking.Dataset{Name: "sales", Digest: fmt.Sprint("d", i)}}}, nil))
		}
		c := must(r.Compare(ctx, []string{a.ID, b.ID}))
		var got []string
		for _, row := range c.Rows {
			got = append(got, fmt.Sprintf("%s %s %v", row.Kind, row.Name, row.Differs))
		}
		want := "param only0 true, param only1 true, param same false, metric loss false, metric wape true, code source.git.commit true, dataset sales true"
		if strings.Join(got, ", ") != want {
			t.Errorf("%s", strings.Join(got, ", "))
		}
		for _, ids := range [][]string{{a.ID}, {a.ID, a.ID}, make([]string, 51)} {
			if _, err := r.Compare(ctx, ids); !fault.Is(err, fault.Invalid) {
				t.Errorf("%d runs: %v", len(ids), err)
			}
		}
		if _, err := r.Compare(ctx, []string{a.ID, "none"}); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

func TestFindRunAndExperiments(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, _ *db.DB) {
		e := must(r.CreateExperiment(ctx, "7", "", nil))
		a := must(r.CreateRun(ctx, tracking.NewRun{ExperimentID: e.ID, Name: "first try", StartMs: 5}))
		for _, word := range []string{a.ID, a.ID[:12], "first try"} {
			if id, err := r.FindRun(ctx, word); id != a.ID || err != nil {
				t.Errorf("%s is %s, %v", word, id, err)
			}
		}
		must(r.CreateRun(ctx, tracking.NewRun{Name: "first try", StartMs: 6}))
		if _, err := r.FindRun(ctx, "first try"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), a.ID) {
			t.Error(err)
		}
		for _, word := range []string{"", "zz", "%", "x\x00"} {
			if _, err := r.FindRun(ctx, word); !fault.Is(err, fault.NotFound) {
				t.Errorf("%q: %v", word, err)
			}
		}
		for word, id := range map[string]string{"7": e.ID, "0": "0", "Default": "0"} {
			if found := must(r.FindExperiment(ctx, word)); found.ID != id {
				t.Errorf("%s is %s", word, found.ID)
			}
		}
		if _, err := r.FindExperiment(ctx, "none"); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
		list := must(r.Experiments(ctx, tracking.ActiveOnly))
		if len(list) != 2 || list[0].Name != "7" || list[0].Runs != 1 || *list[0].LastMs != 5 || list[1].Runs != 1 {
			t.Errorf("%+v", list)
		}
	})
}

func TestSavedViews(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, _ *db.DB) {
		v := must(r.SaveView(ctx, tracking.SavedView{Product: "umbrella", Name: "best", Filter: "metrics.wape < 0.2", Order: []string{"metrics.wape"}, Columns: []string{"params.p"}}))
		global := must(r.SaveView(ctx, tracking.SavedView{Name: "best"}))
		if _, err := r.SaveView(ctx, tracking.SavedView{Product: "umbrella", Name: "best"}); !fault.Is(err, fault.Exists) {
			t.Error(err)
		}
		v.Name, v.Order = "best of all", nil
		v = must(r.SaveView(ctx, v))
		got := must(r.Views(ctx, "umbrella"))
		if len(got) != 2 || got[0].ID != global.ID || got[1].Name != "best of all" || got[1].Filter != "metrics.wape < 0.2" || len(got[1].Order) != 0 || got[1].Columns[0] != "params.p" {
			t.Errorf("%+v", got)
		}
		if got := must(r.Views(ctx, "other")); len(got) != 1 {
			t.Errorf("%+v", got)
		}
		for _, bad := range []tracking.SavedView{{Name: ""}, {Name: "x", Filter: "a ="}, {Name: "x", Order: []string{"?"}}, {Name: "x", Columns: []string{"y"}}} {
			if _, err := r.SaveView(ctx, bad); !fault.Is(err, fault.Invalid) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		ok(t, r.DeleteView(ctx, v.ID))
		if err := r.DeleteView(ctx, v.ID); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
		if _, err := r.SaveView(ctx, v); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

// told collects what a feed said of a series.
func told(changes []tracking.Change, key string) (points []series.Point, partial bool) {
	for _, c := range changes {
		if c.Key == key {
			points, partial = append(points, c.Points...), partial || c.Partial
		}
	}
	return points, partial
}

// TestFeedTellsEveryPointOnce, also across a mark, and says so when it cannot.
func TestFeedTellsEveryPointOnce(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, _ *db.DB) {
		run := newRun(r)
		line := func(from, to int) (out []series.Point) {
			for i := from; i < to; i++ {
				out = append(out, series.Point{Step: int64(i), Timestamp: int64(i), Value: float64(i)})
			}
			return out
		}
		logPoints(t, r, run.ID, "loss", line(0, 300))
		feed := must(r.Follow(ctx, []string{run.ID}, nil, ""))
		if first := must(feed.Poll(ctx)); len(first) != 1 || first[0].Run.Status != "RUNNING" || first[0].Key != "" {
			t.Fatalf("%+v", first)
		}
		if again := must(feed.Poll(ctx)); len(again) != 0 {
			t.Fatalf("%+v", again)
		}
		for i, from := range []int{300, 301, 384, 500} {
			to := []int{301, 384, 500, 900}[i]
			logPoints(t, r, run.ID, "loss", line(from, to))
			if i%2 == 1 {
				feed = must(r.Follow(ctx, []string{run.ID}, nil, feed.Mark()))
			}
			points, partial := told(must(feed.Poll(ctx)), "loss")
			if !sameAs(points, line(from, to)) || partial {
				t.Errorf("from %d: %d points, partial %v", from, len(points), partial)
			}
		}
		logPoints(t, r, run.ID, "new", line(0, 2))
		if points, partial := told(must(feed.Poll(ctx)), "new"); len(points) != 2 || partial {
			t.Errorf("a new series: %v", points)
		}
		logPoints(t, r, run.ID, "loss", []series.Point{{Step: 7, Timestamp: 7, Value: -1}})
		if points, partial := told(must(feed.Poll(ctx)), "loss"); len(points) != 0 || !partial {
			t.Errorf("a late point: %v, partial %v", points, partial)
		}
		logPoints(t, r, run.ID, "loss", line(1000, 3000))
		if points, partial := told(must(feed.Poll(ctx)), "loss"); len(points) != tracking.MaxNews || !partial {
			t.Errorf("many points: %d, partial %v", len(points), partial)
		}
		logPoints(t, r, run.ID, "loss", line(3000, 3001))
		if points, partial := told(must(feed.Poll(ctx)), "loss"); len(points) != 1 || partial {
			t.Errorf("after many points: %v, partial %v", points, partial)
		}
		end := int64(9)
		must(r.UpdateRun(ctx, tracking.RunUpdate{ID: run.ID, Status: "FINISHED", EndMs: &end}))
		if c := must(feed.Poll(ctx)); len(c) != 1 || c[0].Run.Status != "FINISHED" || *c[0].Run.EndMs != 9 {
			t.Errorf("%+v", c)
		}
		for _, mark := range []string{"x", "AAAA", feed.Mark()[:20], feed.Mark() + "AA"} { // as none
			if c := must(must(r.Follow(ctx, []string{run.ID}, nil, mark)).Poll(ctx)); len(c) != 1 || c[0].Key != "" {
				t.Errorf("%s: %+v", mark, c)
			}
		}
		if _, err := must(r.Follow(ctx, []string{"none"}, nil, "")).Poll(ctx); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}
