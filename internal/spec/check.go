package spec

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/dag"
)

// checker finds contradictions between values that are fine one by one.
type checker struct {
	p        *Product
	problems []Problem
}

func check(p *Product) []Problem {
	c := &checker{p: p}
	c.members()
	c.people()
	c.activities()
	c.rules()
	c.outputs()
	c.cycles()
	c.release()
	return c.problems
}

func (c *checker) report(where, hint, format string, args ...any) {
	c.problems = append(c.problems, Problem{
		Place: c.p.Place(where), Where: where, What: fmt.Sprintf(format, args...), Hint: hint,
	})
}

func (c *checker) members() {
	first := map[string]int{}
	for i, m := range c.p.Team.Members {
		if j, twice := first[m.Name]; twice && m.Name != "" {
			c.report(fmt.Sprintf("team.members[%d].name", i), "", "the member %s is written twice; first on line %d",
				quote(m.Name), c.p.Place(fmt.Sprintf("team.members[%d].name", j)).Line)
			continue
		}
		first[m.Name] = i
	}
}

// people checks every place that names a member.
func (c *checker) people() {
	c.member("canvas.decided_by", c.p.Canvas.DecidedBy)
	for _, d := range c.p.Data {
		c.member("data."+d.Name+".owner", d.Owner)
	}
	for _, r := range c.p.Team.Responsibilities {
		at := "team.responsibilities." + r.Activity
		c.member(at+".accountable", r.Accountable)
		c.member(at+".backup", r.Backup)
		if r.Backup != "" && r.Backup == r.Accountable {
			c.report(at+".backup", "name another member", "the backup is the accountable member: nobody is left when %s is away", r.Backup)
		}
	}
}

func (c *checker) member(where, name string) {
	if name == "" {
		return
	}
	if _, ok := c.p.Member(name); ok {
		return
	}
	var names []string
	for _, m := range c.p.Team.Members {
		if m.Name != "" && !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	hint := didYouMean(name, names)
	switch {
	case hint != "":
	case len(names) == 0:
		hint = "add team.members"
	default:
		hint = "members: " + strings.Join(names, ", ")
	}
	c.report(where, hint, "%s is not a member of the team", quote(name))
}

func (c *checker) activities() {
	known := slices.Clone(Activities)
	for _, r := range c.p.Team.Responsibilities {
		if slices.Contains(Activities, r.Activity) {
			continue
		}
		if hint := didYouMean(r.Activity, Activities); hint != "" {
			c.report("team.responsibilities."+r.Activity, hint, "%s is almost an activity of the preset", quote(r.Activity))
		}
		known = append(known, r.Activity)
	}
	alert := func(where, activity string) {
		if activity == "" || slices.Contains(known, activity) {
			return
		}
		hint := didYouMean(activity, known)
		if hint == "" {
			hint = "add it to team.responsibilities"
		}
		c.report(where, hint, "nobody is accountable for %s, so the alert would reach nobody", quote(activity))
	}
	if r := c.p.Monitor.Performance; r != nil {
		alert("monitor.performance.activity", r.Activity)
	}
	if r := c.p.Monitor.Value; r != nil {
		alert("monitor.value.activity", r.Activity)
	}
}

func (c *checker) rules() {
	windows := func(where string, k, of int) {
		if k > of {
			c.report(where+".k", "", "%d of the last %d windows can never be beyond the limit", k, of)
		}
	}
	if r := c.p.Monitor.Performance; r != nil {
		windows("monitor.performance", r.K, r.Of)
	}
	if r := c.p.Monitor.Value; r != nil {
		windows("monitor.value", r.K, r.Of)
	}
	if step := c.p.Retrain.Step; step != "" {
		if _, ok := c.p.Step(step); !ok {
			c.report("retrain.step", didYouMean(step, c.p.StepNames()), "%s is not a step of the pipeline", quote(step))
		}
	}
	for a := range c.p.Retrain.Set {
		for b := range c.p.Retrain.Set {
			if strings.HasPrefix(b, a+".") {
				c.report("retrain.set."+b, "keep one", "%s is already set as a whole by %s", b, a)
			}
		}
	}
}

func (c *checker) release() {
	order := []string{"shadow", "canary", "full"}
	for i, phase := range c.p.Deploy.Rollout {
		if i > 0 && slices.Index(order, phase) < slices.Index(order, c.p.Deploy.Rollout[i-1]) {
			c.report(fmt.Sprintf("deploy.rollout[%d]", i), "the order is shadow, canary, full", "%s comes before %s", phase, c.p.Deploy.Rollout[i-1])
		}
	}
	role := c.p.Release.Approvals.Role
	holds := func(m Member) bool { return m.Role == role }
	if role != "" && len(c.p.Team.Members) > 0 && !slices.ContainsFunc(c.p.Team.Members, holds) {
		c.report("release.approvals.role", "add one to team.members", "no member has the role %s, so nothing could ever be approved", quote(role))
	}
}

// outputs checks that each file has one writer and that no step deletes its own sources.
func (c *checker) outputs() {
	type writer struct{ step, where string }
	writers := map[string]writer{}
	for _, s := range c.p.Pipeline.Steps {
		for i, out := range s.Outputs() {
			where := fmt.Sprintf("pipeline.steps.%s.outs[%d]", s.Name, i)
			if i >= len(s.Outs) {
				where = fmt.Sprintf("pipeline.steps.%s.metrics[%d]", s.Name, i-len(s.Outs))
			}
			if w, taken := writers[out]; taken {
				c.report(where, "", "%s is already written by the step %s on line %d: two writers of one file", out, w.step, c.p.Place(w.where).Line)
				continue
			}
			writers[out] = writer{s.Name, where}
			c.protected(where, out)
		}
	}
	for out, w := range writers {
		for _, folder := range parents(out) {
			if outer, ok := writers[folder]; ok {
				c.report(w.where, "", "%s lies inside %s, which the step %s writes as a whole", out, folder, outer.step)
			}
		}
	}
}

// protected refuses outputs whose removal before a run would hurt.
func (c *checker) protected(where, out string) {
	files := append([]string{FileName, ".paraplu", ".git"}, c.p.Pipeline.Params...)
	for _, d := range c.p.Data {
		files = append(files, d.Contract)
	}
	for _, f := range files {
		if f != "" && (out == f || strings.HasPrefix(f, out+"/") || strings.HasPrefix(out, f+"/")) {
			c.report(where, "write to another place, such as build/", "outputs are removed before the step runs, and this would remove %s", f)
		}
	}
}

func (c *checker) cycles() {
	var cycle *dag.Cycle[string]
	if _, err := c.p.Pipeline.Graph().Order(); errors.As(err, &cycle) {
		c.report("pipeline.steps."+cycle.Nodes[0], "", "%s: each of these steps waits for the one before it", cycle)
	}
}

// missingFiles lists contracts and runbooks that are not there.
func missingFiles(p *Product) []Problem {
	c := &checker{p: p}
	need := func(where, file, what string) {
		if file == "" {
			return
		}
		if _, err := os.Stat(p.Path(file)); err != nil {
			c.report(where, "", "the %s %s does not exist", what, file)
		}
	}
	for _, d := range p.Data {
		need("data."+d.Name+".contract", d.Contract, "contract")
	}
	if r := p.Monitor.Performance; r != nil {
		need("monitor.performance.runbook", r.Runbook, "runbook")
	}
	if r := p.Monitor.Value; r != nil {
		need("monitor.value.runbook", r.Runbook, "runbook")
	}
	return c.problems
}
