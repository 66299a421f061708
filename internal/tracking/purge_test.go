package tracking

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
)

// yard is a room whose clock a test turns.
type yard struct {
	*Room
	t   *testing.T
	d   *db.DB
	dir string
	now time.Time
}

var yardCtx = context.Background()

func newYard(t *testing.T, d *db.DB, dir string) *yard {
	t.Helper()
	store, err := blob.Open(yardCtx, "file://"+dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	y := &yard{t: t, d: d, dir: dir, now: time.Now()}
	y.Room = New(d, store, func() time.Time { return y.now })
	return y
}

func eachYard(t *testing.T, fn func(y *yard)) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) { fn(newYard(t, d, t.TempDir())) }, event.Migrations(), Migrations())
}

func (y *yard) ok(err error) {
	y.t.Helper()
	if err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) experiment(name string) string {
	y.t.Helper()
	e, err := y.CreateExperiment(yardCtx, name, "", []KV{{"k", "v"}})
	y.ok(err)
	return e.ID
}

// run makes a run with something in every table.
func (y *yard) run(exp string) Run {
	y.t.Helper()
	run, err := y.CreateRun(yardCtx, NewRun{ExperimentID: exp, Tags: []KV{{"a", "b"}}})
	y.ok(err)
	model := y.model(exp, run.ID)
	y.ok(y.LogBatch(yardCtx, run.ID, []Metric{{Key: "m", Value: 1, TimestampMs: 1, ModelID: model.ID}, {Key: "m", Value: 2, TimestampMs: 2, Step: 1}}, []KV{{"p", "1"}}, []KV{{"t", "1"}}))
	y.ok(y.LogInputs(yardCtx, run.ID, []DatasetInput{{Dataset: Dataset{Name: "d", Digest: exp, SourceType: "x", Source: "y"}, Tags: []KV{{"c", "train"}}}}, []string{model.ID}))
	y.ok(y.LogOutputs(yardCtx, run.ID, []ModelOutput{{ModelID: model.ID}}))
	y.put(exp+"/"+run.ID+"/artifacts/sub/a.txt", "of "+run.ID)
	y.put(exp+"/"+run.ID+"/artifacts/b.txt", "the same in every run")
	run, err = y.Run(yardCtx, run.ID)
	y.ok(err)
	return run
}

func (y *yard) model(exp, run string) LoggedModel {
	y.t.Helper()
	m, err := y.CreateModel(yardCtx, NewModel{ExperimentID: exp, SourceRunID: run, Params: []KV{{"p", "1"}}, Tags: []KV{{"t", "1"}}})
	y.ok(err)
	y.put(exp+"/models/"+m.ID+"/artifacts/MLmodel", "of "+m.ID)
	return m
}

func (y *yard) put(path, text string) {
	y.t.Helper()
	_, err := y.PutArtifact(yardCtx, path, strings.NewReader(text))
	y.ok(err)
}

func (y *yard) purge(p Purge) (deleted, kept []string) {
	y.t.Helper()
	p.Actor = "daisy"
	list, err := y.Purge(yardCtx, p)
	y.ok(err)
	for _, d := range list {
		if d.Kept == "" {
			deleted = append(deleted, d.Kind+" "+d.ID)
		} else {
			kept = append(kept, d.Kind+" "+d.ID+": "+d.Kept)
		}
	}
	if !p.DryRun {
		y.ok(y.Settle(yardCtx, y.now))
	}
	return deleted, kept
}

func (y *yard) ids(query string, args ...any) (out []string) {
	y.t.Helper()
	y.ok(y.d.View(yardCtx, func(tx *db.Tx) (err error) {
		out, err = column[string](tx, query, args...)
		return err
	}))
	return out
}

// rows counts the rows of each table of the room that has any, but for the default experiment.
func (y *yard) rows() map[string]int {
	y.t.Helper()
	out := map[string]int{}
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'tracking%'`
	if y.d.Dialect() == db.Postgres {
		query = `SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name LIKE 'tracking%'`
	}
	for _, table := range y.ids(query) {
		if n := len(y.ids(`SELECT '' FROM ` + table)); n > 0 {
			out[table] = n
		}
	}
	for _, table := range []string{"tracking_experiment", "tracking_peer"} { // the default experiment, the name of the workspace
		if out[table]--; out[table] == 0 {
			delete(out, table)
		}
	}
	return out
}

func want(t *testing.T, what string, got []string, list ...string) {
	t.Helper()
	if !slices.Equal(got, list) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, list)
	}
}

func TestPurgeLeavesNothing(t *testing.T) {
	eachYard(t, func(y *yard) {
		exp := y.experiment("old")
		run := y.run(exp)
		model := run.ModelOutputs[0].ModelID
		full := y.rows()
		for _, table := range y.tables("run") {
			if full[table] == 0 && table != "tracking_chunk" && table != "tracking_metric" && table != "tracking_latest" {
				y.t.Errorf("the test puts nothing into %s", table)
			}
		}
		y.ok(y.DeleteExperiment(yardCtx, exp))
		deleted, kept := y.purge(Purge{Before: y.now.Add(-time.Second)})
		want(y.t, "what was deleted just now stays", append(deleted, kept...))
		y.now = y.now.Add(time.Hour)
		all := []string{"run " + run.ID, "logged model " + model, "experiment " + exp}
		deleted, _ = y.purge(Purge{Before: y.now, DryRun: true})
		want(y.t, "dry run", deleted, all...)
		if got := y.rows(); fmt.Sprint(got) != fmt.Sprint(full) {
			y.t.Errorf("a dry run changed rows: %v, had %v", got, full)
		}
		deleted, kept = y.purge(Purge{Before: y.now})
		want(y.t, "purge", deleted, all...)
		want(y.t, "kept", kept)
		if got := y.rows(); len(got) != 1 || got["tracking_spent"] != 1 {
			y.t.Errorf("rows that are left: %v", got)
		}
		for verb, id := range map[string]string{event.RunPurged: run.ID, event.LoggedModelPurged: model, event.ExperimentPurged: exp} {
			if got := y.ids(`SELECT object FROM fact WHERE verb = ? AND actor = 'daisy'`, verb); !slices.Equal(got, []string{id}) {
				y.t.Errorf("facts %s: %v", verb, got)
			}
		}
		if again := y.experiment("old"); again == exp {
			y.t.Error("the number of the experiment was used again")
		}
	})
}

func (y *yard) tables(col string) (out []string) {
	y.t.Helper()
	y.ok(y.d.View(yardCtx, func(tx *db.Tx) (err error) {
		out, err = tablesNaming(tx, col)
		return err
	}))
	return out
}

// TestEveryTableIsPurged reads the schema: each table that refers to what is purged is purged too, before it. A new table
// that this test refuses has its owner under another name than run, model or experiment, or a name that does not begin with
// that of what it refers to.
func TestEveryTableIsPurged(t *testing.T) {
	d := dbtest.SQLite(t, event.Migrations(), Migrations())
	y := newYard(t, d, t.TempDir())
	order := map[string][]string{"run": append(y.tables("run"), "tracking_run"), "model": append(y.tables("model"), "tracking_model"),
		"experiment": append(y.tables("experiment"), "tracking_experiment")}
	type reference struct{ from, to string }
	var refs []reference
	y.ok(d.View(yardCtx, func(tx *db.Tx) error {
		return tx.Each(func(rows *sql.Rows) error {
			var r reference
			err := rows.Scan(&r.from, &r.to)
			refs = append(refs, r)
			return err
		}, `SELECT m.name, f."table" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' AND f."table" LIKE 'tracking%'`)
	}))
	if len(refs) < 10 {
		t.Fatalf("only %d references found: the look is broken", len(refs))
	}
	for _, r := range refs {
		for owner, tables := range order {
			to := slices.Index(tables, r.to)
			if to < 0 || r.to == "tracking_experiment" && slices.Contains(spared, r.from) {
				continue
			}
			if r.to == "tracking_dataset" && owner == "experiment" && r.from == "tracking_input" {
				continue // gone with the runs
			}
			if from := slices.Index(tables, r.from); from < 0 || from > to {
				t.Errorf("purging by %s: %s refers to %s and is not deleted before it", owner, r.from, r.to)
			}
		}
	}
}

func TestPurgeKeeps(t *testing.T) {
	eachYard(t, func(y *yard) {
		exp := y.experiment("e")
		var runs []Run
		for range 7 {
			runs = append(runs, y.run(exp))
		}
		y.ok(y.SetTag(yardCtx, runs[6].ID, KV{TagExecution, "06h1"}))
		model := func(i int) string { return runs[i].ModelOutputs[0].ModelID }
		loc := func(i int) string { return "mlflow-artifacts:///" + exp + "/" + runs[i].ID + "/artifacts/sub" }
		holds := func(*db.Tx) ([]Hold, error) {
			return []Hold{{Run: runs[0].ID, By: "A"}, {Model: model(1), By: "B"}, {Location: loc(2), By: "C"},
				{Location: "mlflow-artifacts:/" + exp + "/models/" + model(3) + "/artifacts", By: "D"}, {Location: "runs:/" + runs[4].ID + "/m", By: "E"}, {Execution: "06h1", By: "F"}}, nil
		}
		before := y.rows()
		y.ok(y.DeleteExperiment(yardCtx, exp))
		y.now = y.now.Add(time.Hour)
		deleted, kept := y.purge(Purge{Before: y.now, Holds: holds, DryRun: true})
		same, sameKept := y.purge(Purge{Before: y.now, Holds: holds})
		want(y.t, "the dry run says the same", deleted, same...)
		want(y.t, "the dry run says the same", kept, sameKept...)
		for _, sentence := range []string{"run " + runs[0].ID + ": A refers to it", "logged model " + model(1) + ": B refers to it", "run " + runs[2].ID + ": C refers to it",
			"logged model " + model(3) + ": D refers to it", "run " + runs[4].ID + ": E refers to it", "run " + runs[6].ID + ": F was made in its execution", "experiment " + exp + ": it still holds 4 runs"} {
			if !slices.Contains(kept, sentence) {
				y.t.Errorf("not kept: %s in %q", sentence, kept)
			}
		}
		if len(kept) != 7 || len(deleted) != 3+5 {
			y.t.Errorf("kept %q, deleted %q", kept, deleted)
		}
		for i, want := range []bool{true, false, true, false, true, false, true} {
			_, err := y.Run(yardCtx, runs[i].ID)
			_, there := y.StatArtifact(yardCtx, exp+"/"+runs[i].ID+"/artifacts/sub/a.txt")
			if (err == nil) != want || (there == nil) != want {
				y.t.Errorf("run %d: %v; its artifact: %v", i, err, there)
			}
		}
		y.ok(y.RestoreExperiment(yardCtx, exp))
		if after := y.rows(); after["tracking_run"] != 4 || after["tracking_model"] != 2 || before["tracking_run"] != 7 {
			y.t.Errorf("rows: %v", after)
		}
	})
}

// TestPurgeTakesOnlyWhatWasDeletedInTime: what is active, was restored, or belongs to another experiment stays.
func TestPurgeTakesOnlyWhatWasDeletedInTime(t *testing.T) {
	eachYard(t, func(y *yard) {
		one, two := y.experiment("one"), y.experiment("two")
		active, restored, old, young, elsewhere := y.run(one), y.run(one), y.run(one), y.run(one), y.run(two)
		for _, r := range []Run{restored, old, elsewhere} {
			y.ok(y.DeleteRun(yardCtx, r.ID))
		}
		y.ok(y.RestoreRun(yardCtx, restored.ID))
		y.now = y.now.Add(48 * time.Hour)
		y.ok(y.DeleteRun(yardCtx, young.ID))
		deleted, kept := y.purge(Purge{Before: y.now.Add(-time.Hour), Experiment: one})
		want(y.t, "deleted", deleted, "run "+old.ID)
		want(y.t, "kept", kept)
		for _, r := range []Run{active, restored, young, elsewhere} {
			if got, err := y.Run(yardCtx, r.ID); err != nil || len(got.Metrics) != 1 || len(got.Datasets) != 1 || len(got.ModelOutputs) != 1 {
				y.t.Errorf("run %s: %+v, %v", r.ID, got, err)
			}
			if a, err := y.StatArtifact(yardCtx, r.ExperimentID+"/"+r.ID+"/artifacts/b.txt"); err != nil {
				y.t.Errorf("%+v, %v", a, err)
			}
		}
		if _, err := y.Model(yardCtx, old.ModelOutputs[0].ModelID, false); err != nil {
			y.t.Errorf("the active model of a purged run: %v", err)
		}
		if err := y.RestoreRun(yardCtx, old.ID); !fault.Is(err, fault.NotFound) {
			y.t.Errorf("restoring what is gone: %v", err)
		}
	})
}

// TestNothingIsWrittenBelowWhatIsGone: an upload that arrives late leaves nothing that nobody would ever remove.
func TestNothingIsWrittenBelowWhatIsGone(t *testing.T) {
	eachYard(t, func(y *yard) {
		exp := y.experiment("e")
		run := y.run(exp)
		upload, err := y.CreateUpload(yardCtx, exp+"/"+run.ID+"/artifacts/big", 1)
		y.ok(err)
		digest, err := y.PutPart(yardCtx, upload.ID, 1, strings.NewReader("x"))
		y.ok(err)
		y.ok(y.DeleteExperiment(yardCtx, exp))
		y.purge(Purge{Before: y.now})
		for _, p := range []string{exp + "/" + run.ID + "/artifacts/x", exp + "/models/" + run.ModelOutputs[0].ModelID + "/artifacts/x", exp + "/x"} {
			if _, err := y.PutArtifact(yardCtx, p, strings.NewReader("x")); !fault.Is(err, fault.NotFound) {
				y.t.Errorf("%s: %v", p, err)
			}
		}
		if _, err := y.CompleteUpload(yardCtx, upload.ID, upload.Path, []UploadedPart{{1, digest.Hex()}}); !fault.Is(err, fault.NotFound) {
			y.t.Errorf("an upload in parts: %v", err)
		}
		if n := y.rows()["tracking_artifact"]; n != 0 {
			y.t.Errorf("%d artifacts below what is gone", n)
		}
	})
}

// TestForeignAndSharedPlaces: files at a place of the client's own are named, not touched; a place that a person gave to an
// experiment is never removed as a whole.
func TestForeignAndSharedPlaces(t *testing.T) {
	eachYard(t, func(y *yard) {
		shared, err := y.CreateExperiment(yardCtx, "shared", "mlflow-artifacts:/pool", nil)
		y.ok(err)
		cloud, err := y.CreateExperiment(yardCtx, "cloud", "s3://bucket/x", nil)
		y.ok(err)
		host := y.experiment("host")
		guest, err := y.CreateExperiment(yardCtx, "guest", "mlflow-artifacts:/"+host+"/inside", nil)
		y.ok(err)
		y.put("pool/treasure.txt", "of others")
		y.put(host+"/inside/x.txt", "of the guest")
		run, err := y.CreateRun(yardCtx, NewRun{ExperimentID: shared.ID})
		y.ok(err)
		y.put("pool/"+run.ID+"/artifacts/x", "x")
		away, err := y.CreateRun(yardCtx, NewRun{ExperimentID: cloud.ID})
		y.ok(err)
		for _, id := range []string{shared.ID, cloud.ID, host} {
			y.ok(y.DeleteExperiment(yardCtx, id))
		}
		list, err := y.Purge(yardCtx, Purge{Before: y.now, Actor: "daisy"})
		y.ok(err)
		y.ok(y.Settle(yardCtx, y.now))
		for _, d := range list {
			switch {
			case d.ID == away.ID && d.Left != away.ArtifactURI:
				y.t.Errorf("where the files are is not told: %+v", d)
			case d.ID == host && !strings.Contains(d.Kept, "guest"):
				y.t.Errorf("the host of %s went: %+v", guest.ID, d)
			}
		}
		got := y.ids(`SELECT path FROM tracking_artifact WHERE digest <> ''`)
		slices.Sort(got)
		want(y.t, "artifacts", got, host+"/inside/x.txt", "pool/treasure.txt")
	})
}

// TestManyArtifactsGoPieceByPiece: a cut between two pieces leaves what the next call removes.
func TestManyArtifactsGoPieceByPiece(t *testing.T) {
	eachYard(t, func(y *yard) {
		exp := y.experiment("e")
		run := y.run(exp)
		y.ok(y.d.Update(yardCtx, func(tx *db.Tx) error {
			var rows [][]any
			for i := range 2*clearing + 7 {
				dir := fmt.Sprintf("%s/%s/artifacts/d%d", exp, run.ID, i%9)
				rows = append(rows, []any{fmt.Sprint(dir, "/", i), dir, "sha256:" + strings.Repeat("0", 64), 1, 1})
			}
			if err := insert(tx, `INSERT INTO tracking_artifact (path, parent, digest, size, modified_ms)`, rows, ``); err != nil {
				return err
			}
			for i := range 9 {
				if err := makeFolders(tx, fmt.Sprintf("%s/%s/artifacts/d%d", exp, run.ID, i), 1); err != nil {
					return err
				}
			}
			return nil
		}))
		y.ok(y.DeleteExperiment(yardCtx, exp))
		_, err := y.Purge(yardCtx, Purge{Before: y.now, Actor: "daisy"})
		y.ok(err)
		before := y.rows()["tracking_artifact"]
		y.ok(y.d.Update(yardCtx, func(tx *db.Tx) error {
			more, err := clearDoomed(tx)
			if !more {
				y.t.Error("all at once")
			}
			return err
		}))
		if left := y.rows()["tracking_artifact"]; left >= before || left < before-clearing {
			y.t.Errorf("%d of %d artifacts left after one piece", left, before)
		}
		y.ok(y.Settle(yardCtx, y.now))
		if left := y.rows(); left["tracking_artifact"]+left["tracking_doomed"] != 0 {
			y.t.Errorf("left: %v", left)
		}
	})
}
