package tracking_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
	"github.com/paraplu/paraplu/internal/tracking"
)

// TestPagesAreTheSortedList: for any order, filter, view, set of experiments and size of page, the pages together are the
// list that a sort in Go gives. Values repeat, are NaN or missing, and runs start at the same time.
func TestPagesAreTheSortedList(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		var exps []string
		var runs []tracking.Run
		for e := range 3 {
			exps = append(exps, must(r.CreateExperiment(ctx, fmt.Sprint("e", e), "", nil)).ID)
		}
		for i := range 60 {
			run := must(r.CreateRun(ctx, tracking.NewRun{ExperimentID: exps[i%3], StartMs: int64(i * 7 % 11)}))
			var metrics []tracking.Metric
			if i%5 != 0 {
				value := float64(i * 13 % 6)
				if i%7 == 0 {
					value = math.NaN()
				}
				metrics = append(metrics, tracking.Metric{Key: "m", Value: value})
			}
			ok(t, r.LogBatch(ctx, run.ID, metrics, []tracking.KV{{Key: "p", Value: fmt.Sprint(i % 4)}}, nil))
			if i%6 == 1 {
				ok(t, r.DeleteRun(ctx, run.ID))
			}
			runs = append(runs, must(r.Run(ctx, run.ID)))
		}
		byStart := func(a, b tracking.Run) int { return cmp.Or(cmp.Compare(b.StartMs, a.StartMs), cmp.Compare(a.ID, b.ID)) }
		byMetric := func(sign int) func(a, b tracking.Run) int {
			return func(a, b tracking.Run) int {
				ra, va := rankOf(a)
				rb, vb := rankOf(b)
				return cmp.Or(cmp.Compare(ra, rb), sign*cmp.Compare(va, vb), byStart(a, b))
			}
		}
		orders := []struct {
			terms []string
			less  func(a, b tracking.Run) int
		}{
			{nil, byStart},
			{[]string{"attributes.start_time DESC"}, byStart},
			{[]string{"start_time DESC", "run_id ASC"}, byStart},
			{[]string{"metrics.m"}, byMetric(1)},
			{[]string{"metrics.m DESC"}, byMetric(-1)},
			{[]string{"metrics.`m` DESC", "start_time DESC"}, byMetric(-1)},
			{[]string{"params.p DESC"}, func(a, b tracking.Run) int {
				return cmp.Or(cmp.Compare(b.Params[0].Value, a.Params[0].Value), byStart(a, b))
			}},
		}
		filters := []string{"", "params.p = '1'", "params.p != '1'", "metrics.m > 1", "metrics.m != 2", "metrics.m <= 3 AND params.p LIKE '%'", "params.p = 'none'"}
		rapid.Check(t, func(rt *rapid.T) {
			order := rapid.SampledFrom(orders).Draw(rt, "order")
			text := rapid.SampledFrom(filters).Draw(rt, "filter")
			view := rapid.SampledFrom([]tracking.View{tracking.ActiveOnly, tracking.DeletedOnly, tracking.All}).Draw(rt, "view")
			in := exps[:rapid.IntRange(1, 3).Draw(rt, "experiments")]
			size := rapid.Int64Range(1, 30).Draw(rt, "size")
			var want []tracking.Run
			for _, run := range runs {
				inView := view == tracking.All || (run.Stage == tracking.Deleted) == (view == tracking.DeletedOnly)
				if inView && slices.Contains(in, run.ExperimentID) && (text == "" || matches(must(filter.Parse(text)), run)) {
					want = append(want, run)
				}
			}
			slices.SortFunc(want, order.less)
			var got []tracking.Run
			for token := ""; ; {
				page, err := r.SearchRuns(ctx, tracking.Search{ExperimentIDs: in, Filter: text, View: view, OrderBy: order.terms, MaxResults: size, PageToken: token})
				if err != nil {
					rt.Fatal(err)
				}
				got = append(got, page.Items...)
				if token = page.Next; token == "" || len(got) > 100 {
					break
				}
			}
			if !slices.EqualFunc(got, want, func(a, b tracking.Run) bool { return a.ID == b.ID }) {
				rt.Fatalf("%d runs, want %d, or another order", len(got), len(want))
			}
		})
	})
}

// rankOf: numbers first, then NaN, then runs without the metric.
func rankOf(run tracking.Run) (rank int, value float64) {
	switch {
	case len(run.Metrics) == 0:
		return 2, 0
	case math.IsNaN(run.Metrics[0].Value):
		return 1, 0
	}
	return 0, run.Metrics[0].Value
}

// TestPageOfAnotherOrder: a token says where a page begins in one order; with another order it is refused, not misread.
func TestPageOfAnotherOrder(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		for range 3 {
			ok(t, r.LogMetric(ctx, newRun(r).ID, tracking.Metric{Key: "m", Value: 1}))
		}
		search := func(token string, order ...string) (tracking.Page[tracking.Run], error) {
			return r.SearchRuns(ctx, tracking.Search{ExperimentIDs: []string{"0"}, MaxResults: 1, OrderBy: order, PageToken: token})
		}
		byStart, byMetric, byName := must(search("")).Next, must(search("", "metrics.m")).Next, must(search("", "run_name")).Next
		for _, c := range []struct{ token, order string }{
			{byStart, "metrics.m"}, {byStart, "run_name"}, {byMetric, "start_time DESC"}, {byMetric, "run_name"},
		} {
			if _, err := search(c.token, c.order); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", c.order, err)
			}
		}
		if page := must(search(byName, "run_name")); len(page.Items) != 1 {
			t.Errorf("%+v", page)
		}
	})
}
