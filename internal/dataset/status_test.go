package dataset

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/ref"
)

// settle makes the files below dir so old that the index may trust them: a file system does not let a test set their time
// of change, so it waits until the clock has moved on.
func settle(t testing.TB, r *Room, dir string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		l, err := r.lies(context.Background(), dir)
		must(t, err)
		if !slices.ContainsFunc(l.files, func(e IndexEntry) bool { return e.Racy }) && l.read == 0 {
			return
		}
	}
	t.Fatal("the files stay young")
}

func TestStatusOpensNothingWhenNothingChanged(t *testing.T) {
	r := newRoom(t, dbtest.SQLite(t, sources...))
	r.IndexDir = t.TempDir()
	dir := write(t, map[string]string{"a-b/1.csv": "x\n1\n", "a/1.csv": "x\n2\n", "a.csv": "x\n3\n"})
	v, _ := add(t, r, "tables", dir)
	settle(t, r, dir)
	r.open = func(path string) (io.ReadCloser, error) { return nil, fmt.Errorf("%s was opened", path) }
	must(t, r.blobs.Delete(context.Background(), v.Digest)) // the manifest
	s, err := r.Status(context.Background(), "umbrella", "tables", dir)
	if err != nil || s.State != Same || s.Read != 0 || s.Files != 3 || s.Digest != v.Digest {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestStatusIsWhatAFullReadSays: after random edits, the index never hides one.
func TestStatusIsWhatAFullReadSays(t *testing.T) {
	base := newRoom(t, dbtest.SQLite(t, sources...))
	base.IndexDir = t.TempDir()
	ctx := context.Background()
	rapid.Check(t, func(rt *rapid.T) {
		dir := write(t, map[string]string{"a": "1", "b": "1", "c/d": "1"})
		name := fmt.Sprintf("n%d", time.Now().UnixNano())
		add(t, base, name, dir)
		paths := []string{"a", "b", "c/d", "c/e"}
		for range rapid.IntRange(1, 6).Draw(rt, "edits") {
			path := filepath.Join(dir, rapid.SampledFrom(paths).Draw(rt, "path"))
			info, before := os.Lstat(path)
			switch rapid.IntRange(0, 3).Draw(rt, "edit") {
			case 0:
				os.Remove(path) //nolint:errcheck // it may be gone
			case 1:
				must(t, os.WriteFile(path, []byte(rapid.StringOfN(rapid.RuneFrom([]rune("12")), 1, 1, 1).Draw(rt, "text")), 0o644))
				if before == nil { // hide the edit as well as a program can
					must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
				}
			case 2:
				if before == nil {
					must(t, os.Rename(path, filepath.Join(dir, "b")))
				}
			default:
				_, err := base.Status(ctx, "umbrella", name, dir)
				must(t, err)
			}
		}
		with, err := base.Status(ctx, "umbrella", name, dir)
		must(t, err)
		blind := *base
		blind.IndexDir = ""
		without, err := blind.Status(ctx, "umbrella", name, dir)
		must(t, err)
		with.Read, without.Read = 0, 0
		if fmt.Sprintf("%+v", with) != fmt.Sprintf("%+v", without) {
			rt.Fatalf("with the index %+v, without %+v", with, without)
		}
	})
}

func BenchmarkStatus100kFiles(b *testing.B) {
	r := newRoom(b, dbtest.SQLite(b, sources...))
	r.IndexDir = b.TempDir()
	dir := b.TempDir()
	for i := range 100 {
		sub := filepath.Join(dir, fmt.Sprint(i))
		must(b, os.Mkdir(sub, 0o755))
		for j := range 1000 {
			must(b, os.WriteFile(filepath.Join(sub, fmt.Sprint(j)), []byte(fmt.Sprint(i, j)), 0o644))
		}
	}
	known, err := list(dir)
	must(b, err)
	for i := range known.files {
		known.files[i].Digest = ref.Sum(nil)
	}
	must(b, OpenStatIndex(r.IndexDir, dir).Save(true, ref.Sum(nil), known.files))
	for b.Loop() {
		l, err := r.lies(context.Background(), dir)
		if err != nil || l.read != 0 {
			b.Fatal(l.read, err)
		}
	}
}
