package dataset

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
)

// TestKilledBetweenObjectsAndCommit kills a real process with SIGKILL after it stored the objects and before it wrote the
// rows, and then runs the same command again.
func TestKilledBetweenObjectsAndCommit(t *testing.T) {
	ctx := context.Background()
	if dir := os.Getenv("DATASET_CRASH_DIR"); dir != "" {
		d, r := workspace(t, dir)
		defer d.Close()
		r.beforeCommit = func() { syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} }
		r.Add(ctx, crashInput(dir)) //nolint:errcheck // never returns
		return
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "a.csv"), []byte("x\n1\n"), 0o644))
	self, err := os.Executable()
	must(t, err)
	child := exec.Command(self, "-test.run=^TestKilledBetweenObjectsAndCommit$")
	child.Env = append(os.Environ(), "DATASET_CRASH_DIR="+dir)
	err = child.Run()
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); err == nil || !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the child was not killed: %v", err)
	}

	d, r := workspace(t, dir)
	defer d.Close()
	if vs, err := r.Versions(ctx, "umbrella", "weather"); err != nil || len(vs) != 0 || len(facts(t, d)) != 0 {
		t.Errorf("half a version is visible: %v, %v", vs, err)
	}
	if n := len(objects(t, r)); n != 2 {
		t.Errorf("%d orphan objects, want the file and the manifest", n)
	}
	v, created, err := r.Add(ctx, crashInput(dir))
	if err != nil || !created || v.Number != 1 || len(facts(t, d)) != 1 || len(objects(t, r)) != 2 {
		t.Errorf("the same command again: %v, created %v, %v; %d facts, %d objects", v, created, err, len(facts(t, d)), len(objects(t, r)))
	}
}

func crashInput(dir string) AddInput {
	return AddInput{Product: "umbrella", Name: "weather", Path: filepath.Join(dir, "a.csv"), Actor: "daisy"}
}

func workspace(t *testing.T, dir string) (*db.DB, *Room) {
	t.Helper()
	ctx := context.Background()
	d, err := db.Open(ctx, filepath.Join(dir, "store", "paraplu.db"))
	must(t, err)
	must(t, db.Migrate(ctx, d, sources...))
	b, err := blob.Open(ctx, "file://"+filepath.Join(dir, "store", "objects"))
	must(t, err)
	return d, New(d, b, func() time.Time { return noon })
}
