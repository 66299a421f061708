package mlflowdb_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/adapter/mlflowdb"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/tracking"
	"github.com/paraplu/paraplu/internal/transfer"
)

var ctx = context.Background()

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// store makes a SQLite file from statements.
func store(t *testing.T, statements string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mlflow.db")
	d, err := db.Open(ctx, path)
	ok(t, err)
	ok(t, d.Update(ctx, func(tx *db.Tx) error {
		for _, s := range strings.Split(statements, ";\n") {
			if _, err := tx.Exec(s); err != nil {
				return err
			}
		}
		return nil
	}))
	ok(t, d.Close())
	return path
}

func old(t *testing.T) string {
	text, err := os.ReadFile("testdata/old.sql")
	ok(t, err)
	return store(t, string(text))
}

func open(t *testing.T, path, artifacts string) *mlflowdb.Store {
	t.Helper()
	s, err := mlflowdb.Open(ctx, path, artifacts)
	ok(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()
	ok(t, os.MkdirAll(filepath.Dir(path), 0o755))
	ok(t, os.WriteFile(path, []byte(text), 0o644))
}

// TestOldSchema reads a store that lacks what came later.
func TestOldSchema(t *testing.T) {
	path := old(t)
	s := open(t, path, "")
	exps, err := s.Experiments(ctx)
	ok(t, err)
	if len(exps) != 2 || exps[1].ID != "1" || exps[1].Stage != tracking.Deleted {
		t.Fatalf("%+v", exps)
	}
	var runs []tracking.Run
	ok(t, s.Runs(ctx, "1", func(r tracking.Run) error { runs = append(runs, r); return nil }))
	if len(runs) != 1 || runs[0].Name != "first" || *runs[0].EndMs != 2000 || len(runs[0].Params) != 1 || len(runs[0].Metrics) != 2 {
		t.Fatalf("%+v", runs)
	}
	if m := runs[0].Metrics[0]; m.Value != 1 || m.TimestampMs != 30 {
		t.Errorf("the newest point is %+v", m)
	}
	var points []tracking.Metric
	ok(t, s.Points(ctx, runs[0], func(p []tracking.Metric) error { points = append(points, p...); return nil }))
	if len(points) != 4 || !math.IsNaN(points[3].Value) {
		t.Errorf("%+v", points)
	}
	ok(t, s.LoggedModels(ctx, "1", func(tracking.LoggedModel) error { t.Error("a logged model"); return nil }))
	ok(t, s.Registered(ctx, nil))

	root := transfer.Root{ID: "aa", URI: runs[0].ArtifactURI}
	write(t, filepath.Join(filepath.Dir(path), "mlruns/1/aa/artifacts/notes/a.txt"), "hello")
	ok(t, os.Symlink("/etc/passwd", filepath.Join(filepath.Dir(path), "mlruns/1/aa/artifacts/link")))
	var files []transfer.File
	ok(t, s.Files(ctx, root, func(f transfer.File) error { files = append(files, f); return nil }))
	if len(files) != 1 || files[0] != (transfer.File{Path: "notes/a.txt", Size: 5}) {
		t.Errorf("%+v", files)
	}
}

// TestPlacesOfFiles: where each kind of address is looked for, and what is said when it is not there.
func TestPlacesOfFiles(t *testing.T) {
	moved := t.TempDir()
	write(t, filepath.Join(moved, "1/aa/artifacts/x"), "x")
	write(t, filepath.Join(moved, "1/models/m-1/artifacts/x"), "x")
	path := old(t)
	bare, with := open(t, path, ""), open(t, path, moved)
	for _, c := range []struct {
		store *mlflowdb.Store
		root  transfer.Root
		files int
		kind  fault.Kind
	}{
		{with, transfer.Root{URI: "mlflow-artifacts:/1/aa/artifacts"}, 1, 0},
		{with, transfer.Root{URI: "mlflow-artifacts://host:5000/1/aa/artifacts"}, 1, 0},
		{with, transfer.Root{URI: "mlflow-artifacts:/../../etc"}, 0, 0},
		{with, transfer.Root{URI: "file:///elsewhere/1/aa/artifacts"}, 1, 0},
		{with, transfer.Root{URI: "file://" + moved + "/1/aa/artifacts"}, 1, 0},
		{bare, transfer.Root{URI: moved + "/1/aa/artifacts"}, 1, 0},
		{bare, transfer.Root{URI: moved + "/1/bb/artifacts"}, 0, 0},
		{with, transfer.Root{Model: true, URI: "/elsewhere/1/models/m-1/artifacts"}, 1, 0},
		{with, transfer.Root{Model: true, URI: "mlflow-artifacts:/1/models/m-2/artifacts"}, 0, fault.NotFound},
		{bare, transfer.Root{URI: "file:///elsewhere/1/aa/artifacts"}, 0, fault.NotFound},
		{bare, transfer.Root{URI: "mlflow-artifacts:/1/aa/artifacts"}, 0, fault.Precondition},
		{bare, transfer.Root{URI: "s3://bucket/1/aa/artifacts"}, 0, fault.Unsupported},
	} {
		n := 0
		err := c.store.Files(ctx, c.root, func(transfer.File) error { n++; return nil })
		if n != c.files || c.kind == 0 && err != nil || c.kind != 0 && !fault.Is(err, c.kind) {
			t.Errorf("%s: %d files, %v", c.root.URI, n, err)
		}
	}
}

func TestWrongFiles(t *testing.T) {
	dir := t.TempDir()
	text, empty := filepath.Join(dir, "text"), filepath.Join(dir, "empty")
	write(t, text, strings.Repeat("this is no database. ", 100))
	write(t, empty, "")
	for path, kind := range map[string]fault.Kind{
		filepath.Join(dir, "none"): fault.NotFound, text: fault.Invalid, empty: fault.Invalid,
		store(t, `CREATE TABLE something (a TEXT)`):     fault.Invalid,
		store(t, `CREATE TABLE tracking_run (id TEXT)`): fault.Invalid,
	} {
		if s, err := mlflowdb.Open(ctx, path, ""); !fault.Is(err, kind) || fault.HintOf(err) == "" {
			t.Errorf("%s: %v %v", path, s, err)
		}
	}
	if _, err := mlflowdb.Open(ctx, old(t), filepath.Join(dir, "none")); !fault.Is(err, fault.NotFound) {
		t.Errorf("no folder of artifacts: %v", err)
	}
}

// TestDamagedFile writes over the pages of a store: what is hit says so, and nothing panics.
func TestDamagedFile(t *testing.T) {
	text, err := os.ReadFile("testdata/old.sql")
	ok(t, err)
	path := store(t, string(text)+"INSERT INTO metrics WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT 'many', i, i, 'aa' FROM n;\n")
	data, err := os.ReadFile(path)
	ok(t, err)
	const page = 4096
	damaged := 0
	for at := page; at < len(data); at += page {
		bad := append([]byte{}, data...)
		for i := range page {
			bad[at+i] = 0xAA
		}
		ok(t, os.WriteFile(path, bad, 0o644))
		s, err := mlflowdb.Open(ctx, path, "")
		if err == nil {
			err = s.Runs(ctx, "1", func(r tracking.Run) error { return s.Points(ctx, r, func([]tracking.Metric) error { return nil }) })
			s.Close()
		}
		if fault.Is(err, fault.Precondition) && fault.HintOf(err) != "" {
			damaged++
		} else if err != nil {
			t.Errorf("page %d: %v", at/page, err)
		}
	}
	if damaged < 10 {
		t.Errorf("%d pages of %d are missed when damaged", damaged, len(data)/page)
	}
}
