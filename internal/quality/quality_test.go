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

// TestUmbrella checks the real data of the example: only the label that changed its meaning is noticed (44 days).
func TestUmbrella(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	c := contract(t, umbrella+"contracts/weather.odcs.yaml")
	rep, err := r.Check(context.Background(), quality.CheckInput{Product: "umbrella", Dataset: "weather", Path: umbrella + "data-source/seattle-weather.csv", Contract: c, Owner: "daisy", Actor: "daisy"})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Status != quality.Warn || rep.Rows != 1461 || len(rep.Problems()) != 1 || rep.Problems()[0].Bad != 44 {
		t.Error(text(t, rep))
	}
}
