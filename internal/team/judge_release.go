package team

import (
	"fmt"
	"strings"

	"github.com/paraplu/paraplu/internal/event"
)

func (j *judgement) release() {
	placed := j.ev.running()
	gates := j.ev.last(event.GatesEvaluated, nil)
	if placed != nil { // a candidate that was refused takes nothing away from what runs
		if own := j.ev.last(event.GatesEvaluated, func(g *proof) bool { return gatesPackage(g) == placed.Digest }); own != nil {
			gates = own
		}
	}
	status, detail := Missing, ""
	if gates != nil {
		status, detail = have(gates.good(), Due), "release "+gates.Object
	}
	j.add("all gates are green", status, GoLive, detail, "paraplu release")
	j.approval(gates, placed)
	detail = ""
	if placed != nil {
		detail = fmt.Sprintf("%s, %s", short(placed.Digest), day(placed.Time))
	}
	j.add("a package is in "+j.p.Release.Environment, have(placed != nil, Missing), GoLive, detail, "paraplu place")
	j.monitors()
	if j.p.Risk != "low" {
		j.drill()
	}
}

func (j *judgement) approval(gates, placed *proof) {
	people := j.p.Release.Approvals.People
	if people == 0 {
		j.add("the policy allows a release without a second person", Passed, GoLive, "no second pair of eyes", "")
		return
	}
	text := fmt.Sprintf("%d other people approved it", people)
	if people == 1 {
		text = "another person approved it"
	}
	given := map[string]bool{}
	for _, a := range j.ev.by[event.ApprovalGiven] {
		if gates != nil && a.told.Release == gates.Object {
			given[a.Actor] = true
		}
	}
	for _, a := range j.ev.by[event.ApprovalRejected] {
		if gates != nil && a.told.Release == gates.Object {
			j.add(text, Due, GoLive, fmt.Sprintf("%s refused: %s", a.Actor, a.Reason), "paraplu release")
			return
		}
	}
	// a newer request for a package that runs already takes nothing away from it
	ok := len(given) >= people || placed != nil && gates != nil && placed.Digest == gatesPackage(gates)
	status := Missing
	if len(given) > 0 {
		status = Due
	}
	command := "paraplu release"
	if gates != nil {
		command = "paraplu approve " + gates.Object + " --as " + j.approver(gates)
	}
	j.add(text, have(ok, status), GoLive, strings.Join(keys(given), ", "), command)
}

// approver proposes a member who may sign: of the role that the policy asks for, and not the one who asked.
func (j *judgement) approver(gates *proof) string {
	role := j.p.Release.Approvals.Role
	for _, m := range j.p.Team.Members {
		if (role == "" || m.Role == role) && m.Name != gates.Actor {
			return m.Name
		}
	}
	return "MEMBER"
}

func gatesPackage(gates *proof) string {
	for _, in := range gates.Inputs {
		if d, ok := strings.CutPrefix(in, "package:"); ok {
			return d
		}
	}
	return ""
}

func (j *judgement) monitors() {
	m := j.p.Monitor
	status, detail := Passed, ""
	switch {
	case m.Performance == nil:
		status, detail = Missing, "performance is not watched"
	case m.Performance.Runbook == "":
		status, detail = Due, "the performance monitor has no runbook"
	case j.who[m.Performance.Activity].Accountable == "":
		status, detail = Due, fmt.Sprintf("nobody answers for %q", m.Performance.Activity)
	default:
		detail = m.Performance.Metric + " → " + j.who[m.Performance.Activity].Accountable
	}
	j.add("monitors have an owner and a runbook", status, Monitoring, detail, "edit paraplu.yaml, section monitor")
}

// drill asks for a rehearsal as soon as there are two packages to go between.
func (j *judgement) drill() {
	drill := j.ev.last(event.DeploymentRolledBack, nil)
	packages := map[string]bool{}
	for _, d := range j.ev.by[event.DeploymentPlaced] {
		packages[d.Digest] = true
	}
	if drill == nil && len(packages) < 2 {
		return
	}
	status, detail := Missing, ""
	if drill != nil {
		status, detail = have(drill.younger(j.now, drillAge), Due), "last on "+day(drill.Time)
	}
	j.add("a rollback was rehearsed in the last 90 days", status, RollBack, detail, `paraplu rollback --reason "drill"`)
}
