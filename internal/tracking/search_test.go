package tracking_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
	"github.com/paraplu/paraplu/internal/tracking"
)

// TestSearchAgreesWithAnEvaluator compares the SQL of a search with the clauses evaluated in Go, on random runs and filters
// with characters that LIKE, GLOB and regular expressions treat in a special way.
func TestSearchAgreesWithAnEvaluator(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		words := []string{"", "a", "A", "ab", "a%b", "a_b", "a*b", "a?b", "[a]", `a\b`, "é", "it's", "100%", "10", "9"}
		values := []float64{-1.5, 0, 1, 2, 1e300}
		exp := must(r.CreateExperiment(ctx, "random", "", nil)).ID
		var runs []tracking.Run
		for i := range 24 {
			run := must(r.CreateRun(ctx, tracking.NewRun{ExperimentID: exp, Name: fmt.Sprint("run ", i), StartMs: int64(i)}))
			var params, tags []tracking.KV
			var metrics []tracking.Metric
			if i%4 != 0 {
				params = append(params, tracking.KV{Key: "p", Value: words[i%len(words)]})
			}
			if i%3 != 0 {
				tags = append(tags, tracking.KV{Key: "a b/c", Value: words[(i*7)%len(words)]})
			}
			if i%5 != 0 {
				metrics = append(metrics, tracking.Metric{Key: "m", Value: values[i%len(values)]})
			}
			ok(t, r.LogBatch(ctx, run.ID, metrics, params, tags))
			runs = append(runs, must(r.Run(ctx, run.ID)))
		}
		texts := []string{"=", "!=", "LIKE", "ILIKE", "IS NULL", "IS NOT NULL"}
		patterns := append([]string{"%", "a%", "%b", "_", "A_B", "%*%", "%[%", "a%%b", `%\%`, "é"}, words...)
		quote := func(s string) string { return filter.Value{Text: s}.String() }
		rapid.Check(t, func(rt *rapid.T) {
			var text string
			for i := range rapid.IntRange(1, 3).Draw(rt, "clauses") {
				if i > 0 {
					text += " AND "
				}
				switch rapid.IntRange(0, 2).Draw(rt, "kind") {
				case 0:
					text += fmt.Sprintf("metrics.m %s %v", rapid.SampledFrom([]string{"=", "!=", "<", "<=", ">", ">="}).Draw(rt, "op"),
						rapid.SampledFrom(values).Draw(rt, "number"))
				default:
					name := rapid.SampledFrom([]string{"params.p", "tags.`a b/c`"}).Draw(rt, "name")
					op := rapid.SampledFrom(texts).Draw(rt, "op")
					text += name + " " + op
					if !strings.HasPrefix(op, "IS") {
						text += " " + quote(rapid.SampledFrom(patterns).Draw(rt, "value"))
					}
				}
			}
			got := []string{}
			for _, run := range must(r.SearchRuns(ctx, tracking.Search{ExperimentIDs: []string{exp}, Filter: text, MaxResults: 100})).Items {
				got = append(got, run.Name)
			}
			want := []string{}
			for _, run := range runs {
				if matches(must(filter.Parse(text)), run) {
					want = append(want, run.Name)
				}
			}
			sort.Strings(got)
			sort.Strings(want)
			if !reflect.DeepEqual(got, want) {
				rt.Fatalf("%s\n got %q\nwant %q", text, got, want)
			}
		})
	})
}

// matches is the meaning of a filter of metrics, params and tags, in Go. ILIKE of SQLite folds ASCII letters only, so no
// word above differs from another by the case of another letter.
func matches(clauses []filter.Clause, run tracking.Run) bool {
	for _, c := range clauses {
		hit := false
		if c.Entity == "metrics" {
			for _, m := range run.Metrics {
				hit, _ = c.CompareNumber(m.Value)
			}
		} else {
			list := run.Params
			if c.Entity == "tags" {
				list = run.Tags
			}
			hit = c.Op == filter.IsNull
			for _, kv := range list {
				if kv.Key != c.Key {
					continue
				}
				switch c.Op {
				case filter.IsNull, filter.NotNull:
					hit = c.Op == filter.NotNull
				default:
					hit, _ = c.Compare(kv.Value)
				}
			}
		}
		if !hit {
			return false
		}
	}
	return true
}

// FuzzSearch wants every text to be answered or refused as the user's mistake, never to reach the database as wrong SQL.
func FuzzSearch(f *testing.F) {
	for _, s := range []string{
		"metrics.loss < 1", "params.`a b` LIKE '%x%' AND tags.t IS NOT NULL", "run_id IN ('a', 'b')", "dataset.name NOT IN ('x')",
		"start_time > 1e3", "end_time != -1", "`Run name` ILIKE 'a_'", "attributes.status = \"FINISHED\"", "metrics.m > 1e999", "'; DROP TABLE x",
	} {
		f.Add(s, s, "metrics.m DESC")
	}
	r, closeRoom := fuzzRoom(f)
	defer closeRoom()
	f.Fuzz(func(t *testing.T, runs, models, order string) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // a search that hangs is a defect, too
		defer cancel()
		check := func(what string, err error) {
			if err != nil && !fault.Is(err, fault.Invalid) {
				t.Fatalf("%s: %v (%v)", what, err, fault.KindOf(err))
			}
		}
		_, err := r.SearchRuns(ctx, tracking.Search{ExperimentIDs: []string{"0"}, Filter: runs, OrderBy: []string{order}, MaxResults: 1})
		check("runs", err)
		_, err = r.SearchExperiments(ctx, tracking.Search{Filter: runs, OrderBy: []string{order}, MaxResults: 1})
		check("experiments", err)
		_, err = r.SearchModels(ctx, tracking.ModelSearch{ExperimentIDs: []string{"0"}, Filter: models, OrderBy: []tracking.ModelOrder{{Field: order}}})
		check("models", err)
		_, err = r.SearchRuns(ctx, tracking.Search{ExperimentIDs: []string{"0"}, MaxResults: 1, PageToken: models})
		check("token", err)
	})
}

func TestSearchRefusesPagesOutOfRange(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		for _, n := range []int64{-1, 0, 50001} {
			if _, err := r.SearchRuns(ctx, tracking.Search{MaxResults: n}); !fault.Is(err, fault.Invalid) {
				t.Errorf("max_results %d: %v", n, err)
			}
		}
		if page, err := r.SearchRuns(ctx, tracking.Search{MaxResults: 5}); err != nil || len(page.Items) != 0 {
			t.Errorf("without experiments: %v, %v", page, err)
		}
	})
}

// More terms than the databases can join are refused, and a forged token is the caller's mistake.
func TestSearchRefusesWhatNoDatabaseTakes(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		exp := must(r.CreateExperiment(ctx, "terms", "", nil)).ID
		var many []string
		var orders []tracking.ModelOrder
		for i := range 250 {
			many = append(many, fmt.Sprintf("metrics.m%d", i))
			orders = append(orders, tracking.ModelOrder{Field: many[i]})
		}
		if _, err := r.SearchRuns(ctx, tracking.Search{ExperimentIDs: []string{exp}, OrderBy: many[:32], MaxResults: 5}); err != nil {
			t.Errorf("32 terms: %v", err)
		}
		if _, err := r.SearchRuns(ctx, tracking.Search{ExperimentIDs: []string{exp}, OrderBy: many, MaxResults: 5}); !fault.Is(err, fault.Invalid) {
			t.Errorf("250 terms: %v", err)
		}
		if _, err := r.SearchModels(ctx, tracking.ModelSearch{ExperimentIDs: []string{exp}, OrderBy: orders, MaxResults: 5}); !fault.Is(err, fault.Invalid) {
			t.Errorf("250 terms of models: %v", err)
		}
		token := base64.StdEncoding.EncodeToString([]byte(`{"start":1,"id":"a\u0000"}`))
		if _, err := r.SearchRuns(ctx, tracking.Search{ExperimentIDs: []string{exp}, PageToken: token, MaxResults: 5}); !fault.Is(err, fault.Invalid) {
			t.Errorf("NUL in the token: %v", err)
		}
	})
}
