package serving

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
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

func TestSignatureIsTheLaw(t *testing.T) {
	f := sqlite(t)
	f.serve(t, "umbrella")
	base := func() []Input {
		return []Input{
			{"rain_forecast_mm", "FP32", onnx.NewF32([]int64{1, 1}, []float32{1})},
			{"temp_c", "FP32", onnx.NewF32([]int64{1}, []float32{11})},
			{"promo", "INT64", onnx.NewI64([]int64{1}, []int64{0})},
			{"weekday", "BYTES", onnx.NewStr([]int64{1}, []string{"sat"})},
		}
	}
	for name, c := range map[string]struct {
		change func([]Input) []Input
		want   string
	}{
		"missing input":  {func(in []Input) []Input { return in[:3] }, `input "weekday" (BYTES, shape [rows, 1]) is missing`},
		"unknown input":  {func(in []Input) []Input { in[0].Name = "snow"; return in }, `no input "snow"; it has (rain_forecast_mm, temp_c, promo, weekday)`},
		"twice":          {func(in []Input) []Input { return append(in, in[0]) }, `"rain_forecast_mm" is given twice`},
		"datatype":       {func(in []Input) []Input { in[1].Datatype = "FP64"; return in }, `"temp_c" has the datatype FP64; want FP32`},
		"shape":          {func(in []Input) []Input { in[0].Data.Shape = []int64{1, 1, 1}; return in }, `shape [1 1 1]; want [rows, 1] or [rows]`},
		"rows":           {func(in []Input) []Input { in[3].Data = onnx.NewStr([]int64{2}, []string{"sat", "sun"}); return in }, `"weekday" has 2 rows, "rain_forecast_mm" has 1`},
		"null":           {func(in []Input) []Input { in[1].Data.F32[0] = float32(math.NaN()); return in }, `input "temp_c", row 1: the value is missing`},
		"below":          {func(in []Input) []Input { in[0].Data.F32[0] = -0.1; return in }, `"rain_forecast_mm", row 1: -0.1 is below the minimum 0 mm`},
		"above":          {func(in []Input) []Input { in[2].Data.I64[0] = 2; return in }, `"promo", row 1: 2 is above the maximum 1`},
		"infinite":       {func(in []Input) []Input { in[0].Data.F32[0] = float32(math.Inf(1)); return in }, `+Inf is above the maximum 200 mm`},
		"category":       {func(in []Input) []Input { in[3].Data.Str[0] = "Samstag"; return in }, `"Samstag" is not one of the known categories: mon, tue`},
		"no rows at all": {func(in []Input) []Input { return empty(in) }, "0 rows"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.Infer(context.Background(), Request{Model: "umbrella", Decode: Tensors(c.change(base()))})
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
	for _, req := range []Request{{Model: "umbrella", Outputs: []string{"sun"}, Decode: Tensors(base())}} {
		if _, err := f.Infer(context.Background(), req); !fault.Is(err, fault.Invalid) {
			t.Errorf("unknown output: %v", err)
		}
	}
	for req, kind := range map[[2]string]fault.Kind{{"rain", ""}: fault.NotFound, {"umbrella", "9"}: fault.NotFound} {
		if _, err := f.Infer(context.Background(), Request{Model: req[0], Version: req[1], Decode: Tensors(base())}); !fault.Is(err, kind) {
			t.Errorf("%v: %v", req, err)
		}
	}
	if m := f.Models(); m[0].Stats.Rejected != 13 || m[0].Stats.Requests != 0 {
		t.Errorf("%+v", m[0].Stats)
	}
}

func empty(in []Input) []Input {
	for i := range in {
		t := *in[i].Data
		t.Shape, t.F32, t.I64, t.Str = []int64{0}, nil, nil, nil
		in[i].Data = &t
	}
	return in
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

// The old package answers until the new one is accepted; no request is lost and none sees a half state.
func TestHotSwapLosesNoRequest(t *testing.T) {
	run(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		one, two := f.build(t, exported("umbrella")), f.build(t, exported("umbrella2"))
		f.place(t, placement("umbrella", "1", one))
		if err := f.Reconcile(ctx); err != nil {
			t.Fatal(err)
		}
		want := map[string]float32{}
		answer := func() (string, float32, error) {
			resp, err := f.Infer(ctx, rain(8))
			if err != nil {
				return "", 0, err
			}
			return resp.VersionLabel(), resp.Outputs[0].Data.F32[0], nil
		}
		v, y, err := answer()
		if err != nil {
			t.Fatal(err)
		}
		want[v] = y
		f.place(t, placement("umbrella", "2", two))
		if err := f.Reconcile(ctx); err != nil {
			t.Fatal(err)
		}
		if v, y, err = answer(); err != nil || v != "2" {
			t.Fatal(v, err)
		}
		want[v] = y
		stop := make(chan struct{})
		var asked atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					v, y, err := answer()
					if err != nil || y != want[v] {
						t.Errorf("version %q answered %v, want %v (%v)", v, y, want[v], err)
						return
					}
					asked.Add(1)
				}
			})
		}
		for i := range 20 {
			p := placement("umbrella", "1", one)
			if i%2 == 1 {
				p = placement("umbrella", "2", two)
			}
			before := asked.Load()
			f.place(t, p)
			if err := f.Reconcile(ctx); err != nil {
				t.Fatal(err)
			}
			for asked.Load() < before+50 && !t.Failed() {
				runtime.Gosched()
			}
		}
		close(stop)
		wg.Wait()
		if err := f.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		if s := f.Status().Log; s.Written+s.Dropped != asked.Load()+2 { // no writer runs in this test: a fast machine fills the queue
			t.Errorf("%+v, asked %d", s, asked.Load()+2)
		}
	})
}

// A package that does not stand its tests is never asked; the old one stays and the reason is told.
func TestHostilePackageNeverAnswers(t *testing.T) {
	f := sqlite(t)
	ctx := context.Background()
	good := f.serve(t, "umbrella")
	bad := f.build(t, exported("umbrella2"))
	pack, err := f.packs.Get(ctx, bad)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range pack.Files {
		path := filepath.Join(f.objects, "sha256", file.Digest.Hex()[:2], file.Digest.Hex())
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		broken := append([]byte(nil), body...)
		broken[len(broken)/2] ^= 0x20
		if err := os.WriteFile(path, broken, 0o644); err != nil {
			t.Fatal(err)
		}
		f.place(t, placement("umbrella", "2", bad))
		if err := f.Reconcile(ctx); !fault.Is(err, fault.Precondition) {
			t.Errorf("%s damaged: %v", file.Path, err)
		}
		resp, err := f.Infer(ctx, rain(3))
		if err != nil || resp.Package != good {
			t.Fatalf("%s damaged: %+v %v", file.Path, resp, err)
		}
		m, err := f.Model("umbrella", "")
		if err != nil || m.State != "failed" || !strings.Contains(m.Reason, "damaged") || m.Wanted.Package != bad || m.Live.Package != good {
			t.Fatalf("%+v %v", m, err)
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Reconcile(ctx); err != nil {
		t.Fatalf("repaired: %v", err)
	}
	if resp, err := f.Infer(ctx, rain(3)); err != nil || resp.Package != bad {
		t.Fatal(err)
	}
	f.place(t, placement("umbrella", "2", bad), placement("other", "1", ref.Sum([]byte("no such package"))))
	if err := f.Reconcile(ctx); err == nil {
		t.Error("an unknown package was accepted")
	}
	req := rain(3)
	req.Model = "other"
	if _, err := f.Infer(ctx, req); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a name without a package: %v", err)
	}
	f.place(t)
	if err := f.Reconcile(ctx); err != nil || len(f.Models()) != 0 {
		t.Errorf("%v %v", err, f.Models())
	}
}

// A model that answers differently from its parity rows is refused on the engine that is to serve it.
func TestWrongEngineIsRefused(t *testing.T) {
	f := sqlite(t)
	f.engine = wrongEngine{}
	f.place(t, placement("umbrella", "1", f.build(t, exported("umbrella"))))
	err := f.Reconcile(context.Background())
	if !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "parity.jsonl line") {
		t.Fatalf("%v", err)
	}
	if _, err := f.Infer(context.Background(), rain(1)); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
}

// wrongEngine is a defective engine: its answers are one off in every 17th row.
type wrongEngine struct{}

func (wrongEngine) Name() string { return "wrong" }
func (wrongEngine) Load(ctx context.Context, p *modelpack.Loaded) (Model, error) {
	m, err := GoEngine{}.Load(ctx, p)
	return wrongModel{m}, err
}

type wrongModel struct{ Model }

func (m wrongModel) Run(ctx context.Context, in *modelpack.Frame) (*modelpack.Frame, error) {
	out, err := m.Model.Run(ctx, in)
	if err == nil && in.Rows > 17 {
		out.Cols[0].F32[17]++
	}
	return out, err
}

// With the database locked the callers go on; what does not fit into the queue is counted, nothing else is lost.
func TestLogBackPressure(t *testing.T) {
	f := sqlite(t)
	ctx := context.Background()
	f.serve(t, "umbrella")
	f.log.limit = 50
	locked, release := make(chan struct{}), make(chan struct{})
	var holder sync.WaitGroup
	holder.Go(func() {
		err := f.db.Update(ctx, func(*db.Tx) error { close(locked); <-release; return nil })
		if err != nil {
			t.Error(err)
		}
	})
	<-locked
	const asked = 120
	for range asked {
		if _, err := f.Infer(ctx, rain(2)); err != nil {
			t.Fatal(err)
		}
	}
	if s := f.Status().Log; s.Dropped != asked-50 || s.Waiting != 50 {
		t.Errorf("%+v", s)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := f.Flush(short); err == nil {
		t.Error("a flush against a locked database succeeded")
	}
	close(release)
	holder.Wait()
	if err := f.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if s := f.Status().Log; s.Written != 50 || s.Waiting != 0 || s.Error != "" {
		t.Errorf("%+v", s)
	}
}

func TestStartFollowsFactsAndStopLeavesNothing(t *testing.T) {
	run(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		d := f.build(t, exported("umbrella"))
		f.Start(ctx)
		f.Start(ctx)
		f.place(t, placement("umbrella", "1", d))
		deadline := time.Now().Add(20 * time.Second)
		for len(f.Models()) == 0 || !f.Models()[0].Ready {
			if time.Now().After(deadline) {
				t.Fatal("the placement was not followed")
			}
			runtime.Gosched()
		}
		for range 10 {
			if _, err := f.Infer(ctx, rain(4)); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := f.Stop(); err != nil {
				t.Fatal(err)
			}
		}
		ps, err := f.Predictions(ctx, "umbrella", time.Time{}, time.Time{})
		if err != nil || len(ps) != 10 {
			t.Errorf("%d predictions after Stop, want 10 (%v)", len(ps), err)
		}
		if _, err := f.Infer(ctx, rain(4)); err == nil {
			t.Error("a stopped room answers")
		}
		stacks := make([]byte, 1<<20)
		if text := string(stacks[:runtime.Stack(stacks, true)]); strings.Contains(text, "serving.(*Room).Start") || strings.Contains(text, "serving.(*journal)") {
			t.Errorf("goroutines are left:\n%s", text)
		}
		f.Start(ctx) // and again
	})
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
