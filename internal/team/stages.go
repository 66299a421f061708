package team

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/spec"
)

// Status of a stage or of one check.
type Status string

// The statuses. A stage is due when a part of its evidence is there, or has grown old.
const (
	Passed  Status = "passed"
	Due     Status = "due"
	Missing Status = "missing"
)

// Check is one piece of evidence that a stage asks for.
type Check struct {
	Text    string `json:"text"` // what must be there, in words
	Status  Status `json:"status"`
	Detail  string `json:"detail"`  // what is there, or what is wrong with it
	Who     string `json:"who"`     // who answers for it, "" when nobody does
	Command string `json:"command"` // what helps; "" when passed
}

// StageState is a stage of the lifecycle with its evidence.
type StageState struct {
	Stage       string  `json:"stage"`
	Status      Status  `json:"status"`
	Accountable string  `json:"accountable"`
	Backup      string  `json:"backup"`
	Checks      []Check `json:"checks"`
}

// Missing lists what is missing or has grown old.
func (s StageState) Missing() []string {
	var out []string
	for _, c := range s.Checks {
		if c.Status != Passed {
			out = append(out, c.line())
		}
	}
	return out
}

func (c Check) line() string {
	if c.Detail == "" {
		return c.Text
	}
	return c.Text + ": " + c.Detail
}

// Stages names the stages in their order; retire is reached on purpose only.
var Stages = []string{"ideate", "explore", "model", "package", "release", "operate", "retire"}

var stageActivity = map[string]string{
	"ideate": UseCase, "explore": DataQuality, "model": DevelopModel, "package": MakePackage, "release": GoLive, "operate": WatchModel, "retire": Retire,
}

// NextStep is the one thing to do now.
type NextStep struct {
	Stage   string `json:"stage"`
	Text    string `json:"text"` // what is missing
	Why     string `json:"why"`
	Who     string `json:"who"` // who answers for it
	Command string `json:"command"`
}

// Stages gives the state of every stage, computed from the facts as of now.
func (r *Room) Stages(ctx context.Context, product string) ([]StageState, error) {
	return with(ctx, r, product, func(tx *db.Tx, p *row) ([]StageState, error) { return r.stages(tx, p) })
}

// Next gives exactly one next step: an open incident first, else the first missing evidence in the order of the lifecycle.
func (r *Room) Next(ctx context.Context, product string) (NextStep, error) {
	return with(ctx, r, product, func(tx *db.Tx, p *row) (NextStep, error) {
		stages, err := r.stages(tx, p)
		if err != nil {
			return NextStep{}, err
		}
		return next(stages), nil
	})
}

func (r *Room) stages(tx *db.Tx, p *row) ([]StageState, error) {
	facts, err := event.List(tx, event.Filter{Product: p.spec.Name, Verbs: evidenceVerbs})
	if err != nil {
		return nil, err
	}
	signed, err := signatures(tx, p)
	if err != nil {
		return nil, err
	}
	return judge(p.spec, newEvidence(facts), signed, r.now()), nil
}

// judge is pure: the product, what happened, who signed, and the time give the stages.
func judge(p *spec.Product, ev *evidence, signed []Signature, now time.Time) []StageState {
	who := map[string]Responsibility{}
	for _, r := range Resolve(p) {
		who[r.Activity] = r
	}
	j := &judgement{p: p, ev: ev, signed: signed, now: now, who: who}
	run := map[string]func(){"ideate": j.ideate, "explore": j.explore, "model": j.model, "package": j.pack, "release": j.release, "operate": j.operate, "retire": j.retire}
	var out []StageState
	for _, name := range Stages {
		j.checks = nil
		run[name]()
		resp := who[stageActivity[name]]
		out = append(out, StageState{Stage: name, Status: overall(j.checks), Accountable: resp.Accountable, Backup: resp.Backup, Checks: j.checks})
	}
	return out
}

func overall(checks []Check) Status {
	missing, passed := 0, 0
	for _, c := range checks {
		switch c.Status {
		case Missing:
			missing++
		case Passed:
			passed++
		}
	}
	switch {
	case passed == len(checks):
		return Passed
	case missing == len(checks):
		return Missing
	}
	return Due
}

// current is the first stage that is not passed; retire does not count.
func current(stages []StageState) *StageState {
	for i := range stages {
		if stages[i].Status != Passed && stages[i].Stage != "retire" {
			return &stages[i]
		}
	}
	return nil
}

func next(stages []StageState) NextStep {
	for _, s := range stages {
		for _, c := range s.Checks {
			if c.Text == incidentText && c.Status != Passed {
				return step(s, c, "people are waiting for an answer")
			}
		}
	}
	if last := stages[len(stages)-1]; last.Status == Due { // the day to judge the product has come
		return step(last, last.Checks[0], "it was agreed before there was something to defend")
	}
	s := current(stages)
	if s == nil {
		return NextStep{Stage: "operate", Text: "nothing is missing", Why: "all evidence is there and fresh", Who: stages[5].Accountable, Command: "paraplu status"}
	}
	for _, c := range s.Checks {
		if c.Status != Passed {
			done := len(s.Checks) - len(s.Missing())
			return step(*s, c, fmt.Sprintf("the stage %s is passed by evidence: %d of %d are there", s.Stage, done, len(s.Checks)))
		}
	}
	panic("team: a stage that is not passed misses something")
}

func step(s StageState, c Check, why string) NextStep {
	return NextStep{Stage: s.Stage, Text: c.line(), Why: why, Who: c.Who, Command: c.Command}
}

// String gives the three lines that `paraplu next` prints.
func (n NextStep) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", n.Stage, n.Text)
	fmt.Fprintf(&b, "  why: %s\n", n.Why)
	fmt.Fprintf(&b, "  who: %s\n", orNobody(n.Who))
	fmt.Fprintf(&b, "  run: %s\n", n.Command)
	return b.String()
}
