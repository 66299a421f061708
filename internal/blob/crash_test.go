package blob

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/whole"
)

// TestNothingReachableIsLost does in any order what people do, with a sweep that spares nothing young.
func TestNothingReachableIsLost(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		checks.Value.Set("20") //nolint:errcheck // a number; each check reads megabytes many times
	}
	root := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		defer os.RemoveAll(dir)
		stores := [2]*Store{} // as two processes
		reopen := func(i int) {
			if stores[i] != nil {
				stores[i].Close()
			}
			s, err := Open(ctx, "file://"+dir)
			if err != nil {
				t.Fatal(err)
			}
			s.packSize = 300_000
			stores[i] = s
		}
		reopen(0)
		reopen(1)
		defer func() { stores[0].Close(); stores[1].Close() }()
		bodies := map[ref.Digest][]byte{}
		body := func() []byte {
			if len(bodies) > 0 && rapid.Bool().Draw(t, "edit") {
				b := slices.Clone(bodies[rapid.SampledFrom(slices.Sorted(maps.Keys(bodies))).Draw(t, "of")])
				at := rapid.IntRange(0, len(b)).Draw(t, "at")
				return slices.Insert(b, at, noise(uint64(at), rapid.IntRange(0, 3000).Draw(t, "more"))...)
			}
			size := rapid.SampledFrom([]int{0, 10, 5000, 130_000, 1_100_000}).Draw(t, "size")
			return noise(uint64(rapid.IntRange(0, 20).Draw(t, "seed")), size)
		}
		some := func() *Store { return stores[rapid.IntRange(0, 1).Draw(t, "store")] }
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				b := body()
				d, _, err := some().Put(ctx, bytes.NewReader(b))
				if err != nil {
					t.Fatal(err)
				}
				bodies[d] = b
			},
			"batch": func(t *rapid.T) {
				batch := some().Batch()
				put := map[ref.Digest][]byte{}
				for range rapid.IntRange(1, 12).Draw(t, "files") {
					b := body()
					d, _, err := batch.Put(ctx, bytes.NewReader(b))
					if err != nil {
						t.Fatal(err)
					}
					put[d] = b
				}
				if rapid.IntRange(0, 4).Draw(t, "end") == 0 {
					batch.Abort(ctx)
				} else if err := batch.Commit(ctx); err != nil {
					t.Fatal(err)
				} else {
					maps.Copy(bodies, put)
				}
			},
			"forget": func(t *rapid.T) {
				for d := range bodies {
					if rapid.Bool().Draw(t, "gone") {
						delete(bodies, d)
					}
				}
			},
			"sweep": func(t *rapid.T) {
				refs := map[ref.Digest]bool{}
				for d := range bodies {
					refs[d] = true
				}
				if _, err := some().Sweep(ctx, refs, time.Now().Add(time.Second), false); err != nil {
					t.Fatal(err)
				}
			},
			"reopen": func(*rapid.T) { reopen(rapid.IntRange(0, 1).Draw(t, "store")) },
			"": func(t *rapid.T) {
				s := some()
				for d, want := range bodies {
					if got, err := s.ReadAll(ctx, d); err != nil || !bytes.Equal(got, want) {
						t.Fatalf("%s: %d bytes of %d, %v", d, len(got), len(want), err)
					}
				}
				if _, err := s.Verify(ctx, func(d Damage) error { return d.Err }); err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

// TestEveryFlippedBitIsFound flips a bit anywhere: Verify tells of it, and nothing reads as what it is not.
func TestEveryFlippedBitIsFound(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, dir)
	bodies := map[ref.Digest][]byte{}
	b := s.Batch()
	for i := range 10 {
		for _, body := range [][]byte{noise(uint64(i), 300*i), text(30 * (i + 1))} {
			d, err := b.PutBytes(ctx, body)
			if err != nil {
				t.Fatal(err)
			}
			bodies[d] = body
		}
	}
	for _, body := range [][]byte{text(8000), append(noise(77, 140_000), text(3000)...)} {
		d, err := b.PutBytes(ctx, body)
		if err != nil {
			t.Fatal(err)
		}
		bodies[d] = body
	}
	if err := b.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	plain := []byte("a file of its own")
	d, err := s.PutBytes(ctx, plain)
	if err != nil {
		t.Fatal(err)
	}
	bodies[d] = plain
	if v := sound(t, s); v.Objects != len(bodies) || v.Packs != 1 {
		t.Fatalf("%+v", v)
	}
	paths, size := packFiles(t, dir)
	if kinds := kindsOf(t, s); kinds[chunkEntry] == 0 || kinds[objectEntry] == 0 || kinds[recipeEntry] == 0 {
		t.Fatalf("the pack does not hold all kinds: %v", kinds)
	}
	flips := map[string][]int64{filepath.Join(dir, key(d)): {0, 5}}
	for at := int64(0); at < 24; at++ { // header and footer whole, the index and the payloads here and there
		flips[paths[0]] = append(flips[paths[0]], at, -1-at)
	}
	for range 250 {
		flips[paths[0]] = append(flips[paths[0]], rand.Int64N(size), -1-rand.Int64N(recordSize*int64(len(bodies))))
	}
	for path, list := range flips {
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range list {
			bit := rand.UintN(8)
			flipBit(t, path, at, bit)
			fresh, err := Open(ctx, "file://"+dir)
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			if _, err := fresh.Verify(ctx, func(Damage) error { found++; return nil }); err != nil || found == 0 {
				t.Errorf("bit %d of byte %d of %s: nothing found, %v", bit, at, filepath.Base(path), err)
			}
			for _, s := range []*Store{fresh, s} { // one that reads the index anew, one that knew it before
				for d, want := range bodies {
					if got, err := s.ReadAll(ctx, d); err == nil && !bytes.Equal(got, want) {
						t.Fatalf("bit %d of byte %d of %s: wrong bytes for %s", bit, at, filepath.Base(path), d)
					}
				}
			}
			fresh.Close()
			if err := os.WriteFile(path, good, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	sound(t, open(t, dir))
}

func kindsOf(t *testing.T, s *Store) map[kind]int {
	t.Helper()
	out := map[kind]int{}
	if err := s.packs.each(context.Background(), func(_ *pack, entries []entry) error {
		for _, e := range entries {
			out[e.kind]++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestKillNine kills a process that puts, forgets and sweeps as fast as it can. What it had noted as put can be read.
func TestKillNine(t *testing.T) {
	if dir := os.Getenv("BLOB_CRASH_DIR"); dir != "" {
		busy(t, dir)
	}
	dir := t.TempDir()
	for n := range 15 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKillNine$")
		cmd.Env = append(os.Environ(), "BLOB_CRASH_DIR="+dir, "BLOB_CRASH_SEED="+fmt.Sprint(n))
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		out, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(50+rand.IntN(400)) * time.Millisecond)
		cmd.Process.Kill()
		out.Close()
		cmd.Wait() //nolint:errcheck // killed
		if said.Len() > 0 {
			t.Fatalf("the child said: %s", said.String())
		}
		s := open(t, dir)
		needed := map[ref.Digest]bool{}
		for _, d := range noted(t, dir) {
			needed[d] = true
			if _, err := s.ReadAll(context.Background(), d); err != nil {
				t.Fatalf("after kill %d: %s: %v", n, d, err)
			}
		}
		if _, err := s.Verify(context.Background(), func(d Damage) error {
			if d.Object != "" && !needed[d.Object] {
				return nil // was being swept
			}
			return d.Err
		}); err != nil {
			t.Fatalf("after kill %d: %v", n, err)
		}
		s.Close()
	}
	if len(noted(t, dir)) == 0 {
		t.Error("the children did nothing")
	}
	// what the killed left behind goes with the next sweep
	s := open(t, dir)
	refs := map[ref.Digest]bool{}
	for _, d := range noted(t, dir) {
		refs[d] = true
	}
	if _, err := s.Sweep(context.Background(), refs, time.Now().Add(time.Second), false); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	for d := range refs {
		if r, err := s.Get(context.Background(), d); err != nil {
			t.Error(err)
		} else if _, err := io.Copy(io.Discard, r); err != nil {
			t.Error(err)
		}
	}
}

// noted are the objects that are referred to, as a database would tell.
func noted(t *testing.T, dir string) (out []ref.Digest) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "refs"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(string(text)) {
		out = append(out, ref.Digest(line))
	}
	return out
}

// busy never returns.
func busy(t *testing.T, dir string) {
	ctx := context.Background()
	var seed uint64
	fmt.Sscan(os.Getenv("BLOB_CRASH_SEED"), &seed) //nolint:errcheck // a number
	r := rand.New(rand.NewPCG(seed, 1))
	check := func(err error) {
		if err != nil && !fault.Is(err, fault.Canceled) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	s, err := Open(ctx, "file://"+dir)
	check(err)
	s.packSize = 200_000
	refs := map[ref.Digest]bool{}
	for _, d := range noted(t, dir) {
		refs[d] = true
	}
	for {
		b := s.Batch()
		var put []ref.Digest
		for range 1 + r.IntN(30) {
			body := noise(uint64(r.IntN(40)), 2000*(1+r.IntN(20)))
			if r.IntN(12) == 0 {
				body = noise(uint64(r.IntN(5)), 1_200_000+r.IntN(1000))
			}
			d, err := b.PutBytes(ctx, body)
			check(err)
			put = append(put, d)
		}
		check(b.Commit(ctx))
		for d := range refs {
			if r.IntN(3) == 0 {
				delete(refs, d)
			}
		}
		for _, d := range put {
			refs[d] = true
		}
		var lines strings.Builder
		for d := range refs {
			fmt.Fprintln(&lines, d)
		}
		check(whole.Replace(filepath.Join(dir, "refs"), []byte(lines.String()), 0o644))
		_, err := s.Sweep(ctx, refs, time.Now().Add(time.Second), false)
		check(err)
	}
}
