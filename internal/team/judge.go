package team

import (
	"fmt"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/spec"
)

// drillAge is how long a rehearsed rollback counts.
const drillAge = 90 * 24 * time.Hour

// incidentText is the check that goes before all others.
const incidentText = "no incident is open"

const parityText = "the package answers as the original model did"

// judgement collects the checks of one stage after the other.
type judgement struct {
	p      *spec.Product
	ev     *evidence
	signed []Signature
	now    time.Time
	who    map[string]Responsibility
	checks []Check
}

// add records a check; detail is shown in any case, the command only when something is to do.
func (j *judgement) add(text string, status Status, activity, detail, command string) {
	c := Check{Text: text, Status: status, Detail: detail, Who: j.who[activity].Accountable, Command: command}
	if status == Passed {
		c.Command = ""
	}
	j.checks = append(j.checks, c)
}

// have is Passed when ok, otherwise as given.
func have(ok bool, otherwise Status) Status {
	if ok {
		return Passed
	}
	return otherwise
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func (j *judgement) ideate() {
	missing := missingFields(j.p)
	status, detail := Passed, fmt.Sprintf("%d fields", len(Canvas(j.p)))
	if len(missing) > 0 {
		status, detail = Due, "fill in "+strings.Join(missing, ", ")
		if len(missing) == len(Canvas(j.p)) {
			status = Missing
		}
	}
	j.add("the canvas is complete", status, UseCase, detail, "edit paraplu.yaml, section canvas")

	resp := j.who[UseCase]
	status, detail = Missing, ""
	for _, s := range j.signed {
		if s.Member != resp.Accountable && s.Member != resp.Backup {
			continue
		}
		if s.Current {
			status, detail = Passed, fmt.Sprintf("%s, %s", s.Member, day(s.At))
			break
		}
		status, detail = Due, fmt.Sprintf("it changed since %s signed on %s", s.Member, day(s.At))
	}
	j.add("the canvas is signed by who answers for the use case", status, UseCase, detail, "paraplu canvas sign --as "+orNobody(resp.Accountable))

	gaps := roleGaps(j.p)
	status, detail = Passed, "every activity has one"
	for _, g := range gaps {
		if g.Kind == GapNobody || g.Kind == GapUnknown {
			status, detail = Due, g.Text
			break
		}
	}
	if len(j.p.Team.Members) == 0 {
		status, detail = Missing, "the product has no members"
	}
	j.add("somebody answers for every activity", status, UseCase, detail, "edit paraplu.yaml, section team")
}

func (j *judgement) explore() {
	if len(j.p.Data) == 0 {
		j.add("data is named", Missing, DataQuality, "", "edit paraplu.yaml, section data")
	}
	for _, d := range j.p.Data {
		v := j.ev.last(event.DatasetPublished, ofDataset(d.Name))
		detail := ""
		if v != nil {
			detail = v.Object
		}
		j.add(fmt.Sprintf("data %s has a version", d.Name), have(v != nil, Missing), DataQuality, detail, "paraplu data add "+d.Name+" "+d.Path)
		if d.Contract == "" {
			j.add(fmt.Sprintf("data %s has a contract", d.Name), Missing, DataQuality, "", "edit paraplu.yaml, data."+d.Name+".contract")
			continue
		}
		c := j.ev.last(event.ContractChecked, ofDataset(d.Name))
		status, detail := Missing, ""
		if c != nil {
			status, detail = have(c.good(), Due), "last report: "+c.told.Status+", "+day(c.Time)
		}
		j.add(fmt.Sprintf("data %s keeps its contract", d.Name), status, DataQuality, detail, "paraplu check "+d.Name)
	}
	if j.p.Model.Features != "" {
		j.leakage()
	}
}

func (j *judgement) leakage() {
	c := j.ev.last(event.LeakageChecked, nil)
	status, detail, command := Missing, "", "paraplu check --leakage "+j.p.Model.Features
	switch {
	case c != nil:
		status, detail = have(c.good(), Due), "last report: "+c.told.Status+", "+day(c.Time)
	case j.ev.last(event.ExecutionFinished, func(p *proof) bool { return p.good() }) == nil:
		command = "paraplu run" // it makes the features
	}
	j.add("no feature knows the future", status, DataQuality, detail, command)
}

func (j *judgement) model() {
	ran := j.ev.last(event.ExecutionFinished, nil)
	ok := ran != nil && ran.good()
	status, detail := Missing, ""
	if ran != nil {
		status, detail = have(ok, Due), fmt.Sprintf("last execution: %s, %s", ran.State, day(ran.Time))
	}
	j.add("the pipeline runs from data to model in one command", status, DevelopModel, detail, "paraplu run")

	tracked := j.ev.last(event.RunFinished, func(p *proof) bool { return p.good() })
	detail = ""
	if tracked != nil {
		detail = fmt.Sprintf("runs: %d", len(j.ev.by[event.RunFinished]))
	}
	j.add("runs are tracked", have(tracked != nil, Missing), DevelopModel, detail, "paraplu up; then train with MLFLOW_TRACKING_URI=http://127.0.0.1:5000")

	b := j.p.Canvas.Baseline
	j.add("there is a naive rule to beat", have(b != "", Missing), DevelopModel, b, "edit paraplu.yaml, canvas.baseline")
}

func (j *judgement) pack() {
	built := j.ev.last(event.PackageBuilt, nil)
	if built == nil {
		j.add("a package is built", Missing, MakePackage, "", "paraplu package")
		j.add(parityText, Missing, MakePackage, "", "paraplu package")
		return
	}
	j.add("a package is built", Passed, MakePackage, short(built.Digest)+", "+day(built.Time), "")
	tested := j.ev.last(event.PackageVerified, func(p *proof) bool { return p.Digest == built.Digest })
	status, detail := Missing, ""
	switch {
	case tested != nil:
		status, detail = have(tested.good(), Due), "verified on "+day(tested.Time)
	case built.ParityRows > 0: // no package is built when one of them differs
		status, detail = Passed, fmt.Sprintf("%d parity rows when it was built", built.ParityRows)
	}
	j.add(parityText, status, MakePackage, detail, "paraplu package verify "+short(built.Digest))
}

func (j *judgement) operate() {
	window := j.p.Monitor.Window.Std()
	fresh := func(text, verb, command string) {
		last := j.ev.last(verb, nil)
		status, detail := Missing, ""
		if last != nil {
			status, detail = have(last.younger(j.now, 2*window+j.p.Canvas.Outcome.KnownAfter.Std()), Due), "last on "+day(last.Time)
		}
		j.add(text, status, WatchModel, detail, command)
	}
	fresh("truth arrives", event.TruthReceived, "paraplu truth FILE.csv")
	fresh("the last windows are judged", event.WindowEvaluated, "paraplu monitor")
	open := j.ev.openIncidents()
	if len(open) == 0 {
		j.add(incidentText, Passed, FirstAid, "", "")
		return
	}
	first := open[0]
	j.add(incidentText, Due, FirstAid, fmt.Sprintf("%s since %s, owner %s", first.Object, day(first.Time), orNobody(first.told.Owner)), "paraplu incidents")
	if first.told.Owner != "" {
		j.checks[len(j.checks)-1].Who = first.told.Owner
	}
}

func (j *judgement) retire() {
	text, status, detail := "the product is retired", Missing, ""
	if kill := j.p.Canvas.Kill; kill.Date != "" {
		detail = fmt.Sprintf("to be judged on %s: %s", kill.Date, kill.Criterion)
		if !j.now.Before(kill.Date.Time()) {
			status, text = Due, "kill, pivot or continue"
		}
	}
	j.add(text, status, Retire, detail, "decide, then change canvas.kill in paraplu.yaml and sign it again")
}
