package event_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
)

func TestFactsAreNumberedWithoutGapsAndKeysAreUnique(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 5 {
					if err := d.Update(ctx, func(tx *db.Tx) error {
						return event.Append(tx,
							event.Fact{Actor: "daisy", Product: "umbrella", Verb: event.TruthReceived, Object: "x"},
							event.Fact{Actor: "daisy", Product: "umbrella", Verb: event.DatasetPublished, Object: "weather@v1", Key: "dataset:1",
								Inputs: []string{"file:a"}, Outputs: []string{"dataset:weather@1"}, Data: map[string]int{"rows": 3}})
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if err := d.View(ctx, func(tx *db.Tx) error {
			all, err := event.List(tx, event.Filter{Product: "umbrella"})
			if err != nil {
				return err
			}
			if len(all) != 21 {
				t.Errorf("%d facts, want 20 truths and one dataset", len(all))
			}
			for i, f := range all {
				if f.Seq != int64(i+1) {
					t.Errorf("fact %d has seq %d", i, f.Seq)
				}
			}
			one, err := event.List(tx, event.Filter{Verbs: []string{event.DatasetPublished}})
			if err != nil || len(one) != 1 {
				t.Fatalf("%d keyed facts, %v", len(one), err)
			}
			var data struct{ Rows int }
			if err := one[0].Decode(&data); err != nil || data.Rows != 3 || one[0].Outputs[0] != "dataset:weather@1" || one[0].Kind != "dataset" {
				t.Errorf("fact = %+v, %v", one[0], err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}, event.Migrations())
}

func TestFactsCannotBeChanged(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		if err := d.Update(ctx, func(tx *db.Tx) error {
			return event.Append(tx, event.Fact{Actor: "a", Verb: event.AliasSet})
		}); err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{`UPDATE fact SET actor = 'eve'`, `DELETE FROM fact`} {
			if err := d.Update(ctx, func(tx *db.Tx) error { _, err := tx.Exec(q); return err }); err == nil {
				t.Errorf("%s succeeded", q)
			}
		}
	}, event.Migrations())
}

func TestWatchSeesFactsOfOthers(t *testing.T) {
	d := dbtest.SQLite(t, event.Migrations())
	ctx, cancel := context.WithCancel(context.Background())
	calls := make(chan struct{}, 8)
	done := make(chan struct{})
	go func() {
		defer close(done)
		event.Watch(ctx, d, time.Millisecond, func(context.Context) error { calls <- struct{}{}; return nil }, func(err error) { t.Error(err) })
	}()
	<-calls // the first look
	if err := d.Update(ctx, func(tx *db.Tx) error { return event.Append(tx, event.Fact{Actor: "a", Verb: event.AliasSet}) }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-calls:
	case <-time.After(10 * time.Second):
		t.Error("the watch did not notice a new fact")
	}
	cancel()
	<-done
}
