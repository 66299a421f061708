package tracking_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/tracking"
)

// A run logs a param and a metric; a search finds it.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "tracking")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	d := must(db.Open(ctx, filepath.Join(dir, "paraplu.db")))
	defer d.Close()
	if err := db.Migrate(ctx, d, event.Migrations(), tracking.Migrations()); err != nil {
		panic(err)
	}
	objects := must(blob.Open(ctx, "mem://"))
	defer objects.Close()
	room := tracking.New(d, objects, time.Now)

	exp := must(room.CreateExperiment(ctx, "umbrella", "", nil))
	run := must(room.CreateRun(ctx, tracking.NewRun{ExperimentID: exp.ID, Name: "seasonal", UserID: "daisy"}))
	err = room.LogBatch(ctx, run.ID,
		[]tracking.Metric{{Key: "wape", Value: 0.21, Step: 1}},
		[]tracking.KV{{Key: "trees", Value: "100"}}, nil)
	if err != nil {
		panic(err)
	}
	found := must(room.SearchRuns(ctx, tracking.Search{
		ExperimentIDs: []string{exp.ID}, Filter: "metrics.wape < 0.3 AND params.trees = '100'", MaxResults: 10,
	}))
	for _, r := range found.Items {
		fmt.Println(r.Name, r.Metrics[0].Value)
	}
	// Output: seasonal 0.21
}
