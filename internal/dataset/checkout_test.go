package dataset

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// ls gives "path=content" of all files below dir, sorted.
func ls(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			body, _ := os.ReadFile(path)
			rel, _ := filepath.Rel(dir, path)
			out = append(out, rel+"="+string(body))
		}
		return err
	}))
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestCheckoutMakesExactlyTheVersion(t *testing.T) {
	ctx := context.Background()
	r := newRoom(t, dbtest.SQLite(t, sources...))
	dir := write(t, map[string]string{"a": "1", "sub/b": "2"})
	v1, _ := add(t, r, "things", dir)
	must(t, os.WriteFile(filepath.Join(dir, "a"), []byte("new"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "c"), []byte("3"), 0o644))
	v2, _ := add(t, r, "things", dir)
	dest := filepath.Join(t.TempDir(), "deep", "out")
	for _, step := range []struct {
		v    Version
		want string
	}{{v1, "a=1 sub/b=2"}, {v2, "a=new c=3 sub/b=2"}, {v1, "a=1 sub/b=2"}} {
		must(t, r.Checkout(ctx, step.v, dest))
		if got := ls(t, dest); got != step.want {
			t.Errorf("%s: %q, want %q", step.v, got, step.want)
		}
	}
	// equal files are not touched
	before, _ := os.Stat(filepath.Join(dest, "sub/b"))
	must(t, r.Checkout(ctx, v2, dest))
	after, _ := os.Stat(filepath.Join(dest, "sub/b"))
	if !os.SameFile(before, after) {
		t.Error("an equal file was written again")
	}
}

func TestCheckoutKeepsUnsavedWork(t *testing.T) {
	ctx := context.Background()
	r := newRoom(t, dbtest.SQLite(t, sources...))
	dir := write(t, map[string]string{"a.csv": "x\n1\n", "b.csv": "x\n2\n"})
	v, _ := add(t, r, "things", dir)
	must(t, os.WriteFile(filepath.Join(dir, "b.csv"), []byte("an hour of work"), 0o644))
	must(t, os.Remove(filepath.Join(dir, "a.csv")))
	err := r.Checkout(ctx, v, dir)
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "b.csv would be lost") {
		t.Fatalf("error = %v", err)
	}
	if got := ls(t, dir); got != "b.csv=an hour of work" {
		t.Errorf("something was changed nevertheless: %s", got)
	}
	must(t, r.Replace(ctx, v, dir))
	if got := ls(t, dir); got != "a.csv=x\n1\n b.csv=x\n2\n" {
		t.Errorf("after Replace: %q", got)
	}
}

func TestCheckoutRemovesLeftovers(t *testing.T) {
	r := newRoom(t, dbtest.SQLite(t, sources...))
	v, _ := add(t, r, "things", write(t, map[string]string{"a": "1"}))
	dest := write(t, map[string]string{temporary + "123": "half"})
	must(t, r.Checkout(context.Background(), v, dest))
	if got := ls(t, dest); got != "a=1" {
		t.Errorf("folder holds %q", got)
	}
}

func TestCheckoutRefuses(t *testing.T) {
	ctx := context.Background()
	r := newRoom(t, dbtest.SQLite(t, sources...))
	folder := write(t, map[string]string{"a": "1"})
	v, _ := add(t, r, "things", folder)
	file, _ := add(t, r, "one", filepath.Join(folder, "a"))
	if err := r.Checkout(ctx, file, folder); !fault.Is(err, fault.Conflict) {
		t.Errorf("a file over a folder: %v", err)
	}
	dest := t.TempDir()
	must(t, os.Symlink("/etc/hostname", filepath.Join(dest, "a")))
	if err := r.Checkout(ctx, v, dest); err == nil {
		t.Error("a symbolic link in the way was followed")
	}
	evil := v
	evil.Files = []File{{Path: "../../evil", Size: 1, Digest: v.Files[0].Digest}}
	if err := r.Checkout(ctx, evil, t.TempDir()); !fault.Is(err, fault.Invalid) {
		t.Errorf("a path that leads outside: %v", err)
	}
	lost := v
	lost.Files = []File{{Path: "a", Size: 1, Digest: ref.Sum([]byte("never stored"))}}
	dest = t.TempDir()
	if err := r.Checkout(ctx, lost, dest); !fault.Is(err, fault.NotFound) || ls(t, dest) != "" {
		t.Errorf("an object that is gone: %v; folder %q", err, ls(t, dest))
	}
}
