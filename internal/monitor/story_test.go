package monitor_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/monitor"
)

// TestDemandGrowsAndTheOwnerIsCalled plays the story: the world changes on 2015-03-02, the alert fires after two bad weeks,
// one incident goes to Daisy, a new package answers, and everything is resolved.
func TestDemandGrowsAndTheOwnerIsCalled(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.setReference(pack1, 364)
		w.live("2015-01-05", "2015-03-02", 1, old)
		if n := len(w.alerts()); n != 0 {
			t.Fatalf("%d alerts before anything changed: %+v", n, w.alerts())
		}
		w.place(date("2015-03-01"), "deployment:d1")
		w.live("2015-03-02", "2015-03-30", 2.2, old)

		in := w.incidents()
		if len(in) != 1 {
			t.Fatalf("%d incidents, want one for one cause: %+v", len(in), in)
		}
		i := in[0]
		if i.Owner != "daisy" || i.Backup != "eddy" || i.State != monitor.IncidentOpen || i.Runbook != "runbooks/performance.md" || i.ID != "umbrella-1" ||
			!i.OpenedAt.Equal(date("2015-03-16")) || i.Severity != "page" || i.Package != pack1 || len(i.Alerts) != 2 {
			t.Errorf("incident %+v", i)
		}
		if i.Lost.Float() < 1000 || len(i.Windows) != 3 {
			t.Errorf("lost %v EUR over %d windows", i.Lost.Float(), len(i.Windows))
		}
		if len(i.Changes) != 1 || i.Changes[0].Verb != event.DeploymentPlaced {
			t.Errorf("changes %+v", i.Changes)
		}
		if len(i.Actions) != 2 || i.Actions[0].Command != "paraplu retrain" || i.Actions[1].Command != "paraplu rollback" {
			t.Errorf("actions %+v", i.Actions)
		}
		for _, want := range []string{"WAPE is 0.", "the limit is 0.", "3 standard deviations of 52 reference windows", "2 of the last 3 windows"} {
			if !strings.Contains(i.Message.Statistics, want) {
				t.Errorf("statistics: %q lacks %q", i.Message.Statistics, want)
			}
		}
		if !strings.Contains(i.Message.Operations, "7 of 7 predictions have truth (100 %), known after 24 hours; package 111111111111 answered. On average they are") ||
			!strings.Contains(i.Message.Operations, "too low") || !strings.Contains(i.Message.Money, "EUR lost. The naive rule would have cost") {
			t.Errorf("message %+v", i.Message)
		}
		if w.alerts()[1].Rule != monitor.RuleValue || w.alerts()[1].Owner != "bo" {
			t.Errorf("second alert %+v", w.alerts()[1])
		}

		if _, err := w.room.Acknowledge(ctx, i.ID, "daisy"); err != nil {
			t.Fatal(err)
		}
		w.setReference(pack2, 14) // a retraining on the newest days: too short for limits of its own
		fresh := func(at time.Time) (float64, string) { return 2.2 * order(at), pack2 }
		w.live("2015-03-30", "2015-04-01", 2.2, fresh)
		if got := w.incidents()[0]; got.State != monitor.IncidentIsMitigated || got.AcknowledgedBy != "daisy" || got.MitigatedBy != pack2 {
			t.Errorf("after the new package answers: %+v", got)
		}
		w.live("2015-04-01", "2015-04-14", 2.2, fresh)
		got := w.incidents()[0]
		if got.State != monitor.IncidentResolved || got.ResolvedBy != "system" || !strings.Contains(got.Reason, "back inside") {
			t.Errorf("in the end: %+v", got)
		}
		for _, a := range w.alerts() {
			if a.State != monitor.Resolved || a.End != monitor.EndInside {
				t.Errorf("alert %+v", a)
			}
		}
		v, _ := w.windows()[len(w.windows())-2].Verdict(monitor.RulePerformance)
		if v.Limit.Source != "inherited" || v.Limit.Package != pack1 || !v.Judged || v.Beyond {
			t.Errorf("verdict of the new package %+v", v)
		}
		w.tellsTheStory(i.ID)
		before := len(w.facts())
		for range 3 {
			w.evaluate(w.now)
		}
		if after := len(w.facts()); after != before {
			t.Errorf("%d facts became %d by evaluating again", before, after)
		}
	})
}

func (w *world) place(at time.Time, id string) {
	w.t.Helper()
	if err := w.d.Update(context.Background(), func(tx *db.Tx) error {
		return event.Append(tx, event.Fact{Time: at, Actor: "eddy", Product: "umbrella", Verb: event.DeploymentPlaced, Object: id})
	}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tellsTheStory(id string) {
	w.t.Helper()
	line, err := w.room.Timeline(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	var verbs []string
	for _, f := range line {
		if f.Verb != event.WindowEvaluated {
			verbs = append(verbs, f.Verb)
		}
	}
	want := "deployment.placed incident.opened alert.fired alert.fired incident.acknowledged incident.mitigated incident.resolved"
	if got := strings.Join(verbs, " "); got != want {
		w.t.Errorf("timeline\n%s, want\n%s", got, want)
	}
}

// TestCatchingUpGivesTheSame evaluates only at the end what the story evaluated every day.
func TestCatchingUpGivesTheSame(t *testing.T) {
	daily, once := lite(t), lite(t)
	for _, w := range []*world{daily, once} {
		w.setReference(pack1, 364)
	}
	daily.daily = true
	daily.live("2015-01-05", "2015-04-06", 2.2, old)
	once.log, once.now = daily.log, daily.now
	for at := date("2015-01-04"); at.Before(date("2015-04-05")); at = at.AddDate(0, 0, 1) {
		tr := truth(at, demand(at, 2.2))
		tr.ReceivedAt = at.AddDate(0, 0, 1)
		once.record(tr)
	}
	once.evaluate(once.now)
	a, b := daily.alerts(), once.alerts()
	if len(a) != 2 || len(b) != 2 {
		t.Fatalf("%d and %d alerts", len(a), len(b))
	}
	for i := range a {
		if a[i].ID != b[i].ID || a[i].Lost.Float() != b[i].Lost.Float() || len(a[i].Windows) != len(b[i].Windows) {
			t.Errorf("daily %+v\nonce  %+v", a[i], b[i])
		}
	}
	same(t, daily.windows(), once.windows())
}

// same compares everything but the time of evaluation.
func same(t testing.TB, a, b []monitor.Window) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%d and %d windows", len(a), len(b))
	}
	for i := range a {
		x, y := a[i], b[i]
		x.AsOf, y.AsOf, x.Revision, y.Revision = time.Time{}, time.Time{}, 0, 0
		if gx, gy := js(t, x), js(t, y); gx != gy {
			t.Errorf("window %d differs:\n%s\n%s", i, gx, gy)
		}
	}
}

func TestAShortHoldOutCannotAlert(t *testing.T) {
	w := lite(t)
	w.setReference(pack1, 7*19)
	w.live("2015-02-09", "2015-04-13", 2.2, old)
	for _, a := range w.alerts() {
		if a.Rule == monitor.RulePerformance {
			t.Errorf("19 reference windows fired %+v", a)
		}
	}
	v, _ := w.windows()[6].Verdict(monitor.RulePerformance)
	if v.Limit.Source != "provisional" || !strings.Contains(v.Why, "19 of 20 reference windows") {
		t.Errorf("verdict %+v", v)
	}
}

func TestAReferenceIsFrozen(t *testing.T) {
	w := lite(t)
	w.setReference(pack1, 364)
	w.setReference(pack1, 364)
	err := w.room.SetReference(context.Background(), "umbrella", pack1, []monitor.ReferenceRow{{Day: date("2014-01-01"), Prediction: 1, Truth: 1}}, nil)
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("another hold-out for the same package: %v", err)
	}
}

func TestAPersonClosesAnIncidentAndItMayComeBack(t *testing.T) {
	w := lite(t)
	ctx := context.Background()
	w.setReference(pack1, 364)
	w.live("2015-02-16", "2015-03-17", 2.2, old)
	if n := len(w.incidents()); n != 1 {
		t.Fatalf("%d incidents", n)
	}
	if _, err := w.room.Resolve(ctx, "umbrella-1", "bo", "perhaps", ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("a verdict that is none: %v", err)
	}
	if _, err := w.room.Resolve(ctx, "umbrella-1", "bo", "expected", "the shop next door closed"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.room.Acknowledge(ctx, "umbrella-1", "daisy"); !fault.Is(err, fault.Conflict) {
		t.Errorf("acknowledging a resolved incident: %v", err)
	}
	if _, err := w.room.Acknowledge(ctx, "umbrella-9", "daisy"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an incident that does not exist: %v", err)
	}
	w.live("2015-03-17", "2015-03-24", 2.2, old)
	if got := w.incidents(); len(got) != 1 || got[0].Verdict != "expected" {
		t.Errorf("one bad week after closing: %+v", got)
	}
	w.live("2015-03-24", "2015-03-31", 2.2, old)
	got := w.incidents()
	if len(got) != 2 || got[1].State != monitor.IncidentOpen || got[1].ID != "umbrella-2" {
		t.Errorf("two bad weeks after closing: %+v", got)
	}
}

func TestACorrectionWithdrawsAnAlert(t *testing.T) {
	w := lite(t)
	w.setReference(pack1, 364)
	w.live("2015-02-16", "2015-03-17", 2.2, old)
	if n := len(w.incidents()); n != 1 {
		t.Fatalf("%d incidents", n)
	}
	w.now = date("2015-03-18")
	for at := date("2015-03-02"); at.Before(date("2015-03-16")); at = at.AddDate(0, 0, 1) {
		tr := truth(at, demand(at, 1))
		tr.KnownAt = w.now
		w.record(tr)
	}
	w.evaluate(w.now)
	if in := w.incidents()[0]; in.State != monitor.IncidentResolved || !strings.Contains(in.Reason, "truth was corrected") {
		t.Errorf("incident %+v", in)
	}
}

func TestTwoSchedulersOpenOneIncident(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.setReference(pack1, 364)
		for at := date("2015-02-16"); at.Before(date("2015-04-06")); at = at.AddDate(0, 0, 1) {
			w.predict(at, order(at), pack1)
			w.now = at.AddDate(0, 0, 1)
			w.record(truth(at, demand(at, 2.2)))
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := w.room.Evaluate(context.Background(), w.p, w.now); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n, m := len(w.incidents()), len(w.facts(event.IncidentOpened)); n != 1 || m != 1 {
			t.Errorf("%d incidents, %d facts", n, m)
		}
		if n, m := len(w.windows()), len(w.facts(event.WindowEvaluated)); n != 7 || m != 7 {
			t.Errorf("%d windows, %d facts", n, m)
		}
	})
}

func TestNobodyAccountableDoesNotLoseTheAlert(t *testing.T) {
	w := lite(t)
	w.nobody = true
	w.setReference(pack1, 364)
	w.live("2015-02-16", "2015-03-17", 2.2, old)
	if in := w.incidents(); len(in) != 1 || in[0].Owner != "" {
		t.Errorf("incidents %+v", in)
	}
}
