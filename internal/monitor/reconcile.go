package monitor

import (
	"fmt"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
)

// reconcile makes the stored alerts and incidents agree with the episodes of the windows: new ones fire, ended ones end, an
// incident without a firing alert is resolved. The transaction is serialised, so two schedulers open one incident.
func (s settings) reconcile(tx *db.Tx, windows []Window, owners map[string]owner, out *Evaluation) error {
	alerts, err := storedAlerts(tx, out.Product)
	if err != nil {
		return err
	}
	incidents, err := storedIncidents(tx, out.Product)
	if err != nil {
		return err
	}
	c := &conclusion{settings: s, tx: tx, windows: windows, alerts: alerts, incidents: incidents, out: out}
	closed := closures(incidents)
	for _, r := range s.rules() {
		seen := map[string]bool{}
		for _, e := range r.episodes(windows, closed) {
			a, known := match(r, e, alerts)
			if !known && between(closed[e.Package], e.fired, out.AsOf.Add(1)) {
				continue // a person has closed what it would tell
			}
			if !known {
				if a, err = c.fire(r, e, owners[r.name]); err != nil {
					return err
				}
			}
			seen[a.ID] = true
			if err := c.update(r, e, a); err != nil {
				return err
			}
		}
		for _, a := range alerts {
			if a.Rule == r.name && a.State == Firing && !seen[a.ID] && !windowsLost(a, windows) {
				if err := c.end(a, endWithdrawn); err != nil {
					return err
				}
			}
		}
	}
	return c.settle()
}

// windowsLost tells that a window of the alert is no longer stored: then nothing can be said about it.
func windowsLost(a Alert, windows []Window) bool {
	return !slices.ContainsFunc(windows, func(w Window) bool { return w.Start.Equal(a.First) })
}

// conclusion is the state of one reconciliation.
type conclusion struct {
	settings
	tx        *db.Tx
	windows   []Window
	alerts    []Alert
	incidents []Incident
	out       *Evaluation
}

func (c *conclusion) beyond(e Episode) (out []Window) {
	for _, w := range c.windows {
		if slices.ContainsFunc(e.Beyond, w.Start.Equal) {
			out = append(out, w)
		}
	}
	return out
}

// fire writes a new alert with its incident and both facts.
func (c *conclusion) fire(r rule, e Episode, o owner) (Alert, error) {
	beyond := c.beyond(e)
	w := beyond[len(beyond)-1]
	v, _ := w.Verdict(r.name)
	a := Alert{
		ID: alertID(c.out.Product, r.name, e.Package, e.First), Product: c.out.Product, Rule: r.name, Metric: r.metric, Package: e.Package,
		State: Firing, Severity: r.severity, First: e.First, FiredAt: c.out.AsOf, Value: v.Value, Limit: v.Limit, K: r.k, Of: r.of,
		Rows: w.Rows, Coverage: w.Coverage, Unit: w.Unit, Owner: o.name, Backup: o.backup, Runbook: r.runbook, Actions: actions,
	}
	a.Windows, a.Lost = e.Beyond, lost(beyond)
	a.Message = message(c.settings, r, a, beyond)
	var err error
	if a.Changes, err = changes(c.tx, a.Product, a.First, c.out.AsOf); err != nil {
		return a, err
	}
	if err := c.attach(&a); err != nil {
		return a, err
	}
	if err := keepAlert(c.tx, a); err != nil {
		return a, err
	}
	c.out.Fired = append(c.out.Fired, a)
	f := event.Fact{Time: c.out.AsOf, Actor: system, Source: job, Product: a.Product, Verb: event.AlertFired, Object: a.ID, Key: "alert:" + a.ID,
		Inputs: []string{"package:" + a.Package}, Outputs: []string{"incident:" + a.Incident}, Data: a}
	for _, w := range beyond {
		f.Inputs = append(f.Inputs, "window:"+w.Name())
	}
	return a, event.Append(c.tx, f)
}

// attach puts the alert into the unresolved incident about the same package, or opens one.
func (c *conclusion) attach(a *Alert) error {
	next := int64(1)
	for i := range c.incidents {
		in := &c.incidents[i]
		next = max(next, in.Number+1)
		if in.State != IncidentResolved && in.Package == a.Package {
			a.Incident = in.ID
			in.Alerts = append(in.Alerts, a.ID)
			return writeIncident(c.tx, *in)
		}
	}
	in := Incident{
		ID: fmt.Sprintf("%s-%d", a.Product, next), Product: a.Product, Number: next, State: IncidentOpen, Severity: a.Severity,
		Title: a.Message.Title, Owner: a.Owner, Backup: a.Backup, Package: a.Package, Alerts: []string{a.ID}, Windows: a.Windows,
		Runbook: a.Runbook, Message: a.Message, Changes: a.Changes, Actions: a.Actions, Unit: a.Unit, Lost: a.Lost, OpenedAt: c.out.AsOf,
	}
	a.Incident = in.ID
	c.incidents = append(c.incidents, in)
	c.out.Opened = append(c.out.Opened, in)
	return keepIncident(c.tx, in, event.Fact{Time: c.out.AsOf, Actor: system, Source: job, Verb: event.IncidentOpened,
		Inputs: []string{"package:" + in.Package}, Reason: in.Title})
}

// update brings the running numbers of an alert up to date and ends it if its episode has ended.
func (c *conclusion) update(r rule, e Episode, a Alert) error {
	if a.State == Resolved {
		return nil
	}
	beyond := c.beyond(e)
	v, _ := beyond[len(beyond)-1].Verdict(r.name)
	a.Windows, a.Lost, a.Value = e.Beyond, lost(beyond), v.Value
	if !e.Ended.IsZero() {
		return c.end(a, e.End)
	}
	c.remember(a)
	return keepAlert(c.tx, a)
}

func (c *conclusion) end(a Alert, why string) error {
	a.State, a.End, a.EndedAt = Resolved, why, c.out.AsOf
	c.remember(a)
	c.out.Ended = append(c.out.Ended, a)
	return keepAlert(c.tx, a)
}

func (c *conclusion) remember(a Alert) {
	c.alerts = slices.DeleteFunc(slices.Clone(c.alerts), func(b Alert) bool { return a.ID == b.ID })
	c.alerts = append(c.alerts, a)
}

// settle moves the unresolved incidents: mitigated when another package answers, resolved when none of its alerts fires.
func (c *conclusion) settle() error {
	current := answering(c.windows)
	for _, in := range c.incidents {
		if in.State == IncidentResolved {
			continue
		}
		firing, why := false, ""
		var starts []time.Time
		for _, a := range c.alerts {
			if a.Incident != in.ID {
				continue
			}
			firing = firing || a.State == Firing
			starts, why = append(starts, a.Windows...), a.End
		}
		slices.SortFunc(starts, time.Time.Compare)
		in.Windows = slices.CompactFunc(starts, time.Time.Equal)
		in.Lost = lost(c.beyond(Episode{Beyond: in.Windows}))
		if err := writeIncident(c.tx, in); err != nil {
			return err
		}
		if err := c.settleOne(in, current, firing, why); err != nil {
			return err
		}
	}
	return nil
}

func (c *conclusion) settleOne(in Incident, current string, firing bool, why string) error {
	fact := event.Fact{Time: c.out.AsOf, Actor: system, Source: job, Inputs: []string{"package:" + current}}
	if next, moved, err := Next(in.State, Mitigate); current != in.Package && moved && err == nil {
		in.State, in.MitigatedAt, in.MitigatedBy = next, c.out.AsOf, current
		fact.Verb, fact.Reason = IncidentMitigated, "package "+short(current)+" answers now"
		if err := keepIncident(c.tx, in, fact); err != nil {
			return err
		}
	}
	if firing {
		return nil
	}
	in.State, in.ResolvedAt, in.ResolvedBy, in.Reason = IncidentResolved, c.out.AsOf, system, reasons[why]
	fact.Verb, fact.Reason = event.IncidentResolved, in.Reason
	c.out.Resolved = append(c.out.Resolved, in)
	return keepIncident(c.tx, in, fact)
}

// reasons says for people why the last alert of an incident ended.
var reasons = map[string]string{
	EndInside:     "another package answers and the numbers are back inside their limits",
	EndSuperseded: "another package answers now and has an alert of its own",
	EndClosed:     "closed",
	endWithdrawn:  "truth was corrected; the numbers were never beyond their limits",
}

// answering gives the package of the newest answer.
func answering(windows []Window) string {
	var newest Share
	for _, w := range windows {
		for _, s := range w.Packages {
			if !s.Last.Before(newest.Last) {
				newest = s
			}
		}
	}
	return newest.Package
}

// lost sums the money lost against what is usual; nil when nothing is known.
func lost(windows []Window) *Number {
	var sum float64
	known := false
	for _, w := range windows {
		if w.LostVsUsual != nil {
			sum, known = sum+w.LostVsUsual.Float(), true
		}
	}
	if !known {
		return nil
	}
	return number(sum)
}
