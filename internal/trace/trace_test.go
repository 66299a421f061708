package trace_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/bits"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/trace"
)

var (
	ctx  = context.Background()
	noon = time.Date(2015, 3, 1, 12, 0, 0, 0, time.UTC)
)

// home knows the experiments 1 to 9; 5 is deleted.
func home(_ context.Context, id string) (string, error) {
	switch {
	case id == "5":
		return "", fault.New(fault.Invalid, "The experiment 5 must be in the 'active' state")
	case len(id) == 1 && id >= "1" && id <= "9":
		return "mlflow-artifacts:/" + id, nil
	}
	return "", fault.New(fault.NotFound, "No Experiment with id=%s exists", id)
}

// each runs fn with a room on every database.
func each(t *testing.T, fn func(t *testing.T, r *trace.Room, d *db.DB)) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) { fn(t, room(d), d) }, trace.Migrations())
}

func room(d *db.DB) *trace.Room {
	r := trace.New(d, home, func() time.Time { return noon })
	r.Patience = 0
	return r
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

const tid = "0af7651916cd43dd8448eb211c80319c"

func span(n, parent int, name string, attrs ...trace.Attribute) trace.Span {
	s := trace.Span{TraceID: tid, ID: fmt.Sprintf("%016x", n), Name: name, Kind: "SPAN_KIND_INTERNAL", Status: "STATUS_CODE_OK",
		StartNs: uint64(n) * 1e6, EndNs: uint64(n+10) * 1e6, Attributes: attrs}
	if parent > 0 {
		s.ParentID = fmt.Sprintf("%016x", parent)
	}
	return s
}

func info(id, experiment string) trace.Info {
	return trace.Info{ID: id, ExperimentID: experiment, State: trace.OK, TimeMs: 5, Metadata: map[string]string{}, Tags: map[string]string{}}
}

func ptr[T any](v T) *T { return &v }

// Whatever the order, the split into requests and the repetitions: the same spans make the same trace.
func TestSpansInAnyOrder(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		whole := []trace.Span{span(1, 0, "root", trace.Attribute{Key: "mlflow.spanInputs", Value: "why?"}, trace.Attribute{Key: "mlflow.traceTag.c", Value: "red"})}
		for i := 2; i < 12; i++ {
			whole = append(whole, span(i, i/2, fmt.Sprint("step ", i), trace.Attribute{Key: "mlflow.chat.tokenUsage", Value: []trace.Attribute{{Key: "input_tokens", Value: int64(i)}}}))
		}
		must(r.AddSpans(ctx, "1", whole))
		want := must(r.Get(ctx, "tr-"+tid, false))
		if got := want.Info.Metadata["mlflow.trace.tokenUsage"]; got != `{"input_tokens": 5, "output_tokens": 0, "total_tokens": 0}` {
			t.Fatalf("usage %s: spans 2 and 3 cover those below them", got)
		}
		rapid.Check(t, func(rt *rapid.T) {
			must(r.Delete(ctx, trace.Deletion{ExperimentID: "1", IDs: []string{"tr-" + tid}}))
			order := rapid.Permutation(slices.Concat(whole, rapid.SliceOfN(rapid.SampledFrom(whole), 0, 6).Draw(rt, "again"))).Draw(rt, "order")
			for len(order) > 0 {
				n := rapid.IntRange(1, len(order)).Draw(rt, "spans of a request")
				must(r.AddSpans(ctx, "1", order[:n]))
				order = order[n:]
			}
			if got := must(r.Get(ctx, "tr-"+tid, false)); !reflect.DeepEqual(got, want) {
				rt.Fatalf(" got %+v\nwant %+v", got, want)
			}
		})
	})
}

// The summary is final whenever it comes, and spans before or after it are those of the trace.
func TestSummaryBeforeOrAfterSpans(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		summary := info("tr-"+tid, "1")
		summary.TimeMs, summary.DurationMs, summary.RequestPreview = 7, ptr[int64](3), ptr("short")
		summary.Metadata["mlflow.trace.tokenUsage"] = `{"input_tokens": 100, "junk": 1, "output_tokens": "x"}`
		spans := []trace.Span{
			span(1, 0, "root", trace.Attribute{Key: "mlflow.spanInputs", Value: "long"}, trace.Attribute{Key: "mlflow.spanOutputs", Value: int64(4)}),
			span(2, 1, "llm", trace.Attribute{Key: "mlflow.chat.tokenUsage", Value: []trace.Attribute{{Key: "input_tokens", Value: int64(9)}}}),
		}
		var first trace.Trace
		for i, play := range [][]func(){
			{func() { must(r.Start(ctx, summary)) }, func() { must(r.AddSpans(ctx, "1", spans)) }},
			{func() { must(r.AddSpans(ctx, "1", spans)) }, func() { must(r.Start(ctx, summary)) }},
			{func() { must(r.AddSpans(ctx, "1", spans[1:])) }, func() { must(r.Start(ctx, summary)) }, func() { must(r.AddSpans(ctx, "1", spans)) }, func() { must(r.Start(ctx, summary)) }},
		} {
			for _, step := range play {
				step()
			}
			got := must(r.Get(ctx, "tr-"+tid, false))
			if i == 0 {
				first = got
			}
			if !reflect.DeepEqual(got, first) {
				t.Errorf("play %d\n got %+v\nwant %+v", i, got, first)
			}
			must(r.Delete(ctx, trace.Deletion{ExperimentID: "1", IDs: []string{"tr-" + tid}}))
		}
		if first.Info.TimeMs != 7 || *first.Info.DurationMs != 3 || *first.Info.RequestPreview != "short" || *first.Info.ResponsePreview != "4" ||
			first.Info.Metadata["mlflow.trace.tokenUsage"] != `{"input_tokens": 100}` || len(first.Spans) != 2 {
			t.Errorf("%+v", first)
		}
	})
}

// A span that is sent again with other content replaces the former one.
func TestLastVersionOfASpanCounts(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		open := span(1, 0, "open")
		open.EndNs = 0
		must(r.AddSpans(ctx, "1", []trace.Span{open, span(2, 1, "x")}))
		must(r.AddSpans(ctx, "1", []trace.Span{span(1, 0, "closed")}))
		got := must(r.Get(ctx, "tr-"+tid, false))
		if len(got.Spans) != 2 || got.Spans[0].Name != "closed" || got.Spans[0].EndNs == 0 {
			t.Errorf("%+v", got.Spans)
		}
	})
}

// One span a request does not mean one row a span, and the same spans again take no room.
func TestRowsOfManySpans(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		rows := func() (n, bytes int) {
			ok(t, d.View(ctx, func(tx *db.Tx) error {
				return tx.QueryRow(`SELECT count(*), sum(length(body)) FROM trace_chunk`).Scan(&n, &bytes)
			}))
			return n, bytes
		}
		for i := 1; i <= 100; i++ {
			must(r.AddSpans(ctx, "1", []trace.Span{span(i, i/2, "step")}))
			if n, _ := rows(); n > bits.Len(uint(i)) {
				t.Fatalf("%d rows for %d spans", n, i)
			}
		}
		n, size := rows()
		for i := 1; i <= 100; i += 9 {
			must(r.AddSpans(ctx, "1", []trace.Span{span(i, i/2, "step")}))
		}
		if n2, size2 := rows(); n2 != n || size2 != size {
			t.Errorf("repeated spans: %d rows of %d bytes, before %d of %d", n2, size2, n, size)
		}
		if got := must(r.Get(ctx, "tr-"+tid, false)); len(got.Spans) != 100 {
			t.Errorf("%d spans", len(got.Spans))
		}
	})
}

func TestSpansOfOneTraceSideBySide(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		var wg sync.WaitGroup
		for i := 1; i <= 8; i++ {
			wg.Go(func() {
				if _, err := r.AddSpans(ctx, "1", []trace.Span{span(i, i/2, "step")}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got := must(r.Get(ctx, "tr-"+tid, false))
		if len(got.Spans) != 8 || got.Info.TimeMs != 1 || *got.Info.DurationMs != 17 {
			t.Errorf("%d spans, %+v", len(got.Spans), got.Info)
		}
	})
}

// A trace is awaited until the announced spans are there.
func TestAnnouncedSpansAreAwaited(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		summary := info("tr-"+tid, "1")
		summary.Metadata["mlflow.trace.sizeStats"] = `{"num_spans": 2}`
		must(r.Start(ctx, summary))
		must(r.AddSpans(ctx, "1", []trace.Span{span(1, 0, "root")}))
		if _, err := r.Get(ctx, "tr-"+tid, false); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "not fully exported yet") {
			t.Errorf("one of two spans: %v", err)
		}
		if list := must(r.List(ctx, []string{"tr-" + tid}, nil)); len(list) != 0 {
			t.Errorf("a list holds whole traces only: %v", list)
		}
		if got := must(r.Get(ctx, "tr-"+tid, true)); len(got.Spans) != 1 {
			t.Errorf("partial: %v", got)
		}
		r.Patience = time.Minute
		done := make(chan trace.Trace)
		go func() { done <- must(r.Get(ctx, "tr-"+tid, false)) }()
		must(r.AddSpans(ctx, "1", []trace.Span{span(2, 1, "late")}))
		if got := <-done; len(got.Spans) != 2 {
			t.Errorf("%v", got.Spans)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := r.Get(gone, "tr-none", false); err == nil {
			t.Error("a caller who left was answered")
		}
	})
}

func TestForeignAndMissingExperiments(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		for experiment, kind := range map[string]fault.Kind{"5": fault.Invalid, "77": fault.NotFound} {
			if _, err := r.Start(ctx, info("tr-1", experiment)); !fault.Is(err, kind) {
				t.Errorf("start in %s: %v", experiment, err)
			}
			if _, err := r.AddSpans(ctx, experiment, []trace.Span{span(1, 0, "x")}); !fault.Is(err, kind) {
				t.Errorf("spans in %s: %v", experiment, err)
			}
		}
		if _, err := r.AddSpans(ctx, "x", []trace.Span{span(1, 0, "x")}); !fault.Is(err, fault.Invalid) {
			t.Errorf("spans in an experiment that is no number: %v", err)
		}
		if got := must(r.Start(ctx, info("tr-2", " 1 "))); got.ExperimentID != "1" {
			t.Errorf("experiment %q", got.ExperimentID)
		}
		must(r.Start(ctx, info("tr-2", "01")))
		must(r.AddSpans(ctx, "1", []trace.Span{span(1, 0, "x")}))
		if _, err := r.AddSpans(ctx, "2", []trace.Span{span(2, 0, "x")}); !fault.Is(err, fault.Invalid) {
			t.Errorf("spans for a trace of another experiment: %v", err)
		}
		if _, err := r.Start(ctx, info("tr-"+tid, "2")); !fault.Is(err, fault.Invalid) {
			t.Errorf("a trace of another experiment was taken over: %v", err)
		}
		for _, id := range []string{"", ".", "..", "a/b", `a\b`, "a%b", "a?b", "a#b", "a\nb", "a\x00b", strings.Repeat("x", 251)} {
			if _, err := r.Start(ctx, info(id, "1")); !fault.Is(err, fault.Invalid) {
				t.Errorf("id %q: %v", id, err)
			}
		}
	})
}

func TestAssessments(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		for _, id := range []string{"tr-1", "tr-2"} {
			must(r.Start(ctx, info(id, "1")))
		}
		say := func(name, value, overrides string) (trace.Assessment, error) {
			return r.Assess(ctx, trace.Assessment{TraceID: "tr-1", Name: name, Kind: trace.Feedback, Value: json.RawMessage(value), Overrides: overrides, Valid: true})
		}
		first := must(say("q", "1", ""))
		second := must(say("q", "2", first.ID))
		if must(r.Assessment(ctx, "tr-1", first.ID)).Valid || !must(r.Assessment(ctx, "tr-1", second.ID)).Valid {
			t.Error("an overridden assessment is valid")
		}
		ok(t, r.Unassess(ctx, "tr-1", second.ID))
		ok(t, r.Unassess(ctx, "tr-1", second.ID))
		if !must(r.Assessment(ctx, "tr-1", first.ID)).Valid {
			t.Error("what was overridden by a removed assessment is not valid again")
		}
		must(r.Reassess(ctx, "tr-1", first.ID, trace.Change{Name: ptr("p"), Metadata: map[string]string{"a": "1"}, Rationale: ptr("r")}))
		changed := must(r.Reassess(ctx, "tr-1", first.ID, trace.Change{Kind: trace.Feedback, Value: json.RawMessage(`"x"`), Error: &trace.AssessmentError{Code: "E"}, Metadata: map[string]string{"b": "2"}}))
		if got := must(r.Assessment(ctx, "tr-1", first.ID)); !reflect.DeepEqual(got, changed) || got.Name != "p" || len(got.Metadata) != 2 || got.Error.Code != "E" || *got.Rationale != "r" {
			t.Errorf("%+v", got)
		}
		for what, err := range map[string]error{
			"override of nothing": second1(say("q", "1", "a-none")),
			"no value":            second1(say("q", "", "")),
			"no name":             second1(say("", "1", "")),
			"another kind":        second1(r.Reassess(ctx, "tr-1", first.ID, trace.Change{Kind: trace.Expectation, Value: json.RawMessage("1")})),
			"of another trace":    second1(r.Assessment(ctx, "tr-2", first.ID)),
			"of no trace":         second1(r.Assess(ctx, trace.Assessment{TraceID: "tr-3", Name: "q", Kind: trace.Feedback, Value: json.RawMessage("1")})),
			"moved to another":    second1(r.Assess(ctx, trace.Assessment{ID: first.ID, TraceID: "tr-2", Name: "q", Kind: trace.Feedback, Value: json.RawMessage("1")})),
		} {
			if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func second1[T any](_ T, err error) error { return err }

// Nothing of a deleted or purged trace stays, and other traces do.
func TestDeleteAndPurge(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		for i := range 6 {
			in := info(fmt.Sprint("tr-", i), fmt.Sprint(1+i%2))
			in.TimeMs, in.Tags["t"], in.Metadata["m"] = int64(i), "1", "2"
			must(r.Start(ctx, in))
			must(r.Assess(ctx, trace.Assessment{TraceID: in.ID, Name: "q", Kind: trace.Feedback, Value: json.RawMessage("1")}))
			ok(t, r.LinkPrompts(ctx, in.ID, []string{"p/1"}))
		}
		ok(t, r.LinkRun(ctx, "run", []string{"tr-0", "tr-1"}))
		must(r.AddSpans(ctx, "1", []trace.Span{span(1, 0, "x")}))
		before := ptr[int64](4)
		if n := must(r.Delete(ctx, trace.Deletion{ExperimentID: "1", BeforeMs: before, Max: ptr[int64](2)})); n != 2 {
			t.Errorf("%d deleted, want tr-0 and the trace of the span, the oldest", n)
		}
		if n := must(r.Delete(ctx, trace.Deletion{ExperimentID: "1", IDs: []string{"tr-2", "tr-3", "none"}})); n != 1 {
			t.Errorf("%d deleted, want tr-2: tr-3 is of another experiment", n)
		}
		ok(t, d.Update(ctx, func(tx *db.Tx) error { return trace.Purge(tx, "2") }))
		left := must(r.Infos(ctx, []string{"tr-0", "tr-1", "tr-2", "tr-3", "tr-4", "tr-5", "tr-" + tid}, nil))
		if len(left) != 1 || left[0].ID != "tr-4" {
			t.Errorf("%+v", left)
		}
		must(r.Delete(ctx, trace.Deletion{ExperimentID: "1", BeforeMs: before}))
		ok(t, d.View(ctx, func(tx *db.Tx) error {
			for _, table := range []string{"info", "tag", "metadata", "assessment", "link", "chunk"} {
				var n int
				if err := tx.QueryRow(`SELECT count(*) FROM trace_` + table).Scan(&n); err != nil || n != 0 {
					t.Errorf("trace_%s: %d rows, %v", table, n, err)
				}
			}
			return nil
		}))
	})
}

func TestTracesOfOlderClients(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		in := info("", "1")
		in.Metadata["a"] = "1"
		open := must(r.Begin(ctx, in))
		if got := must(r.Info(ctx, open.ID)); got.State != trace.InProgress || got.DurationMs != nil || got.Tags["mlflow.artifactLocation"] != "mlflow-artifacts:/1/traces/"+open.ID+"/artifacts" {
			t.Errorf("%+v", got)
		}
		got := must(r.End(ctx, open.ID, 12, trace.Failed, map[string]string{"b": "2"}, map[string]string{"mlflow.artifactLocation": "/etc"}))
		if got.State != trace.Failed || *got.DurationMs != 7 || len(got.Metadata) != 2 || !strings.HasPrefix(got.Tags["mlflow.artifactLocation"], "mlflow-artifacts:") {
			t.Errorf("%+v", got)
		}
		if _, err := r.End(ctx, "none", 1, trace.OK, nil, nil); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

// What a request may hold is bounded, and long texts are cut where MLflow cuts them.
func TestLimits(t *testing.T) {
	d := dbtest.SQLite(t, trace.Migrations())
	r := room(d)
	many := map[string]string{}
	for i := range 1001 {
		many[fmt.Sprint("k", i)] = "v"
	}
	change := func(fn func(*trace.Info)) error {
		in := info("tr-1", "1")
		fn(&in)
		_, err := r.Start(ctx, in)
		return err
	}
	var attrs []trace.Attribute
	for k, v := range many {
		attrs = append(attrs, trace.Attribute{Key: "mlflow.traceTag." + k, Value: v})
	}
	for what, err := range map[string]error{
		"tags":              change(func(i *trace.Info) { i.Tags = many }),
		"metadata":          change(func(i *trace.Info) { i.Metadata = many }),
		"assessments":       change(func(i *trace.Info) { i.Assessments = make([]trace.Assessment, 1001) }),
		"client_request_id": change(func(i *trace.Info) { i.ClientRequestID = ptr(strings.Repeat("x", 251)) }),
		"trace name":        change(func(i *trace.Info) { i.Tags["mlflow.traceName"] = strings.Repeat("x", 4097) }),
		"session":           change(func(i *trace.Info) { i.Metadata["mlflow.trace.session"] = strings.Repeat("x", 251) }),
		"tags of a span":    second1(r.AddSpans(ctx, "1", []trace.Span{span(1, 0, "x", attrs...)})),
		"ids":               second1(r.Infos(ctx, make([]string, 5001), nil)),
		"ids to delete":     second1(r.Delete(ctx, trace.Deletion{ExperimentID: "1", IDs: make([]string, 5001)})),
		"prompts":           r.LinkPrompts(ctx, "tr-1", make([]string, 101)),
		"links":             r.LinkRun(ctx, "run", make([]string, 101)),
		"target":            r.LinkRun(ctx, strings.Repeat("x", 601), []string{"tr-1"}),
	} {
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	long := strings.Repeat("é", 5000)
	ok(t, change(func(i *trace.Info) { i.RequestPreview, i.Tags["t"], i.Metadata["m"] = &long, long, long }))
	got := must(r.Info(ctx, "tr-1"))
	if n := []int{len(*got.RequestPreview) / 2, len(got.Tags["t"]) / 2, len(got.Metadata["m"]) / 2}; !reflect.DeepEqual(n, []int{1000, 4096, 250}) {
		t.Errorf("%v characters", n)
	}
}
