package app

import (
	"io"
	"net"
	"net/http"
	"time"
)

// stall is how long a client may stand still while it sends a body or takes an answer. There is no limit for the whole:
// a large file over a slow line may take its time.
const stall = 30 * time.Second

// steady lets go of clients that stand still: each of them would hold a connection, and what was read or computed for it,
// forever.
func steady(next http.Handler, limit time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			body := &steadyBody{ReadCloser: r.Body, conn: http.NewResponseController(w), limit: limit}
			body.wait() // also for a body that nobody reads: the server drains it
			r.Body = body
		}
		next.ServeHTTP(w, r)
	})
}

// largeBody is how much of a body anybody may send at once; more of it waits for one of largeAtOnce places, until the answer
// is written. PUT is left out: the bytes of artifacts pass through, and nothing is built from them.
const (
	largeBody   = 1 << 20
	largeAtOnce = 4
)

// fewLarge bounds what all large requests together may cost in memory.
func fewLarge(next http.Handler, places int) http.Handler {
	free := make(chan struct{}, places)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody && r.Method != http.MethodPut {
			body := &largeReader{ReadCloser: r.Body, r: r, free: free}
			defer body.leave()
			r.Body = body
		}
		next.ServeHTTP(w, r)
	})
}

type largeReader struct {
	io.ReadCloser
	r    *http.Request
	free chan struct{}
	read int
	in   bool // holds a place
}

func (b *largeReader) Read(p []byte) (int, error) {
	if b.read > largeBody && !b.in {
		select {
		case b.free <- struct{}{}:
			b.in = true
		case <-b.r.Context().Done():
			return 0, b.r.Context().Err()
		}
	}
	n, err := b.ReadCloser.Read(p)
	b.read += n
	return n, err
}

func (b *largeReader) leave() {
	if b.in {
		<-b.free
	}
}

type steadyBody struct {
	io.ReadCloser
	conn  *http.ResponseController
	limit time.Duration
}

func (b *steadyBody) wait() { b.conn.SetReadDeadline(time.Now().Add(b.limit)) } //nolint:errcheck // not every test has a connection

// Read gives each piece its time. After the end nothing is awaited: the answer may take as long as it takes.
func (b *steadyBody) Read(p []byte) (int, error) {
	b.wait()
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.conn.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	}
	return n, err
}

// steadyListener gives each piece of an answer its time.
type steadyListener struct {
	net.Listener
	limit time.Duration
}

func (l steadyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &steadyConn{c, l.limit}, nil
}

type steadyConn struct {
	net.Conn
	limit time.Duration
}

// piece is how many bytes a client must take within the limit.
const piece = 64 << 10

func (c *steadyConn) Write(p []byte) (n int, err error) {
	for {
		part := p[n:min(n+piece, len(p))]
		if err := c.SetWriteDeadline(time.Now().Add(c.limit)); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(part)
		if n += m; err != nil || n == len(p) {
			return n, err
		}
	}
}
