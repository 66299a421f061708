package trace_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
	"github.com/paraplu/paraplu/internal/trace"
)

// words have characters that LIKE, GLOB and regular expressions treat in a special way.
var words = []string{"", "a", "A", "ab", "a%b", "a_b", "a*b", "[a]", `a\b`, "é", "É", "it's", "100%", "10", "9"}

// sample makes traces of many kinds in experiment 1.
func sample(r *trace.Room) (all []trace.Trace) {
	states := []string{trace.OK, trace.Failed, trace.InProgress}
	for i := range 24 {
		in := info(fmt.Sprintf("tr-%032x", i+1), "1")
		in.TimeMs, in.State = int64(1000+i/2), states[i%3]
		if i%4 != 0 {
			in.DurationMs = ptr(int64(i))
		}
		in.Tags["mlflow.traceName"] = words[i%len(words)]
		if i%3 != 0 {
			in.Tags["a b"] = words[(i*7)%len(words)]
		}
		if i%5 != 0 {
			in.Metadata["m"] = words[(i*11)%len(words)]
		}
		must(r.Start(ctx, in))
		if i%2 == 0 {
			s := trace.Span{TraceID: in.ID[3:], ID: "0000000000000001", Name: words[i%len(words)], Kind: "SPAN_KIND_CLIENT", StartNs: 1,
				Attributes: []trace.Attribute{{Key: "x y", Value: words[(i+1)%len(words)]}, {Key: "mlflow.spanType", Value: "LLM"}}}
			child := trace.Span{TraceID: in.ID[3:], ID: "0000000000000002", ParentID: s.ID, Name: "child", Kind: s.Kind, StartNs: 2}
			must(r.AddSpans(ctx, "1", []trace.Span{child, s}))
		}
		if i%3 == 0 {
			must(r.Assess(ctx, trace.Assessment{TraceID: in.ID, Kind: trace.Feedback, Name: "q", Value: json.RawMessage(fmt.Sprint(i)), Valid: true}))
		}
		got := trace.Trace{Info: must(r.Info(ctx, in.ID))}
		if i%2 == 0 {
			got = must(r.Get(ctx, in.ID, true))
		}
		all = append(all, got)
	}
	return all
}

// TestSearchAgreesWithAnEvaluator compares a search with its clauses evaluated here, on random filters.
func TestSearchAgreesWithAnEvaluator(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		all := sample(r)
		patterns := append([]string{"%", "a%", "%b", "_", "A_B", "%*%", "%[%", `%\%`}, words...)
		rapid.Check(t, func(rt *rapid.T) {
			var parts []string
			for range rapid.IntRange(1, 3).Draw(rt, "clauses") {
				parts = append(parts, drawClause(rt, patterns))
			}
			text := strings.Join(parts, " AND ")
			clauses := must(filter.Parse(text))
			want := []string{}
			for _, tr := range all {
				if matches(clauses, tr) {
					want = append(want, tr.Info.ID)
				}
			}
			slices.SortStableFunc(want, func(a, b string) int { return newer(all, a, b) })
			got, token := []string{}, ""
			for {
				page := must(r.Search(ctx, trace.Search{ExperimentIDs: []string{"1"}, Filter: text, MaxResults: 5, PageToken: token}))
				for _, i := range page.Items {
					got = append(got, i.ID)
				}
				if token = page.Next; token == "" {
					break
				}
			}
			if !reflect.DeepEqual(got, want) {
				rt.Fatalf("%s\n got %q\nwant %q", text, got, want)
			}
		})
	})
}

// newer orders two ids of the sample as a search does: the newest first, then by id.
func newer(all []trace.Trace, a, b string) int {
	at := func(id string) int64 {
		i := slices.IndexFunc(all, func(t trace.Trace) bool { return t.Info.ID == id })
		return all[i].Info.TimeMs
	}
	if n := at(b) - at(a); n != 0 {
		return int(n)
	}
	return strings.Compare(a, b)
}

func drawClause(rt *rapid.T, patterns []string) string {
	quote := func(s string) string { return filter.Value{Text: s}.String() }
	number := rapid.SampledFrom([]string{"=", "!=", "<", "<=", ">", ">="})
	switch rapid.IntRange(0, 4).Draw(rt, "kind") {
	case 0:
		return fmt.Sprintf("%s %s %d", rapid.SampledFrom([]string{"timestamp", "trace.timestamp_ms"}).Draw(rt, "name"), number.Draw(rt, "op"), rapid.IntRange(999, 1013).Draw(rt, "n"))
	case 1:
		return fmt.Sprintf("execution_time %s %d", number.Draw(rt, "op"), rapid.IntRange(-1, 24).Draw(rt, "n"))
	case 2:
		return fmt.Sprintf("feedback.q %s %d", rapid.SampledFrom([]string{"<", "<=", ">", ">="}).Draw(rt, "op"), rapid.IntRange(-1, 24).Draw(rt, "n"))
	case 3:
		return fmt.Sprintf("status %s ('OK', 'ERROR')", rapid.SampledFrom([]string{"IN", "NOT IN"}).Draw(rt, "op"))
	}
	name := rapid.SampledFrom([]string{"name", "tags.`a b`", "metadata.m", "span.name", "span.attributes.`x y`"}).Draw(rt, "name")
	ops := []string{"=", "!=", "LIKE", "ILIKE", "RLIKE"}
	if strings.HasPrefix(name, "tags") || strings.HasPrefix(name, "meta") {
		ops = append(ops, "IS NULL", "IS NOT NULL")
	}
	op := rapid.SampledFrom(ops).Draw(rt, "op")
	switch op {
	case "IS NULL", "IS NOT NULL":
		return name + " " + op
	case "RLIKE":
		return name + " RLIKE " + quote(rapid.SampledFrom([]string{"^a", "b$", "^.$", "[0-9]+", "%", ""}).Draw(rt, "pattern"))
	}
	return name + " " + op + " " + quote(rapid.SampledFrom(patterns).Draw(rt, "value"))
}

// matches is the meaning of a filter, in Go. Clauses on spans hold for one span all at once.
func matches(clauses []filter.Clause, tr trace.Trace) bool {
	onSpan := func(s trace.Span) bool { return true }
	for _, c := range clauses {
		hit := false
		switch c.Entity {
		case "tags", "metadata":
			m := tr.Info.Tags
			if c.Entity == "metadata" {
				m = tr.Info.Metadata
			}
			v, has := m[c.Key]
			hit = has && text(c, v) || c.Op == filter.IsNull && !has || c.Op == filter.NotNull && has
		case "feedback":
			for _, a := range tr.Info.Assessments {
				var x float64
				hit, _ = c.CompareNumber(func() float64 { _ = json.Unmarshal(a.Value, &x); return x }())
			}
		case "span":
			before := onSpan
			onSpan = func(s trace.Span) bool {
				v, has := s.Name, true
				if c.Key != "name" {
					has = len(s.Attributes) > 0
					if has {
						v = s.Attributes[0].Value.(string)
					}
				}
				return before(s) && has && text(c, v)
			}
			continue
		default:
			switch {
			case strings.HasPrefix(c.Key, "timestamp"):
				hit, _ = c.CompareNumber(float64(tr.Info.TimeMs))
			case c.Key == "execution_time":
				hit = tr.Info.DurationMs != nil
				if hit {
					hit, _ = c.CompareNumber(float64(*tr.Info.DurationMs))
				}
			case c.Key == "status":
				hit = text(c, tr.Info.State)
			case c.Key == "name":
				hit = text(c, tr.Info.Tags["mlflow.traceName"])
			}
		}
		if !hit {
			return false
		}
	}
	spans := slices.ContainsFunc(clauses, func(c filter.Clause) bool { return c.Entity == "span" })
	return !spans || slices.ContainsFunc(tr.Spans, onSpan)
}

func text(c filter.Clause, s string) bool {
	if c.Op == filter.RLikeOp {
		return regexp.MustCompile(c.Value.Text).MatchString(s)
	}
	hit, _ := c.Compare(s)
	return hit
}

func TestOrders(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		sample(r)
		for _, terms := range [][]string{{"timestamp ASC"}, {"execution_time DESC"}, {"name"}, {"tags.`a b` DESC", "request_id"}, {"metadata.m"}, {"end_time", "status DESC"}, {"run_id", "experiment_id"}} {
			whole := must(r.Search(ctx, trace.Search{ExperimentIDs: []string{"1"}, OrderBy: terms, MaxResults: 100}))
			var paged []trace.Info
			for token := ""; ; {
				page := must(r.Search(ctx, trace.Search{ExperimentIDs: []string{"1"}, OrderBy: terms, MaxResults: 7, PageToken: token}))
				paged = append(paged, page.Items...)
				if token = page.Next; token == "" {
					break
				}
			}
			if !reflect.DeepEqual(paged, whole.Items) || len(paged) != 24 {
				t.Errorf("%v: pages of 7 are not the whole", terms)
			}
		}
		byTag := must(r.Search(ctx, trace.Search{ExperimentIDs: []string{"1"}, OrderBy: []string{"tags.`a b` DESC"}, MaxResults: 100})).Items
		if _, has := byTag[0].Tags["a b"]; !has || byTag[0].Tags["a b"] != "é" && byTag[0].Tags["a b"] != "É" {
			t.Errorf("the greatest by code point comes first, not %q", byTag[0].Tags["a b"])
		}
		if _, has := byTag[23].Tags["a b"]; has {
			t.Error("a trace without the tag comes last in both directions")
		}
	})
}

// A search that looks at many traces and finds few gives a short page and goes on from there.
func TestShortPageGoesOn(t *testing.T) {
	d := dbtest.SQLite(t, trace.Migrations())
	r := room(d)
	ok(t, d.Update(ctx, func(tx *db.Tx) error {
		for i := range 20_500 {
			if _, err := tx.Exec(`INSERT INTO trace_info (id, experiment, timestamp_ms, state) VALUES (?, 1, ?, 'OK')`, fmt.Sprintf("tr-%06d", i), i); err != nil {
				return err
			}
		}
		return nil
	}))
	ok(t, r.SetTag(ctx, "tr-000001", "t", "needle"))
	s := trace.Search{ExperimentIDs: []string{"1"}, Filter: "tags.t LIKE 'need%'", MaxResults: 10}
	first := must(r.Search(ctx, s))
	if len(first.Items) != 0 || first.Next == "" {
		t.Fatalf("%d found, token %q: want an empty page with a token", len(first.Items), first.Next)
	}
	s.PageToken = first.Next
	if second := must(r.Search(ctx, s)); len(second.Items) != 1 || second.Next != "" {
		t.Errorf("%+v", second)
	}
}

func TestSearchRefuses(t *testing.T) {
	d := dbtest.SQLite(t, trace.Migrations())
	r := room(d)
	forged := base64.StdEncoding.EncodeToString([]byte(`{"t":1,"id":"a\u0000"}`))
	offset := base64.StdEncoding.EncodeToString([]byte(`{"offset":3}`))
	for what, s := range map[string]trace.Search{
		"no page":       {},
		"a large page":  {MaxResults: 50001},
		"an experiment": {MaxResults: 1, ExperimentIDs: []string{"x"}},
		"a token":       {MaxResults: 1, PageToken: "%"},
		"a forged":      {MaxResults: 1, PageToken: forged},
		"another order": {MaxResults: 1, PageToken: offset},
		"many clauses":  {MaxResults: 1, Filter: strings.Repeat("name = 'a' AND ", 100) + "name = 'a'"},
		"long pattern":  {MaxResults: 1, Filter: "name LIKE '" + strings.Repeat("x", 1001) + "'"},
		"many orders":   {MaxResults: 1, OrderBy: slices.Repeat([]string{"name"}, 17)},
		"twice":         {MaxResults: 1, OrderBy: []string{"name", "name DESC"}},
		"wild pattern":  {MaxResults: 1, Filter: "name RLIKE '((a{1000}){1000})'"},
	} {
		if _, err := r.Search(ctx, s); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzSearch wants every text to be answered or refused as the user's mistake, never to reach the database as wrong SQL.
func FuzzSearch(f *testing.F) {
	for _, s := range []string{
		"name = 'x' AND tags.`a b` RLIKE '^x' AND metadata.m IS NOT NULL", "feedback.q > 0.5 AND expectation.e LIKE '%x%'", "status IN ('OK')",
		"span.attributes.`a b` != 'x' AND span.type ILIKE 'l_m'", "trace.text LIKE '%x%' AND run_id = 'r' AND prompt = 'p/1' AND issue.id = 'i'", "timestamp > 1e3",
	} {
		f.Add(s, "tags.`x` DESC", "")
	}
	r := room(dbtest.SQLite(f, trace.Migrations()))
	must(r.AddSpans(ctx, "1", []trace.Span{span(1, 0, "x", trace.Attribute{Key: "a b", Value: []any{1.5, "y"}})}))
	f.Fuzz(func(t *testing.T, text, order, token string) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		_, err := r.Search(ctx, trace.Search{ExperimentIDs: []string{"1"}, Filter: text, OrderBy: []string{order}, MaxResults: 1, PageToken: token})
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatalf("%v (%v)", err, fault.KindOf(err))
		}
	})
}
