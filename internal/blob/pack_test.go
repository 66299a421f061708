package blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	r.Read(b) //nolint:errcheck // never fails
	return b
}

func text(lines int) []byte {
	var b bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&b, "2015-01-01T00:%04d,%d,%.3f\n", i, i*i%977, float64(i%613)/7)
	}
	return b.Bytes()
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), "file://"+dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// packFiles gives the paths of all packs and their bytes together.
func packFiles(t testing.TB, dir string) (paths []string, size int64) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "packs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return paths, size
}

// age makes everything that is stored two days old.
func age(t testing.TB, dir string) {
	t.Helper()
	old := time.Now().Add(-48 * time.Hour)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chtimes(path, old, old)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sound(t testing.TB, s *Store) Verified {
	t.Helper()
	v, err := s.Verify(context.Background(), func(d Damage) error { t.Errorf("damage: %+v", d); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestLargeObjectsAreChunked(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		for _, body := range [][]byte{noise(1, 5_000_000), text(200_000), make([]byte, 3_000_000), noise(2, plainMax), noise(3, plainMax+1)} {
			d, n, err := s.Put(ctx, bytes.NewReader(body))
			if err != nil || n != int64(len(body)) || d != ref.Sum(body) {
				t.Fatalf("Put = %s, %d, %v", d, n, err)
			}
			if got, err := s.ReadAll(ctx, d); err != nil || !bytes.Equal(got, body) {
				t.Errorf("ReadAll: %d bytes, %v", len(got), err)
			}
			for _, offset := range []int{0, 1, 8191, 70_000, len(body) / 2, len(body) - 1, len(body), len(body) + 5} {
				r, err := s.GetFrom(ctx, d, int64(offset))
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, body[min(offset, len(body)):]) {
					t.Errorf("from %d: %d bytes, %v", offset, len(got), err)
				}
				r.Close()
			}
			for name, ask := range map[string]func(context.Context, ref.Digest) (bool, error){"Has": s.Has, "Hold": s.Hold} {
				if ok, err := ask(ctx, d); err != nil || !ok {
					t.Errorf("%s = %v, %v", name, ok, err)
				}
			}
			if again, err := s.PutBytes(ctx, body); err != nil || again != d {
				t.Errorf("put again: %s, %v", again, err)
			}
		}
		if v := sound(t, s); v.Objects != 5 || v.Packs != 5 {
			t.Errorf("%+v", v)
		}
		d := ref.Sum(noise(1, 5_000_000))
		if err := s.Delete(ctx, d); err != nil {
			t.Fatal(err)
		}
		if ok, err := s.Has(ctx, d); ok || err != nil {
			t.Errorf("after Delete: %v, %v", ok, err)
		}
	})
}

func TestOnlyWhatIsNewIsStored(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, dir)
	body := text(400_000)
	put := func(b []byte) int64 {
		t.Helper()
		_, before := packFiles(t, dir)
		if _, _, err := s.Put(ctx, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		_, after := packFiles(t, dir)
		return after - before
	}
	whole := put(body)
	if whole > int64(len(body))*2/3 {
		t.Errorf("%d bytes of text take %d", len(body), whole)
	}
	if n := put(body); n != 0 {
		t.Errorf("the same again takes %d bytes", n)
	}
	if n := put(append(slices.Clone(body), body[:len(body)/100]...)); n > whole*3/100 {
		t.Errorf("one percent more takes %d bytes of %d", n, whole)
	}
	big := noise(4, 20_000_000)
	put(big)
	big[10_000_000] ^= 1
	if n := put(big); n > 256<<10 {
		t.Errorf("a changed byte takes %d bytes", n)
	}
	sound(t, s)
}

func TestBatch(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		b := s.Batch()
		defer b.Abort(ctx)
		want := map[ref.Digest][]byte{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for w := range 4 {
			all.Go(func() {
				for i := range 60 {
					body := noise(uint64(i), 40+i*1000) // the same in each goroutine
					if i == 7 {
						body = noise(uint64(i), 2_500_000)
					}
					if i == 8 {
						body = noise(uint64(w), 300_000)
					}
					d, n, err := b.Put(ctx, bytes.NewReader(body))
					if err != nil || n != int64(len(body)) {
						t.Error(n, err)
					}
					mu.Lock()
					want[d] = body
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if err := b.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		for d, body := range want {
			if got, err := s.ReadAll(ctx, d); err != nil || !bytes.Equal(got, body) {
				t.Fatalf("%s: %d bytes, %v", d, len(got), err)
			}
		}
		n := 0
		if err := s.List(ctx, func(o Object) error {
			if n++; o.Size != int64(len(want[o.Digest])) {
				t.Errorf("%s has %d bytes", o.Digest, o.Size)
			}
			return nil
		}); err != nil || n != len(want) {
			t.Errorf("%d objects of %d, %v", n, len(want), err)
		}
		if v := sound(t, s); v.Objects != len(want) || v.Packs != 1 {
			t.Errorf("%+v", v)
		}
	})
}

func TestAbortedBatchLeavesNothing(t *testing.T) {
	for name, use := range map[string]bool{"alone": false, "used by another": true} {
		ctx, dir := context.Background(), t.TempDir()
		s, other := open(t, dir), open(t, dir)
		s.packSize = 100_000
		b := s.Batch()
		for i := range 200 {
			if _, err := b.PutBytes(ctx, noise(uint64(1000+i), 5000)); err != nil {
				t.Fatal(err)
			}
		}
		b.placed.Wait()
		if paths, _ := packFiles(t, dir); len(paths) < 5 {
			t.Fatalf("only %d packs", len(paths))
		}
		d := ref.Sum(noise(1000, 5000))
		if use {
			if ok, err := other.Has(ctx, d); !ok || err != nil {
				t.Fatal(ok, err)
			}
			if ok, err := other.Hold(ctx, d); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		b.Abort(ctx)
		paths, _ := packFiles(t, dir)
		if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); use && len(paths) != 1 || !use && len(paths) != 0 || len(left) != 0 {
			t.Errorf("%s: left %v and %v", name, paths, left)
		}
		if _, err := other.ReadAll(ctx, d); (err == nil) != use {
			t.Errorf("%s: %v", name, err)
		}
		if ok, _ := s.Has(ctx, d); ok != use {
			t.Errorf("%s: the aborted batch's store: %v", name, ok)
		}
	}
}

// TestProcessesSeeEachOther uses two stores of one folder as two processes do.
func TestProcessesSeeEachOther(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	a, b := open(t, dir), open(t, dir)
	body := noise(9, 3_000_000)
	if _, err := b.Has(ctx, ref.Sum(body)); err != nil { // b knows that there is no pack
		t.Fatal(err)
	}
	d, err := a.PutBytes(ctx, body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.ReadAll(ctx, d); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	// a writes the pack anew while b has it open
	extra, err := a.PutBytes(ctx, noise(10, 2_000_000))
	if err != nil {
		t.Fatal(err)
	}
	age(t, dir)
	for range 2 {
		if _, err := a.Sweep(ctx, map[ref.Digest]bool{d: true}, time.Now().Add(-time.Hour), false); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := b.ReadAll(ctx, d); err != nil || !bytes.Equal(got, body) {
		t.Errorf("after a sweep: %d bytes, %v", len(got), err)
	}
	b.packs.files.close("")
	if ok, err := b.Hold(ctx, extra); ok || err != nil { // b still believes that it is there
		t.Errorf("Hold of what was swept: %v, %v", ok, err)
	}
	if again, err := b.PutBytes(ctx, noise(10, 2_000_000)); err != nil || again != extra {
		t.Fatal(err)
	}
	if got, err := a.ReadAll(ctx, extra); err != nil || len(got) != 2_000_000 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	sound(t, a)
}

func TestSweepOfPacks(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		s.packSize = 1 << 20
		kept := map[ref.Digest]bool{}
		b := s.Batch()
		for i := range 300 {
			d, err := b.PutBytes(ctx, noise(uint64(i), 20_000))
			if err != nil {
				t.Fatal(err)
			}
			kept[d] = i%4 == 0
		}
		big, err := b.PutBytes(ctx, noise(999, 3_000_000))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		refs := map[ref.Digest]bool{}
		for d, keep := range kept {
			if keep {
				refs[d] = true
			}
		}
		if got, err := s.Sweep(ctx, refs, time.Now().Add(-time.Hour), false); err != nil || got.Orphans != 226 || got.Removed != 0 || got.Objects != 301 {
			t.Errorf("young: %+v, %v", got, err)
		}
		later := time.Now().Add(time.Minute)
		if got, err := s.Sweep(ctx, refs, later, true); err != nil || got.Orphans != 226 || got.Removed != 0 || got.Bytes != 9_000_000 {
			t.Errorf("dry run: %+v, %v", got, err)
		}
		got, err := s.Sweep(ctx, refs, later, false)
		if err != nil || got.Removed != 226 || got.Freed < 7_000_000 {
			t.Errorf("sweep: %+v, %v", got, err)
		}
		if ok, err := s.Has(ctx, big); ok || err != nil {
			t.Errorf("the large orphan: %v, %v", ok, err)
		}
		for d, keep := range kept {
			if ok, err := s.Has(ctx, d); err != nil || ok != keep {
				t.Fatalf("%s: %v, want %v (%v)", d, ok, keep, err)
			}
			if _, err := s.ReadAll(ctx, d); keep != (err == nil) {
				t.Fatal(err)
			}
		}
		if v := sound(t, s); v.Objects != 75 || v.Bytes > 2_000_000 {
			t.Errorf("%+v", v)
		}
	})
}

// TestWhatIsHeldWhileSweepingStays holds an orphan after the sweep has decided that it goes.
func TestWhatIsHeldWhileSweepingStays(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s, other := open(t, dir), open(t, dir)
	body := noise(5, 2_000_000)
	for name, use := range map[string]func() error{
		"held":      func() error { _, err := other.Hold(ctx, ref.Sum(body)); return err },
		"put again": func() error { _, err := other.PutBytes(ctx, body); return err },
		"part of another": func() error {
			_, err := other.PutBytes(ctx, append(slices.Clone(body), "and more"...))
			return err
		},
	} {
		d, err := s.PutBytes(ctx, body)
		if err != nil {
			t.Fatal(err)
		}
		age(t, dir)
		v, err := s.survey(ctx, nil, time.Now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if err := use(); err != nil {
			t.Fatal(err)
		}
		var out Swept
		if err := v.sweep(ctx, &out); err != nil {
			t.Fatal(err)
		}
		if got, err := other.ReadAll(ctx, d); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		sound(t, open(t, dir))
	}
}

func TestSmallPacksAreJoined(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, dir)
	refs := map[ref.Digest]bool{}
	for i := range 20 {
		d, err := s.PutBytes(ctx, noise(uint64(i), 1_200_000))
		if err != nil {
			t.Fatal(err)
		}
		refs[d] = true
	}
	age(t, dir)
	if _, err := s.Sweep(ctx, refs, time.Now().Add(-time.Hour), false); err != nil {
		t.Fatal(err)
	}
	if paths, _ := packFiles(t, dir); len(paths) != 1 {
		t.Errorf("%d packs", len(paths))
	}
	if v := sound(t, s); v.Objects != 20 {
		t.Errorf("%+v", v)
	}
}

// TestDamagedPackStopsTheSweep: what a damaged pack needs is not known, so nothing may go.
func TestDamagedPackStopsTheSweep(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, dir)
	if _, err := s.PutBytes(ctx, noise(1, 2_000_000)); err != nil {
		t.Fatal(err)
	}
	first, _ := packFiles(t, dir)
	if _, err := s.PutBytes(ctx, noise(2, 2_000_000)); err != nil {
		t.Fatal(err)
	}
	flipBit(t, first[0], -40, 3)
	age(t, dir)
	s = open(t, dir)
	if _, err := s.Sweep(ctx, nil, time.Now(), false); err == nil || !strings.Contains(err.Error(), "damaged") || fault.HintOf(err) == "" {
		t.Errorf("error = %v", err)
	}
	if paths, _ := packFiles(t, dir); len(paths) != 2 {
		t.Errorf("packs: %v", paths)
	}
}

// flipBit flips a bit; a negative offset counts from the end.
func flipBit(t testing.TB, path string, at int64, bit uint) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += int64(len(body))
	}
	body[at] ^= 1 << bit
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o644); err != nil {
		t.Fatal(err)
	}
}
