package team

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/spec"
)

// The kinds of gaps.
const (
	GapNobody     = "nobody accountable"
	GapUnknown    = "not a member"
	GapReader     = "may only read"
	GapSameBackup = "backup is the same person"
	GapNoBackup   = "no backup"
	GapBusFactor  = "bus factor 1"
)

// busDays is how far back work on a component counts.
const busDays = 90

// Gap is a hole in the responsibility for a product.
type Gap struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject"` // activity or component
	Member  string `json:"member"`  // concerned, or ""
	Text    string `json:"text"`    // what, and why it hurts
	Hint    string `json:"hint"`    // what helps
}

// Gaps lists what breaks "exactly one answers, another stands in", and components that one person alone knows.
func (r *Room) Gaps(ctx context.Context, product string) ([]Gap, error) {
	return with(ctx, r, product, func(tx *db.Tx, p *row) ([]Gap, error) {
		facts, err := event.List(tx, event.Filter{Product: product})
		if err != nil {
			return nil, err
		}
		return append(roleGaps(p.spec), busFactor(facts, r.now())...), nil
	})
}

func roleGaps(p *spec.Product) []Gap {
	var out []Gap
	for _, r := range Resolve(p) {
		say := func(kind, member, hint, format string, args ...any) {
			out = append(out, Gap{kind, r.Activity, member, fmt.Sprintf(format, args...), hint})
		}
		key := fmt.Sprintf("paraplu.yaml: team.responsibilities.%q", r.Activity)
		who, known := p.Member(r.Accountable)
		_, backupKnown := p.Member(r.Backup)
		switch {
		case r.Accountable == "":
			say(GapNobody, "", key+": accountable", "nobody answers for %q: when it goes wrong, nobody is called", r.Activity)
			continue
		case !known:
			say(GapUnknown, r.Accountable, key+": accountable", "%s answers for %q and is not a member: nobody is called", r.Accountable, r.Activity)
			continue
		case who.Role == "viewer" || who.Role == "auditor":
			say(GapReader, who.Name, key+": accountable", "%s answers for %q with the role %s, which may only read", who.Name, r.Activity, who.Role)
		}
		switch {
		case r.Backup == "":
			say(GapNoBackup, r.Accountable, key+": backup", "nobody stands in for %s in %q", r.Accountable, r.Activity)
		case r.Backup == r.Accountable:
			say(GapSameBackup, r.Accountable, key+": backup", "%s stands in for themselves in %q: nobody is left when they are away", r.Accountable, r.Activity)
		case !backupKnown:
			say(GapUnknown, r.Backup, key+": backup", "%s stands in for %q and is not a member", r.Backup, r.Activity)
		}
	}
	return out
}

// components group verbs by what a person must know to do them.
var components = []struct {
	name  string
	verbs []string
}{
	{"data", []string{event.DatasetPublished, event.DeliveryRefused}},
	{"pipeline", []string{event.ExecutionFinished, event.RunFinished}},
	{"package", []string{event.PackageBuilt}},
	{"deployment", []string{event.DeploymentPlaced, event.DeploymentRolledBack}},
	{"incidents", []string{event.IncidentAcknowledged, event.IncidentResolved}},
}

func busFactor(facts []event.Fact, now time.Time) []Gap {
	var out []Gap
	for _, c := range components {
		people := map[string]bool{}
		for _, f := range facts {
			if slices.Contains(c.verbs, f.Verb) && !f.Time.Before(now.AddDate(0, 0, -busDays)) && f.Actor != "system" {
				people[strings.ToLower(f.Actor)] = true
			}
		}
		for only := range people {
			if len(people) == 1 {
				out = append(out, Gap{GapBusFactor, c.name, only,
					fmt.Sprintf("%s alone worked on the %s in the last %d days: when they leave, nobody knows it", only, c.name, busDays),
					"let another member do the next one"})
			}
		}
	}
	return out
}
