package tracking_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
	"github.com/paraplu/paraplu/internal/series"
	"github.com/paraplu/paraplu/internal/tracking"
)

// logged is a run as it was logged, for the evaluator.
type logged struct {
	run        tracking.Run
	experiment string
	metrics    map[string][]series.Point
	params     map[string]string
	tags       map[string]string
	datasets   map[string]string // name → context
}

var (
	numbers = []float64{0, 1, -1.5, 2, 3e10, math.NaN(), math.Inf(1)}
	texts   = []string{"0.1", "1", "1.0", "2", "-3e2", "1e-05", "1e400", "01", "+1", ".5", "nan", "adam", "Adam", "", "a_b%", "é*[x]?", "1 "}
)

// zoo logs runs of every shape to three experiments.
func zoo(t *testing.T, r *tracking.Room, n int) []logged {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 8))
	names := []string{"Default", "second", "third"}
	for _, name := range names[1:] {
		must(r.CreateExperiment(ctx, name, "", nil))
	}
	var out []logged
	for i := range n {
		exp := random.IntN(3)
		run := must(r.CreateRun(ctx, tracking.NewRun{ExperimentID: fmt.Sprint(exp), Name: fmt.Sprint("run ", i%5), UserID: []string{"daisy", "eddy"}[i%2],
			StartMs: int64(1000 * (i % 7))}))
		l := logged{experiment: names[exp], metrics: map[string][]series.Point{}, params: map[string]string{}, tags: map[string]string{}, datasets: map[string]string{}}
		var batch []tracking.Metric
		for _, key := range []string{"m", "a b/c"} {
			for s := range random.IntN(4) {
				v := numbers[random.IntN(len(numbers))]
				batch = append(batch, tracking.Metric{Key: key, Step: int64(s), TimestampMs: int64(s), Value: v})
				if math.IsInf(v, 1) {
					v = math.MaxFloat64
				}
				l.metrics[key] = append(l.metrics[key], series.Point{Step: int64(s), Timestamp: int64(s), Value: v})
			}
		}
		var params, tags []tracking.KV
		for _, key := range []string{"p", "q"} {
			if random.IntN(3) > 0 {
				l.params[key] = texts[random.IntN(len(texts))]
				params = append(params, tracking.KV{Key: key, Value: l.params[key]})
			}
		}
		if random.IntN(2) > 0 {
			l.tags["t"] = texts[random.IntN(len(texts))]
			tags = append(tags, tracking.KV{Key: "t", Value: l.tags["t"]})
		}
		ok(t, r.LogBatch(ctx, run.ID, batch, params, tags))
		if c := random.IntN(3); c > 0 {
			name := []string{"", "sales", "weather"}[c]
			l.datasets[name] = "training"
			ok(t, r.LogInputs(ctx, run.ID, []tracking.DatasetInput{{Dataset: tracking.Dataset{Name: name, Digest: "d1"}, Tags: []tracking.KV{{Key: tracking.TagContext, Value: "training"}}}}, nil))
		}
		if i%3 > 0 {
			end := int64(1000*(i%7) + 500*(i%4))
			must(r.UpdateRun(ctx, tracking.RunUpdate{ID: run.ID, Status: []string{"", "FINISHED", "FAILED"}[i%3], EndMs: &end}))
		}
		l.run = must(r.Run(ctx, run.ID))
		out = append(out, l)
	}
	return out
}

// value of a term: whether the run has it, and its number or text.
type value struct {
	has    bool
	number float64
	text   string
	isText bool
}

func number(x float64) value { return value{has: true, number: x} }
func word(s string) value    { return value{has: true, text: s, isText: true} }

func (l *logged) value(term filter.Term) value {
	switch term.Entity {
	case "metrics":
		return summary(l.metrics[term.Key], term.Func)
	case "params", "tags":
		from := l.params
		if term.Entity == "tags" {
			from = l.tags
		}
		s, has := from[term.Key]
		return value{has: has, text: s, isText: true}
	}
	switch term.Key {
	case "status":
		return word(l.run.Status)
	case "name", "run_name":
		return word(l.run.Name)
	case "user":
		return word(l.run.UserID)
	case "experiment":
		return word(l.experiment)
	case "id":
		return word(l.run.ID)
	case "start_time":
		return number(float64(l.run.StartMs))
	}
	if l.run.EndMs == nil {
		return value{}
	}
	if term.Key == "duration" {
		return number(float64(*l.run.EndMs-l.run.StartMs) / 1000)
	}
	return number(float64(*l.run.EndMs))
}

func summary(points []series.Point, fn string) value {
	s := series.Summarize(points)
	switch {
	case fn == "count":
		return number(float64(s.Count))
	case len(points) == 0:
		return value{}
	case fn == "" || fn == "last":
		return number(s.Last.Value)
	case fn == "first":
		return number(s.First.Value)
	case s.Numbers() == 0:
		return value{}
	case fn == "min":
		return number(s.Low.Value)
	case fn == "max":
		return number(s.High.Value)
	}
	sum := math.Min(s.Sum, math.MaxFloat64) // as it is stored
	return number(sum / float64(s.Numbers()))
}

var written = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9][0-9]?)?$`)

// asNumber reads a text as a number; what is none is NaN.
func asNumber(s string) float64 {
	if x, err := strconv.ParseFloat(s, 64); err == nil && written.MatchString(s) && len(s) <= 40 {
		return x
	}
	return math.NaN()
}

// holds is the meaning of a filter, said once more in Go.
func (l *logged) holds(e *filter.Expr) bool {
	switch e.Logic {
	case filter.All:
		return !slices.ContainsFunc(e.Parts, func(p *filter.Expr) bool { return !l.holds(p) })
	case filter.Any:
		return slices.ContainsFunc(e.Parts, l.holds)
	case filter.Not:
		return !l.holds(e.Parts[0])
	}
	if e.Term.Entity == "datasets" {
		for name, context := range l.datasets {
			text := name
			if e.Term.Key == "context" {
				text = context
			}
			if match, _ := e.Clause().Compare(text); match {
				return true
			}
		}
		return false
	}
	v := l.value(e.Term)
	switch {
	case e.Op == filter.IsNull:
		return !v.has || e.Term.Func == "count" && v.number == 0
	case e.Op == filter.NotNull:
		return v.has && (e.Term.Func != "count" || v.number > 0)
	case !v.has:
		return false
	case !v.isText && e.Value.Text == "nan":
		return math.IsNaN(v.number) == (e.Op == filter.Eq)
	case v.isText && !e.Value.IsNumber:
		switch e.Op {
		case filter.Gt:
			return v.text > e.Value.Text
		case filter.Le:
			return v.text <= e.Value.Text
		}
		match, known := e.Clause().Compare(v.text)
		return match && known
	case v.isText:
		v.number = asNumber(v.text)
	}
	match, _ := e.Clause().CompareNumber(v.number)
	return match
}

// someTest draws a comparison that has a meaning.
func someTest(rt *rapid.T) string {
	pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(rt, name) }
	numberOp := pick("op", "=", "!=", "<", "<=", ">", ">=")
	quoted := "'" + rapid.SampledFrom(texts).Draw(rt, "text") + "'"
	switch pick("kind", "metric", "metric null", "number", "text", "like", "in", "null", "time", "attribute", "dataset", "nan") {
	case "metric":
		fn := pick("fn", "", "last", "first", "min", "max", "mean", "count")
		metric := pick("metric", "metrics.m", "metrics.`a b/c`", "metrics.none")
		if fn != "" {
			metric = fn + "(" + metric + ")"
		}
		return metric + " " + numberOp + " " + pick("number", "0", "1", "-1.5", "2", "1e300", "3e10", "0.25")
	case "metric null":
		return pick("fn", "min(metrics.m)", "metrics.m", "mean(metrics.m)", "count(metrics.m)") + pick("null", " IS NULL", " IS NOT NULL")
	case "nan":
		return pick("fn", "first(metrics.m)", "metrics.m", "max(metrics.m)") + pick("eq", " = ", " != ") + "'nan'"
	case "number":
		return pick("key", "params.p", "params.q", "tags.t") + " " + numberOp + " " + pick("number", "0.1", "1", "0.00001", "-300", "2")
	case "text":
		return pick("key", "params.p", "tags.t") + " " + pick("textop", "=", "!=", ">", "<=") + " " + quoted
	case "like":
		return pick("key", "params.p", "tags.t", "name") + " " + pick("like", "LIKE", "ILIKE") + " '" + pick("pattern", "a%", "A%", "%1%", "_", "a__%", "%*[%", "%") + "'"
	case "in":
		return pick("key", "params.p", "tags.t", "experiment") + pick("not", " IN (", " NOT IN (") + quoted + ", 'second', 'adam')"
	case "null":
		return pick("key", "params.p", "tags.t", "end_time", "duration") + pick("null", " IS NULL", " IS NOT NULL")
	case "time":
		return pick("key", "start_time", "end_time") + " " + numberOp + " " + pick("ms", "2000", "3500", "1000.5")
	case "attribute":
		return pick("test", "status = 'FINISHED'", "status != 'RUNNING'", "user = 'daisy'", "duration >= 1", "duration != 0.5", "name = 'run 1'", "experiment != 'third'")
	}
	return pick("test", "datasets.name = 'sales'", "datasets.name != 'sales'", "datasets.context LIKE 'train%'")
}

func someFilter(rt *rapid.T, depth int) string {
	if depth == 0 || rapid.IntRange(0, 2).Draw(rt, "leaf") == 0 {
		return someTest(rt)
	}
	switch rapid.SampledFrom([]string{"AND", "OR", "NOT"}).Draw(rt, "logic") {
	case "NOT":
		return "NOT (" + someFilter(rt, depth-1) + ")"
	case "OR":
		return "(" + someFilter(rt, depth-1) + " OR " + someFilter(rt, depth-1) + ")"
	}
	return someFilter(rt, depth-1) + " AND " + someFilter(rt, depth-1)
}

func idsOf(rows []tracking.TableRow) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.Run.ID
	}
	return out
}

// TestTableIsWhatTheFilterSays holds the SQL against the evaluator, with every page and every order.
func TestTableIsWhatTheFilterSays(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, _ *db.DB) {
		runs := zoo(t, r, 60)
		rapid.Check(t, func(rt *rapid.T) {
			text := someFilter(rt, 3)
			order := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"metrics.m", "min(metrics.m) DESC", "mean(metrics.`a b/c`)", "count(metrics.m) DESC",
				"params.p", "tags.t DESC", "start_time", "end_time DESC", "duration", "experiment DESC", "name", "status", "first(metrics.m)"}), 0, 3, rapid.ID[string]).Draw(rt, "order")
			e, err := filter.ParseExpr(text)
			if err != nil {
				rt.Fatal(err)
			}
			var want []*logged
			for i := range runs {
				if runs[i].holds(e) {
					want = append(want, &runs[i])
				}
			}
			sortRuns(want, order)
			var got []string
			limit := rapid.IntRange(1, 40).Draw(rt, "limit")
			for page := ""; ; {
				table, err := r.Table(ctx, tracking.TableQuery{Filter: text, Order: order, Limit: limit, Page: page, Columns: []string{"name"}})
				if err != nil {
					rt.Fatalf("%s: %v", text, err)
				}
				if table.Total != int64(len(want)) {
					rt.Fatalf("%s: %d of %d runs", text, table.Total, len(want))
				}
				got = append(got, idsOf(table.Rows)...)
				if page = table.Next; page == "" {
					break
				}
			}
			wanted := make([]string, len(want))
			for i, w := range want {
				wanted[i] = w.run.ID
			}
			if !slices.Equal(got, wanted) {
				rt.Fatalf("%s by %s:\n%v\n%v", text, order, got, wanted)
			}
		})
	})
}

// sortRuns sorts as an order says: numbers, NaN and texts, what is absent; then the latest start, then the id.
func sortRuns(list []*logged, order []string) {
	rank := func(v value) int {
		switch {
		case !v.has:
			return 2
		case v.isText && !math.IsNaN(asNumber(v.text)), !v.isText && !math.IsNaN(v.number):
			return 0
		}
		return 1
	}
	slices.SortFunc(list, func(a, b *logged) int {
		for _, text := range order {
			s := must(filter.ParseSort(text))
			x, y := a.value(s.Term), b.value(s.Term)
			c := 0
			if s.Entity != "" {
				if c = cmp.Compare(rank(x), rank(y)); c != 0 {
					return c
				}
				if x.isText && rank(x) == 0 {
					x.number, y.number = asNumber(x.text), asNumber(y.text)
				}
			} else if x.has != y.has {
				return cmp.Compare(rank(x)/2, rank(y)/2)
			}
			if rank(x) == 0 || !x.isText {
				c = cmp.Compare(x.number, y.number)
			}
			if c = cmp.Or(c, strings.Compare(x.text, y.text)); s.Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return cmp.Or(cmp.Compare(b.run.StartMs, a.run.StartMs), strings.Compare(a.run.ID, b.run.ID))
	})
}

func TestTableCells(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, _ *db.DB) {
		runs := zoo(t, r, 40)
		asked := []string{"min(metrics.m)", "params.p", "metrics.m", "tags.t", "count(metrics.m)", "name", "metrics.m"}
		table := must(r.Table(ctx, tracking.TableQuery{Columns: asked, Limit: 100}))
		if got := fmt.Sprint(table.Columns); got != "[min(metrics.m) metrics.m count(metrics.m) params.p tags.t]" {
			t.Fatal(got)
		}
		all := must(r.Table(ctx, tracking.TableQuery{Limit: 100}))
		if len(table.Rows) != 40 || len(all.Rows) != 40 || all.More != 0 {
			t.Fatal(len(table.Rows), len(all.Rows), all.More)
		}
		for _, part := range []tracking.Table{table, all} {
			for _, row := range part.Rows {
				l := runs[slices.IndexFunc(runs, func(l logged) bool { return l.run.ID == row.Run.ID })]
				if row.Experiment != l.experiment {
					t.Errorf("run of %s is said to be of %s", l.experiment, row.Experiment)
				}
				for i, c := range part.Columns {
					term := must(filter.ParseTerm(c.String()))
					want := l.value(term)
					if term.Func == "count" && want.number == 0 || term.Key == tracking.TagRunName {
						continue // no series, no cell; a name for every run
					}
					got := row.Cells[i]
					same := got.Number == want.number || math.IsNaN(got.Number) && math.IsNaN(want.number)
					if got.Set != want.has || !same || got.Text != want.text {
						t.Errorf("%s: %+v, want %+v", c, got, want)
					}
				}
			}
		}
		lower := must(r.Table(ctx, tracking.TableQuery{Filter: "status IN ('finished')", Limit: 100}))
		if upper := must(r.Table(ctx, tracking.TableQuery{Filter: "status = 'FINISHED'", Limit: 100})); upper.Total == 0 || upper.Total != lower.Total {
			t.Errorf("%d FINISHED, %d finished", upper.Total, lower.Total)
		}
		uses := must(r.Columns(ctx, nil, tracking.ActiveOnly))
		for _, u := range uses {
			n := int64(0)
			for _, l := range runs {
				if v := l.value(must(filter.ParseTerm(u.Column.String()))); v.has {
					n++
				}
			}
			if u.Column.Key != tracking.TagRunName && n != u.Runs {
				t.Errorf("%s: %d runs, want %d", u.Column, u.Runs, n)
			}
		}
		if len(uses) != 6 {
			t.Errorf("%v", uses)
		}
	})
}

// TestTableRefuses: the place of a mistake is in the fault.
func TestTableRefuses(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, _ *db.DB) {
		for text, want := range map[string]string{
			`metrics.m > 'x'`:                          `filter:1:13: a metric is compared with a number, not with 'x'`,
			"status = 'x' AND\n  colour = 'red'":       `filter:2:3: a run has no colour`,
			`median(metrics.m) > 1`:                    `filter:1:1: there is no function median`,
			`min(params.p) > 1`:                        `filter:1:1: min is a function of metrics only`,
			`name = 3`:                                 `filter:1:8: name is compared with a text`,
			`start_time > 'tuesday'`:                   `filter:1:14: 'tuesday' is no instant`,
			`duration LIKE '3'`:                        `filter:1:15: duration is a number, and LIKE compares texts`,
			`name IS NULL`:                             `filter:1:1: every run has a name`,
			`datasets.size > '1'`:                      `filter:1:1: a dataset has no size`,
			`models.m = '1'`:                           `filter:1:1: there is no models.m`,
			`metrics.é = 1 OR params.x = `:             `filter:1:29: expected a value, found the end`,
			strings.Repeat("a = 1 OR ", 400) + "a = 1": `filter:1:1: the filter has 401 comparisons, more than 300`,
		} {
			_, err := r.Table(ctx, tracking.TableQuery{Filter: text, Limit: 1})
			if !fault.Is(err, fault.Invalid) || err.Error() != want {
				t.Errorf("%s: %v", text, err)
			}
		}
		for _, q := range []tracking.TableQuery{{Order: []string{"datasets.name"}}, {Order: []string{"loss"}}, {Columns: []string{"min(loss"}}, {Page: "x"},
			{Columns: []string{"datasets.name"}}, {Experiments: []string{"x"}}, {Limit: -1}, {Order: make([]string, 9)}} {
			if q.Limit == 0 {
				q.Limit = 1
			}
			if _, err := r.Table(ctx, q); !fault.Is(err, fault.Invalid) {
				t.Errorf("%+v: %v", q, err)
			}
		}
	})
}

// TestTablePageBelongsToItsOrder: a token of another order is refused, and one made by hand does no harm.
func TestTablePageBelongsToItsOrder(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, _ *db.DB) {
		zoo(t, r, 5)
		first := must(r.Table(ctx, tracking.TableQuery{Order: []string{"params.p"}, Limit: 2}))
		if first.Next == "" {
			t.Fatal("there is no second page")
		}
		for _, q := range []tracking.TableQuery{{Page: first.Next}, {Page: first.Next, Order: []string{"params.q"}}, {Page: first.Next + "x"}} {
			q.Limit = 2
			if _, err := r.Table(ctx, q); !fault.Is(err, fault.Invalid) {
				t.Errorf("%+v: %v", q, err)
			}
		}
	})
}

// TestTableOfTheLargestFilter: what is not refused is answered, at the limits of depth, comparisons, values and order.
func TestTableOfTheLargestFilter(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, _ *db.DB) {
		zoo(t, r, 10)
		list := "params.p IN ('x'" + strings.Repeat(", 'y'", 4999) + ")"
		tests := make([]string, 300)
		for i := range tests {
			tests[i] = []string{"params.p = 1", "metrics.m > 7", "datasets.name = 'x'", "tags.t != 'x'"}[i%4]
		}
		var order []string
		for i := range 8 {
			order = append(order, fmt.Sprintf("params.k%d", i))
		}
		for name, text := range map[string]string{
			"depth": strings.Repeat("NOT (", 50) + "params.p = 1" + strings.Repeat(")", 50), "tests": strings.Join(tests, " OR "),
			"both":   strings.Repeat("NOT (params.p = 2 OR ", 50) + strings.Join(tests[:200], " AND ") + strings.Repeat(")", 50),
			"values": list + " OR " + list + " OR " + list,
		} {
			if _, err := r.Table(ctx, tracking.TableQuery{Filter: text, Order: order, Limit: 10}); err != nil {
				t.Errorf("%s: %.200v", name, err)
			}
		}
		if _, err := r.Table(ctx, tracking.TableQuery{Filter: strings.Repeat(list+" OR ", 4) + list, Limit: 10}); !fault.Is(err, fault.Invalid) {
			t.Errorf("too many values: %.200v", err)
		}
	})
}
