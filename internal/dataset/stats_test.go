package dataset

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/fault"
)

// counting counts how often the room opens a file.
func counting(r *Room) (opened func() int) {
	var mu sync.Mutex
	n := 0
	r.open = func(path string) (io.ReadCloser, error) {
		mu.Lock()
		defer mu.Unlock()
		n++
		return os.Open(path)
	}
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		defer func() { n = 0 }()
		return n
	}
}

func many(t *testing.T, n int) string {
	t.Helper()
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("d%d/f%d.csv", i%7, i)] = fmt.Sprintf("a,b\n%d,1\n%d,2\n", i, i)
	}
	return write(t, files)
}

// moveOn lets the clock of the file system move on, so that what was written is not racy any more.
func moveOn() { time.Sleep(time.Duration(racyFine) + 20*time.Millisecond) }

func TestWhatDidNotChangeIsNotRead(t *testing.T) {
	ctx := context.Background()
	r := newRoom(t, dbtest.SQLite(t, sources...))
	opened := counting(r)
	dir := many(t, 100)
	moveOn()
	v1, _ := add(t, r, "tables", dir)
	if n := opened(); n != 100 || v1.Rows != 200 || len(v1.Columns) != 2 {
		t.Fatalf("%d files read; %+v", n, v1)
	}
	if again, created := add(t, r, "tables", dir); created || opened() != 0 || len(again.Files) != 100 || again.Rows != 200 {
		t.Errorf("again: created %v, %d files", created, len(again.Files))
	}
	must(t, r.Checkout(ctx, v1, dir))
	if n := opened(); n != 0 {
		t.Errorf("a checkout over itself reads %d files", n)
	}
	// one changes, with the same size and the old time of its content
	path := filepath.Join(dir, "d0/f0.csv")
	info, err := os.Stat(path)
	must(t, err)
	must(t, os.WriteFile(path, []byte("a,b\n9,1\n0,2\n"), 0o644))
	must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
	v2, created := add(t, r, "tables", dir)
	if n := opened(); !created || n != 1 || v2.Rows != 200 || !slices.Equal(v2.Columns, v1.Columns) {
		t.Errorf("%d files read, created %v, %d rows", n, created, v2.Rows)
	}
	// a place that a checkout has made
	dest := filepath.Join(t.TempDir(), "out")
	must(t, r.Checkout(ctx, v1, dest))
	opened()
	must(t, r.Checkout(ctx, v1, dest))
	if n := opened(); n != 0 {
		t.Errorf("%d files of a checkout are read", n)
	}
	must(t, os.WriteFile(filepath.Join(dest, "d0/f0.csv"), []byte("a,b\n7,1\n0,2\n"), 0o644))
	if err := r.Checkout(ctx, v1, dest); !fault.Is(err, fault.Conflict) || opened() != 1 {
		t.Errorf("unsaved work: %v", err)
	}
	if v3, created := add(t, r, "tables", dest); !created || v3.Rows != 200 { // counts them, for a checkout does not
		t.Errorf("%+v", v3)
	}
}

func TestRacyFilesAreRead(t *testing.T) {
	r := newRoom(t, dbtest.SQLite(t, sources...))
	opened := counting(r)
	dir := many(t, 64)
	later := time.Now().Add(time.Hour) // as if it was written this moment
	path := filepath.Join(dir, "d0/f0.csv")
	must(t, os.Chtimes(path, later, later))
	moveOn()
	add(t, r, "tables", dir)
	opened()
	add(t, r, "tables", dir)
	if n := opened(); n != 1 {
		t.Errorf("%d files read, want the one from the future", n)
	}
}

// TestSweptFilesAreStoredAgain: what is known by its stat may be gone from the store.
func TestSweptFilesAreStoredAgain(t *testing.T) {
	ctx := context.Background()
	r := newRoom(t, dbtest.SQLite(t, sources...))
	dir := many(t, 100)
	moveOn()
	v, _ := add(t, r, "tables", dir)
	if _, err := r.blobs.Sweep(ctx, nil, time.Now().Add(time.Minute), false); err != nil || len(objects(t, r)) != 0 {
		t.Fatal(err)
	}
	opened := counting(r)
	w, created := add(t, r, "others", dir)
	if n := opened(); !created || n != 100 || w.Digest != v.Digest {
		t.Errorf("%d files read, created %v", n, created)
	}
	dest := filepath.Join(t.TempDir(), "out")
	must(t, r.Checkout(ctx, w, dest))
	if ls(t, dest) != ls(t, dir) {
		t.Error("the checkout is not what was added")
	}
}

// TestDamagedMemoryIsIgnored flips each byte of what is remembered.
func TestDamagedMemoryIsIgnored(t *testing.T) {
	r := newRoom(t, dbtest.SQLite(t, sources...))
	dir := many(t, 64)
	moveOn()
	add(t, r, "tables", dir)
	s := r.knownFiles(dir)
	if len(s.rows) != 64 {
		t.Fatalf("%d files are known", len(s.rows))
	}
	text, err := os.ReadFile(s.path)
	must(t, err)
	for i := range text {
		text[i] ^= 4
		must(t, os.WriteFile(s.path, text, 0o644))
		if n := len(r.knownFiles(dir).rows); n != 0 {
			t.Fatalf("byte %d: %d files are known", i, n)
		}
		text[i] ^= 4
	}
	must(t, os.WriteFile(s.path, text[:len(text)/2], 0o644))
	if n := len(r.knownFiles(dir).rows); n != 0 {
		t.Errorf("half: %d files are known", n)
	}
}

func TestLargeFilesShareTheirChunks(t *testing.T) {
	r := newRoom(t, dbtest.SQLite(t, sources...))
	dir := t.TempDir()
	path := filepath.Join(dir, "big.csv")
	f, err := os.Create(path)
	must(t, err)
	fmt.Fprintln(f, "a,b,c")
	for i := range 300_000 {
		fmt.Fprintf(f, "%d,%d,%x\n", i, i*i%1000, uint32(i)*2654435761)
	}
	must(t, f.Close())
	v1, _ := add(t, r, "big", path)
	size := func() (n int64) {
		must(t, filepath.WalkDir(r.blobs.Folder(), func(path string, d os.DirEntry, err error) error {
			if info, e := d.Info(); e == nil && info.Mode().IsRegular() && filepath.Base(filepath.Dir(path)) != "stat" {
				n += info.Size()
			}
			return err
		}))
		return n
	}
	before := size()
	f, err = os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	for i := range 3000 {
		fmt.Fprintf(f, "%d,%d,%x\n", i, i*7%1000, uint32(i)*40503)
	}
	must(t, f.Close())
	v2, _ := add(t, r, "big", path)
	if grown := size() - before; v1.Rows != 300_000 || v2.Rows != 303_000 || grown > before*3/100 {
		t.Errorf("%d and %d rows; one percent more takes %d bytes of %d", v1.Rows, v2.Rows, grown, before)
	}
	must(t, r.Checkout(context.Background(), v1, path))
	if w, created := add(t, r, "big", path); !created || w.Digest != v1.Digest {
		t.Error("the checkout is not what was added")
	}
}
