package serving

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/paraplu/paraplu/internal/fault"
)

// slots bounds how many batches are computed at once, near the number of processors, and how many callers may wait for
// that. More callers are told at once to come again later: a long queue would only make everybody late.
type slots struct {
	free    chan struct{}
	waiting atomic.Int64
	most    int64
}

const mostWaiting = 1024

func newSlots() *slots {
	return &slots{free: make(chan struct{}, 4*runtime.GOMAXPROCS(0)), most: mostWaiting}
}

func (s *slots) take(ctx context.Context) error {
	select {
	case s.free <- struct{}{}:
		return nil
	default:
	}
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > s.most {
		return fault.New(fault.Unavailable, "the server is overloaded: %d requests wait already", s.most)
	}
	select {
	case s.free <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.New(fault.Canceled, "the caller gave up while waiting for the engine: %w", ctx.Err())
	}
}

func (s *slots) give() { <-s.free }
