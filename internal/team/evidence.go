package team

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/ref"
)

// evidenceVerbs are the facts that prove something about a stage.
var evidenceVerbs = []string{
	event.DatasetPublished, event.ContractChecked, event.LeakageChecked, event.RunFinished, event.ExecutionFinished, event.PackageBuilt,
	event.PackageVerified, event.GatesEvaluated, event.ApprovalGiven, event.ApprovalRejected, event.DeploymentPlaced, event.DeploymentRolledBack,
	event.TruthReceived, event.WindowEvaluated, event.IncidentOpened, event.IncidentResolved,
}

// told is what stages read from the data of facts; rooms write more.
type told struct {
	Status      string `json:"status"` // of a report: pass, warn, fail, error; of a run: FINISHED, …
	State       string `json:"state"`  // of an execution or release
	Dataset     string `json:"dataset"`
	Release     string `json:"release"`
	Environment string `json:"environment"`
	Owner       string `json:"owner"`
	Passed      *bool  `json:"passed"`
	ParityRows  int    `json:"parity_rows"` // of a package
}

// proof is a fact with its data read.
type proof struct {
	event.Fact
	told
}

// good tells whether the outcome was one: a status that passes, or none at all.
func (p *proof) good() bool {
	if p.Passed != nil {
		return *p.Passed
	}
	switch strings.ToLower(p.told.Status) {
	case "fail", "failed", "error", "blocked", "refused", "killed":
		return false
	}
	return p.State != "failed" && p.State != "canceled" && p.State != "abandoned"
}

// evidence gives the facts by verb, oldest first.
type evidence struct{ by map[string][]proof }

func newEvidence(facts []event.Fact) *evidence {
	ev := &evidence{by: map[string][]proof{}}
	for _, f := range facts {
		p := proof{Fact: f}
		_ = f.Decode(&p.told) // data of another shape proves by its verb alone
		ev.by[f.Verb] = append(ev.by[f.Verb], p)
	}
	return ev
}

// last is the newest fact of a verb that keep accepts, nil when there is none.
func (ev *evidence) last(verb string, keep func(*proof) bool) *proof {
	all := ev.by[verb]
	for i := range slices.Backward(all) {
		if keep == nil || keep(&all[i]) {
			return &all[i]
		}
	}
	return nil
}

// running is the newest fact that put a package into the environment: a placement, or a rollback to an earlier package.
func (ev *evidence) running() *proof {
	placed, back := ev.last(event.DeploymentPlaced, nil), ev.last(event.DeploymentRolledBack, nil)
	if placed == nil || back != nil && back.Seq > placed.Seq && back.Digest != "" {
		return back
	}
	return placed
}

// ofDataset tells whether a fact is about a dataset, by its data or by its object ("weather@v3").
func ofDataset(name string) func(*proof) bool {
	return func(p *proof) bool {
		base, _, _ := strings.Cut(p.Object, "@")
		return p.told.Dataset == name || p.told.Dataset == "" && base == name
	}
}

// openIncidents are those that nobody resolved, oldest first.
func (ev *evidence) openIncidents() []proof {
	resolved := map[string]bool{}
	for _, p := range ev.by[event.IncidentResolved] {
		resolved[p.Object] = true
	}
	var out []proof
	for _, p := range ev.by[event.IncidentOpened] {
		if !resolved[p.Object] {
			out = append(out, p)
		}
	}
	return out
}

// younger tells whether a fact exists and is not older than age.
func (p *proof) younger(now time.Time, age time.Duration) bool {
	return p != nil && now.Sub(p.Time) <= age
}

func short(digest string) string { return ref.Digest(digest).Short() }

func keys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
