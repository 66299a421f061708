package duck

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestSpillChild is not a test but the process of the one below: it holds a session and a copy until it is killed.
func TestSpillChild(t *testing.T) {
	dir := os.Getenv("SPILL_OF")
	if dir == "" {
		t.Skip("only as a child")
	}
	e := New(Config{Threads: 1, MemoryLimit: "40MB", TempDir: dir})
	scratch, _, err := e.Scratch()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(scratch, "copy"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := e.open(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Query(context.Background(), "CREATE TEMP TABLE big AS SELECT range AS a, hash(range) AS b FROM range(6000000)"); err != nil {
		t.Fatal(err)
	}
	fmt.Println("spilled")
	time.Sleep(time.Minute)
}

// TestSpillOfAKilledProcessIsRemoved: at once by the next process, and never while its own process lives.
func TestSpillOfAKilledProcessIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spill")
	child := exec.Command(os.Args[0], "-test.run=^TestSpillChild$", "-test.v")
	child.Env = append(os.Environ(), "SPILL_OF="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill() //nolint:errcheck // it was killed already
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "spilled"; {
	}
	left := func() (names []string) {
		filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error { //nolint:errcheck // it may not be there
			if err == nil && !d.IsDir() {
				names = append(names, path)
			}
			return nil
		})
		return names
	}
	use := func() {
		t.Helper()
		if _, err := New(Config{Threads: 1, TempDir: dir}).Query(context.Background(), nil, "SELECT 1"); err != nil {
			t.Fatal(err)
		}
	}
	before := len(left())
	if before < 3 { // lock, copy and at least one file of DuckDB
		t.Fatalf("the child spilled nothing: %q", left())
	}
	if use(); len(left()) != before {
		t.Errorf("files of a process that lives were removed: %q", left())
	}
	child.Process.Kill() //nolint:errcheck // seen by Wait
	child.Wait()         //nolint:errcheck // it was killed
	if use(); len(left()) != 0 {
		t.Errorf("left by the killed process: %q", left())
	}
}
