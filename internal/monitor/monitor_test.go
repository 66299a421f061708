package monitor_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/monitor"
	"github.com/paraplu/paraplu/internal/stat"
)

func TestAWindowIsComputedByHand(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		var q, y []float64
		for i := range 7 {
			at := date("2015-01-05").AddDate(0, 0, i)
			w.predict(at, float64(10*i), pack1)
			tr := truth(at, float64(5*i+20))
			naive := 30.0
			if i < 5 {
				tr.Baseline = &naive
			}
			w.now = at.AddDate(0, 0, 1)
			w.record(tr)
			q, y = append(q, float64(10*i)), append(y, tr.Value)
		}
		w.evaluate(date("2015-01-12"))
		got := w.windows()
		if len(got) != 1 {
			t.Fatalf("%d windows, want the week from 2015-01-05", len(got))
		}
		win := got[0]
		naive := []float64{30, 30, 30, 30, 30}
		for _, c := range []struct {
			name      string
			got, want float64
		}{
			{"wape", win.WAPE.Float(), stat.WAPE(q, y)},
			{"metric", win.MetricValue.Float(), stat.WAPE(q, y)},
			{"mae", win.MAE.Float(), stat.MAE(q, y)},
			{"rmse", win.RMSE.Float(), stat.RMSE(q, y)},
			{"bias", win.Bias.Float(), stat.Bias(q, y)},
			{"cost", win.Cost.Float(), stat.Newsvendor(q, y, 7, 1.5)},
			{"baseline cost", win.BaselineCost.Float(), stat.Newsvendor(naive, y[:5], 7, 1.5)},
			{"saving", win.Saving.Float(), stat.Newsvendor(naive, y[:5], 7, 1.5) - stat.Newsvendor(q[:5], y[:5], 7, 1.5)},
			{"delay", win.DelayMedian, 24},
			{"demand", win.Demand, 20 + 25 + 30 + 35 + 40 + 45 + 50},
			{"coverage", win.Coverage, 1},
		} {
			if math.Abs(c.got-c.want) > 1e-9*(1+math.Abs(c.want)) {
				t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
			}
		}
		if win.State != monitor.Final || win.Rows != 7 || win.BaselineRows != 5 || win.Package != pack1 || win.Unit != "EUR" || win.ValueModel == "" {
			t.Errorf("window = %+v", win)
		}
	})
}

func TestTruthIsKeptOnceAndCorrected(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		monday := date("2015-01-05")
		for i := range 7 {
			w.predict(monday.AddDate(0, 0, i), 50, pack1)
		}
		w.now = date("2015-01-12")
		first := []monitor.Truth{truth(monday, 40), truth(monday.AddDate(0, 0, 1), 60)}
		if a, d := w.record(first...); a != 2 || d != 0 {
			t.Fatalf("first delivery: %d accepted, %d duplicates", a, d)
		}
		if a, d := w.record(first...); a != 0 || d != 2 {
			t.Errorf("the same delivery again: %d accepted, %d duplicates", a, d)
		}
		again := monitor.Truth{EventTime: monday, Value: 40}
		if a, d := w.record(again); a != 0 || d != 1 {
			t.Errorf("the same value without a claim of when: %d accepted, %d duplicates", a, d)
		}
		correction := truth(monday, 45)
		correction.KnownAt = monday.AddDate(0, 0, 3)
		orphan := truth(date("2015-01-09"), 1)
		orphan.Entity = "another shop"
		if a, d := w.record(correction, orphan); a != 2 || d != 0 {
			t.Errorf("correction and orphan: %d accepted, %d duplicates", a, d)
		}
		e := w.evaluate(w.now)
		win := e.Windows[0]
		if win.Rows != 2 || win.Orphans != 1 || win.Corrections != 1 || win.Demand != 105 || e.Duplicates != 3 || win.State != monitor.Open {
			t.Errorf("window %+v, %d duplicates", win, e.Duplicates)
		}
		if n := len(w.facts(event.TruthReceived)); n != 2 {
			t.Errorf("%d facts truth.received, want one for each delivery that brought something", n)
		}
		rec, err := w.room.Received(context.Background(), "umbrella")
		if err != nil || rec.Truths != 4 || rec.Events != 3 || rec.Duplicates != 3 || rec.Last != "2015-01-09" {
			t.Errorf("received %+v, %v", rec, err)
		}
	})
}

func TestYesterdaysReportCanBePrintedAgain(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		monday := date("2015-01-05")
		for i := range 7 {
			w.predict(monday.AddDate(0, 0, i), 50, pack1)
			w.now = monday.AddDate(0, 0, i+1)
			w.record(truth(monday.AddDate(0, 0, i), 40))
		}
		w.evaluate(w.now)
		before := w.windows()[0]
		w.now = date("2015-02-01")
		late := truth(monday, 90)
		late.KnownAt = w.now
		w.record(late)
		w.evaluate(w.now)
		after := w.windows()[0]
		if after.Revision != 2 || after.Demand != before.Demand+50 || before.Revision != 1 {
			t.Errorf("before %+v, after %+v", before, after)
		}
		then, err := w.room.AsOf(context.Background(), w.p, monday, monday.AddDate(0, 0, 7), date("2015-01-12"))
		if err != nil || len(then) != 1 || then[0].Demand != before.Demand || then[0].WAPE.Float() != before.WAPE.Float() {
			t.Errorf("as of 2015-01-12: %+v, %v; want %+v", then, err, before)
		}
		if n := len(w.facts(event.WindowEvaluated)); n != 2 {
			t.Errorf("%d facts window.evaluated, want the final one and its revision", n)
		}
		w.evaluate(date("2015-01-13"))
		if w.windows()[0].Demand != after.Demand {
			t.Error("an evaluation of the past overwrote a newer one")
		}
	})
}

func TestAWindowWaitsForTruthAndThenGivesUp(t *testing.T) {
	w := lite(t)
	monday := date("2015-01-05")
	for i := range 7 {
		w.predict(monday.AddDate(0, 0, i), 50, pack1)
	}
	w.now = date("2015-01-12")
	w.record(truth(monday, 40), truth(monday.AddDate(0, 0, 1), 40))
	for asOf, want := range map[string]string{"2015-01-11": monitor.Open, "2015-01-12": monitor.Open, "2015-01-18": monitor.Open, "2015-01-19": monitor.Final} {
		got, err := w.room.AsOf(context.Background(), w.p, monday, monday.AddDate(0, 0, 7), date(asOf))
		if err != nil || got[0].State != want {
			t.Errorf("as of %s: %v, %v; want %s", asOf, got, err, want)
		}
	}
	w.evaluate(date("2015-01-19"))
	v, ok := w.windows()[0].Verdict(monitor.RulePerformance)
	if !ok || v.Judged || !strings.Contains(v.Why, "2 rows with truth, fewer than the 5") {
		t.Errorf("verdict %+v", v)
	}
}

// TestALatePredictionIsCounted: the log is written behind the answers, by another process too, so a window may be final
// before all of its predictions are there.
func TestALatePredictionIsCounted(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		monday := date("2015-01-05")
		w.predict(monday, 50, pack1)
		w.now = date("2015-01-20")
		for i := range 7 {
			w.record(truth(monday.AddDate(0, 0, i), 40))
		}
		w.evaluate(w.now)
		if x := w.windows()[0]; x.State != monitor.Final || x.Rows != 1 {
			t.Fatalf("%s with %d rows", x.State, x.Rows)
		}
		for i := range 6 {
			w.predict(monday.AddDate(0, 0, 1+i), 50, pack1)
		}
		w.evaluate(w.now.Add(time.Second))
		if x := w.windows()[0]; x.Rows != 7 || x.Revision != 2 {
			t.Errorf("%d rows in revision %d, want all 7 in the second", x.Rows, x.Revision)
		}
		if e := w.evaluate(w.now.Add(2 * time.Second)); len(e.Windows) != 0 {
			t.Errorf("%d windows were computed although nothing came", len(e.Windows))
		}
	})
}

func TestTheLastAnswerCountsAndShadowsDoNot(t *testing.T) {
	w := lite(t)
	at := date("2015-01-05")
	w.predict(at, 10, pack1)
	w.predict(at, 30, pack2)
	w.log[1].PredictedAt = at.Add(-time.Hour)
	shadow := w.log[0]
	shadow.ID, shadow.Role, shadow.Value, shadow.PredictedAt = "shadow", "shadow", 999, at
	named := w.log[0]
	named.ID, named.Value, named.PredictedAt = "by-id", 70, at.Add(-8*time.Hour)
	w.log = append(w.log, shadow, named)
	w.now = date("2015-01-13")
	w.record(truth(at, 40), monitor.Truth{Key: "by-id", EventTime: at, Value: 71})
	win := w.evaluate(w.now).Windows[0]
	if win.Predictions != 2 || win.Repeats != 1 || win.Rows != 2 || win.MAE.Float() != 5.5 {
		t.Errorf("window %+v, want |40−30| and |71−70|", win)
	}
}

func TestTheNaiveRuleAnswersFromWhatWasKnown(t *testing.T) {
	w := lite(t)
	last, at := date("2015-01-05"), date("2015-01-12")
	w.predict(at, 50, pack1)
	w.now = date("2015-02-01")
	later := truth(last, 100) // a correction that came after the order for the 12th
	later.KnownAt = date("2015-01-20")
	w.record(truth(last, 40), later, truth(at, 44))
	win := w.evaluate(w.now).Windows[0]
	if want := 4 * 7.0; win.BaselineCost.Float() != want || win.BaselineRows != 1 {
		t.Errorf("baseline cost %v over %d rows, want %v: 40 were ordered and 44 asked for", win.BaselineCost.Float(), win.BaselineRows, want)
	}
}

func TestOnlyTouchedWindowsAreComputed(t *testing.T) {
	w := lite(t)
	w.setReference(pack1, 364)
	w.live("2015-01-05", "2015-02-02", 1, old)
	if e := w.evaluate(w.now); len(e.Windows) != 1 || e.Windows[0].State != monitor.Open || e.Final != 3 {
		t.Errorf("computed %d windows, %d final; want only the open one", len(e.Windows), e.Final)
	}
	late := truth(date("2015-01-20"), 1000)
	late.KnownAt = w.now
	w.record(late)
	e := w.evaluate(w.now)
	var starts []string
	for _, x := range e.Windows {
		starts = append(starts, x.Start.Format(time.DateOnly))
	}
	// the corrected week, the week whose naive rule answers from it, the open week
	if got := strings.Join(starts, " "); got != "2015-01-19 2015-01-26" {
		t.Errorf("computed %s", got)
	}
}
