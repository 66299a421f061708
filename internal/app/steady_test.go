package app

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// steadyServer answers with 64 MB at /large, with what it was sent at /echo, and reads nothing at /blind.
func steadyServer(t *testing.T, limit time.Duration) (addr string, ended chan error) {
	t.Helper()
	ended = make(chan error, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 64<<20))
		ended <- err
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		ended <- err
		time.Sleep(2 * limit) // an answer may take longer than a client may stand still
		if r.Context().Err() != nil {
			b = []byte("canceled")
		}
		w.Write(b) //nolint:errcheck
	})
	mux.HandleFunc("/blind", func(http.ResponseWriter, *http.Request) {})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: steady(mux, limit)}
	go srv.Serve(steadyListener{ln, limit}) //nolint:errcheck // ends with the test
	t.Cleanup(func() { srv.Close() })
	return ln.Addr().String(), ended
}

func dial(t *testing.T, addr, request string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second)) //nolint:errcheck
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAClientThatStandsStillIsLetGo(t *testing.T) {
	const limit = 100 * time.Millisecond
	addr, ended := steadyServer(t, limit)
	var timeout net.Error

	dial(t, addr, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
	if err := <-ended; !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("half a body: %v", err)
	}
	dial(t, addr, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := <-ended; !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("an answer that nobody takes: %v", err)
	}
	c := dial(t, addr, "POST /blind HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Errorf("a body that nobody reads: %v", err)
	}
}

func TestASlowClientIsServed(t *testing.T) {
	t.Parallel()
	const limit = 300 * time.Millisecond
	addr, ended := steadyServer(t, limit)
	c := dial(t, addr, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
	in := bufio.NewReader(c)
	for range 2 { // the connection lives on
		for i := range 10 {
			time.Sleep(limit / 4) // in all much longer than the limit
			if _, err := fmt.Fprint(c, i); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(b, []byte("0123456789")) {
			t.Fatalf("%q %v", b, err)
		}
		time.Sleep(2 * limit)                                                             // idle
		io.WriteString(c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n") //nolint:errcheck
	}
}

// Of many large bodies only a few are worked on at once; small ones and artifacts never wait.
func TestFewLargeBodiesAtOnce(t *testing.T) {
	t.Parallel()
	var at, most atomic.Int64
	release := make(chan struct{})
	reached := make(chan struct{}, 10)
	h := fewLarge(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if r.Method == http.MethodPost && n > largeBody {
			most.Store(max(most.Load(), at.Add(1)))
			defer at.Add(-1)
			reached <- struct{}{}
			<-release
		}
	}), 2)
	send := func(ctx context.Context, method string, size int) int {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(ctx, method, "/", bytes.NewReader(make([]byte, size)))
		h.ServeHTTP(w, r)
		return w.Code
	}
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if status := send(t.Context(), "POST", 2*largeBody); status != 200 {
				t.Error("large:", status)
			}
		})
	}
	<-reached
	<-reached
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if status := send(gone, "POST", 2*largeBody); status != 400 {
		t.Error("one that gave up:", status)
	}
	if small, artifact := send(t.Context(), "POST", largeBody), send(t.Context(), "PUT", 2*largeBody); small != 200 || artifact != 200 {
		t.Error("small, artifact:", small, artifact)
	}
	close(release)
	all.Wait()
	if most.Load() != 2 {
		t.Errorf("%d large bodies at once, want 2", most.Load())
	}
}
