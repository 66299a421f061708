package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

func eachStore(t *testing.T, fn func(t *testing.T, s *Store)) {
	for name, url := range map[string]string{"file": "file://" + t.TempDir(), "mem": "mem://"} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(context.Background(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			fn(t, s)
		})
	}
}

func TestPutGetDelete(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		body := bytes.Repeat([]byte("umbrella "), 100_000)
		d, n, err := s.Put(ctx, bytes.NewReader(body))
		if err != nil || n != int64(len(body)) || d != ref.Sum(body) {
			t.Fatalf("Put = %s, %d, %v", d, n, err)
		}
		if again, err := s.PutBytes(ctx, body); err != nil || again != d {
			t.Errorf("second put: %s, %v", again, err)
		}
		if got, err := s.ReadAll(ctx, d); err != nil || !bytes.Equal(got, body) {
			t.Errorf("ReadAll: %d bytes, %v", len(got), err)
		}
		if err := s.Delete(ctx, d); err != nil {
			t.Error(err)
		}
		if err := s.Delete(ctx, d); err != nil {
			t.Error("second delete:", err)
		}
		if _, err := s.Get(ctx, d); !fault.Is(err, fault.NotFound) {
			t.Errorf("Get of a deleted object: %v", err)
		}
		if _, err := s.Get(ctx, "sha256:../../etc/passwd"); !fault.Is(err, fault.Invalid) {
			t.Errorf("Get of a path: %v", err)
		}
	})
}

func TestBrokenBodyLeavesNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		boom := errors.New("connection lost")
		_, _, err := s.Put(ctx, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(boom)))
		if !errors.Is(err, boom) {
			t.Fatalf("error = %v", err)
		}
		if err := s.List(ctx, func(o Object) error { t.Errorf("object %s is there", o.Digest); return nil }); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDamageIsNoticed(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(context.Background(), "file://"+dir)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.PutBytes(context.Background(), []byte("truth"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, key(d)), []byte("trxth"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadAll(context.Background(), d); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error = %v", err)
	}
}

func TestSweepKeepsWhatIsReferencedOrYoung(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		kept, _ := s.PutBytes(ctx, []byte("kept"))
		orphan, _ := s.PutBytes(ctx, []byte("orphan"))
		refs := map[ref.Digest]bool{kept: true}
		if got, err := s.Sweep(ctx, refs, time.Now().Add(-time.Hour), false); err != nil || got.Orphans != 1 || got.Removed != 0 {
			t.Errorf("young orphan: %+v, %v", got, err)
		}
		later := time.Now().Add(time.Minute)
		if got, err := s.Sweep(ctx, refs, later, true); err != nil || got.Removed != 0 || got.Orphans != 1 {
			t.Errorf("dry run: %+v, %v", got, err)
		}
		if got, err := s.Sweep(ctx, refs, later, false); err != nil || got.Removed != 1 || got.Freed != 6 {
			t.Errorf("sweep: %+v, %v", got, err)
		}
		if ok, _ := s.Has(ctx, orphan); ok {
			t.Error("the orphan is still there")
		}
		if ok, _ := s.Has(ctx, kept); !ok {
			t.Error("a referenced object was removed")
		}
	})
}

func TestUnknownStore(t *testing.T) {
	if _, err := Open(context.Background(), "ftp://x"); !fault.Is(err, fault.Invalid) || fault.HintOf(err) == "" {
		t.Errorf("error = %v", err)
	}
}

func TestWhatIsPutAgainIsYoungAgain(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s, err := Open(ctx, "file://"+dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	old := time.Now().Add(-48 * time.Hour)
	for name, put := range map[string]func(body string) error{
		"bytes":  func(body string) error { _, err := s.PutBytes(ctx, []byte(body)); return err },
		"stream": func(body string) error { _, _, err := s.Put(ctx, strings.NewReader(body)); return err },
		"held": func(body string) error {
			if ok, err := s.Hold(ctx, ref.Sum([]byte(body))); err != nil || !ok {
				return fmt.Errorf("%v, %w", ok, err)
			}
			return nil
		},
	} {
		d, err := s.PutBytes(ctx, []byte(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, key(d)), old, old); err != nil {
			t.Fatal(err)
		}
		if err := put(name); err != nil { // its transaction has not committed when the sweep reads the references
			t.Fatal(err)
		}
		if got, err := s.Sweep(ctx, nil, time.Now().Add(-24*time.Hour), false); err != nil || got.Removed != 0 {
			t.Errorf("%s: what was put this moment is swept: %+v, %v", name, got, err)
		}
	}
	if ok, err := s.Hold(ctx, ref.Sum([]byte("never put"))); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestSweepRemovesHalfWrittenBodies(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s, err := Open(ctx, "file://"+dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	kept, err := s.PutBytes(ctx, []byte("kept"))
	if err != nil {
		t.Fatal(err)
	}
	halves := []string{filepath.Join(dir, key(kept)+".18d0.tmp"), filepath.Join(dir, "tmp", "put-1")} // as kill -9 leaves them
	for _, name := range halves {
		if err := os.WriteFile(name, []byte("ha"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	refs := map[ref.Digest]bool{kept: true}
	for _, c := range []struct {
		before time.Time
		there  bool
	}{{time.Now().Add(-time.Hour), true}, {time.Now().Add(time.Minute), false}} {
		if _, err := s.Sweep(ctx, refs, c.before, false); err != nil {
			t.Fatal(err)
		}
		for _, name := range halves {
			if _, err := os.Stat(name); (err == nil) != c.there {
				t.Errorf("%s after a sweep before %s: %v", filepath.Base(name), c.before, err)
			}
		}
	}
	if _, err := s.ReadAll(ctx, kept); err != nil {
		t.Error(err)
	}
}

func BenchmarkPutBytes(b *testing.B) {
	s, err := Open(context.Background(), "file://"+b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := 0; b.Loop(); i++ {
		if _, err := s.PutBytes(context.Background(), fmt.Appendf(nil, "%064d", i)); err != nil {
			b.Fatal(err)
		}
	}
}
