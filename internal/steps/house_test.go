package steps_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/adapter/duck"
	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/monitor"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/rollout"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/steps"
	"github.com/paraplu/paraplu/internal/team"
	"github.com/paraplu/paraplu/internal/trace"
	"github.com/paraplu/paraplu/internal/tracking"
)

var ctx = context.Background()

func sources() []db.Source {
	return []db.Source{event.Migrations(), team.Migrations(), dataset.Migrations(), quality.Migrations(), pipeline.Migrations(), tracking.Migrations(),
		modelpack.Migrations(), registry.Migrations(), rollout.Migrations(), monitor.Migrations(), trace.Migrations()}
}

// house is a workspace with a tiny product: a pipeline of shell commands that lays out a model made elsewhere. Everything
// else is real: both databases, object files, DuckDB, keys.
type house struct {
	t     testing.TB
	dir   string
	s     *steps.Steps
	ahead time.Duration // of the wall clock
}

// each runs a test on both databases.
func each(t *testing.T, fn func(h *house)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		fn(h)
	}, sources()...)
}

func newHouse(t testing.TB, d *db.DB) *house {
	t.Helper()
	dir := t.TempDir()
	if err := layOut(dir); err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, dir: dir}
	s, err := open(d, dir, func() time.Time { return time.Now().Add(h.ahead) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Blob.Close() })
	h.s = s
	return h
}

// open wires the rooms the way the app does.
func open(d *db.DB, dir string, clock func() time.Time) (*steps.Steps, error) {
	at := func(name ...string) string { return filepath.Join(append([]string{dir, ".paraplu"}, name...)...) }
	store, err := blob.Open(ctx, "file://"+at("objects"))
	if err != nil {
		return nil, err
	}
	engine := duck.New(duck.Config{TempDir: at("tmp", "duck"), Threads: 1})
	r := steps.Rooms{DB: d, Blob: store, Clock: clock, Analytics: engine,
		Team: team.New(d, clock), Datasets: dataset.New(d, store, clock), Quality: quality.New(d, engine, clock),
		Pipeline: pipeline.New(d, store, clock), Tracking: tracking.New(d, store, clock),
		Packs: modelpack.New(d, store, modelpack.OpenKeys(at("keys", "packages")), clock)}
	r.Registry = registry.New(d, func(ctx context.Context, digest ref.Digest) (registry.Package, error) {
		p, err := r.Packs.Get(ctx, digest)
		if err != nil {
			return registry.Package{}, err
		}
		v, err := r.Packs.Verify(ctx, digest)
		return registry.Package{Author: p.Actor, SelfTested: err == nil && v.OK}, nil
	}, at("keys", "members"), clock)
	r.Rollout = rollout.New(d, r.Registry, clock)
	r.Monitor = monitor.New(d, engine, func(context.Context, string, time.Time, time.Time) ([]monitor.Prediction, error) { return nil, nil },
		func(ctx context.Context, product, activity string) (string, string, error) {
			m, b, err := r.Team.Accountable(ctx, product, activity)
			return m.Name, b.Name, err
		}, clock)
	return steps.New(r), nil
}

const yaml = `product: {name: shop, title: Shop}
canvas:
  baseline: always-twelve
  decision: how many to order
  value: {unit: EUR, too_few: 7.0, too_many: 1.5, expression: "too_few*greatest(truth-prediction,0)+too_many*greatest(prediction-truth,0)"}
team:
  members: [{name: daisy, role: data scientist}, {name: eddy, role: ml engineer}, {name: bo, role: business}]
data:
  sales: {path: data/sales.csv, contract: contracts/sales.odcs.yaml, owner: bo}
  notes: {path: data/notes}
pipeline:
  params: [params.yaml]
  steps:
    features: {cmd: "cp source/features.csv build/features.csv", deps: [data/sales.csv, source/features.csv], outs: [build/features.csv]}
    train: {cmd: "grep -q umbrella2 $PARAPLU_PARAMS && cp -r exports/umbrella2 build/export || cp -r exports/umbrella build/export", deps: [build/features.csv, exports], params: [train], outs: [build/export]}
    evaluate: {cmd: "cp source/holdout.csv build/holdout.csv; echo '{\"wape\": 0.2}' > build/metrics.json", deps: [build/export, source/holdout.csv], outs: [build/holdout.csv], metrics: [build/metrics.json]}
model:
  name: shop
  task: regression
  export: build/export
  features: build/features.csv
  holdout: build/holdout.csv
  decided_at: decided_at
  known_at: {rain_forecast_mm: rain_known_at, temp_c: rain_known_at, promo: decided_at, weekday: decided_at}
release:
  environment: production
  gates: [contract, leakage, parity, beats-baseline, beats-champion]
  approvals: {people: 1, role: business, expires: 180d}
monitor: {window: 7d, performance: {metric: wape, limit: 0.5, activity: watch model issues}, drift: {columns: [rain_forecast_mm], method: psi, diagnostic: true}}
retrain: {step: evaluate, set: {train.model: umbrella2}, cooldown: 7d}
`

const contract = `apiVersion: v3.1.0
kind: DataContract
id: shop-sales
version: 1.0.0
status: active
schema:
  - name: sales
    properties:
      - {name: day, logicalType: date, required: true, primaryKey: true}
      - {name: sold, logicalType: integer, required: true, logicalTypeOptions: {minimum: 0, maximum: 500}}
    quality:
      - {id: rows, metric: rowCount, mustBeGreaterOrEqualTo: 5, severity: error}
`

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// layOut writes the product. It may be laid out again over itself.
func layOut(dir string) error {
	w := &writer{dir: dir}
	w.write("paraplu.yaml", yaml)
	w.write("params.yaml", "train: {model: umbrella}\n")
	w.write("contracts/sales.odcs.yaml", contract)
	w.write("deliveries/sales.csv", sales(30, 0))
	w.write("source/features.csv", features(60, ""))
	w.write("source/holdout.csv", holdout(28, 12))
	for _, name := range []string{"umbrella", "umbrella2"} {
		for _, file := range []string{"model.onnx", "parity.jsonl", "signature.json", "requirements.txt", "input_example.json", "MLmodel"} {
			if text, err := os.ReadFile(filepath.Join("..", "modelpack", "testdata", name, file)); err == nil {
				w.write(filepath.Join("exports", name, file), string(text))
			}
		}
	}
	return w.err
}

type writer struct {
	dir string
	err error
}

func (w *writer) write(name, text string) {
	file := filepath.Join(w.dir, name)
	if w.err == nil {
		w.err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if w.err == nil {
		w.err = os.WriteFile(file, []byte(text), 0o644)
	}
}

func day(i int) time.Time { return time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i) }

// weather of a day, from a formula: mm, °C.
func weather(i int) (rain, temp float64, promo int, weekday string) {
	rain = math.Round(40*math.Abs(math.Sin(float64(i)*1.7)*math.Sin(float64(i)*0.31))) / 4
	return rain, 8 + 5*math.Sin(float64(i)), i % 3 % 2, weekdays[day(i).Weekday()]
}

// sold is the world from which the models of the fixtures were fitted, without its noise.
func sold(i int) float64 {
	rain, _, promo, weekday := weather(i)
	v := 5 + 3*rain + 4*float64(promo)
	if weekday == "sat" {
		v += 6
	}
	return v
}

func sales(days, more int) string {
	var b strings.Builder
	b.WriteString("day,sold\n")
	for i := range days {
		fmt.Fprintf(&b, "%s,%d\n", day(i).Format(time.DateOnly), int(sold(i))+more)
	}
	return b.String()
}

// features of days before the hold-out; late is a day whose forecast was known after the decision.
func features(days int, late string) string {
	var b strings.Builder
	b.WriteString("day,decided_at,rain_known_at,rain_forecast_mm,temp_c,promo,weekday\n")
	for i := range days {
		rain, temp, promo, weekday := weather(i)
		evening := day(i - 1).Add(18 * time.Hour)
		known := evening.Add(-time.Hour)
		if day(i).Format(time.DateOnly) == late {
			known = evening.Add(time.Hour)
		}
		fmt.Fprintf(&b, "%s,%s,%s,%g,%g,%d,%s\n", day(i).Format(time.DateOnly), evening.Format(time.RFC3339), known.Format(time.RFC3339), rain, temp, promo, weekday)
	}
	return b.String()
}

// holdout are the days after the features; the rule always says baseline, or the truth if baseline is NaN.
func holdout(days int, baseline float64) string {
	var b strings.Builder
	b.WriteString("day,prediction,truth,baseline,rain_forecast_mm,temp_c,promo,weekday\n")
	for i := 60; i < 60+days; i++ {
		rain, temp, promo, weekday := weather(i)
		rule := baseline
		if math.IsNaN(rule) {
			rule = sold(i)
		}
		fmt.Fprintf(&b, "%s,0,%g,%g,%g,%g,%d,%s\n", day(i).Format(time.DateOnly), sold(i), rule, rain, temp, promo, weekday)
	}
	return b.String()
}

func (h *house) write(name, text string) {
	h.t.Helper()
	w := &writer{dir: h.dir}
	if w.write(name, text); w.err != nil {
		h.t.Fatal(w.err)
	}
}

// product reads paraplu.yaml and makes it known.
func (h *house) product() *spec.Product {
	h.t.Helper()
	p, err := spec.Load(h.dir)
	if err == nil {
		_, err = h.s.Team.Sync(ctx, p, "daisy")
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *house) deliver(path string) (*steps.Delivery, error) {
	return h.s.Deliver(ctx, h.product(), "sales", filepath.Join(h.dir, path), "bo")
}

func (h *house) run(set map[string]any) *pipeline.Execution {
	h.t.Helper()
	plan, err := h.s.Pipeline.Plan(ctx, pipeline.PlanInput{Product: h.product(), Set: set})
	if err != nil {
		h.t.Fatal(err)
	}
	e, err := h.s.Pipeline.Run(ctx, plan, pipeline.RunOptions{Actor: "daisy"})
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

// packaged delivers, runs and packages one of the two models.
func (h *house) packaged(model string) ref.Digest {
	h.t.Helper()
	if _, err := h.deliver("deliveries/sales.csv"); err != nil {
		h.t.Fatal(err)
	}
	h.run(map[string]any{"train.model": model})
	made, err := h.s.Package(ctx, h.product(), "daisy")
	if err != nil {
		h.t.Fatal(err)
	}
	return made.Package.Digest
}

// released brings a package to production by evidence and approval.
func (h *house) released(pkg ref.Digest) *rollout.Deployment {
	h.t.Helper()
	p := h.product()
	rel, err := h.s.Request(ctx, p, pkg, "daisy")
	if err != nil {
		h.t.Fatal(err)
	}
	if failed := rel.Failed(); len(failed) > 0 {
		h.t.Fatalf("the gates refuse: %v", failed)
	}
	if rel.State == registry.InReview {
		if _, err := h.s.Approve(ctx, p, rel.ID, "bo", "go"); err != nil {
			h.t.Fatal(err)
		}
	}
	d, err := h.s.Place(ctx, p, pkg, "eddy", steps.PlaceOptions{Cause: "release"})
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

func (h *house) facts(verbs ...string) (out []event.Fact) {
	h.t.Helper()
	if err := h.s.DB.View(ctx, func(tx *db.Tx) (err error) {
		out, err = event.List(tx, event.Filter{Verbs: verbs})
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	return out
}

func (h *house) objects() map[ref.Digest]bool {
	h.t.Helper()
	out := map[ref.Digest]bool{}
	if err := h.s.Blob.List(ctx, func(o blob.Object) error { out[o.Digest] = true; return nil }); err != nil {
		h.t.Fatal(err)
	}
	return out
}

func (h *house) inspect(deep bool) []string {
	h.t.Helper()
	findings, err := h.s.Inspect(ctx, deep)
	if err != nil {
		h.t.Fatal(err)
	}
	return findings
}

func (h *house) clean() {
	h.t.Helper()
	if findings := h.inspect(true); len(findings) > 0 {
		h.t.Errorf("the workspace is not clean: %q", findings)
	}
}

// wantFault holds the kind of an error, and words that its sentence must have.
func (h *house) wantFault(err error, kind fault.Kind, words ...string) {
	h.t.Helper()
	if !fault.Is(err, kind) {
		h.t.Fatalf("error %v is %s, want %s", err, fault.KindOf(err), kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			h.t.Errorf("error %q does not say %q", err, w)
		}
	}
}
