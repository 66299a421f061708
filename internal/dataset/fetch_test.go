package dataset

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

// shaky serves a body and breaks each of its first answers off in the middle.
type shaky struct {
	body   []byte
	etag   string
	breaks atomic.Int32
	asked  atomic.Int32
	sent   atomic.Int64
}

func (s *shaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	w.Header().Set("ETag", s.etag)
	if s.breaks.Add(-1) >= 0 {
		w = &brokenWriter{w, 100_000}
	}
	counted := &countedWriter{w, &s.sent}
	http.ServeContent(counted, r, "f.csv", time.Time{}, bytes.NewReader(s.body))
}

type countedWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *countedWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n.Add(int64(n))
	return n, err
}

type brokenWriter struct {
	http.ResponseWriter
	left int
}

func (b *brokenWriter) Write(p []byte) (int, error) {
	if b.left <= 0 {
		panic(http.ErrAbortHandler)
	}
	n, err := b.ResponseWriter.Write(p[:min(len(p), b.left)])
	if b.left -= n; b.left <= 0 {
		b.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func newShaky(breaks int32) (*shaky, *httptest.Server) {
	s := &shaky{body: make([]byte, 500_000), etag: `"one"`}
	for i := range s.body {
		s.body[i] = byte(rand.Uint32())
	}
	s.breaks.Store(breaks)
	return s, httptest.NewServer(s)
}

func TestFetchResumesWhereItBroke(t *testing.T) {
	s, server := newShaky(3)
	defer server.Close()
	got, err := Fetch{URL: server.URL + "/a/f.csv?x=1", Dir: t.TempDir()}.Get(context.Background())
	must(t, err)
	body, err := os.ReadFile(got.Path)
	must(t, err)
	if !bytes.Equal(body, s.body) || !strings.HasSuffix(got.Path, "/f.csv") || got.Origin.ETag != `"one"` || got.Origin.Source != server.URL+"/a/f.csv?x=1" {
		t.Errorf("%d bytes, %+v", len(body), got)
	}
	if s.asked.Load() != 4 || s.sent.Load() > int64(len(s.body)) {
		t.Errorf("asked %d times for %d bytes; what was there was sent again", s.asked.Load(), s.sent.Load())
	}
}

func TestFetchGoesOnInALaterCall(t *testing.T) {
	s, server := newShaky(2 * fetchAttempts)
	defer server.Close()
	s.body = append(s.body, make([]byte, 1_000_000)...)
	dir := t.TempDir()
	f := Fetch{URL: server.URL, Dir: dir}
	if _, err := f.Get(context.Background()); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("error: %v", err)
	}
	s.etag = `"two"` // it changed meanwhile: nothing of the old one may stay
	s.breaks.Store(0)
	s.body[0]++
	got, err := f.Get(context.Background())
	must(t, err)
	if body, _ := os.ReadFile(got.Path); !bytes.Equal(body, s.body) || got.Origin.ETag != `"two"` {
		t.Errorf("two files were mixed: %d bytes", len(body))
	}
}

func TestFetchAsksOnlyForWhatIsNew(t *testing.T) {
	_, server := newShaky(0)
	defer server.Close()
	got, err := Fetch{URL: server.URL, Dir: t.TempDir(), Known: &Origin{ETag: `"one"`}}.Get(context.Background())
	if err != nil || !got.Unchanged || got.Path != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := (Fetch{URL: server.URL, Dir: t.TempDir(), Known: &Origin{ETag: `"zero"`}}).Get(context.Background()); err != nil || got.Unchanged {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFetchRefuses(t *testing.T) {
	_, server := newShaky(0)
	defer server.Close()
	if _, err := (Fetch{URL: server.URL, Dir: t.TempDir(), Max: 499_999}).Get(context.Background()); !fault.Is(err, fault.Exhausted) {
		t.Errorf("too large: %v", err)
	}
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			fmt.Fprint(w, strings.Repeat("x", 10_000))
		}
	}))
	defer endless.Close()
	if _, err := (Fetch{URL: endless.URL, Dir: t.TempDir(), Max: 50_000}).Get(context.Background()); !fault.Is(err, fault.Exhausted) {
		t.Errorf("too large without a length: %v", err)
	}
	for code, kind := range map[int]fault.Kind{404: fault.NotFound, 403: fault.Denied, 418: fault.Invalid} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
		if _, err := (Fetch{URL: server.URL, Dir: t.TempDir()}).Get(context.Background()); !fault.Is(err, kind) {
			t.Errorf("%d: %v", code, err)
		}
		server.Close()
	}
	for _, text := range []string{"", "ftp://x/y", "http://", "file:///etc/passwd", "::"} {
		if _, err := (Fetch{URL: text, Dir: t.TempDir()}).Get(context.Background()); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
