package job

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/riverqueue/river"
)

// worker is the handler of one kind in river's terms.
type worker struct {
	river.WorkerDefaults[envelope]
	handle  Handler
	backoff func(attempt int) time.Duration
	asked   sync.Map // id of a job → the wait that its handler asked for
}

// Work implements river.Worker. A panic of the handler is an error of the job: river recovers it.
func (w *worker) Work(ctx context.Context, j *river.Job[envelope]) error {
	err := w.handle(ctx, Job{ID: j.ID, Kind: j.Kind, Args: j.Args.Body, Attempt: j.Attempt, Last: j.Attempt >= j.MaxAttempts})
	var wait *waitError
	var end *finalError
	switch {
	case errors.As(err, &end):
		return river.JobCancel(end.error)
	case errors.As(err, &wait):
		w.asked.Store(j.ID, wait.wait)
	}
	return err
}

// NextRetry implements river.Worker.
func (w *worker) NextRetry(j *river.Job[envelope]) time.Time {
	if wait, ok := w.asked.LoadAndDelete(j.ID); ok {
		return time.Now().Add(wait.(time.Duration))
	}
	backoff := w.backoff
	if backoff == nil {
		backoff = grow
	}
	return time.Now().Add(backoff(j.Attempt))
}

// grow is the default backoff: the fourth power of the attempt in seconds, at most a day, plus or minus a tenth, so that
// what failed together does not come back together.
func grow(attempt int) time.Duration {
	n := float64(min(attempt, 17))
	return time.Duration(float64(time.Second) * n * n * n * n * (0.9 + 0.2*rand.Float64()))
}

type waitError struct {
	error
	wait time.Duration
}

func (e *waitError) Unwrap() error { return e.error }

// Later is an error after which the job waits as long as said, in place of the backoff.
func Later(wait time.Duration, err error) error { return &waitError{err, wait} }

type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

// Never is an error after which the job is not tried again.
func Never(err error) error { return &finalError{err} }

// quiet passes only what an operator must see: river reports every failed attempt as an error, and handlers tell their own
// failures in our words.
type quiet struct{ slog.Handler }

// Enabled implements slog.Handler.
func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError && q.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (q quiet) WithAttrs(a []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(a)} }

// WithGroup implements slog.Handler.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
