package cli

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/tracking"
)

// loggedRun is a run of the command `logged` of the scripts.
type loggedRun struct {
	id, experiment, name, status string
	minutes                      int64 // that it took, 0 = goes on
	params                       []tracking.KV
	loss                         func(step int) float64
	points                       int
}

const firstStart = 1_772_000_000_000 // 2026-02-25 06:13:20 UTC

var loggedAll = []loggedRun{
	{"aaaa0001000000000000000000000000", "icecream", "shallow trees", "FINISHED", 12, []tracking.KV{{Key: "depth", Value: "3"}, {Key: "model", Value: "forest"}},
		func(i int) float64 { return 0.3 + 0.7*math.Exp(-float64(i)/10) }, 60},
	{"aaaa0002000000000000000000000000", "icecream", "deep trees", "FINISHED", 95, []tracking.KV{{Key: "depth", Value: "12"}, {Key: "model", Value: "forest"}},
		func(i int) float64 { return 0.1 + 0.9*math.Exp(-float64(i)/20) }, 60},
	{"bbbb0001000000000000000000000000", "icecream", "too fast", "FAILED", 1, []tracking.KV{{Key: "depth", Value: "auto"}, {Key: "model", Value: "net"}},
		func(i int) float64 {
			if i > 20 {
				return math.NaN()
			}
			return math.Pow(1.3, float64(i)) / 4
		}, 30},
	{"cccc0001000000000000000000000000", "icecream", "going on", "RUNNING", 0, nil, func(i int) float64 { return 1 - float64(i)/100 }, 5},
	{"dddd0001000000000000000000000000", "Default", "notebook", "FINISHED", 0, nil, nil, 0},
}

func loggedRuns(ts *testscript.TestScript, _ bool, _ []string) {
	ctx := context.Background()
	a, err := app.Open(ctx, app.Config{Home: ts.MkAbs(".")})
	ts.Check(err)
	defer a.Close()
	e, err := a.Tracking.CreateExperiment(ctx, "icecream", "", []tracking.KV{{Key: "team", Value: "summer"}})
	ts.Check(err)
	for i, r := range loggedAll {
		experiment := map[string]string{"icecream": e.ID, "Default": "0"}[r.experiment]
		start := firstStart + int64(i)*3_600_000
		ts.Check(a.DB.Update(ctx, func(tx *db.Tx) error {
			number, err := strconv.ParseInt(experiment, 10, 64)
			if err != nil {
				return err
			}
			_, err = tx.Exec(`INSERT INTO tracking_run (id, experiment, name, user_id, status, stage, start_ms, artifact_uri) VALUES (?, ?, ?, 'daisy', 'RUNNING', 'active', ?, ?)`,
				r.id, number, r.name, start, "mlflow-artifacts:/"+experiment+"/"+r.id+"/artifacts")
			return err
		}))
		var points []tracking.Metric
		for step := range r.points {
			points = append(points, tracking.Metric{Key: "loss", Step: int64(step), TimestampMs: start + int64(step)*1000, Value: r.loss(step)})
		}
		ts.Check(a.Tracking.LogBatch(ctx, r.id, points, r.params, []tracking.KV{{Key: "mlflow.source.git.commit", Value: fmt.Sprintf("c0ffee%d", i/2)}}))
		if i < 2 {
			sales := tracking.Dataset{Name: "sales", Digest: fmt.Sprint("v", i+1), SourceType: "local", Source: "{}"}
			ts.Check(a.Tracking.LogInputs(ctx, r.id, []tracking.DatasetInput{{Dataset: sales, Tags: []tracking.KV{{Key: tracking.TagContext, Value: "training"}}}}, nil))
		}
		if end := start + r.minutes*60_000; r.status != "RUNNING" {
			_, err := a.Tracking.UpdateRun(ctx, tracking.RunUpdate{ID: r.id, Status: r.status, EndMs: &end})
			ts.Check(err)
		}
	}
}
