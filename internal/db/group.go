package db

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

// A commit on SQLite waits for the disk, and only one transaction writes at a time. Transactions that wait for their turn
// meanwhile therefore share one commit: they run one after another, each behind a savepoint of its own, and the last one
// commits for all. None of them returns before that commit, so what was acknowledged is on the disk; one that fails takes
// back only its own work. A transaction for which nobody waits commits at once.
const (
	maxGroup     = 64
	maxGroupTime = 100 * time.Millisecond
)

// group is a shared transaction. Only the goroutine that has the turn touches it; done is closed after its end.
type group struct {
	tx    *sql.Tx
	began time.Time
	size  int // members that ran
	done  chan struct{}
	err   error // of the commit, for all members that ran well; read after done
}

// turns hands the one writing connection from one member to the next.
type turns struct {
	mu      sync.Mutex
	busy    bool
	waiting []chan *group // first come, first served; a nil group means: begin one
}

// take waits for the turn. The group is nil, or the one to join.
func (t *turns) take(ctx context.Context) (*group, error) {
	t.mu.Lock()
	if !t.busy {
		t.busy = true
		t.mu.Unlock()
		return nil, nil
	}
	mine := make(chan *group, 1)
	t.waiting = append(t.waiting, mine)
	t.mu.Unlock()
	select {
	case g := <-mine:
		return g, nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	for i, c := range t.waiting {
		if c == mine {
			t.waiting = append(t.waiting[:i:i], t.waiting[i+1:]...)
			t.mu.Unlock()
			return nil, ctx.Err()
		}
	}
	t.mu.Unlock()
	return <-mine, nil // the turn came at the same moment; it is taken, so that it is passed on
}

// pass gives the turn to the next, with a group to join or nil. Nobody waiting: false, and the turn is kept if keep is set.
func (t *turns) pass(g *group, keep bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.busy = keep
		return false
	}
	next := t.waiting[0]
	t.waiting = t.waiting[1:]
	next <- g
	return true
}

// updateSQLite runs fn in a transaction that it may share.
func (d *DB) updateSQLite(ctx context.Context, fn func(*Tx) error) error {
	g, err := d.turns.take(ctx)
	if err != nil {
		return Classify(err)
	}
	if g == nil {
		if err := ctx.Err(); err != nil {
			d.turns.pass(nil, false)
			return Classify(err)
		}
		stx, err := d.write.BeginTx(context.WithoutCancel(ctx), nil)
		if err != nil {
			d.turns.pass(nil, false)
			return Classify(err)
		}
		g = &group{tx: stx, began: time.Now(), done: make(chan struct{})}
	}
	if err := d.member(ctx, g, fn); err != nil {
		return err
	}
	<-g.done
	return Classify(g.err)
}

// member runs fn as one of a group and passes the turn on, or commits when nobody waits or the group is full. It returns
// the error of fn; the caller then waits for the commit if there was none. It also passes the turn on when fn panics.
func (d *DB) member(ctx context.Context, g *group, fn func(*Tx) error) (err error) {
	// A statement that is interrupted takes the whole transaction back, so only the first member can be interrupted.
	inner := ctx
	if g.size > 0 {
		inner = context.WithoutCancel(ctx)
	}
	opened, returned := false, false
	defer func() {
		switch {
		case !opened: // nothing was begun
		case returned && err == nil:
			g.size++
			if _, rerr := g.tx.Exec("RELEASE member"); rerr != nil {
				d.lose(g, rerr)
				return
			}
		case !takeBack(g.tx): // after an error, a panic, or the end of the goroutine
			d.lose(g, err)
			return
		}
		d.finish(g)
	}()
	if err = ctx.Err(); err != nil {
		return Classify(err)
	}
	if _, err = g.tx.ExecContext(inner, "SAVEPOINT member"); err != nil {
		return Classify(err)
	}
	opened = true
	err = Classify(fn(&Tx{ctx: inner, tx: g.tx, dialect: d.dialect}))
	returned = true
	return err
}

func takeBack(tx *sql.Tx) bool {
	if _, err := tx.Exec("ROLLBACK TO member"); err != nil {
		return false
	}
	_, err := tx.Exec("RELEASE member")
	return err == nil
}

// finish passes the turn on inside the group while it may grow, else ends the group.
func (d *DB) finish(g *group) {
	if g.size < maxGroup && time.Since(g.began) < maxGroupTime && d.turns.pass(g, true) {
		return
	}
	if g.size == 0 {
		g.tx.Rollback() //nolint:errcheck // nothing was written
	} else {
		g.err = g.tx.Commit()
		if g.err != nil {
			g.tx.Rollback() //nolint:errcheck // a commit that failed may leave the transaction open
		}
	}
	close(g.done)
	d.turns.pass(nil, false)
}

// lose ends a group whose work is gone, because one member's failure took back the whole transaction: every member that ran
// gets the error.
func (d *DB) lose(g *group, err error) {
	g.tx.Rollback() //nolint:errcheck // it is gone already
	if err == nil {
		err = fault.New(fault.Unavailable, "the transaction was taken back")
	}
	g.err = fault.Wrap(Classify(err), "a write of the same moment failed and took this one back")
	close(g.done)
	d.turns.pass(nil, false)
}
