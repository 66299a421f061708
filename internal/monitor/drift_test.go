package monitor_test

import (
	"context"
	"strings"
	"testing"
)

func TestDriftAloneCallsNobody(t *testing.T) {
	w := lite(t)
	w.setReference(pack1, 364)
	for at := date("2015-01-05"); at.Before(date("2015-04-13")); at = at.AddDate(0, 0, 1) {
		w.now = at
		w.predict(at, order(at), pack1)
		w.log[len(w.log)-1].Features["rain_forecast_mm"] = 25.4 * (1 + rain(at)) // another unit
		yesterday := at.AddDate(0, 0, -1)
		w.record(truth(yesterday, demand(yesterday, 1)))
	}
	e := w.evaluate(w.now)
	if len(e.Drift) != 1 {
		t.Fatalf("drift %+v", e.Drift)
	}
	d := e.Drift[0]
	if !d.Beyond || d.Value.Float() < 1 || d.Rows < 50 || d.Limit.Float() < 0.25 || d.Limit.Float() < 3*d.Floor.Float()-1e-9 || d.Outside.Float() < 0.5 {
		t.Errorf("drift %+v", d)
	}
	if len(w.alerts())+len(w.incidents()) != 0 {
		t.Errorf("drift fired: %+v", w.alerts())
	}
	again, err := w.room.Drift(context.Background(), w.p)
	if err != nil || len(again) != 1 || again[0].Value.Float() != d.Value.Float() {
		t.Errorf("read again %+v, %v", again, err)
	}
}

func TestDriftIsQuietWhenNothingChanged(t *testing.T) {
	w := lite(t)
	w.setReference(pack1, 364)
	for at := date("2015-01-05"); at.Before(date("2015-04-13")); at = at.AddDate(0, 0, 1) {
		w.predict(at, order(at), pack1)
	}
	e := w.evaluate(date("2015-01-20"))
	if d := e.Drift[0]; d.Value != nil || !strings.Contains(d.Why, "a comparison needs 50") {
		t.Errorf("sixteen rows gave a number: %+v", d)
	}
	if d := w.evaluate(date("2015-04-13")).Drift[0]; d.Beyond || d.Value == nil {
		t.Errorf("drift without a change: %+v", d)
	}
}
