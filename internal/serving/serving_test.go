package serving

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/onnx"
	"github.com/paraplu/paraplu/internal/ref"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// fixture is a room with placements that the test sets.
type fixture struct {
	*Room
	objects string
	mu      sync.Mutex
	placed  []Placement
}

func newFixture(t testing.TB, d *db.DB) *fixture {
	t.Helper()
	f := &fixture{objects: t.TempDir()}
	b, err := blob.Open(context.Background(), "file://"+f.objects)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	clock := func() time.Time { return noon }
	packs := modelpack.New(d, b, modelpack.OpenKeys(filepath.Join(t.TempDir(), "keys")), clock)
	f.Room = New(d, packs, func(context.Context) ([]Placement, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.placed, nil
	}, clock)
	t.Cleanup(func() {
		if err := f.Stop(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *fixture) build(t testing.TB, export string) ref.Digest {
	t.Helper()
	p, _, err := f.packs.Build(context.Background(), modelpack.BuildInput{
		Product: "umbrella", Name: "umbrella", ExportDir: export, CreatedAt: noon, Actor: "daisy"})
	if err != nil {
		t.Fatal(err)
	}
	return p.Digest
}

func exported(name string) string { return filepath.Join("..", "modelpack", "testdata", name) }

func placement(endpoint, version string, digest ref.Digest) Placement {
	return Placement{Product: "umbrella", Environment: "production", Endpoint: endpoint, Model: "umbrella", Package: digest, Deployment: "d" + version, Version: version}
}

// place sets the placements as a deployment does: a fact follows.
func (f *fixture) place(t testing.TB, ps ...Placement) {
	t.Helper()
	f.mu.Lock()
	f.placed = ps
	f.mu.Unlock()
	err := f.db.Update(context.Background(), func(tx *db.Tx) error {
		return event.Append(tx, event.Fact{Actor: "eddy", Product: "umbrella", Verb: event.DeploymentPlaced})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) serve(t testing.TB, export string) ref.Digest {
	t.Helper()
	d := f.build(t, exported(export))
	f.place(t, placement("umbrella", "1", d))
	if err := f.Reconcile(context.Background()); err != nil {
		t.Fatal(err)
	}
	return d
}

func run(t *testing.T, fn func(t *testing.T, f *fixture)) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) { fn(t, newFixture(t, d)) }, event.Migrations(), modelpack.Migrations(), Migrations())
}

func sqlite(t testing.TB) *fixture {
	return newFixture(t, dbtest.SQLite(t, event.Migrations(), modelpack.Migrations(), Migrations()))
}

// rain asks for one row; nil rain is a missing value.
func rain(mm float64) Request {
	return Request{Model: "umbrella", Decode: Tensors([]Input{
		{"rain_forecast_mm", "FP32", onnx.NewF32([]int64{1, 1}, []float32{float32(mm)})},
		{"temp_c", "FP32", onnx.NewF32([]int64{1}, []float32{11})},
		{"promo", "INT64", onnx.NewI64([]int64{1}, []int64{0})},
		{"weekday", "BYTES", onnx.NewStr([]int64{1}, []string{"sat"})},
	})}
}

func TestInferAnswersAndLogs(t *testing.T) {
	run(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		digest := f.serve(t, "umbrella")
		req := rain(8)
		req.ID, req.EventTime, req.RequestID = "2015-03-02", time.Date(2015, 3, 2, 0, 0, 0, 0, time.UTC), "r1"
		resp, err := f.Infer(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		got := resp.Outputs[0].Data.F32[0]
		if got < 25 || got > 45 {
			t.Errorf("8 mm of rain on a Saturday: %v umbrellas", got)
		}
		if _, err := f.Infer(ctx, rain(math.NaN())); err != nil {
			t.Errorf("a missing value in a nullable column: %v", err)
		}
		again := req
		again.EventTime = again.EventTime.AddDate(1, 0, 0)
		if _, err := f.Infer(ctx, again); err != nil {
			t.Error(err)
		}
		if err := f.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		ps, err := f.Predictions(ctx, "umbrella", time.Date(2015, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2015, 3, 3, 0, 0, 0, 0, time.UTC))
		if err != nil || len(ps) != 1 {
			t.Fatalf("%d predictions of the day, want the first answer only (%v)", len(ps), err)
		}
		p := ps[0]
		if p.ID != "2015-03-02" || p.Package != digest || p.Deployment != "d1" || p.Version != "1" || p.Endpoint != "umbrella" ||
			float32(p.Value) != got || p.Status != "ok" || p.RequestID != "r1" || !p.PredictedAt.Equal(noon) {
			t.Errorf("%+v", p)
		}
		if want := `{"rain_forecast_mm":8,"temp_c":11,"promo":0,"weekday":"sat"}`; string(p.Features) != want {
			t.Errorf("features %s", p.Features)
		}
		all, err := f.Predictions(ctx, "umbrella", time.Time{}, time.Time{})
		if err != nil || len(all) != 2 {
			t.Fatalf("%d predictions, want 2 (%v)", len(all), err)
		}
		if !strings.Contains(string(all[1].Features), `"rain_forecast_mm":null`) || !all[1].EventTime.Equal(noon) {
			t.Errorf("%+v", all[1])
		}
		days, err := f.AnsweredByDay(ctx, "umbrella")
		if err != nil || len(days) != 2 || days["2015-03-02"] != 1 || days[noon.UTC().Format(time.DateOnly)] != 1 {
			t.Errorf("answers by day: %v, %v", days, err)
		}
		if s := f.Status().Log; s.Written != 2 || s.Duplicates != 1 || s.Waiting != 0 || s.Dropped != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestBatchRowsHaveNamesOfTheirOwn(t *testing.T) {
	run(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		f.serve(t, "umbrella")
		const n = 1234
		cols := []Input{
			{"rain_forecast_mm", "FP32", onnx.NewF32([]int64{n, 1}, make([]float32, n))},
			{"temp_c", "INT16", onnx.NewI64([]int64{n}, make([]int64, n))},
			{"promo", "UINT8", onnx.NewI64([]int64{n}, make([]int64, n))},
			{"weekday", "BYTES", onnx.NewStr([]int64{n}, strings.Split(strings.Repeat("mon ", n-1)+"tue", " "))},
		}
		resp, err := f.Infer(ctx, Request{Model: "umbrella", ID: "batch", Decode: Tensors(cols)})
		if err != nil || resp.Rows != n || resp.Outputs[0].Data.Len() != n {
			t.Fatalf("%+v %v", resp, err)
		}
		if err := f.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		ps, err := f.Predictions(ctx, "umbrella", time.Time{}, time.Time{})
		if err != nil || len(ps) != n {
			t.Fatalf("%d rows in the log (%v)", len(ps), err)
		}
		ids := map[string]bool{}
		for _, p := range ps {
			ids[p.ID] = true
		}
		if !ids["batch#0"] || !ids["batch#1233"] {
			t.Error("rows of a batch are named ID#row")
		}
	})
}

// The log holds texts of callers. One that a database cannot hold would block the log for everybody, so it is refused.
func TestNamesThatNoDatabaseHoldsAreRefused(t *testing.T) {
	run(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		f.serve(t, "umbrella")
		for _, name := range []string{"a\x00b", "\xff\xfe", "cut \xe2\x82"} {
			for what, set := range map[string]func(*Request){
				"id":         func(r *Request) { r.ID = name },
				"ids":        func(r *Request) { r.IDs = []string{name} },
				"request id": func(r *Request) { r.RequestID = name },
			} {
				req := rain(4)
				set(&req)
				if _, err := f.Infer(ctx, req); !fault.Is(err, fault.Invalid) {
					t.Errorf("%s %q: %v", what, name, err)
				}
			}
		}
		if _, err := f.Infer(ctx, rain(4)); err != nil {
			t.Fatal(err)
		}
		if err := f.Flush(ctx); err != nil {
			t.Fatal("the log is blocked: ", err)
		}
		if s := f.Status().Log; s.Written != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// Asking for one output many times would multiply the answer beyond all memory.
func TestAnOutputIsAskedForOnce(t *testing.T) {
	f := sqlite(t)
	f.serve(t, "umbrella")
	req := rain(4)
	req.Outputs = []string{"umbrellas", "umbrellas"}
	if _, err := f.Infer(context.Background(), req); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "twice") {
		t.Errorf("one output twice: %v", err)
	}
}

// export copies an export folder and changes one file of it.
func export(t testing.TB, name, file string, change func(string) string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(exported(name))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, file)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(change(string(b))), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWarnPolicyAnswersAndSaysSo(t *testing.T) {
	f := sqlite(t)
	ctx := context.Background()
	dir := export(t, "umbrella2", "signature.json", func(s string) string {
		s = strings.Replace(s, `"max": 200`, `"max": 20, "out_of_range": "warn"`, 1)
		s = strings.Replace(s, `"min": -30`, `"min": 12, "out_of_range": "ignore"`, 1)
		return strings.Replace(s, `"min": 0
    }
  ],`, `"min": 0, "max": 10
    }
  ],`, 1)
	})
	f.place(t, placement("umbrella", "1", f.build(t, dir)))
	if err := f.Reconcile(ctx); err != nil {
		t.Fatal(err)
	}
	resp, err := f.Infer(ctx, rain(150))
	if err != nil {
		t.Fatal(err)
	}
	if w := strings.Join(resp.Warnings, "\n"); !strings.Contains(w, "rain_forecast_mm, row 1: 150 is above the maximum 20 mm") || !strings.Contains(w, "umbrellas, row 1") || len(resp.Warnings) != 2 {
		t.Errorf("warnings:\n%s", w)
	}
	if err := f.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if ps, err := f.Recent(ctx, "umbrella", 5); err != nil || len(ps) != 1 || ps[0].Status != "warn" {
		t.Errorf("%+v %v", ps, err)
	}
}

func TestLogIsValidJSON(t *testing.T) {
	f := sqlite(t)
	ctx := context.Background()
	d := f.build(t, exported("iris"))
	f.place(t, placement("iris", "1", d))
	if err := f.Reconcile(ctx); err != nil {
		t.Fatal(err)
	}
	var in []Input
	for _, n := range []string{"sepal_length", "sepal_width", "petal_length", "petal_width"} {
		in = append(in, Input{n, "FP32", onnx.NewF32([]int64{2}, []float32{5, 3})})
	}
	resp, err := f.Infer(ctx, Request{Model: "iris", Decode: Tensors(in), Outputs: []string{"probabilities"}})
	if err != nil || len(resp.Outputs) != 1 || resp.Outputs[0].Data.Shape[1] != 3 {
		t.Fatalf("%+v %v", resp, err)
	}
	if err := f.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	ps, err := f.Predictions(ctx, "umbrella", time.Time{}, time.Time{})
	if err != nil || len(ps) != 2 {
		t.Fatal(ps, err)
	}
	var out struct {
		Label         int
		Probabilities []float64
	}
	if err := json.Unmarshal(ps[0].Outputs, &out); err != nil || len(out.Probabilities) != 3 || ps[0].Value != float64(out.Label) {
		t.Errorf("%s %v %v", ps[0].Outputs, ps[0].Value, err)
	}
}

func BenchmarkInferOneRow(b *testing.B) {
	f := sqlite(b)
	f.serve(b, "umbrella")
	f.log.limit = 0 // measured without the writer
	ctx := context.Background()
	req := rain(8)
	req.ID = "same"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Infer(ctx, req); err != nil {
			b.Fatal(err)
		}
	}
}
