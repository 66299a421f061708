package monitor_test

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/adapter/duck"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/monitor"
	"github.com/paraplu/paraplu/internal/spec"
)

const umbrella = `
product: {name: umbrella}
canvas:
  outcome: {what: umbrellas sold, known_after: 1d}
  value: {unit: EUR, too_few: 7.0, too_many: 1.5, target_per_year: 20000}
team:
  members:
    - {name: daisy, role: data scientist}
    - {name: eddy, role: ml engineer}
    - {name: bo, role: business}
monitor:
  window: 7d
  min_rows: 5
  performance: {metric: wape, limit: auto, k: 2, of: 3, activity: watch model issues, runbook: runbooks/performance.md, severity: page}
  value: {activity: watch value, runbook: runbooks/value.md, severity: ticket}
  drift: {columns: [rain_forecast_mm], method: psi, diagnostic: true}
`

func product(t testing.TB, text string) *spec.Product {
	t.Helper()
	p, err := spec.Parse("paraplu.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// pack1 and pack2 are the digests of two packages.
var (
	pack1 = "sha256:" + strings.Repeat("1", 64)
	pack2 = "sha256:" + strings.Repeat("2", 64)
)

var engine = sync.OnceValue(func() *duck.Engine { return duck.New(duck.Config{Threads: 1, MemoryLimit: "512MB"}) })

// world is a shop in which every day has an order and a demand.
type world struct {
	t      testing.TB
	d      *db.DB
	room   *monitor.Room
	p      *spec.Product
	now    time.Time // virtual clock
	log    []monitor.Prediction
	daily  bool // evaluation
	nobody bool // is accountable
	mu     sync.Mutex
	asked  int // times the log was read
}

func newWorld(t testing.TB, d *db.DB) *world {
	w := &world{t: t, d: d, p: product(t, umbrella), now: date("2015-01-01")}
	w.room = monitor.New(d, engine(), w.predictions, w.accountable, func() time.Time { return w.now })
	w.room.Answered = w.answered
	return w
}

func (w *world) answered(_ context.Context, product string) (map[string]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]int64{}
	for _, p := range w.log {
		if p.Product == product {
			out[p.EventTime.UTC().Format(time.DateOnly)]++
		}
	}
	return out, nil
}

func run(t *testing.T, fn func(t *testing.T, w *world)) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) { fn(t, newWorld(t, d)) }, event.Migrations(), monitor.Migrations())
}

func lite(t *testing.T) *world {
	return newWorld(t, dbtest.SQLite(t, event.Migrations(), monitor.Migrations()))
}

func (w *world) predictions(_ context.Context, product string, from, to time.Time) (out []monitor.Prediction, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	for _, p := range w.log {
		if p.Product == product && !p.EventTime.Before(from) && p.EventTime.Before(to) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (w *world) accountable(_ context.Context, _, activity string) (string, string, error) {
	if w.nobody {
		return "", "", fault.New(fault.NotFound, "nobody answers for %q", activity)
	}
	switch activity {
	case "watch model issues":
		return "daisy", "eddy", nil
	case "watch value":
		return "bo", "daisy", nil
	}
	return "", "", fault.New(fault.NotFound, "nobody answers for %q", activity)
}

func date(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// demand is what is asked for on a day: a weekly shape and some noise; shift times as much from 2015-03-02 on.
func demand(at time.Time, shift float64) float64 {
	rng := rand.New(rand.NewPCG(uint64(at.Unix()), 1))
	base := 60 + 20*math.Sin(float64(at.Weekday()))
	if !at.Before(date("2015-03-02")) {
		base *= shift
	}
	return math.Round(base * (1 + 0.1*rng.NormFloat64()))
}

// order is what a model that knows the world before the shift orders.
func order(at time.Time) float64 { return 66 + 22*math.Sin(float64(at.Weekday())) }

func rain(at time.Time) float64 {
	rng := rand.New(rand.NewPCG(uint64(at.Unix()), 2))
	return math.Max(0, math.Round(40*rng.NormFloat64())/10)
}

// predict adds the order for a day, placed on the evening before.
func (w *world) predict(at time.Time, value float64, pack string) {
	w.log = append(w.log, monitor.Prediction{
		ID: "p-" + at.Format(time.DateOnly) + "-" + pack[7:9], Product: "umbrella", Model: "umbrella", Package: pack, Deployment: "d1", Role: "champion",
		EventTime: at, PredictedAt: at.Add(-6 * time.Hour), Value: value, Features: map[string]any{"rain_forecast_mm": rain(at), "weekday": at.Weekday().String()},
	})
}

func truth(at time.Time, value float64) monitor.Truth {
	return monitor.Truth{EventTime: at, Value: value, KnownAt: at.AddDate(0, 0, 1), Source: "dataset:sales@sha256:abc"}
}

func (w *world) record(truths ...monitor.Truth) (accepted, duplicates int) {
	w.t.Helper()
	accepted, duplicates, err := w.room.RecordTruth(context.Background(), "umbrella", truths)
	if err != nil {
		w.t.Fatal(err)
	}
	return accepted, duplicates
}

func (w *world) evaluate(asOf time.Time) *monitor.Evaluation {
	w.t.Helper()
	e, err := w.room.Evaluate(context.Background(), w.p, asOf)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// setReference gives a package the year 2014 as its hold-out.
func (w *world) setReference(pack string, days int) {
	w.t.Helper()
	var rows []monitor.ReferenceRow
	var mm []float64
	for i := range days {
		at := date("2014-01-06").AddDate(0, 0, i)
		naive := demand(at.AddDate(0, 0, -7), 1)
		rows = append(rows, monitor.ReferenceRow{Day: at, Prediction: order(at), Truth: demand(at, 1), Baseline: &naive})
	}
	for i := range 365 {
		mm = append(mm, rain(date("2014-01-01").AddDate(0, 0, i)))
	}
	if err := w.room.SetReference(context.Background(), "umbrella", pack, rows, map[string][]float64{"rain_forecast_mm": mm}); err != nil {
		w.t.Fatal(err)
	}
}

// live plays the days [from, to): the truth of yesterday arrives, the order for the day was placed. Everything is evaluated on
// Mondays and on the last day, with daily every day.
func (w *world) live(from, to string, shift float64, model func(time.Time) (float64, string)) {
	w.t.Helper()
	for at := date(from); at.Before(date(to)); at = at.AddDate(0, 0, 1) {
		w.now = at
		value, pack := model(at)
		w.predict(at, value, pack)
		w.record(truth(at.AddDate(0, 0, -1), demand(at.AddDate(0, 0, -1), shift)))
		if w.daily || at.Weekday() == time.Monday || !at.AddDate(0, 0, 1).Before(date(to)) {
			w.evaluate(at)
		}
	}
}

func old(at time.Time) (float64, string) { return order(at), pack1 }

func (w *world) facts(verbs ...string) (out []event.Fact) {
	w.t.Helper()
	if err := w.d.View(context.Background(), func(tx *db.Tx) (err error) {
		out, err = event.List(tx, event.Filter{Verbs: verbs})
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) windows() []monitor.Window {
	w.t.Helper()
	out, err := w.room.Windows(context.Background(), "umbrella")
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) incidents() []monitor.Incident {
	w.t.Helper()
	out, err := w.room.Incidents(context.Background(), "umbrella")
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) alerts() []monitor.Alert {
	w.t.Helper()
	out, err := w.room.Alerts(context.Background(), "umbrella")
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}
