package quality_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/adapter/duck"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/quality"
)

var sources = []db.Source{event.Migrations(), quality.Migrations()}

var noon = time.Date(2016, 1, 1, 12, 0, 0, 0, time.UTC)

// engine is shared: it holds nothing between calls.
var engine = duck.New(duck.Config{Threads: 2, MemoryLimit: "1GB", TempDir: os.TempDir() + "/paraplu-quality-test"})

func newRoom(d *db.DB) *quality.Room {
	return quality.New(d, engine, func() time.Time { return noon })
}

const umbrella = "../../examples/umbrella/"

func TestUmbrella(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	path := umbrella + "contracts/weather.odcs.yaml"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := quality.ParseContract(path, data)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	rep, err := r.Check(context.Background(), quality.CheckInput{Product: "umbrella", Dataset: "weather", Path: umbrella + "data-source/seattle-weather.csv", Contract: c, Owner: "daisy", Actor: "daisy"})
	t.Log(time.Since(start))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rep.Checks {
		t.Logf("%-30s %-8s %-8s %-20s %s | %s", c.ID, c.Severity, c.Status, c.Observed, c.Message, c.Hint)
	}
	t.Log(rep.Status, rep.ID, rep.Err())
}
