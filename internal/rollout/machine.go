package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

// Phase is where a rollout stands.
type Phase string

// The phases. RolledBack and Replaced are final.
const (
	Pending    Phase = "pending" // the self-test has not answered
	Shadow     Phase = "shadow"
	Canary     Phase = "canary"
	Full       Phase = "full"
	RolledBack Phase = "rolled back"
	Replaced   Phase = "replaced" // a newer package took over
)

// Step is one step of a rollout.
type Step struct {
	Phase       Phase
	Share       float64       // of the traffic: 0 for shadow
	Hold        time.Duration // at least so long
	MinRequests int           // and at least so many requests
}

// Limits stop a rollout while it is watched: in shadow and canary, and in full until its hold is over. 0 = no limit.
type Limits struct {
	ErrorRate    float64       // errors among requests
	Latency      time.Duration // 99th percentile
	Disagreement float64       // share of answers unlike the champion's
}

// State is all that the rollout of one package has to remember.
type State struct {
	Steps  []Step
	Limits Limits
	At     int // index of the step, -1 while pending
	Phase  Phase
	Share  float64
	Since  time.Time // of the current step
	Tested bool      // the self-test passed
	Reason string    // of the end
}

// Verdict of the self-test.
type Verdict uint8

// The verdicts.
const (
	TestPending Verdict = iota
	TestPassed
	TestFailed
)

// Observation is what was seen since the current step began.
type Observation struct {
	SelfTest     Verdict
	Requests     int
	Errors       int
	Latency      time.Duration // 99th percentile
	Disagreement float64
	Rollback     string // a person's or a rule's reason to go back, "" = none
	Replaced     bool   // a newer package is champion
}

// ActionKind says what the caller has to do.
type ActionKind string

// The actions.
const (
	Mirror    ActionKind = "mirror"     // send a copy of the requests
	SetShare  ActionKind = "set share"  // of the traffic
	Promote   ActionKind = "promote"    // make it the champion
	StandDown ActionKind = "stand down" // no more traffic
	Restore   ActionKind = "restore"    // put the package before it back
)

// Action is an effect of a transition.
type Action struct {
	Kind   ActionKind
	Share  float64
	Reason string
}

// Steps reads the names of deploy.rollout: shadow, canary and full in this order, full last. None means full at once.
func Steps(names []string) ([]Step, error) {
	if len(names) == 0 {
		names = []string{string(Full)}
	}
	known := []Step{{Phase: Shadow, Hold: 24 * time.Hour, MinRequests: 100}, {Phase: Canary, Share: 0.1, Hold: 24 * time.Hour, MinRequests: 100}, {Phase: Full, Share: 1}}
	var out []Step
	last := -1
	for _, name := range names {
		i := slices.IndexFunc(known, func(s Step) bool { return string(s.Phase) == name })
		if i < 0 {
			return nil, fault.New(fault.Invalid, "deploy.rollout: %q is no step; the steps are shadow, canary, full", name)
		}
		if i <= last {
			return nil, fault.New(fault.Invalid, "deploy.rollout: %s comes after %s; the order is shadow, canary, full", name, known[last].Phase)
		}
		last = i
		out = append(out, known[i])
	}
	if known[last].Phase != Full {
		return nil, fault.New(fault.Invalid, "deploy.rollout ends with %s; it must end with full", known[last].Phase)
	}
	return out, nil
}

// Start is the state of a rollout that has not begun.
func Start(steps []Step, now time.Time) State {
	return State{Steps: steps, At: -1, Phase: Pending, Since: now}
}

// Final tells whether nothing happens any more.
func (s State) Final() bool { return s.Phase == RolledBack || s.Phase == Replaced }

// Next is the whole decision: it reads no clock and touches nothing. The caller carries the actions out, in order, before it
// stores the state; all of them may be done twice.
func Next(s State, o Observation, now time.Time) (State, []Action) {
	switch {
	case s.Final():
		return s, nil
	case o.Rollback != "":
		return s.back(o.Rollback, now)
	case o.Replaced:
		s.Phase, s.Share, s.Since, s.Reason = Replaced, 0, now, "a newer package took over"
		return s, []Action{{Kind: StandDown, Reason: s.Reason}}
	case !s.Tested && o.SelfTest == TestFailed:
		return s.back("its self-test did not pass: it answers other than when it was built", now)
	case !s.Tested && o.SelfTest == TestPending:
		return s, nil
	case !s.Tested:
		s.Tested = true
		return s.enter(0, now)
	}
	step := s.Steps[s.At]
	held := now.Sub(s.Since) >= step.Hold
	if why := s.Limits.broken(o); why != "" && !(s.Phase == Full && held) {
		return s.back(why, now)
	}
	if held && o.Requests >= step.MinRequests && s.At+1 < len(s.Steps) {
		return s.enter(s.At+1, now)
	}
	return s, nil
}

func (s State) enter(at int, now time.Time) (State, []Action) {
	step := s.Steps[at]
	s.At, s.Phase, s.Share, s.Since = at, step.Phase, step.Share, now
	switch step.Phase {
	case Shadow:
		return s, []Action{{Kind: Mirror}}
	case Canary:
		return s, []Action{{Kind: SetShare, Share: step.Share}}
	}
	return s, []Action{{Kind: Promote, Share: step.Share}}
}

// back leaves the champion where it is, or puts the one before back when this one has taken over already.
func (s State) back(why string, now time.Time) (State, []Action) {
	kind := StandDown
	if s.Phase == Full {
		kind = Restore
	}
	s.Phase, s.Share, s.Since, s.Reason = RolledBack, 0, now, why
	return s, []Action{{Kind: kind, Reason: why}}
}

func (l Limits) broken(o Observation) string {
	if o.Requests > 0 && l.ErrorRate > 0 {
		if rate := float64(o.Errors) / float64(o.Requests); rate > l.ErrorRate {
			return fmt.Sprintf("%.1f %% of %d requests failed, more than %.1f %%", 100*rate, o.Requests, 100*l.ErrorRate)
		}
	}
	if l.Latency > 0 && o.Latency > l.Latency {
		return fmt.Sprintf("one request in a hundred takes %s or longer, more than %s", o.Latency, l.Latency)
	}
	if l.Disagreement > 0 && o.Disagreement > l.Disagreement {
		return fmt.Sprintf("%.1f %% of the answers differ from the champion's, more than %.1f %%", 100*o.Disagreement, 100*l.Disagreement)
	}
	return ""
}
