package pipeline_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/spec"
)

func Example() {
	dir, err := os.MkdirTemp("", "shop-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	d, err := db.Open(ctx, filepath.Join(dir, ".paraplu", "paraplu.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	if err := db.Migrate(ctx, d, event.Migrations(), pipeline.Migrations()); err != nil {
		log.Fatal(err)
	}
	store, err := blob.Open(ctx, "mem://")
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	product, err := spec.Parse(filepath.Join(dir, "paraplu.yaml"), []byte(`product: {name: shop}
pipeline: {steps: {count: {cmd: "echo counting; echo 42 > count", outs: [count]}}}`))
	if err != nil {
		log.Fatal(err)
	}

	room := pipeline.New(d, store, time.Now)
	for range 2 {
		plan, err := room.Plan(ctx, pipeline.PlanInput{Product: product})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("plan:", plan.Steps[0].Action)
		done, err := room.Run(ctx, plan, pipeline.RunOptions{Actor: "daisy", Out: os.Stdout})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("done:", done.Steps[0].Result, done.State)
	}
	// Output:
	// plan: run
	// count │ counting
	// done: ran succeeded
	// plan: cached
	// done: cached succeeded
}
