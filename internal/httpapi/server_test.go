package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
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
	"github.com/paraplu/paraplu/internal/lineage"
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
	"github.com/paraplu/paraplu/internal/tracking"
)

const text = `product: {name: umbrella, title: Umbrella orders, description: How many umbrellas to order., risk: low}
canvas:
  baseline: seasonal-naive
  value: {unit: EUR, too_few: 7.0, too_many: 1.5, target_per_year: 20000}
team:
  members:
    - {name: daisy, title: Daisy, role: data scientist}
    - {name: eddy, title: Eddy, role: ml engineer}
    - {name: bo, title: Bo, role: business}
data:
  sales: {path: data/sales.csv, owner: bo, source: simulate.py, licence: Apache-2.0, simulated: true}
  weather: {path: data/weather.csv, owner: daisy}
model: {name: umbrella}
release: {environment: production, gates: [parity]}
monitor:
  window: 7d
  performance: {metric: wape, limit: 0.2, k: 2, of: 3, activity: watch model issues}
`

var (
	sources = []db.Source{event.Migrations(), team.Migrations(), dataset.Migrations(), quality.Migrations(), pipeline.Migrations(), tracking.Migrations(),
		modelpack.Migrations(), registry.Migrations(), rollout.Migrations(), monitor.Migrations()}
	monday = time.Date(2015, 3, 2, 0, 0, 0, 0, time.UTC)
	now    = monday.AddDate(0, 0, 30)
)

// world is a workspace with real rooms and a model that answers 10 umbrellas a day for four weeks.
type world struct {
	t *testing.T
	*steps.Steps
	product *spec.Product
	http.Handler
}

// build makes a world on a database. Without yaml the workspace is empty.
func build(t *testing.T, d *db.DB, yaml string) *world {
	t.Helper()
	ctx, dir, clock := context.Background(), t.TempDir(), func() time.Time { return now }
	b, err := blob.Open(ctx, "mem://")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	engine := duck.New(duck.Config{TempDir: t.TempDir()})
	w := &world{t: t}
	r := steps.Rooms{DB: d, Blob: b, Clock: clock, Analytics: engine}
	r.Team = team.New(d, clock)
	r.Datasets = dataset.New(d, b, clock)
	r.Quality = quality.New(d, engine, clock)
	r.Pipeline = pipeline.New(d, b, clock)
	r.Tracking = tracking.New(d, b, clock)
	r.Packs = modelpack.New(d, b, modelpack.OpenKeys(filepath.Join(dir, "keys")), clock)
	known := func(context.Context, ref.Digest) (registry.Package, error) {
		return registry.Package{Author: "daisy", SelfTested: true}, nil
	}
	r.Registry = registry.New(d, known, filepath.Join(dir, "members"), clock)
	r.Rollout = rollout.New(d, r.Registry, clock)
	who := func(ctx context.Context, product, activity string) (string, string, error) {
		m, backup, err := r.Team.Accountable(ctx, product, activity)
		return m.Name, backup.Name, err
	}
	r.Monitor = monitor.New(d, engine, answers, who, clock)
	w.Steps = steps.New(r)
	if yaml != "" {
		if w.product, err = spec.Parse(filepath.Join(dir, spec.FileName), []byte(yaml)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Team.Sync(ctx, w.product, "daisy"); err != nil {
			t.Fatal(err)
		}
	}
	w.Handler = Handler(Deps{Steps: w.Steps, Lineage: lineage.New(d), Version: "v1.2.3", Product: func(context.Context) (*spec.Product, error) {
		if w.product == nil {
			return nil, fault.New(fault.NotFound, "there is no paraplu.yaml")
		}
		return w.product, nil
	}})
	return w
}

var champion = ref.Sum([]byte("a package"))

func answers(_ context.Context, product string, from, to time.Time) ([]monitor.Prediction, error) {
	var out []monitor.Prediction
	for i := range 28 {
		at := monday.AddDate(0, 0, i)
		if !at.Before(from) && at.Before(to) {
			out = append(out, monitor.Prediction{ID: at.Format(time.DateOnly), Product: product, Model: "umbrella", Package: string(champion),
				EventTime: at, PredictedAt: at.Add(-6 * time.Hour), Value: 10})
		}
	}
	return out, nil
}

// place makes the package the champion, by the way of an emergency: gates are not what is tested here.
func (w *world) place(digest ref.Digest) {
	w.t.Helper()
	_, err := w.Rollout.Place(context.Background(), rollout.PlaceInput{Product: "umbrella", Environment: "production", Model: "umbrella",
		Package: digest, Actor: "eddy", Reason: "first one", Force: true})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) deliver(name, csv string) {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), name+".csv")
	if err := os.WriteFile(path, []byte(csv), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if _, _, err := w.Datasets.Add(context.Background(), dataset.AddInput{Product: "umbrella", Name: name, Path: path, Actor: "bo", Simulated: true}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) evaluate() {
	w.t.Helper()
	if _, err := w.Monitor.Evaluate(context.Background(), w.product, now); err != nil {
		w.t.Fatal(err)
	}
}

// ask sends a request; an answer with another status than wanted is fatal.
func (w *world) ask(method, path, body string, want int) string {
	w.t.Helper()
	req := httptest.NewRequest(method, "/api/v1"+path, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, req)
	if rec.Code != want {
		w.t.Fatalf("%s %s: %d, want %d: %s", method, path, rec.Code, want, rec.Body)
	}
	if kind := rec.Header().Get("Content-Type"); want >= 400 && kind != mediaType {
		w.t.Errorf("%s %s: the error is %q", method, path, kind)
	}
	return rec.Body.String()
}

func decode[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func each(t *testing.T, yaml string, fn func(*testing.T, *world)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, d *db.DB) { fn(t, build(t, d, yaml)) }, sources...)
}
