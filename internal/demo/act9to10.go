package demo

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/monitor"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/rollout"
	"github.com/paraplu/paraplu/internal/steps"
)

// waitDays is how long Daisy lets data of the changed world come in before she retrains: a candidate needs days to learn
// from and days to be judged on.
const waitDays = 14

// badReason is what the emergency release of the story says.
const badReason = "the campaign starts tomorrow, no time for gates"

// current is the package that answers, "" when none does.
func (s *story) current() ref.Digest {
	d, err := s.a.Champion(s.ctx, s.p)
	if err != nil || d == nil {
		return ""
	}
	return d.Package
}

func (s *story) nowWhat() error {
	in, err := s.incident()
	if err != nil {
		return err
	}
	past, err := s.history()
	if err != nil {
		return err
	}
	if err := s.retrain(in, past); err != nil {
		return err
	}
	if _, err := s.replay(func(*monitor.Incident) bool { return false }); err != nil {
		return err
	}
	if err := s.aftermath(); err != nil {
		return err
	}
	return s.badDay()
}

// aftermath tells what became of the incidents. A later one is judged by its owner: an alarm may be true, false, or, as in
// the dry weeks of summer, expected.
func (s *story) aftermath() error {
	list, err := s.a.Monitor.Incidents(s.ctx, s.p.Name)
	if err != nil {
		return err
	}
	for i, in := range list {
		if i > 0 && in.State != monitor.IncidentResolved {
			s.n.result(false, "incident %s for %s, on %s: %s", in.ID, name(s.p, in.Owner), in.OpenedAt.Format(time.DateOnly), in.Title)
			s.n.say("%s", in.Message.Money)
			then, usual, err := s.demand(in)
			if err != nil {
				return err
			}
			s.n.say("Dry weeks: %.0f umbrellas were asked for a day, %.0f in the weeks of the new world on average. Each one weighs more in a relative error, and little money is at stake.", then, usual)
			s.n.command("paraplu incidents --resolve %s --verdict expected --as %s", in.ID, in.Owner)
			if in, err = s.a.Monitor.ResolveAt(s.ctx, in.ID, in.Owner, "expected", "dry weeks: few umbrellas, little money", in.OpenedAt.AddDate(0, 0, 7)); err != nil {
				return err
			}
		}
		how := "by itself: the new package is inside the limit"
		if in.ResolvedBy != "" && in.Reason != "" {
			how = "by " + name(s.p, in.ResolvedBy) + ": " + in.Reason
		}
		s.n.result(in.State == monitor.IncidentResolved, "incident %s is %s %s", in.ID, in.State, how)
	}
	return nil
}

// demand compares the umbrellas asked for a day in the windows of an incident with all windows since the retraining.
func (s *story) demand(in monitor.Incident) (then, usual float64, err error) {
	windows, err := s.a.Monitor.Windows(s.ctx, s.p.Name)
	if err != nil {
		return 0, 0, err
	}
	var sum, sumAll float64
	var rows, rowsAll int64
	for _, w := range windows {
		if w.Package != string(s.second) {
			continue
		}
		sumAll, rowsAll = sumAll+w.Demand, rowsAll+w.Rows
		if slices.ContainsFunc(in.Windows, w.Start.Equal) {
			sum, rows = sum+w.Demand, rows+w.Rows
		}
	}
	return sum / float64(max(1, rows)), sumAll / float64(max(1, rowsAll)), nil
}

// retrain makes a candidate from the data of the changed world and releases it, unless an earlier run did.
func (s *story) retrain(in *monitor.Incident, past []rollout.Deployment) error {
	for _, d := range past {
		if d.Cause == "retrain" {
			s.second = d.Package
			s.n.result(true, "package %s was retrained and released on %s; kept from the earlier run", d.Package.Short(), d.From.Format(time.DateTime))
			return nil
		}
	}
	// An order is placed every evening while data of the changed world comes in.
	until := in.OpenedAt.AddDate(0, 0, waitDays)
	if _, err := s.replay(s.reached(until)); err != nil {
		return err
	}
	day := until.Format(time.DateOnly)
	s.n.say("The runbook says: is it the data, or is it the world? Inputs are calm, sales doubled. After %d days there is enough of the new world to learn from and to be judged on.", waitDays)
	dir := filepath.Join("deliveries", day)
	if err := s.python("simulate.py", "--until", day, "--out", dir); err != nil {
		return err
	}
	if err := s.deliverAll(dir); err != nil {
		return err
	}
	start := time.Now()
	s.n.command("paraplu retrain --reason %q --as daisy", in.Title)
	r, err := s.a.Retrain(s.ctx, s.p, steps.RetrainOptions{Actor: daisy, Reason: in.Title, Out: s.log, Env: s.a.StepEnv(), Progress: s.step, Force: true})
	if err != nil {
		return err
	}
	s.second = r.Packaged.Package.Digest
	s.n.did(start, "candidate %s, trained and judged on days that neither model has seen", s.second.Short())
	return s.releasePackage(s.second, "retrain", "beats the champion on the last two weeks")
}

// reached stops a replay on the first Tuesday at or after a day.
func (s *story) reached(until time.Time) func(*monitor.Incident) bool {
	return func(*monitor.Incident) bool {
		last, err := s.evaluatedUntil()
		return err == nil && !last.Before(until)
	}
}

// badDay forces a bad candidate past its gates, and rolls it back.
func (s *story) badDay() error {
	past, err := s.history()
	if err != nil {
		return err
	}
	var bad, undone *rollout.Deployment
	for i := range past {
		switch past[i].Cause {
		case "emergency":
			bad = &past[i]
		case "rollback":
			undone = &past[i]
		}
	}
	if undone != nil {
		s.n.result(true, "package %s was forced past its gates and rolled back in %s; kept from the earlier run", bad.Package.Short(), seconds(undone.Took))
		return nil
	}
	if bad == nil {
		if err := s.force(); err != nil {
			return err
		}
	}
	start := time.Now()
	s.n.command("paraplu rollback --reason \"orders make no sense\" --as eddy")
	if _, err := s.a.Rollback(s.ctx, s.p, eddy, "orders make no sense"); err != nil {
		return err
	}
	if err := s.answers(s.second); err != nil {
		return err
	}
	took := time.Since(start)
	s.n.did(start, "package %s answers again; nobody was asked", s.second.Short())
	if took > 5*time.Second {
		return fault.New(fault.Internal, "the rollback took %s, more than five seconds", took)
	}
	s.note("rollback, from the command to the answer", "deployment.rolledback", "%s", seconds(took))
	return nil
}

func (s *story) force() error {
	s.n.say("A bad day: somebody trains on rain in inches. The package is sound, parity holds, and the gates still see it, in money.")
	set := map[string]any{"train.bug": "inches"}
	for k, v := range s.p.Retrain.Set {
		if k != "train.level_days" {
			set[k] = v
		}
	}
	plan, err := s.a.Pipeline.Plan(s.ctx, pipeline.PlanInput{Product: s.p, Set: set})
	if err != nil {
		return err
	}
	s.n.command("paraplu run --set train.bug=inches --set split.test_days=14 --as eddy")
	if _, err := s.a.Pipeline.Run(s.ctx, plan, pipeline.RunOptions{Actor: eddy, Source: "demo", Out: s.log, Env: s.a.StepEnv(), Progress: s.step}); err != nil {
		return err
	}
	made, err := s.a.Package(s.ctx, s.p, eddy)
	if err != nil {
		return err
	}
	rel, err := s.a.Request(s.ctx, s.p, made.Package.Digest, eddy)
	if err != nil {
		return err
	}
	s.gates(rel)
	if len(rel.Failed()) == 0 {
		return fault.New(fault.Internal, "the gates let a model pass that was trained on inches")
	}
	s.n.say("The gates refuse it. In an emergency a person may force a release, with a reason that is kept for ever and a review that is due in two days.")
	return s.placePackage(made.Package.Digest, eddy, steps.PlaceOptions{Cause: "release", Reason: badReason, Force: true})
}

func (s *story) bill() error {
	start := time.Now()
	s.n.command("paraplu bill --from %s --to 2016-01-01", replayFrom)
	from, _ := time.Parse(time.DateOnly, replayFrom)
	bill, err := s.a.Monitor.Bill(s.ctx, s.p, from, from.AddDate(1, 0, 0))
	if err != nil {
		return err
	}
	unit := bill.Unit
	fmt.Fprintf(s.n.w, "     %-14s %5s %7s %14s %14s %14s\n", "", "days", "WAPE", "cost", "naive rule", "saved")
	for _, l := range append(append([]monitor.Line{}, bill.Months...), bill.Total) {
		fmt.Fprintf(s.n.w, "     %-14s %5d %7.3f %14s %14s %14s\n", l.Label, l.Rows, l.WAPE.Float(), eur(l.Cost.Float(), unit), eur(l.BaselineCost.Float(), unit), eur(l.Saving.Float(), unit))
	}
	t := bill.Total
	s.n.did(start, "2015: the product saved %s against the naive rule (95 %%: %s … %s), the weeks of the broken model included. Sales are simulated; the arithmetic is not.",
		eur(t.Saving.Float(), unit), eur(t.SavingLow.Float(), unit), eur(t.SavingHigh.Float(), unit))
	s.n.say("Where the numbers come from: predictions %s, truth %s, value model %s: %s", bill.How.Predictions.Short(), bill.How.Truth.Short(), bill.How.Value.Digest.Short(), bill.How.Value.Expression)
	s.n.say("Who decided what:")
	past, err := s.history()
	if err != nil {
		return err
	}
	for _, d := range past {
		var by []string
		if rel, err := s.a.Registry.Release(s.ctx, d.Release); err == nil {
			for _, a := range rel.Approvals {
				by = append(by, name(s.p, a.Member))
			}
		}
		approved := "approved by " + strings.Join(by, ", ")
		if len(by) == 0 {
			approved = "approved by nobody: " + d.Reason
		}
		s.n.say("%s  %-9s package %s  placed by %s, %s", d.From.Format(time.DateTime), d.Cause, d.Package.Short(), name(s.p, d.Actor), approved)
	}
	s.note("saved in 2015 against the naive rule", "paraplu bill", "%s", eur(t.Saving.Float(), unit))
	s.note("predictions with truth", "prediction log", "%d of %d", t.Rows, t.Predictions)
	return nil
}
