package dataset

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/ref"
)

func TestIndexIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		paths := rapid.SliceOfNDistinct(rapid.String(), 0, 20, rapid.ID[string]).Draw(t, "paths")
		slices.Sort(paths)
		x := &StatIndex{Root: rapid.String().Draw(t, "root"), Folder: rapid.Bool().Draw(t, "folder"), Tree: ref.Sum(nil), entries: []IndexEntry{}}
		for _, p := range paths {
			x.entries = append(x.entries, IndexEntry{p, Stat{rapid.Uint64().Draw(t, "inode"), rapid.Int64().Draw(t, "size"), rapid.Int64().Draw(t, "mtime"),
				rapid.Int64().Draw(t, "ctime"), rapid.Uint32().Draw(t, "mode")}, ref.Sum([]byte(p)), rapid.Bool().Draw(t, "racy")})
		}
		body := encodeIndex(x)
		y, ok := decodeIndex(body)
		if !ok || y.Root != x.Root || y.Folder != x.Folder || y.Tree != x.Tree || !slices.Equal(y.entries, x.entries) {
			t.Fatalf("%+v became %+v", x, y)
		}
		at := rapid.IntRange(0, len(body)-1).Draw(t, "flipped")
		broken := bytes.Clone(body)
		broken[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, ok := decodeIndex(broken); ok {
			t.Fatalf("a flipped bit in byte %d is not seen", at)
		}
		if _, ok := decodeIndex(body[:at]); ok {
			t.Fatalf("cut at %d is not seen", at)
		}
	})
}

func FuzzDecodeIndex(f *testing.F) {
	f.Add(encodeIndex(&StatIndex{Root: "/data", Folder: true, entries: []IndexEntry{{Path: "a", Digest: ref.Sum(nil)}}}))
	f.Fuzz(func(t *testing.T, body []byte) {
		if x, ok := decodeIndex(body); ok {
			if again, ok := decodeIndex(encodeIndex(x)); !ok || !slices.Equal(again.entries, x.entries) {
				t.Error("what was read cannot be written")
			}
		}
	})
}

func TestIndexKnowsWhatDidNotChange(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	must(t, os.WriteFile(path, []byte("x\n1\n"), 0o644))
	stat := func() Stat {
		info, err := os.Lstat(path)
		must(t, err)
		return StatOf(info)
	}
	first := stat()
	d := ref.Sum([]byte("x\n1\n"))
	if e := Indexed("a.csv", first, d, time.Now()); !e.Racy {
		t.Error("a file that was written this moment may change without a trace")
	}
	x := OpenStatIndex(filepath.Join(dir, "index"), path)
	must(t, x.Save(false, "", []IndexEntry{Indexed("a.csv", first, d, time.Now().Add(time.Second))}))
	y := OpenStatIndex(filepath.Join(dir, "index"), path)
	if got, ok := y.Known("a.csv", stat()); !ok || got != d {
		t.Errorf("an unchanged file is not known: %v %v", got, ok)
	}
	for stat().CTime == first.CTime { // until the clock of the file system has ticked
		must(t, os.WriteFile(path, []byte("x\n2\n"), 0o644)) // the same size
	}
	must(t, os.Chtimes(path, time.Now(), time.Unix(0, first.MTime)))
	if _, ok := y.Known("a.csv", stat()); ok {
		t.Error("other content of the same size and time of change is taken for the old one")
	}
	for name, change := range map[string]func(*Stat){
		"inode": func(s *Stat) { s.Inode++ }, "size": func(s *Stat) { s.Size++ }, "mtime": func(s *Stat) { s.MTime++ },
		"ctime": func(s *Stat) { s.CTime++ }, "mode": func(s *Stat) { s.Mode ^= 0o111 },
	} {
		other := first
		change(&other)
		if _, ok := y.Known("a.csv", other); ok {
			t.Errorf("another %s is not seen", name)
		}
	}
	if other := OpenStatIndex(filepath.Join(dir, "index"), dir); other.Len() != 0 {
		t.Error("the index of another root was taken")
	}
	must(t, os.WriteFile(y.file, []byte("damaged"), 0o644))
	if OpenStatIndex(filepath.Join(dir, "index"), path).Len() != 0 {
		t.Error("a damaged index was taken")
	}
}
