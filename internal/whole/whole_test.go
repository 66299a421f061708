package whole

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestOnceKeepsTheFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	for _, text := range []string{"first", "second"} {
		if err := Once(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, path, "first", 0o600)
	alone(t, path)
}

func TestOnceHasOneWinner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	seen := make([]string, 16)
	var all sync.WaitGroup
	for i := range seen {
		all.Go(func() {
			if err := Once(path, fmt.Appendf(nil, "writer %d", i), 0o600); err != nil {
				t.Error(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
			}
			seen[i] = string(text)
		})
	}
	all.Wait()
	for _, text := range seen {
		if text != seen[0] || text == "" {
			t.Errorf("one writer saw %q, another %q", seen[0], text)
		}
	}
	alone(t, path)
}

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.html")
	for _, text := range []string{"a longer first text", "second"} {
		if err := Replace(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, path, "second", 0o644)
	alone(t, path)
}

func TestFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(path, "inside"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("x"), 0o644); err == nil {
		t.Error("a folder was replaced by a file")
	}
	alone(t, path)
	if err := Once(filepath.Join(dir, "nowhere", "key"), nil, 0o600); err == nil {
		t.Error("a file was made in a folder that does not exist")
	}
}

// TestSweep removes what a killed process left, and nothing else.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{".half-old": 2 * time.Hour, ".half-young": 0, "old.pem": 2 * time.Hour} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".half-folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(dir, now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{".half-old": false, ".half-young": true, "old.pem": true, ".half-folder": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s is there: %v", name, err == nil)
		}
	}
	if err := Sweep(filepath.Join(dir, "nowhere"), now); err != nil {
		t.Errorf("a folder that does not exist: %v", err)
	}
}

// TestKillNine kills a process that replaces a file as fast as it can: the file is whole at every moment, and one sweep
// clears what was left.
func TestKillNine(t *testing.T) {
	if dir := os.Getenv("WHOLE_DIR"); dir != "" {
		for i := 0; ; i++ {
			if err := Replace(filepath.Join(dir, "f"), fmt.Appendf(nil, "%01000d", i), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for n := range 10 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKillNine$")
		cmd.Env = append(os.Environ(), "WHOLE_DIR="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for before, _ := os.ReadFile(path); ; { // until it has written
			now, _ := os.ReadFile(path)
			if string(now) != string(before) {
				break
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(n) * 700 * time.Microsecond)
		cmd.Process.Kill()
		cmd.Wait()
		if text, err := os.ReadFile(path); err != nil || len(text) != 1000 {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
	}
	if err := Sweep(dir, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	alone(t, path)
}

func holds(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != text {
		t.Errorf("%q, %v; want %q", got, err, text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
		t.Errorf("mode %v, %v; want %v", info.Mode(), err, mode)
	}
}

// alone: nothing stands beside the file.
func alone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Errorf("the folder holds %v", entries)
	}
}
