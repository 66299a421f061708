package team_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// TestStoryGolden lives the life of a product and writes down, after each thing that happened, the one next step.
func TestStoryGolden(t *testing.T) {
	digest := string(ref.Sum([]byte("package")))
	release := map[string]any{"release": "r1", "environment": "production"}
	steps := []struct {
		what string
		do   func(h *house)
	}{
		{"an empty canvas", func(h *house) {
			p := product(t)
			p.Canvas = spec.Canvas{}
			h.sync(p)
		}},
		{"the canvas is filled in", func(h *house) { h.sync(product(t)) }},
		{"bo signs it", func(h *house) { h.ok(h.SignCanvas(h.ctx, "umbrella", "bo")) }},
		{"weather is published", func(h *house) {
			h.tell(event.Fact{Verb: event.DatasetPublished, Object: "weather@v1", Data: map[string]any{"dataset": "weather"}})
		}},
		{"its contract is broken", func(h *house) {
			h.tell(event.Fact{Verb: event.ContractChecked, Object: "report1", Data: map[string]any{"dataset": "weather", "status": "fail"}})
		}},
		{"its contract is kept", func(h *house) {
			h.tell(event.Fact{Verb: event.ContractChecked, Object: "report2", Data: map[string]any{"dataset": "weather", "status": "warn"}})
		}},
		{"the pipeline fails", func(h *house) {
			h.tell(event.Fact{Verb: event.ExecutionFinished, Object: "e1", Data: map[string]any{"state": "failed"}})
		}},
		{"no leakage", func(h *house) {
			h.tell(event.Fact{Verb: event.LeakageChecked, Object: "report3", Data: map[string]any{"status": "pass"}})
		}},
		{"the pipeline succeeds", func(h *house) {
			h.tell(event.Fact{Verb: event.ExecutionFinished, Object: "e2", Data: map[string]any{"state": "succeeded"}})
		}},
		{"a run is tracked", func(h *house) {
			h.tell(event.Fact{Verb: event.RunFinished, Object: "run1", Data: map[string]any{"status": "FINISHED"}})
		}},
		{"a package is built without parity rows", func(h *house) {
			h.tell(event.Fact{Verb: event.PackageBuilt, Object: "umbrella", Digest: digest})
		}},
		{"it is built with them", func(h *house) {
			h.tell(event.Fact{Verb: event.PackageBuilt, Object: "umbrella", Digest: digest, Data: map[string]any{"parity_rows": 200}})
		}},
		{"gates are red", func(h *house) {
			h.tell(event.Fact{Verb: event.GatesEvaluated, Object: "r0", Data: map[string]any{"passed": false}})
		}},
		{"gates are green", func(h *house) {
			h.tell(event.Fact{Verb: event.GatesEvaluated, Object: "r1", Data: map[string]any{"passed": true}, Inputs: []string{"package:" + digest}})
		}},
		{"bo approves", func(h *house) {
			h.tell(event.Fact{Actor: "bo", Verb: event.ApprovalGiven, Object: "r1", Data: release})
		}},
		{"the package is placed", func(h *house) { h.tell(event.Fact{Verb: event.DeploymentPlaced, Object: "d1", Digest: digest}) }},
		{"a second package is placed", func(h *house) {
			h.tell(event.Fact{Verb: event.DeploymentPlaced, Object: "d3", Digest: string(ref.Sum([]byte("second")))})
		}},
		{"a rollback is rehearsed", func(h *house) { h.tell(event.Fact{Actor: "eddy", Verb: event.DeploymentRolledBack, Object: "d2"}) }},
		{"truth arrives", func(h *house) { h.tell(event.Fact{Verb: event.TruthReceived, Object: "umbrella"}) }},
		{"a window is judged", func(h *house) { h.tell(event.Fact{Verb: event.WindowEvaluated, Object: "umbrella"}) }},
		{"an incident is opened", func(h *house) {
			h.tell(event.Fact{Actor: "system", Verb: event.IncidentOpened, Object: "umbrella-1", Data: map[string]any{"owner": "daisy"}})
		}},
		{"and resolved", func(h *house) { h.tell(event.Fact{Verb: event.IncidentResolved, Object: "umbrella-1"}) }},
		{"three weeks without truth", func(h *house) { h.now = h.now.AddDate(0, 0, 21) }},
		{"truth and a window, the drill is old", func(h *house) {
			h.now = h.now.AddDate(0, 0, 70)
			h.tell(event.Fact{Verb: event.TruthReceived, Object: "umbrella"})
			h.tell(event.Fact{Verb: event.WindowEvaluated, Object: "umbrella"})
		}},
		{"the canvas changes", func(h *house) { h.sync(product(t, "too_few: 7.0", "too_few: 8.0")) }},
		{"the kill date comes", func(h *house) { h.now = time.Date(2016, 12, 31, 9, 0, 0, 0, time.UTC) }},
	}
	run(t, func(h *house) {
		var b strings.Builder
		for _, s := range steps {
			h.now = h.now.Add(time.Minute)
			s.do(h)
			n, err := h.Next(h.ctx, "umbrella")
			h.ok(err)
			fmt.Fprintf(&b, "# %s\n%s\n", s.what, n)
		}
		golden(h.t, "testdata/story.golden", b.String())
		stages, err := h.Stages(h.ctx, "umbrella")
		h.ok(err)
		var last strings.Builder
		for _, s := range stages {
			fmt.Fprintf(&last, "%s: %s (%s, backup %s)\n", s.Stage, s.Status, s.Accountable, s.Backup)
			for _, c := range s.Checks {
				fmt.Fprintf(&last, "  %-8s %s | %s | %s | %s\n", c.Status, c.Text, c.Detail, c.Who, c.Command)
			}
		}
		golden(h.t, "testdata/stages.golden", last.String())
	})
}

func TestARejectionIsNotForgotten(t *testing.T) {
	run(t, func(h *house) {
		h.sync(product(t))
		h.tell(event.Fact{Verb: event.GatesEvaluated, Object: "r1", Data: map[string]any{"passed": true}})
		h.tell(event.Fact{Actor: "bo", Verb: event.ApprovalGiven, Object: "r1", Data: map[string]any{"release": "r1"}})
		h.tell(event.Fact{Actor: "bo", Verb: event.ApprovalRejected, Object: "r1", Reason: "price changed", Data: map[string]any{"release": "r1"}})
		stages, err := h.Stages(h.ctx, "umbrella")
		h.ok(err)
		if m := strings.Join(stages[4].Missing(), "; "); !strings.Contains(m, "another person approved it: bo refused: price changed") {
			t.Errorf("missing: %s", m)
		}
	})
}
