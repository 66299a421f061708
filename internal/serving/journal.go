package serving

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/modelpack"
)

// entry is one answered request on its way to the log. Its frames are not changed any more.
type entry struct {
	ep        *endpoint
	req       *Request
	in, out   *modelpack.Frame
	predicted time.Time
	latency   time.Duration
	status    string
}

// cells counts the values that the entry keeps in memory.
func (e *entry) cells() (n int) {
	for _, t := range e.in.Cols {
		n += t.Len()
	}
	for _, t := range e.out.Cols {
		n += t.Len()
	}
	return n
}

// Sizes of the log.
const (
	queueRows  = 32_768  // more than this waiting: new answers are dropped and counted
	queueCells = 8 << 20 // the same in values, for wide models: about 100 MB at most
	groupRows  = 1_000   // of one transaction
)

// gather is how long the writer waits for more answers before it commits a group; it keeps commits at a few a second.
const gather = 50 * time.Millisecond

// journal is the bounded queue of answers and its writer. add never waits for the database.
type journal struct {
	db    *db.DB
	clock func() time.Time

	mu      sync.Mutex // short: never held over I/O
	queue   []*entry
	waiting int // rows in queue or being written
	cells   int // values in them
	limit   int
	LogStatus

	writing sync.Mutex    // one group at a time
	wake    chan struct{} // capacity 1
}

// LogStatus tells how the prediction log is. All numbers count rows.
type LogStatus struct {
	Waiting    int   // answered, not yet written
	Written    int64 // since the start
	Duplicates int64 // not written again: the same prediction was there
	Dropped    int64 // lost because the queue was full
	Error      string
}

func newJournal(d *db.DB, clock func() time.Time) *journal {
	return &journal{db: d, clock: clock, limit: queueRows, wake: make(chan struct{}, 1)}
}

// add queues an answer, or drops and counts it when the queue is full.
func (j *journal) add(e *entry) {
	j.mu.Lock()
	rows := e.in.Rows
	if j.waiting > 0 && (j.waiting+rows > j.limit || j.cells+e.cells() > queueCells) {
		j.Dropped += int64(rows)
		j.mu.Unlock()
		return
	}
	j.queue = append(j.queue, e)
	j.waiting += rows
	j.cells += e.cells()
	j.mu.Unlock()
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// take removes the first group from the queue.
func (j *journal) take() (group []*entry, rows int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(group) < len(j.queue) && (rows == 0 || rows+j.queue[len(group)].in.Rows <= groupRows) {
		rows += j.queue[len(group)].in.Rows
		group = j.queue[:len(group)+1]
	}
	j.queue = j.queue[len(group):]
	if len(j.queue) == 0 {
		j.queue = nil // lets go of the array
	}
	return group, rows
}

func (j *journal) giveBack(group []*entry, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = append(group[:len(group):len(group)], j.queue...)
	j.Error = err.Error()
}

// drain writes groups until the queue is empty. On an error the group goes back and nothing is lost.
func (j *journal) drain(ctx context.Context) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	for {
		group, rows := j.take()
		if rows == 0 {
			return nil
		}
		written, err := j.write(ctx, group)
		if err != nil {
			j.giveBack(group, err)
			return err
		}
		j.mu.Lock()
		j.waiting -= rows
		for _, e := range group {
			j.cells -= e.cells()
		}
		j.Written += written
		j.Duplicates += int64(rows) - written
		j.Error = ""
		j.mu.Unlock()
	}
}

// flush writes all that was added before the call.
func (j *journal) flush(ctx context.Context) error { return j.drain(ctx) }

// loop writes groups until ctx ends; after a failure it waits longer, up to five seconds, and goes on.
func (j *journal) loop(ctx context.Context) {
	wait := gather
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-j.wake:
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if err := j.drain(ctx); err == nil {
			wait = gather
		} else if ctx.Err() == nil {
			slog.Warn("the prediction log cannot be written; answers are kept and tried again", "error", err)
			wait = min(2*wait, 5*time.Second)
			select {
			case j.wake <- struct{}{}:
			default:
			}
		}
	}
}

func (j *journal) status() LogStatus {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.LogStatus
	s.Waiting = j.waiting
	return s
}
