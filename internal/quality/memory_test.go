package quality_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/adapter/duck"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/quality"
)

const keyContract = `apiVersion: v3.1.0
kind: DataContract
id: keys
version: 1.0.0
status: active
schema:
  - name: keys
    properties:
      - {name: k, logicalType: string, primaryKey: true}
      - name: v
        logicalType: number
        quality: [{type: custom, engine: paraplu, implementation: {check: median, min: 0}}]
`

// TestMemoryChild is not a test but the process of the one below.
func TestMemoryChild(t *testing.T) {
	path := os.Getenv("CHECK_PATH")
	if path == "" {
		t.Skip("only as a child")
	}
	r := quality.New(dbtest.SQLite(t, sources...), duck.New(duck.Config{Threads: 2, MemoryLimit: os.Getenv("CHECK_MEMORY"), TempDir: os.Getenv("CHECK_SPILL")}), time.Now)
	c, err := quality.ParseContract("keys.odcs.yaml", []byte(keyContract))
	if err != nil {
		t.Fatal(err)
	}
	report, err := r.Check(context.Background(), quality.CheckInput{Product: "p", Dataset: "keys", Path: path, Contract: c, Actor: "eddy"})
	if err != nil || report.Status != quality.Pass || report.Rows != keyRows {
		t.Fatalf("%+v, %v", report, err)
	}
}

const keyRows = 3_000_000

// TestTheLimitOfMemoryIsKept: three million texts that must differ are more than the limit, and are checked within it.
func TestTheLimitOfMemoryIsKept(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	dir := t.TempDir()
	path, spill := filepath.Join(dir, "keys.parquet"), filepath.Join(dir, "spill")
	writeParquet(t, path, "SELECT 'key-' || md5(range::VARCHAR) AS k, sin(range) AS v FROM range(3000000)")
	peak := func(limit string) int64 {
		child := exec.Command(os.Args[0], "-test.run=^TestMemoryChild$")
		child.Env = append(os.Environ(), "CHECK_PATH="+path, "CHECK_MEMORY="+limit, "CHECK_SPILL="+spill)
		if out, err := child.CombinedOutput(); err != nil {
			t.Fatalf("with %s: %v\n%s", limit, err, out)
		}
		return child.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10
	}
	free, limited := peak("4GB"), peak("150MB")
	t.Logf("peak of resident memory: %d MB without a limit that matters, %d MB within 150 MB", free, limited)
	if limited > 150+130 || limited*5 > free*4 { // the rest is the program itself, with DuckDB
		t.Errorf("%d MB are resident within a limit of 150 MB; without, %d MB", limited, free)
	}
	if entries, err := os.ReadDir(spill); err != nil || len(entries) != 0 {
		t.Errorf("left in the spill folder: %v, %v", entries, err)
	}
}
