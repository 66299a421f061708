package monitor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
)

// Evaluation is what one call of Evaluate found.
type Evaluation struct {
	Product    string     `json:"product"`
	AsOf       time.Time  `json:"as_of"`
	Windows    []Window   `json:"windows"`    // computed now, in order of time
	Final      int        `json:"final"`      // of all windows of the product
	Open       int        `json:"open"`       //
	Duplicates int64      `json:"duplicates"` // truths that said nothing new, ever
	Drift      []Drift    `json:"drift"`
	Fired      []Alert    `json:"fired"`    // now
	Ended      []Alert    `json:"ended"`    // now
	Opened     []Incident `json:"opened"`   // now
	Resolved   []Incident `json:"resolved"` // now
}

// Evaluate brings the windows, alerts and incidents of a product up to date with what was known at asOf. It may be repeated at
// will and by several processes: window rows are replaced, alerts and incidents exist once. Only touched windows are computed:
// open ones, those whose truth, predictions, limits or settings changed, and new ones. An asOf older than that of a stored window leaves the
// window alone.
func (r *Room) Evaluate(ctx context.Context, p *spec.Product, asOf time.Time) (*Evaluation, error) {
	asOf = asOf.UTC()
	s, err := settingsOf(p)
	if err != nil {
		return nil, err
	}
	n, err := r.usuals(ctx, s)
	if err != nil {
		return nil, err
	}
	work, counted, err := r.recompute(ctx, s, n, asOf)
	if err != nil {
		return nil, err
	}
	owners, err := r.owners(ctx, s)
	if err != nil {
		return nil, err
	}
	var out *Evaluation
	err = r.db.Update(ctx, func(tx *db.Tx) (err error) {
		out = &Evaluation{Product: p.Name, AsOf: asOf}
		if err := dropOtherCalendar(tx, p.Name, s.calendar.length); err != nil {
			return err
		}
		if out.Windows, err = replaceWindows(tx, work, asOf); err != nil {
			return err
		}
		for _, c := range counted {
			if err := writeCells(tx, p.Name, c); err != nil {
				return err
			}
		}
		return s.conclude(tx, n, owners, out)
	})
	if err != nil {
		return nil, fault.Wrap(err, "evaluating %s", p.Name)
	}
	return out, nil
}

// conclude reads everything as it stands now and draws the conclusions: drift, alerts, incidents.
func (s settings) conclude(tx *db.Tx, n normal, owners map[string]owner, out *Evaluation) error {
	rows, err := storedWindows(tx, out.Product)
	if err != nil {
		return err
	}
	var all []Window
	for _, w := range rows {
		all = append(all, w.Window)
		if w.State == Final {
			out.Final++
		} else {
			out.Open++
		}
	}
	if out.Duplicates, err = duplicatesOf(tx, out.Product); err != nil {
		return err
	}
	history, err := storedCells(tx, out.Product)
	if err != nil {
		return err
	}
	out.Drift = drifts(s.product.Monitor.Drift, history, n)
	return s.reconcile(tx, all, owners, out)
}

// recompute finds the touched windows and computes them as of the cut-off.
func (r *Room) recompute(ctx context.Context, s settings, n normal, asOf time.Time) ([]stored, []cells, error) {
	var have []stored
	var known map[string]mark
	err := r.db.View(ctx, func(tx *db.Tx) (err error) {
		if have, err = storedWindows(tx, s.product.Name); err != nil {
			return err
		}
		known, err = marks(tx, s.product.Name, asOf)
		return err
	})
	if err != nil {
		return nil, nil, fault.Wrap(err, "reading the windows of %s", s.product.Name)
	}
	if err := r.addAnswered(ctx, s.product.Name, known); err != nil {
		return nil, nil, err
	}
	t := touchedBy(s, n, have, known, asOf)
	predictions, err := r.answers(ctx, s.product.Name, t.from, s.calendar.end(s.calendar.start(asOf)))
	if err != nil {
		return nil, nil, err
	}
	predictions = slices.DeleteFunc(predictions, func(p Prediction) bool { return !t.touches(s.calendar.start(p.EventTime)) })
	if len(predictions) == 0 {
		return nil, nil, nil
	}
	windows, err := r.compute(ctx, s, predictions, asOf)
	if err != nil {
		return nil, nil, err
	}
	var work []stored
	var counted []cells
	for _, w := range windows {
		w.State = stateOf(w, s.maxDelay, asOf)
		s.judge(&w, n)
		work = append(work, stored{Window: w, settings: s.digest, limits: n.key(w.Package), mark: s.markOf(w.Start, known), digest: contentDigest(w)})
		if f, ok := n.histograms(w.Package); ok && s.product.Monitor.Drift != nil {
			counted = append(counted, count(w, predictions, f, s.product.Monitor.Drift.Columns))
		}
	}
	return work, counted, nil
}

// addAnswered adds the predictions to the marks of the days. They are counted before they are read: what comes between is
// seen the next time.
func (r *Room) addAnswered(ctx context.Context, product string, known map[string]mark) error {
	if r.Answered == nil {
		return nil
	}
	counts, err := r.Answered(ctx, product)
	if err != nil {
		return fault.Wrap(err, "counting the predictions of %s", product)
	}
	for d, n := range counts {
		m := known[d]
		m.truths += n
		known[d] = m
	}
	return nil
}

// compute joins and sums; the windows come in order of time.
func (r *Room) compute(ctx context.Context, s settings, predictions []Prediction, asOf time.Time) ([]Window, error) {
	q, err := r.question(ctx, s, predictions, asOf)
	if err != nil {
		return nil, err
	}
	found, err := q.windows(ctx, r.analytics, s.metric)
	if err != nil {
		return nil, err
	}
	out := make([]Window, 0, len(found))
	for _, w := range found {
		w.AsOf = asOf
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b Window) int { return a.Start.Compare(b.Start) })
	return out, nil
}

// question collects the versions of truth that belong to the predictions, and the week before for the naive rule.
func (r *Room) question(ctx context.Context, s settings, predictions []Prediction, asOf time.Time) (question, error) {
	q := question{product: s.product.Name, calendar: s.calendar, predictions: predictions, value: s.value}
	if len(predictions) == 0 {
		return q, nil
	}
	first, last := predictions[0].EventTime, predictions[0].EventTime
	for _, p := range predictions {
		if p.EventTime.Before(first) {
			first = p.EventTime
		}
		if p.EventTime.After(last) {
			last = p.EventTime
		}
	}
	from, to := s.calendar.start(first).Add(-7*wholeDay), s.calendar.end(s.calendar.start(last))
	err := r.db.View(ctx, func(tx *db.Tx) (err error) {
		q.truths, err = truthBetween(tx, q.product, from, to, asOf)
		return err
	})
	return q, fault.Wrap(err, "reading the truth of %s", q.product)
}

// answers gives the predictions that people acted on, in a fixed order.
func (r *Room) answers(ctx context.Context, product string, from, to time.Time) ([]Prediction, error) {
	all, err := r.predictions(ctx, product, from, to)
	if err != nil {
		return nil, fault.Wrap(err, "reading the predictions of %s", product)
	}
	out := slices.DeleteFunc(slices.Clone(all), func(p Prediction) bool {
		return p.EventTime.Before(from) || !p.EventTime.Before(to) || (p.Role != "" && p.Role != "champion" && p.Role != "canary") || !isFinite(p.Value)
	})
	slices.SortFunc(out, func(a, b Prediction) int {
		if d := a.EventTime.Compare(b.EventTime); d != 0 {
			return d
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out, nil
}

// replaceWindows writes windows and the facts of those that are final and new or different.
func replaceWindows(tx *db.Tx, work []stored, asOf time.Time) (out []Window, err error) {
	for _, s := range work {
		var old stored
		var oldMS int64
		found, err := db.Found(tx.QueryRow(`SELECT state, revision, as_of_ms, digest FROM monitor_window WHERE product = ? AND start_ms = ?`,
			s.Product, db.Millis(s.Start)).Scan(&old.State, &old.Revision, &oldMS, &old.digest))
		if err != nil {
			return nil, err
		}
		if found && oldMS > db.Millis(asOf) {
			continue
		}
		changed := !found || old.State != Final || old.digest != s.digest
		if found {
			s.Revision = old.Revision
			if old.State == Final && changed {
				s.Revision++
			}
		}
		if err := writeWindow(tx, s); err != nil {
			return nil, err
		}
		if s.State == Final && changed {
			if err := event.Append(tx, windowFact(s.Window, asOf)); err != nil {
				return nil, err
			}
		}
		out = append(out, s.Window)
	}
	return out, nil
}

func windowFact(w Window, asOf time.Time) event.Fact {
	key := "window:" + w.Name()
	if w.Revision > 1 {
		key += fmt.Sprintf("#%d", w.Revision)
	}
	f := event.Fact{Time: asOf, Actor: system, Source: job, Product: w.Product, Verb: event.WindowEvaluated, Object: w.Name(), Key: key, Data: w,
		Outputs: []string{"window:" + w.Name()}}
	for _, s := range w.Packages {
		f.Inputs = append(f.Inputs, "package:"+s.Package)
	}
	return f
}
