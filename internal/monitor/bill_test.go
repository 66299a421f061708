package monitor_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/monitor"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/stat"
)

func TestTheBillAddsUpAndSaysWhereItComesFrom(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		var q, y, n []float64
		for at := date("2015-01-05"); at.Before(date("2015-03-16")); at = at.AddDate(0, 0, 1) {
			pack := pack1
			if !at.Before(date("2015-02-10")) {
				pack = pack2
			}
			w.predict(at, order(at), pack)
			w.record(truth(at, demand(at, 1)))
			if !at.Before(date("2015-01-12")) { // the first week has no week before it
				q, y, n = append(q, order(at)), append(y, demand(at, 1)), append(n, demand(at.AddDate(0, 0, -7), 1))
			}
		}
		w.now = date("2015-03-17")
		b, err := w.room.Bill(context.Background(), w.p, date("2015-01-01"), date("2016-01-01"))
		if err != nil {
			t.Fatal(err)
		}
		if b.Total.Predictions != 70 || b.Total.Rows != 70 || b.Total.Compared != 63 || len(b.Packages) != 2 || len(b.Months) != 3 {
			t.Fatalf("bill %s", js(t, b))
		}
		want := stat.Newsvendor(n, y, 7, 1.5) - stat.Newsvendor(q, y, 7, 1.5)
		if math.Abs(b.Total.Saving.Float()-want) > 1e-6 || want < 500 {
			t.Errorf("saving %v, want %v", b.Total.Saving.Float(), want)
		}
		if !(b.Total.SavingLow.Float() < want && want < b.Total.SavingHigh.Float()) {
			t.Errorf("interval %v … %v does not hold %v", b.Total.SavingLow.Float(), b.Total.SavingHigh.Float(), want)
		}
		for name, lines := range map[string][]monitor.Line{"packages": b.Packages, "months": b.Months} {
			var rows int64
			var saving, cost float64
			for _, l := range lines {
				rows, saving, cost = rows+l.Rows, saving+l.Saving.Float(), cost+l.Cost.Float()
			}
			if rows != b.Total.Rows || math.Abs(saving-want) > 1e-6 || math.Abs(cost-b.Total.Cost.Float()) > 1e-6 {
				t.Errorf("%s add up to %d rows, %v saved, %v cost", name, rows, saving, cost)
			}
		}
		if b.Packages[0].Label != pack1 || b.Months[0].Label != "2015-01" || math.Abs(b.Target.Float()-20000*365/365.25) > 1e-6 {
			t.Errorf("labels %q %q, target %v", b.Packages[0].Label, b.Months[0].Label, b.Target.Float())
		}
		h := b.How
		if h.BaselineSeasonal != 63 || h.BaselineGiven != 0 || h.BaselineMissing != 7 || h.Sources["dataset:sales@sha256:abc"] != 70 ||
			h.Value.TooFew != 7 || !strings.Contains(h.SQL, h.Value.Expression) || !h.CutOff.Equal(w.now) || !strings.Contains(h.Interval, "blocks of 7") {
			t.Errorf("how %+v", h)
		}
		for _, d := range []ref.Digest{h.Truth, h.Predictions, h.Value.Digest} {
			if _, err := ref.ParseDigest(string(d)); err != nil {
				t.Error(err)
			}
		}
		again, err := w.room.Bill(context.Background(), w.p, date("2015-01-01"), date("2016-01-01"))
		if err != nil || js(t, again) != js(t, b) {
			t.Errorf("the same bill again differs: %v", err)
		}
	})
}

func TestBillsWithoutNumbers(t *testing.T) {
	w := lite(t)
	ctx := context.Background()
	b, err := w.room.Bill(ctx, w.p, date("2015-01-01"), date("2015-02-01"))
	if err != nil || b.Total.Predictions != 0 || b.Total.Saving != nil || js(t, b.Packages) != "[]" {
		t.Errorf("a bill of nothing: %s, %v", js(t, b), err)
	}
	w.p = product(t, "product: {name: umbrella}\n")
	if _, err := w.room.Bill(ctx, w.p, date("2015-01-01"), date("2015-02-01")); !fault.Is(err, fault.Precondition) || fault.HintOf(err) == "" {
		t.Errorf("a canvas without value: %v", err)
	}
}

// TestMetricsAgreeWithStat holds the SQL of every metric against Go.
func TestMetricsAgreeWithStat(t *testing.T) {
	q := []float64{0.1, 0.9, 0.4, 0.5, 0.8, 0.4, 0.7}
	y := []float64{0, 1, 1, 0, 1, 0, 0}
	mape, smape, logloss := 0.0, 0.0, 0.0
	for i := range q {
		if y[i] != 0 {
			mape += math.Abs((y[i]-q[i])/y[i]) / 3
		}
		smape += 2 * math.Abs(y[i]-q[i]) / (y[i] + q[i]) / 7
		logloss -= (y[i]*math.Log(q[i]) + (1-y[i])*math.Log(1-q[i])) / 7
	}
	// positives 0.9 0.4 0.8 against negatives 0.1 0.5 0.4 0.7: 4 + 1.5 + 4 of 12 pairs
	for name, want := range map[string]float64{
		"wape": stat.WAPE(q, y), "mae": stat.MAE(q, y), "rmse": stat.RMSE(q, y), "bias": math.Abs(stat.Bias(q, y)),
		"pinball": stat.Pinball(q, y, stat.CriticalRatio(7, 1.5)), "mape": mape, "smape": smape, "logloss": logloss,
		"brier": math.Pow(stat.RMSE(q, y), 2), "accuracy": 4.0 / 7, "f1": 2 * 2.0 / (3 + 4), "auc": 9.5 / 12,
	} {
		w := lite(t)
		w.p = product(t, strings.Replace(umbrella, "metric: wape, limit: auto", fmt.Sprintf("metric: %s, limit: 0.6", name), 1))
		for i := range q {
			w.predict(date("2015-01-05").AddDate(0, 0, i), q[i], pack1)
			w.record(truth(date("2015-01-05").AddDate(0, 0, i), y[i]))
		}
		w.now = date("2015-01-13")
		win := w.evaluate(w.now).Windows[0]
		if got := win.MetricValue.Float(); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
		higherIsBetter := name == "accuracy" || name == "f1" || name == "auc"
		if v, _ := win.Verdict(monitor.RulePerformance); !v.Judged || v.Beyond != (higherIsBetter == (want < 0.6)) {
			t.Errorf("%s %v with the limit 0.6: %+v", name, want, v)
		}
	}
}

func TestSettingsThatChangeAreAppliedToAllWindows(t *testing.T) {
	w := lite(t)
	w.setReference(pack1, 364)
	w.live("2015-01-05", "2015-02-03", 1, old)
	before := w.windows()
	w.p = product(t, strings.Replace(umbrella, "limit: auto", "limit: 0.001", 1))
	w.evaluate(w.now)
	for i, x := range w.windows() {
		if v, _ := x.Verdict(monitor.RulePerformance); x.State == monitor.Final && (!v.Beyond || v.Limit.Source != "fixed" || x.Revision != before[i].Revision+1) {
			t.Errorf("window %+v", x)
		}
	}
	w.p = product(t, strings.Replace(umbrella, "window: 7d", "window: 14d", 1))
	w.evaluate(w.now)
	for _, x := range w.windows() {
		if x.End.Sub(x.Start).Hours() != 14*24 {
			t.Errorf("window %v … %v", x.Start, x.End)
		}
	}
	w.p = product(t, strings.Replace(umbrella, "window: 7d", "window: 36h", 1))
	if _, err := w.room.Evaluate(context.Background(), w.p, w.now); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "paraplu.yaml:12:3") {
		t.Errorf("a window of 36 h: %v", err)
	}
}

func TestBadTruthRefusesTheDelivery(t *testing.T) {
	w := lite(t)
	nan := math.NaN()
	good := truth(date("2015-01-05"), 1)
	for want, bad := range map[string]monitor.Truth{
		"truth 2 of the delivery has no event time": {Value: 3},
		"is NaN, not a number":                      {EventTime: date("2015-01-06"), Value: nan},
		"baseline of truth 2":                       {EventTime: date("2015-01-06"), Value: 1, Baseline: &nan},
	} {
		a, _, err := w.room.RecordTruth(context.Background(), "umbrella", []monitor.Truth{good, bad})
		if a != 0 || !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d accepted, %v; want %q", a, err, want)
		}
	}
	if rec, err := w.room.Received(context.Background(), "umbrella"); err != nil || rec.Truths != 0 {
		t.Errorf("half a delivery was kept: %+v %v", rec, err)
	}
}

// A correction that makes an earlier week bad too moves the beginning of an alert; it stays the same alert.
func TestACorrectionDoesNotFireTwice(t *testing.T) {
	w := lite(t)
	w.setReference(pack1, 364)
	w.live("2015-02-16", "2015-03-17", 2.2, old)
	for at := date("2015-02-23"); at.Before(date("2015-03-02")); at = at.AddDate(0, 0, 1) {
		tr := truth(at, 3*demand(at, 1))
		tr.KnownAt = w.now
		w.record(tr)
	}
	w.evaluate(w.now)
	w.live("2015-03-17", "2015-03-24", 2.2, old)
	n := 0
	for _, a := range w.alerts() {
		if a.Rule == monitor.RulePerformance {
			n++
			if len(a.Windows) != 4 || a.State != monitor.Firing {
				t.Errorf("alert %+v", a)
			}
		}
	}
	if in := w.incidents(); n != 1 || len(in) != 1 {
		t.Errorf("%d alerts, %d incidents", n, len(in))
	}
}
