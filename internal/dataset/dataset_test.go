package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"syscall"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

var sources = []db.Source{event.Migrations(), Migrations()}

var noon = time.Date(2015, 3, 1, 12, 0, 0, 0, time.UTC)

func newRoom(t testing.TB, d *db.DB) *Room {
	t.Helper()
	b, err := blob.Open(context.Background(), "file://"+filepath.Join(t.TempDir(), "objects"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return New(d, b, func() time.Time { return noon })
}

// write makes files under a fresh folder and gives its path.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func add(t testing.TB, r *Room, name, path string) (Version, bool) {
	t.Helper()
	v, created, err := r.Add(context.Background(), AddInput{Product: "umbrella", Name: name, Path: path, Actor: "daisy", Message: "m", Licence: "CC0", Simulated: true})
	must(t, err)
	return v, created
}

func facts(t testing.TB, d *db.DB) (out []event.Fact) {
	t.Helper()
	must(t, d.View(context.Background(), func(tx *db.Tx) (err error) {
		out, err = event.List(tx, event.Filter{})
		return err
	}))
	return out
}

func objects(t testing.TB, r *Room) (out []ref.Digest) {
	t.Helper()
	must(t, r.blobs.List(context.Background(), func(o blob.Object) error { out = append(out, o.Digest); return nil }))
	return out
}

func TestAddResolveCheckout(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		r := newRoom(t, d)
		dir := write(t, map[string]string{"w.csv": "\ufeffday,\"rain, mm\"\n2012-01-01,0.0\n\n2012-01-02,\"1\n0\"\n"})
		path := filepath.Join(dir, "w.csv")
		v1, created := add(t, r, "weather", path)
		if !created || v1.Number != 1 || v1.Rows != 2 || !slices.Equal(v1.Columns, []string{"day", "rain, mm"}) || v1.Folder || !v1.Simulated {
			t.Fatalf("first version: %+v (created %v)", v1, created)
		}
		if again, created := add(t, r, "weather", path); created || again.Number != 1 || again.Digest != v1.Digest {
			t.Errorf("the same content again: %v, created %v", again, created)
		}
		must(t, os.WriteFile(path, []byte("day,rain\n2012-01-01,5\n"), 0o644))
		v2, created := add(t, r, "weather", path)
		if !created || v2.Number != 2 || v2.Digest == v1.Digest {
			t.Fatalf("second version: %+v", v2)
		}
		// back to the first content is a new version of the old digest
		must(t, r.Checkout(ctx, v1, path))
		v3, created := add(t, r, "weather", path)
		if !created || v3.Number != 3 || v3.Digest != v1.Digest {
			t.Fatalf("third version: %+v", v3)
		}
		for text, want := range map[string]int{
			"weather": 3, "weather@v2": 2, "weather@" + string(v2.Digest): 2, "weather@" + v1.Digest.Hex()[:8]: 3,
		} {
			if v, err := r.Resolve(ctx, "umbrella", text); err != nil || v.Number != want || len(v.Files) != 1 {
				t.Errorf("Resolve(%s) = %v, %v; want v%d", text, v, err, want)
			}
		}
		for text, kind := range map[string]fault.Kind{"weather@v9": fault.NotFound, "wether": fault.NotFound, "weather@": fault.Invalid, "weather@best": fault.NotFound, "../x": fault.Invalid} {
			if _, err := r.Resolve(ctx, "umbrella", text); !fault.Is(err, kind) {
				t.Errorf("Resolve(%s): %v, want %v", text, err, kind)
			}
		}
		if _, err := r.Latest(ctx, "umbrella", "wether"); fault.HintOf(err) != `did you mean "weather"?` {
			t.Errorf("hint = %q (%v)", fault.HintOf(err), err)
		}
		if found, err := r.Find(ctx, "umbrella", v2.Files[0].Digest); err != nil || len(found) != 1 || found[0].Number != 2 {
			t.Errorf("Find = %v, %v", found, err)
		}
		if names, err := r.Names(ctx, "umbrella"); err != nil || !slices.Equal(names, []string{"weather"}) {
			t.Errorf("Names = %v, %v", names, err)
		}
		all := facts(t, d)
		if len(all) != 3 || all[1].Object != "weather@v2" || all[1].Outputs[0] != "dataset:weather@"+string(v2.Digest) ||
			all[1].Key != fmt.Sprintf("dataset:umbrella/weather@%s#2", v2.Digest) {
			t.Errorf("facts = %+v", all)
		}
		in, err := r.Open(ctx, v2, "")
		must(t, err)
		defer in.Close()
		if body, err := io.ReadAll(in); err != nil || string(body) != "day,rain\n2012-01-01,5\n" {
			t.Errorf("Open = %q, %v", body, err)
		}
	}, sources...)
}

func TestReferencesCoverEveryObject(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := newRoom(t, d)
		add(t, r, "a", write(t, map[string]string{"x.csv": "a\n1\n", "sub/y.bin": "\x00\x01", ".DS_Store": "litter"}))
		have := objects(t, r)
		must(t, d.View(context.Background(), func(tx *db.Tx) error {
			refs, err := References(tx)
			if len(refs) != 3 || len(have) != 3 {
				t.Errorf("%d references, %d objects; want two files and a manifest", len(refs), len(have))
			}
			for _, o := range have {
				if !slices.Contains(refs, o) {
					t.Errorf("object %s would be swept", o)
				}
			}
			return err
		}))
	}, sources...)
}

func TestManifestIsTheDigest(t *testing.T) {
	r := newRoom(t, dbtest.SQLite(t, sources...))
	dir := write(t, map[string]string{"b.csv": "x\n1\n", "a/ü.csv": "x\n2\n3\n"})
	v, _ := add(t, r, "tables", dir)
	if !v.Folder || v.Rows != 3 || len(v.Columns) != 1 || v.Files[0].Path != "a/ü.csv" {
		t.Errorf("version %+v", v)
	}
	body, err := r.blobs.ReadAll(context.Background(), v.Digest)
	must(t, err)
	var m manifest
	must(t, json.Unmarshal(body, &m))
	if m.Schema != manifestSchema || !slices.Equal(m.Files, v.Files) {
		t.Errorf("manifest %s", body)
	}
	const want = `{"schema":"paraplu/manifest/1","folder":true,"files":[{"path":"a/ü.csv","size":6,"digest":"`
	if !strings.HasPrefix(string(body), want) {
		t.Errorf("the canonical form changed, and with it every digest: %s", body)
	}
	// another machine, another moment, the same digest
	other := newRoom(t, dbtest.SQLite(t, sources...))
	if w, _ := add(t, other, "elsewhere", dir); w.Digest != v.Digest {
		t.Error("the digest depends on more than the content")
	}
}

func TestAddRefuses(t *testing.T) {
	d := dbtest.SQLite(t, sources...)
	r := newRoom(t, d)
	dir := write(t, map[string]string{"real.csv": "a\n1\n", "folder/in.csv": "a\n1\n"})
	must(t, os.Symlink(filepath.Join(dir, "real.csv"), filepath.Join(dir, "link.csv")))
	must(t, os.Symlink("/etc", filepath.Join(dir, "folder", "etc")))
	must(t, os.WriteFile(filepath.Join(dir, "line\nbreak.csv"), nil, 0o644))
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	must(t, os.Mkdir(filepath.Join(dir, "nothing"), 0o755))
	for name, want := range map[string]string{
		"link.csv": "symbolic link", "folder": "symbolic link", "line\nbreak.csv": "control character", "pipe": "ordinary file",
		"nothing": "no files", "absent": "does not exist",
	} {
		_, _, err := r.Add(context.Background(), AddInput{Product: "p", Name: "n", Path: filepath.Join(dir, name), Actor: "a"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
	for _, in := range []AddInput{{Product: "", Name: "n", Actor: "a"}, {Product: "p", Name: "a/b", Actor: "a"}, {Product: "p", Name: "n"}} {
		in.Path = filepath.Join(dir, "real.csv")
		if _, _, err := r.Add(context.Background(), in); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", in, err)
		}
	}
	if n := len(facts(t, d)); n != 0 {
		t.Errorf("%d facts after refusals", n)
	}
}

func TestConcurrentAddsMakeOneVersion(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := newRoom(t, d)
		path := filepath.Join(write(t, map[string]string{"a.csv": "x\n1\n"}), "a.csv")
		var wg sync.WaitGroup
		var mu sync.Mutex
		var made int
		for range 6 {
			wg.Go(func() {
				_, created, err := r.Add(context.Background(), AddInput{Product: "p", Name: "n", Path: path, Actor: "a"})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if created {
					made++
				}
			})
		}
		wg.Wait()
		if n := len(facts(t, d)); made != 1 || n != 1 {
			t.Errorf("%d versions made, %d facts", made, n)
		}
	}, sources...)
}

func TestFullDiskLeavesNothing(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := newRoom(t, d)
		dir := write(t, map[string]string{"a.csv": "x\n1\n", "b.csv": "x\n2\n"})
		var mu sync.Mutex
		opened := 0
		r.open = func(path string) (io.ReadCloser, error) {
			mu.Lock()
			defer mu.Unlock()
			opened++
			if opened <= 1 { // the other cannot be read
				return os.Open(path)
			}
			full := iotest.ErrReader(fmt.Errorf("write: %w", syscall.ENOSPC))
			return io.NopCloser(io.MultiReader(strings.NewReader("x\n"), full)), nil
		}
		_, _, err := r.Add(context.Background(), AddInput{Product: "umbrella", Name: "weather", Path: dir, Actor: "daisy"})
		if !fault.Is(err, fault.Exhausted) {
			t.Fatalf("error = %v", err)
		}
		if vs, err := r.Versions(context.Background(), "umbrella", "weather"); err != nil || len(vs) != 0 || len(facts(t, d)) != 0 {
			t.Errorf("versions %v, %v; facts %d", vs, err, len(facts(t, d)))
		}
		r.open = func(path string) (io.ReadCloser, error) { return os.Open(path) }
		if v, created := add(t, r, "weather", dir); !created || v.Number != 1 || len(objects(t, r)) != 3 {
			t.Errorf("after space was made: %v, created %v, %d objects", v, created, len(objects(t, r)))
		}
	}, sources...)
}

func TestFileThatChangesMeanwhile(t *testing.T) {
	d := dbtest.SQLite(t, sources...)
	r := newRoom(t, d)
	path := filepath.Join(write(t, map[string]string{"a.csv": "x\n1\n"}), "a.csv")
	r.open = func(path string) (io.ReadCloser, error) {
		f, err := os.Open(path)
		grow := func() { must(t, os.WriteFile(path, []byte("x\n1\n2\n"), 0o644)) }
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(f, 2), called(grow), f), f}, err
	}
	if _, _, err := r.Add(context.Background(), AddInput{Product: "p", Name: "n", Path: path, Actor: "a"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("error = %v", err)
	}
	if n := len(objects(t, r)); n != 0 || len(facts(t, d)) != 0 {
		t.Errorf("%d objects, %d facts", n, len(facts(t, d)))
	}
}

// called is an empty reader that calls a function when it is read.
type called func()

func (c called) Read([]byte) (int, error) { c(); return 0, io.EOF }

func TestWhatWasCheckedIsWhatIsAdded(t *testing.T) {
	d := dbtest.SQLite(t, event.Migrations(), Migrations())
	r, path := newRoom(t, d), filepath.Join(write(t, map[string]string{"a.csv": "x\n1\n"}), "a.csv")
	in := AddInput{Product: "umbrella", Name: "a", Path: path, Actor: "daisy", Checked: ref.Sum([]byte("x\n1\n"))}
	must(t, os.WriteFile(path, []byte("x\n2\n"), 0o644)) // after the check
	if _, _, err := r.Add(context.Background(), in); !fault.Is(err, fault.Conflict) || len(facts(t, d)) > 0 {
		t.Errorf("%v, %d facts", err, len(facts(t, d)))
	}
	must(t, os.WriteFile(path, []byte("x\n1\n"), 0o644))
	if _, created, err := r.Add(context.Background(), in); err != nil || !created {
		t.Error(created, err)
	}
}

func TestCount(t *testing.T) {
	for _, c := range []struct {
		name, text string
		rows       int64
		columns    string
		ok         bool
	}{
		{"a.csv", "a,b\n1,2\n3,4", 2, "a|b", true},
		{"a.csv", "a,b\r\n1,2\r\n\r\n", 1, "a|b", true},
		{"a.csv", "a\n\"x\ny\"\n", 1, "a", true},
		{"a.csv", "a\n\"x", 0, "", false},
		{"a.csv", "", 0, "", false},
		{"a.csv", "a,b\n", 0, "a|b", true},
		{"a.TSV", "a\tb\n1\t2\n", 1, "a|b", true},
		{"a.jsonl", "{}\n\n{}", 2, "", true},
		{"a.parquet", "PAR1", 0, "", false},
	} {
		for _, step := range []int{1, 3, 1000} { // however the bytes arrive
			k := newCounter(c.name)
			for chunk := range slices.Chunk([]byte(c.text), step) {
				k.write(chunk)
			}
			rows, columns, ok := k.result()
			if rows != c.rows && ok || strings.Join(columns, "|") != c.columns || ok != c.ok {
				t.Errorf("%s %q in steps of %d: %d %q %v", c.name, c.text, step, rows, columns, ok)
			}
		}
	}
}

func TestDiff(t *testing.T) {
	f := func(path, body string) File { return File{path, int64(len(body)), ref.Sum([]byte(body))} }
	a := Version{Folder: true, Rows: 10, Columns: []string{"a", "b"}, Files: []File{f("1", "x"), f("2", "y"), f("3", "z")}}
	b := Version{Folder: true, Rows: 12, Columns: []string{"b", "c"}, Files: []File{f("2", "Y"), f("3", "z"), f("4", "w")}}
	d := Diff(a, b)
	if len(d.Added) != 1 || d.Added[0].Path != "4" || len(d.Removed) != 1 || d.Removed[0].Path != "1" || len(d.Changed) != 1 || d.Same != 1 ||
		!slices.Equal(d.ColumnsAdded, []string{"c"}) || !slices.Equal(d.ColumnsRemoved, []string{"a"}) || d.RowsAfter != 12 {
		t.Errorf("%+v", d)
	}
	if !Diff(a, a).Empty() || Diff(a, b).Empty() {
		t.Error("Empty is wrong")
	}
	renamed := Diff(Version{Files: []File{f("old.csv", "x")}}, Version{Files: []File{f("new.csv", "x")}})
	if !renamed.Empty() {
		t.Errorf("a renamed single file has the same content: %+v", renamed)
	}
}

func FuzzCount(f *testing.F) {
	f.Add("a,b\n1,\"2\n\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		whole, bytewise := newCounter("x.csv"), newCounter("x.csv")
		whole.write([]byte(text))
		for _, b := range []byte(text) {
			bytewise.write([]byte{b})
		}
		r1, c1, ok1 := whole.result()
		r2, c2, ok2 := bytewise.result()
		if r1 != r2 || !slices.Equal(c1, c2) || ok1 != ok2 || !bytes.Equal(whole.header, bytewise.header) {
			t.Errorf("%q: %d %q %v against %d %q %v", text, r1, c1, ok1, r2, c2, ok2)
		}
	})
}
