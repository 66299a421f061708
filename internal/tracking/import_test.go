package tracking_test

import (
	"math"
	"slices"
	"testing"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/tracking"
)

// imported is a run of another MLflow.
func imported(exp string) tracking.Run {
	end := int64(2_000)
	return tracking.Run{ID: "feed00000000000000000000000000aa", ExperimentID: exp, Name: "old", UserID: "daisy", Status: "FINISHED", Stage: tracking.Deleted, StartMs: 1_000,
		EndMs: &end, ArtifactURI: "s3://bucket/1/feed/artifacts", Params: []tracking.KV{{Key: "p", Value: "1"}},
		Tags: []tracking.KV{{Key: tracking.TagRunName, Value: "old"}}, ModelOutputs: []tracking.ModelOutput{{ModelID: "m-gone", Step: 1}},
		Datasets: []tracking.DatasetInput{{Dataset: tracking.Dataset{Name: "d", Digest: "1"}, Tags: []tracking.KV{{Key: "a", Value: "b"}}}}}
}

// TestImportMayBeRepeated writes everything twice and finds it once, with the ids and times of the source.
func TestImportMayBeRepeated(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, d *db.DB) {
		known := tracking.Known{Kind: "run", ID: "there", Other: imported("").ID, Mark: "abc"}
		for range 2 {
			e, _, err := r.ImportExperiment(ctx, tracking.Experiment{ID: "77", Name: "old", Stage: tracking.Active, CreatedMs: 5, UpdatedMs: 6, Tags: []tracking.KV{{Key: "k", Value: "v"}}})
			ok(t, err)
			if e.ID != "77" || e.CreatedMs != 5 || e.ArtifactLocation != "mlflow-artifacts:/77" || len(e.Tags) != 1 {
				t.Fatalf("%+v", e)
			}
			run := imported(e.ID)
			uri, missing, err := r.ImportRun(ctx, run)
			ok(t, err)
			if uri != "mlflow-artifacts:/77/"+run.ID+"/artifacts" || !slices.Equal(missing, []string{"m-gone"}) {
				t.Fatalf("%s %v", uri, missing)
			}
			ok(t, r.ImportPoints(ctx, run.ID, []tracking.Metric{{Key: "m", Value: math.NaN(), TimestampMs: 3, Step: -1}, {Key: "m", Value: 2, TimestampMs: 3}}))
			ok(t, r.FinishImport(ctx, "from x", known, "bo"))
			_, err = r.ImportModel(ctx, tracking.LoggedModel{ID: "m-1", ExperimentID: e.ID, Name: "m", Status: "READY", Stage: tracking.Active, CreatedMs: 7, UpdatedMs: 8,
				ArtifactURI: "s3://x", Params: []tracking.KV{{Key: "a", Value: "1"}}})
			ok(t, err)
			gone, err := r.ImportModelMetrics(ctx, "m-1", []tracking.Metric{{Key: "m", Value: 2, TimestampMs: 3, RunID: run.ID}, {Key: "m", RunID: "none"}})
			ok(t, err)
			if !slices.Equal(gone, []string{"none"}) {
				t.Fatalf("missing runs %v", gone)
			}
		}
		run, err := r.Run(ctx, imported("").ID)
		ok(t, err)
		if run.Stage != tracking.Deleted || *run.EndMs != 2_000 || run.Tag(tracking.TagSourceURI) != "s3://bucket/1/feed/artifacts" || len(run.Datasets) != 1 ||
			len(run.Params) != 1 || len(run.Metrics) != 1 || run.Metrics[0].Value != 2 {
			t.Errorf("%+v", run)
		}
		m, err := r.Model(ctx, "m-1", false)
		ok(t, err)
		if m.CreatedMs != 7 || m.UpdatedMs != 8 || len(m.Metrics) != 1 || m.ArtifactURI != "mlflow-artifacts:/77/models/m-1/artifacts" {
			t.Errorf("%+v", m)
		}
		list := facts(t, d)
		if len(list) != 1 || list[0].Actor != "bo" || list[0].Verb != event.RunFinished {
			t.Errorf("facts %+v", list)
		}
		if got, err := r.KnownTo(ctx, "from x", "run"); err != nil || got["there"] != known {
			t.Errorf("%+v %v", got, err)
		}
	})
}

func TestImportRefuses(t *testing.T) {
	each(t, func(t *testing.T, r *tracking.Room, _ *db.DB) {
		e, made, err := r.ImportExperiment(ctx, tracking.Experiment{ID: "0", Name: "zero", Stage: tracking.Active})
		if err != nil || !made || e.ID == "0" {
			t.Errorf("a number that is taken: %+v %v", e, err)
		}
		ok(t, r.DeleteExperiment(ctx, e.ID))
		if _, _, err := r.ImportExperiment(ctx, tracking.Experiment{Name: "zero", Stage: tracking.Active}); !fault.Is(err, fault.Conflict) || fault.HintOf(err) == "" {
			t.Errorf("into a deleted one: %v", err)
		}
		run := imported("0")
		_, _, err = r.ImportRun(ctx, run)
		ok(t, err)
		run.Params = []tracking.KV{{Key: "p", Value: "2"}}
		if _, _, err := r.ImportRun(ctx, run); !fault.Is(err, fault.Conflict) {
			t.Errorf("other params: %v", err)
		}
		run.Status = "LOST"
		if _, _, err := r.ImportRun(ctx, run); !fault.Is(err, fault.Invalid) {
			t.Errorf("an unknown status: %v", err)
		}
		if err := r.ImportPoints(ctx, run.ID, []tracking.Metric{{Key: "m", TimestampMs: -1}}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a time before 1970: %v", err)
		}
		one, err := r.Workspace(ctx)
		if err != nil || len(one) != 32 {
			t.Errorf("workspace %q %v", one, err)
		}
	})
}
