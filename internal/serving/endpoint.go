package serving

import (
	"sync/atomic"
	"time"

	"github.com/paraplu/paraplu/internal/modelpack"
)

// endpoint is an admitted package at its name. It is immutable but for its counters. It lives until it is retired and the
// last request has left it; only then the model is closed.
type endpoint struct {
	Placement
	sig    *modelpack.Signature
	checks []check
	names  *names
	model  Model
	since  time.Time
	steps  []modelpack.Step
	stats  stats

	users  atomic.Int64 // requests under way, and one for being live; 0 = closing
	closed chan struct{}
}

func newEndpoint(p Placement, l *modelpack.Loaded, m Model, now time.Time) *endpoint {
	sig := l.Signature()
	ep := &endpoint{Placement: p, sig: sig, checks: checksOf(sig.Inputs), names: namesOf(sig), model: m, since: now, closed: make(chan struct{})}
	ep.users.Store(1)
	return ep
}

// enter takes the endpoint for one request; false when it was retired meanwhile.
func (e *endpoint) enter() bool {
	for {
		n := e.users.Load()
		if n == 0 {
			return false
		}
		if e.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (e *endpoint) leave() {
	if e.users.Add(-1) == 0 {
		e.model.Close() //nolint:errcheck // nobody is left to be told
		close(e.closed)
	}
}

// retire gives up the place among the live ones; call it once.
func (e *endpoint) retire() { e.leave() }

// stats counts requests since the endpoint was admitted.
type stats struct {
	requests, rows, failed, rejected, warned atomic.Int64
	busy                                     atomic.Int64 // nanoseconds in the engine
	last                                     atomic.Int64 // Unix milliseconds
}

// Stats are the counters of one endpoint since it was admitted.
type Stats struct {
	Requests int64 // answered
	Rows     int64
	Failed   int64         // the engine failed
	Rejected int64         // refused by the signature
	Warned   int64         // answered with a warning
	Busy     time.Duration // inside the engine
	Last     time.Time     // of the last answer
}

func (s *stats) read() Stats {
	out := Stats{Requests: s.requests.Load(), Rows: s.rows.Load(), Failed: s.failed.Load(), Rejected: s.rejected.Load(),
		Warned: s.warned.Load(), Busy: time.Duration(s.busy.Load())}
	if ms := s.last.Load(); ms != 0 {
		out.Last = time.UnixMilli(ms).UTC()
	}
	return out
}

// names are the outputs of an endpoint, prepared for many requests.
type names struct {
	all     []int // positions of all outputs
	outputs string
	limits  []check
	inKeys  [][]byte // `"name":` of each input
	outKeys [][]byte
}

func namesOf(sig *modelpack.Signature) *names {
	n := &names{outputs: list(sig.Outputs), limits: checksOf(sig.Outputs), inKeys: keysOf(sig.Inputs), outKeys: keysOf(sig.Outputs)}
	for i := range sig.Outputs {
		n.all = append(n.all, i)
	}
	return n
}
