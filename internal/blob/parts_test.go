package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"gocloud.dev/blob"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// keys are all keys of the bucket.
func keys(t *testing.T, s *Store) (out []string) {
	t.Helper()
	it := s.bucket.List(&blob.ListOptions{})
	for {
		o, err := it.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, o.Key)
	}
}

func TestPartsBecomeOneObject(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		var parts []Part
		var whole []byte
		for i, text := range []string{strings.Repeat("one ", 50_000), "", "three"} {
			p, err := s.PutPart(ctx, "u1", strings.NewReader(text))
			if err != nil || p.Size != int64(len(text)) || p.Digest != ref.Sum([]byte(text)) {
				t.Fatalf("part %d: %+v, %v", i, p, err)
			}
			parts, whole = append(parts, p), append(whole, text...)
		}
		if _, err := s.PutPart(ctx, "u2", strings.NewReader("of another")); err != nil {
			t.Fatal(err)
		}
		d, n, err := s.Join(ctx, "u1", parts)
		if err != nil || n != int64(len(whole)) || d != ref.Sum(whole) {
			t.Fatalf("Join = %s, %d, %v", d, n, err)
		}
		if got, err := s.ReadAll(ctx, d); err != nil || !bytes.Equal(got, whole) {
			t.Errorf("the object: %d bytes, %v", len(got), err)
		}
		if err := s.DropParts(ctx, "u1"); err != nil {
			t.Fatal(err)
		}
		if got := keys(t, s); len(got) != 2 || !strings.HasPrefix(got[1], "uploads/u2/") {
			t.Errorf("keys: %v", got)
		}
		if _, _, err := s.Join(ctx, "u1", parts); !fault.Is(err, fault.NotFound) {
			t.Errorf("joining what was dropped: %v", err)
		}
	})
}

func TestBrokenPartLeavesNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		boom := errors.New("connection lost")
		if _, err := s.PutPart(context.Background(), "u", io.MultiReader(strings.NewReader("half"), iotest.ErrReader(boom))); !errors.Is(err, boom) {
			t.Fatalf("error = %v", err)
		}
		if got := keys(t, s); len(got) > 0 {
			t.Errorf("left: %v", got)
		}
	})
}

func TestDamagedPartIsNotJoined(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(context.Background(), "file://"+dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.PutPart(context.Background(), "u", strings.NewReader("truth"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, partKey("u", p.Name)), []byte("trxth"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Join(context.Background(), "u", []Part{p}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error = %v", err)
	}
}

func TestSweepParts(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		for _, upload := range []string{"open", "closed"} {
			if _, err := s.PutPart(ctx, upload, strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
		}
		open := map[string]bool{"open": true}
		if err := s.SweepParts(ctx, open, time.Now().Add(-time.Hour)); err != nil || len(keys(t, s)) != 2 {
			t.Errorf("young parts: %v, %v", keys(t, s), err)
		}
		if err := s.SweepParts(ctx, open, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := keys(t, s); len(got) != 1 || !strings.HasPrefix(got[0], "uploads/open/") {
			t.Errorf("swept: %v", got)
		}
	})
}

func TestReadFromAnOffset(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		d, err := s.PutBytes(ctx, []byte("umbrella"))
		if err != nil {
			t.Fatal(err)
		}
		for offset, want := range map[int64]string{0: "umbrella", 2: "brella", 8: ""} {
			r, err := s.GetFrom(ctx, d, offset)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != want {
				t.Errorf("from %d: %q, %v", offset, got, err)
			}
			r.Close()
		}
		if _, err := s.GetFrom(ctx, ref.Sum(nil), 3); !fault.Is(err, fault.NotFound) {
			t.Errorf("an object that is not there: %v", err)
		}
		if _, err := s.GetFrom(ctx, "sha256:../x", 3); !fault.Is(err, fault.Invalid) {
			t.Errorf("a path: %v", err)
		}
	})
}
