package rollout_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/rollout"
)

func drawSteps(t *rapid.T) []rollout.Step {
	names := rapid.SampledFrom([][]string{nil, {"full"}, {"shadow", "full"}, {"canary", "full"}, {"shadow", "canary", "full"}}).Draw(t, "rollout")
	steps, err := rollout.Steps(names)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

func drawObservation(t *rapid.T) rollout.Observation {
	o := rollout.Observation{
		SelfTest: rapid.SampledFrom([]rollout.Verdict{rollout.TestPending, rollout.TestPassed, rollout.TestPassed, rollout.TestFailed}).Draw(t, "test"),
		Requests: rapid.IntRange(0, 300).Draw(t, "requests"),
		Latency:  time.Duration(rapid.IntRange(0, 300).Draw(t, "latency")) * time.Millisecond,
		Replaced: rapid.IntRange(0, 20).Draw(t, "replaced") == 0,
	}
	o.Errors = rapid.IntRange(0, max(o.Requests/20, 0)).Draw(t, "errors")
	if rapid.IntRange(0, 20).Draw(t, "rollback") == 0 {
		o.Rollback = "people saw it"
	}
	return o
}

func TestRolloutInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
		s := rollout.Start(drawSteps(t), now)
		s.Limits = rollout.Limits{ErrorRate: 0.04, Latency: 280 * time.Millisecond}
		tested, promoted := false, false
		for range rapid.IntRange(1, 40).Draw(t, "observations") {
			now = now.Add(time.Duration(rapid.IntRange(-2, 30).Draw(t, "hours")) * time.Hour)
			o := drawObservation(t)
			next, actions := rollout.Next(s, o, now)
			tested = tested || !s.Final() && o.SelfTest == rollout.TestPassed && o.Rollback == "" && !o.Replaced
			if next.Share > 0 && !tested {
				t.Fatalf("share %g before the self-test passed", next.Share)
			}
			if s.Final() && (next.Phase != s.Phase || next.Share != 0 || len(actions) > 0) {
				t.Fatalf("%s is final, yet it went to %s with %v", s.Phase, next.Phase, actions)
			}
			if !next.Final() && next.Share < s.Share {
				t.Fatalf("share fell from %g to %g in %s", s.Share, next.Share, next.Phase)
			}
			if next.Phase != s.Phase && len(actions) != 1 {
				t.Fatalf("%s → %s with %d actions", s.Phase, next.Phase, len(actions))
			}
			for _, a := range actions {
				if a.Kind == rollout.Restore && !promoted {
					t.Fatal("the champion is restored before it was replaced")
				}
				promoted = promoted || a.Kind == rollout.Promote
			}
			if back, _ := rollout.Next(next, rollout.Observation{Rollback: "x"}, now); !next.Final() && (back.Phase != rollout.RolledBack || back.Share != 0) {
				t.Fatalf("no way back from %s", next.Phase)
			}
			if again, _ := rollout.Next(s, o, now); again.Phase != next.Phase || again.Share != next.Share {
				t.Fatal("the same question has two answers")
			}
			s = next
		}
	})
}

func TestRolloutStepByStep(t *testing.T) {
	steps, err := rollout.Steps([]string{"shadow", "canary", "full"})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	s := rollout.Start(steps, start)
	s.Limits = rollout.Limits{ErrorRate: 0.01, Latency: time.Second, Disagreement: 0.2}
	passed := rollout.Observation{SelfTest: rollout.TestPassed, Requests: 100}
	for _, c := range []struct {
		hours  int
		o      rollout.Observation
		phase  rollout.Phase
		share  float64
		action rollout.ActionKind
	}{
		{0, rollout.Observation{}, rollout.Pending, 0, ""},
		{1, passed, rollout.Shadow, 0, rollout.Mirror},
		{24, passed, rollout.Shadow, 0, ""},
		{25, rollout.Observation{Requests: 99}, rollout.Shadow, 0, ""},
		{26, passed, rollout.Canary, 0.1, rollout.SetShare},
		{60, passed, rollout.Full, 1, rollout.Promote},
		{90, rollout.Observation{Requests: 100, Errors: 50}, rollout.Full, 1, ""}, // alerts decide from here
		{91, rollout.Observation{Rollback: "orders too many"}, rollout.RolledBack, 0, rollout.Restore},
		{92, passed, rollout.RolledBack, 0, ""},
	} {
		var actions []rollout.Action
		s, actions = rollout.Next(s, c.o, start.Add(time.Duration(c.hours)*time.Hour))
		var kind rollout.ActionKind
		if len(actions) > 0 {
			kind = actions[0].Kind
		}
		if s.Phase != c.phase || s.Share != c.share || kind != c.action {
			t.Fatalf("hour %d: %s %g %q, want %s %g %q", c.hours, s.Phase, s.Share, kind, c.phase, c.share, c.action)
		}
	}
}

func TestLimitsSayWhy(t *testing.T) {
	steps, _ := rollout.Steps([]string{"canary", "full"})
	now := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	for want, o := range map[string]rollout.Observation{
		"5.0 % of 100 requests failed, more than 1.0 %":                      {Requests: 100, Errors: 5},
		"one request in a hundred takes 2s or longer, more than 1s":          {Requests: 100, Latency: 2 * time.Second},
		"30.0 % of the answers differ from the champion's, more than 20.0 %": {Requests: 100, Disagreement: 0.3},
	} {
		s := rollout.Start(steps, now)
		s.Limits = rollout.Limits{ErrorRate: 0.01, Latency: time.Second, Disagreement: 0.2}
		s, _ = rollout.Next(s, rollout.Observation{SelfTest: rollout.TestPassed}, now)
		if s, _ = rollout.Next(s, o, now.Add(time.Hour)); s.Phase != rollout.RolledBack || s.Reason != want {
			t.Errorf("%s because %q, want %q", s.Phase, s.Reason, want)
		}
	}
	s, _ := rollout.Next(rollout.Start(steps, now), rollout.Observation{SelfTest: rollout.TestFailed}, now)
	if s.Phase != rollout.RolledBack || s.Share != 0 {
		t.Errorf("a failed self-test leads to %s", s.Phase)
	}
	for _, bad := range [][]string{{"shadow"}, {"full", "canary"}, {"full", "full"}, {"blue"}} {
		if _, err := rollout.Steps(bad); err == nil {
			t.Errorf("rollout %v accepted", bad)
		}
	}
}
