package db_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
)

var errRefused = errors.New("refused")

// TestManyWritersFailAlone: of many transactions at once some fail, panic, end their goroutine or are given up. Each takes
// back its own work only, and what was acknowledged is there.
func TestManyWritersFailAlone(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		must(t, d.Update(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(`CREATE TABLE note (writer BIGINT, number BIGINT, kept BIGINT, PRIMARY KEY (writer, number))`)
			return err
		}))
		const writers, each = 16, 40
		var acknowledged, refused atomic.Int64
		write := func(ctx context.Context, w, n int, after func(*db.Tx) error) error {
			return d.Update(ctx, func(tx *db.Tx) error {
				if _, err := tx.Exec(`INSERT INTO note (writer, number, kept) VALUES (?, ?, 1)`, w, n); err != nil {
					return err
				}
				return after(tx)
			})
		}
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for n := range each {
					switch (w + n) % 5 {
					case 0:
						if err := write(ctx, w, n, func(*db.Tx) error { return errRefused }); !errors.Is(err, errRefused) {
							t.Errorf("%v", err)
						}
						refused.Add(1)
					case 1: // a statement that fails, and the error is passed on
						err := write(ctx, w, n, func(tx *db.Tx) error {
							_, err := tx.Exec(`INSERT INTO note (writer, number, kept) VALUES (?, ?, 1)`, w, n)
							return err
						})
						if !db.IsUnique(err) {
							t.Errorf("%v", err)
						}
					case 2:
						func() {
							defer func() {
								if recover() == nil {
									t.Error("the panic was swallowed")
								}
							}()
							write(ctx, w, n, func(*db.Tx) error { panic("a defect") }) //nolint:errcheck // panics
						}()
					case 3:
						gone, cancel := context.WithCancel(ctx)
						err := write(gone, w, n, func(*db.Tx) error { cancel(); return gone.Err() })
						if err == nil {
							t.Error("a transaction that was given up was committed")
						}
					default:
						if err := write(ctx, w, n, func(*db.Tx) error { return nil }); err != nil {
							t.Errorf("%v", err)
						} else {
							acknowledged.Add(1)
						}
					}
				}
			})
		}
		all.Wait()
		var there int64
		must(t, d.View(ctx, func(tx *db.Tx) error { return tx.QueryRow(`SELECT count(*) FROM note`).Scan(&there) }))
		if there != acknowledged.Load() || there == 0 || refused.Load() == 0 {
			t.Errorf("%d rows, %d acknowledged", there, acknowledged.Load())
		}
	})
}

// TestTurnIsPassedOn: whatever ends a transaction, the next one gets its turn.
func TestTurnIsPassedOn(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		inside, release := make(chan bool), make(chan bool)
		held := make(chan error, 1)
		go func() {
			held <- d.Update(ctx, func(*db.Tx) error { inside <- true; <-release; return nil })
		}()
		<-inside
		gone, cancel := context.WithCancel(ctx)
		waiting := make(chan error, 4)
		for range 4 {
			go func() { waiting <- d.Update(gone, func(*db.Tx) error { return nil }) }()
		}
		cancel()
		for range 4 {
			<-waiting // on SQLite they were given up, on PostgreSQL they may have run
		}
		release <- true
		if err := <-held; err != nil {
			t.Error(err)
		}
		ended := make(chan bool)
		go func() {
			defer close(ended)
			d.Update(ctx, func(*db.Tx) error { // as t.FailNow does in the middle of a transaction
				runtime.Goexit()
				return nil
			})
		}()
		<-ended
		must(t, d.Update(ctx, func(*db.Tx) error { return nil }))
	})
}
