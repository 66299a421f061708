package monitor

import (
	"context"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
)

// Windows gives all windows of a product in order of time.
func (r *Room) Windows(ctx context.Context, product string) (out []Window, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		rows, err := storedWindows(tx, product)
		for _, w := range rows {
			out = append(out, w.Window)
		}
		return err
	})
	return out, fault.Wrap(err, "reading the windows of %s", product)
}

// AsOf computes the windows that touch [from, to) as they were known at a moment, and stores nothing: yesterday's report can
// be printed again as it was.
func (r *Room) AsOf(ctx context.Context, p *spec.Product, from, to, asOf time.Time) ([]Window, error) {
	s, err := settingsOf(p)
	if err != nil {
		return nil, err
	}
	n, err := r.usuals(ctx, s)
	if err != nil {
		return nil, err
	}
	predictions, err := r.answers(ctx, p.Name, s.calendar.start(from), s.calendar.end(s.calendar.start(to.Add(-1))))
	if err != nil || len(predictions) == 0 {
		return nil, err
	}
	windows, err := r.compute(ctx, s, predictions, asOf)
	for i := range windows {
		windows[i].State = stateOf(windows[i], s.maxDelay, asOf)
		s.judge(&windows[i], n)
	}
	return windows, err
}

// Drift compares the newest windows with the training data, from what Evaluate counted.
func (r *Room) Drift(ctx context.Context, p *spec.Product) ([]Drift, error) {
	s, err := settingsOf(p)
	if err != nil {
		return nil, err
	}
	n, err := r.usuals(ctx, s)
	if err != nil {
		return nil, err
	}
	var history []cells
	err = r.db.View(ctx, func(tx *db.Tx) (err error) {
		history, err = storedCells(tx, p.Name)
		return err
	})
	return drifts(p.Monitor.Drift, history, n), fault.Wrap(err, "reading the features of %s", p.Name)
}

// Alerts gives all alerts of a product in the order in which they fired.
func (r *Room) Alerts(ctx context.Context, product string) (out []Alert, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = storedAlerts(tx, product)
		return err
	})
	return out, fault.Wrap(err, "reading the alerts of %s", product)
}

// Incidents gives all incidents of a product in the order in which they were opened.
func (r *Room) Incidents(ctx context.Context, product string) (out []Incident, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = storedIncidents(tx, product)
		return err
	})
	return out, fault.Wrap(err, "reading the incidents of %s", product)
}

// Incident gives one incident by id, fault.NotFound if there is none.
func (r *Room) Incident(ctx context.Context, id string) (in Incident, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		in, err = incident(tx, id)
		return err
	})
	return in, err
}

// timelineVerbs are the facts that tell the story of an incident. Deliveries of truth are left out: there are too many.
var timelineVerbs = append([]string{
	event.WindowEvaluated, event.AlertFired, event.IncidentOpened, event.IncidentAcknowledged, IncidentMitigated, event.IncidentResolved,
	event.ExecutionFinished, event.GatesEvaluated, event.ApprovalGiven, event.ApprovalRejected,
}, suspects...)

// Timeline gives the facts from a fortnight before the first bad window until the incident was resolved, or until now.
func (r *Room) Timeline(ctx context.Context, id string) (out []event.Fact, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		in, err := incident(tx, id)
		if err != nil {
			return err
		}
		from := in.OpenedAt
		if len(in.Windows) > 0 {
			from = in.Windows[0]
		}
		facts, err := event.List(tx, event.Filter{Product: in.Product, Verbs: timelineVerbs})
		out = nil
		for _, f := range facts {
			if !f.Time.Before(from.Add(-lookBack)) && (in.ResolvedAt.IsZero() || !f.Time.After(in.ResolvedAt)) {
				out = append(out, f)
			}
		}
		return err
	})
	return out, fault.Wrap(err, "the timeline of incident %s", id)
}

// Received says how much truth a product has got.
type Received struct {
	Truths     int64     `json:"truths"` // versions kept
	Events     int64     `json:"events"`
	Duplicates int64     `json:"duplicates"`
	First      string    `json:"first"` // days
	Last       string    `json:"last"`
	LastAt     time.Time `json:"last_at"` // when the newest one was received
}

// Received counts the truth of a product.
func (r *Room) Received(ctx context.Context, product string) (out Received, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		var last int64
		if err := tx.QueryRow(`SELECT count(*), count(DISTINCT event), coalesce(min(day), ''), coalesce(max(day), ''), coalesce(max(ingest_ms), 0)
			FROM monitor_truth WHERE product = ?`, product).Scan(&out.Truths, &out.Events, &out.First, &out.Last, &last); err != nil {
			return err
		}
		out.LastAt = db.Time(last)
		out.Duplicates, err = duplicatesOf(tx, product)
		return err
	})
	return out, fault.Wrap(err, "counting the truth of %s", product)
}
