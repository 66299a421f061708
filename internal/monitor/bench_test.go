package monitor_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/monitor"
)

// BenchmarkEvaluate evaluates a quarter of 200 shops at once: 18 200 predictions with truth.
func BenchmarkEvaluate(b *testing.B) {
	const shops = 200
	w := newWorld(b, dbtest.SQLite(b, event.Migrations(), monitor.Migrations()))
	w.setReference(pack1, 364)
	for at := date("2015-01-05"); at.Before(date("2015-04-06")); at = at.AddDate(0, 0, 1) {
		var truths []monitor.Truth
		for s := range shops {
			w.predict(at, order(at), pack1)
			p := &w.log[len(w.log)-1]
			p.Entity = fmt.Sprintf("shop-%03d", s)
			p.ID += p.Entity
			tr := truth(at, demand(at, 1)+float64(s%7))
			tr.Entity = p.Entity
			truths = append(truths, tr)
		}
		w.now = at.AddDate(0, 0, 1)
		w.record(truths...)
	}
	w.evaluate(w.now)
	for b.Loop() {
		out, err := w.room.AsOf(context.Background(), w.p, date("2015-01-05"), date("2015-04-06"), w.now)
		if err != nil || len(out) != 13 || out[0].Rows != 7*shops {
			b.Fatal(len(out), err)
		}
	}
}
