package event

import (
	"context"
	"time"

	"github.com/paraplu/paraplu/internal/db"
)

// Watch calls fn whenever facts were added since the last call, also by other processes, until ctx ends. It polls the
// number of the newest fact, so it works on both databases; fn's errors go to onError and do not stop the watch.
func Watch(ctx context.Context, d *db.DB, every time.Duration, fn func(context.Context) error, onError func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var seen int64 = -1
	for {
		seq, err := lastSeq(ctx, d)
		if err == nil && seq != seen {
			if err = fn(ctx); err == nil {
				seen = seq
			}
		}
		if err != nil && ctx.Err() == nil {
			onError(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func lastSeq(ctx context.Context, d *db.DB) (seq int64, err error) {
	err = d.View(ctx, func(tx *db.Tx) error {
		seq, err = LastSeq(tx)
		return err
	})
	return seq, err
}
