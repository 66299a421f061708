package modelpack

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

var created = time.Date(2026, 11, 3, 8, 0, 0, 0, time.UTC)

func clock() time.Time { return created.Add(time.Hour) }

// fixture is a room over its own objects and keys.
type fixture struct {
	*Room
	objects string // folder of the object store
}

func newFixture(t testing.TB, d *db.DB) *fixture {
	t.Helper()
	dir := t.TempDir()
	b, err := blob.Open(context.Background(), "file://"+dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return &fixture{Room: New(d, b, OpenKeys(filepath.Join(t.TempDir(), "keys")), clock), objects: dir}
}

func input(export string) BuildInput {
	limit := 0.35
	return BuildInput{
		Product: "umbrella", Name: "umbrella", ExportDir: filepath.Join("testdata", export), Contract: []byte("kind: DataContract\n"),
		Card:      Card{Title: "Umbrella orders", Never: []string{"orders without a person"}, Fallback: "same weekday last week"},
		Lineage:   Lineage{Run: "r1", Datasets: []DatasetRef{{Name: "weather", Version: "v1", Digest: "sha256:" + strings.Repeat("a", 64), Role: "train"}}},
		Owners:    map[string]string{"model": "daisy"},
		CreatedAt: created, Actor: "daisy",
		Tests: []TestResult{{ID: "wape_holdout", Metric: "wape", Slice: "all", Value: 0.21, AtMost: &limit, Baseline: "seasonal-naive"}},
	}
}

func (f *fixture) build(t testing.TB, in BuildInput) *Package {
	t.Helper()
	p, _, err := f.Build(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func run(t *testing.T, fn func(t *testing.T, f *fixture)) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) { fn(t, newFixture(t, d)) }, event.Migrations(), Migrations())
}

func TestBuildIsDeterministicAndIdempotent(t *testing.T) {
	run(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		first, created, err := f.Build(ctx, input("umbrella"))
		if err != nil || !created {
			t.Fatal(created, err)
		}
		again, created, err := f.Build(ctx, input("umbrella"))
		if err != nil || created || again.Digest != first.Digest || len(again.Signatures) != 1 {
			t.Fatalf("second build: %v %v %s %d signatures", err, created, again.Digest, len(again.Signatures))
		}
		other := input("umbrella")
		other.CreatedAt = other.CreatedAt.Add(time.Second)
		if p := f.build(t, other); p.Digest == first.Digest {
			t.Error("another time of creation must give another digest")
		}
		facts := 0
		err = f.db.View(ctx, func(tx *db.Tx) error {
			list, err := event.List(tx, event.Filter{Verbs: []string{event.PackageBuilt}})
			facts = len(list)
			return err
		})
		if err != nil || facts != 2 {
			t.Errorf("%d facts, want one a digest (%v)", facts, err)
		}
		packs, err := f.List(ctx, "umbrella")
		if err != nil || len(packs) != 2 || packs[1].Digest != first.Digest {
			t.Errorf("list: %v %v", packs, err)
		}
	})
}

func TestBuildGivesTheGoldenDigest(t *testing.T) {
	f := newFixture(t, dbtest.SQLite(t, event.Migrations(), Migrations()))
	for export, want := range map[string]string{
		"umbrella": goldenUmbrella,
		"iris":     goldenIris,
	} {
		if p := f.build(t, input(export)); string(p.Digest) != want {
			t.Errorf("%s: digest %s, want %s: the format of packages changed", export, p.Digest, want)
		}
	}
}

func TestVerifyAcceptsAndReports(t *testing.T) {
	run(t, func(t *testing.T, f *fixture) {
		for _, export := range []string{"umbrella", "umbrella2", "iris"} {
			p := f.build(t, input(export))
			v, err := f.Verify(context.Background(), p.Digest)
			if err != nil || !v.OK || !v.Parity.OK || v.Parity.Rows != p.Manifest.Parity.Rows || len(v.Steps) != 4 || v.SignedBy != p.Signatures[0].KeyHint {
				t.Errorf("%s: %+v, %v", export, v, err)
			}
			for _, o := range v.Parity.Outputs {
				t.Logf("%s %s: %s worst %.3g of %g, %d of %d rows not bit-equal", export, o.Output, o.Kind, o.Worst, o.Limit, o.Mismatch, v.Parity.Rows)
			}
		}
	})
}

// Every object of a package is damaged in turn; each time the package is refused and the file is named.
func TestOneFlippedByteIsRefused(t *testing.T) {
	f := newFixture(t, dbtest.SQLite(t, event.Migrations(), Migrations()))
	ctx := context.Background()
	p := f.build(t, input("umbrella"))
	parts := append(p.contents(), File{Path: "image manifest", Digest: p.Digest})
	data, err := f.blobs.ReadAll(ctx, p.Digest)
	if err != nil {
		t.Fatal(err)
	}
	im, _, err := parseImage(data)
	if err != nil {
		t.Fatal(err)
	}
	parts = append(parts, File{Path: "configuration", Digest: im.Config.Digest})
	for _, part := range parts {
		for _, where := range []float64{0, 0.5, 0.999} {
			restore := flip(t, f.objects, part.Digest, where)
			v, err := f.Verify(ctx, p.Digest)
			restore()
			if err == nil || v.OK || !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), part.Path) && !sameBytes(p, part, err) {
				t.Errorf("%s damaged at %v: %v", part.Path, where, err)
			}
		}
	}
	if _, err := f.Verify(ctx, p.Digest); err != nil {
		t.Fatalf("after restoring: %v", err)
	}
}

// sameBytes allows for files with equal content: requirements.txt and env.lock are one object.
func sameBytes(p *Package, part File, err error) bool {
	for _, f := range p.Files {
		if f.Digest == part.Digest && strings.Contains(err.Error(), f.Path) {
			return true
		}
	}
	return false
}

func objectPath(dir string, d ref.Digest) string {
	return filepath.Join(dir, "sha256", d.Hex()[:2], d.Hex())
}

// flip changes one bit of an object on disk and gives the way back.
func flip(t testing.TB, dir string, d ref.Digest, where float64) func() {
	t.Helper()
	path := objectPath(dir, d)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(good)
	bad[int(where*float64(len(bad)))] ^= 1
	if err := os.WriteFile(path, bad, 0o644); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.WriteFile(path, good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLostFileAndForeignKeyAreRefused(t *testing.T) {
	f := newFixture(t, dbtest.SQLite(t, event.Migrations(), Migrations()))
	ctx := context.Background()
	p := f.build(t, input("umbrella"))
	stranger := New(f.db, f.blobs, OpenKeys(t.TempDir()), clock)
	if _, err := stranger.Verify(ctx, p.Digest); !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("foreign key: %v", err)
	}
	friend := OpenKeys(t.TempDir())
	pub, err := f.keys.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(friend.dir, trustedName), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(friend.dir, trustedName, "daisy.pem"), pub, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := New(f.db, f.blobs, friend, clock).Verify(ctx, p.Digest); err != nil {
		t.Errorf("a trusted key: %v", err)
	}
	if err := f.blobs.Delete(ctx, p.Files[0].Digest); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Verify(ctx, p.Digest); !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), p.Files[0].Path+" is missing") {
		t.Errorf("lost file: %v", err)
	}
	if _, err := f.Verify(ctx, ref.Sum([]byte("?"))); err == nil {
		t.Error("an unknown package verified")
	}
}

func TestReferencesAreComplete(t *testing.T) {
	run(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		p := f.build(t, input("umbrella"))
		var refs []ref.Digest
		err := f.db.View(ctx, func(tx *db.Tx) (err error) {
			refs, err = References(tx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		keep := map[ref.Digest]bool{}
		for _, d := range refs {
			keep[d] = true
		}
		swept, err := f.blobs.Sweep(ctx, keep, time.Now().Add(time.Hour), false)
		if err != nil || swept.Removed != 0 || swept.Objects != len(keep) {
			t.Errorf("%+v, %v: every object of a package is referenced, and nothing else is", swept, err)
		}
		if _, err := f.Verify(ctx, p.Digest); err != nil {
			t.Error(err)
		}
	})
}

func TestWriteDir(t *testing.T) {
	f := newFixture(t, dbtest.SQLite(t, event.Migrations(), Migrations()))
	ctx := context.Background()
	p := f.build(t, input("umbrella"))
	dest := filepath.Join(t.TempDir(), "out", "pack")
	for range 2 {
		if err := f.WriteDir(ctx, p.Digest, dest); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dest)
	if err != nil || len(entries) != len(p.Files)+1 {
		t.Fatalf("%d files, want %d (%v)", len(entries), len(p.Files)+1, err)
	}
	if beside, _ := os.ReadDir(filepath.Dir(dest)); len(beside) != 1 {
		t.Errorf("left behind: %v", beside)
	}
	if err := os.WriteFile(filepath.Join(dest, "model.onnx"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteDir(ctx, p.Digest, dest); !fault.Is(err, fault.Exists) {
		t.Errorf("a changed folder: %v", err)
	}
}

func TestManifestIsCanonical(t *testing.T) {
	f := newFixture(t, dbtest.SQLite(t, event.Migrations(), Migrations()))
	p := f.build(t, input("umbrella"))
	r, err := f.Open(context.Background(), p.Digest, "package.json")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(buf.Bytes(), &tree); err != nil {
		t.Fatal(err)
	}
	again, err := Canonical(tree)
	if err != nil || !bytes.Equal(again, buf.Bytes()) {
		t.Errorf("not canonical:\n%s\n%s", buf.Bytes(), again)
	}
	if _, err := ParseManifest(append(buf.Bytes()[:len(buf.Bytes())-1], `,"new":1}`...)); !fault.Is(err, fault.Invalid) {
		t.Errorf("unknown key: %v", err)
	}
}

const (
	goldenUmbrella = "sha256:4f8e30c04d6b9facf3028404c35e0fa132cafa09eda941ad64dfbebcfb24181a"
	goldenIris     = "sha256:6d774b7dc4bb0acc1585b52084be83dffd5d1c60f92880e87810f507ba6b9744"
)
