package monitor

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
)

// IncidentMitigated is the fact that another package answers while an incident is open.
const IncidentMitigated = "incident.mitigated"

// IncidentState is where an incident stands.
type IncidentState string

// The states, in the order of a life; acknowledged and mitigated may be skipped.
const (
	IncidentOpen         IncidentState = "open"
	IncidentAcknowledged IncidentState = "acknowledged"
	IncidentIsMitigated  IncidentState = "mitigated"
	IncidentResolved     IncidentState = "resolved"
)

// Signal is what moves an incident.
type Signal string

// The signals.
const (
	Acknowledge Signal = "acknowledge" // a person takes it
	Mitigate    Signal = "mitigate"    // another package answers
	Resolve     Signal = "resolve"     // the numbers are back inside, or a person closes it
)

// Next is the state machine; it is pure. moved tells whether the state changed: a signal that comes twice changes nothing. A
// resolved incident takes only another Resolve (fault.Conflict otherwise).
func Next(state IncidentState, signal Signal) (next IncidentState, moved bool, err error) {
	switch {
	case state == IncidentResolved && signal != Resolve:
		return state, false, fault.New(fault.Conflict, "the incident is resolved already")
	case signal == Acknowledge && state == IncidentOpen:
		return IncidentAcknowledged, true, nil
	case signal == Mitigate && state != IncidentIsMitigated:
		return IncidentIsMitigated, true, nil
	case signal == Resolve && state != IncidentResolved:
		return IncidentResolved, true, nil
	}
	return state, false, nil
}

// Incident is what a person handles: one or more alerts about a package.
type Incident struct {
	ID             string        `json:"id"` // product-number
	Product        string        `json:"product"`
	Number         int64         `json:"number"`
	State          IncidentState `json:"state"`
	Severity       string        `json:"severity"`
	Title          string        `json:"title"`
	Owner          string        `json:"owner"` // accountable; "" when nobody is
	Backup         string        `json:"backup,omitempty"`
	Package        string        `json:"package"`
	Alerts         []string      `json:"alerts"`
	Windows        []time.Time   `json:"windows"` // starts of the windows beyond a limit
	Runbook        string        `json:"runbook,omitempty"`
	Message        Message       `json:"message"`
	Changes        []Change      `json:"changes"`
	Actions        []Action      `json:"actions"`
	Unit           string        `json:"unit,omitempty"`
	Lost           *Number       `json:"lost,omitempty"` // money so far, against what is usual
	OpenedAt       time.Time     `json:"opened_at"`
	AcknowledgedAt time.Time     `json:"acknowledged_at,omitzero"`
	AcknowledgedBy string        `json:"acknowledged_by,omitempty"`
	MitigatedAt    time.Time     `json:"mitigated_at,omitzero"`
	MitigatedBy    string        `json:"mitigated_by,omitempty"` // digest of the package that answers since
	ResolvedAt     time.Time     `json:"resolved_at,omitzero"`
	ResolvedBy     string        `json:"resolved_by,omitempty"`
	Verdict        string        `json:"verdict,omitempty"` // true, false, expected
	Reason         string        `json:"reason,omitempty"`
}

// verdicts are the answers to "was the alarm right?".
var verdicts = []string{"true", "false", "expected"}

// Acknowledge records that a member takes an incident. A second one changes nothing.
func (r *Room) Acknowledge(ctx context.Context, incident, member string) (Incident, error) {
	return r.AcknowledgeAt(ctx, incident, member, r.clock())
}

// AcknowledgeAt is Acknowledge at a moment of replayed time.
func (r *Room) AcknowledgeAt(ctx context.Context, incident, member string, at time.Time) (Incident, error) {
	return r.move(ctx, incident, Acknowledge, at, func(in *Incident, now time.Time) event.Fact {
		in.AcknowledgedAt, in.AcknowledgedBy = now, member
		return event.Fact{Actor: member, Verb: event.IncidentAcknowledged}
	})
}

// Resolve closes an incident by a person's judgement: verdict is true, false (a false alarm) or expected (the change was
// meant). Its alerts end too; only windows after this moment can fire again.
func (r *Room) Resolve(ctx context.Context, incident, member, verdict, reason string) (Incident, error) {
	return r.ResolveAt(ctx, incident, member, verdict, reason, r.clock())
}

// ResolveAt is Resolve at a moment of replayed time.
func (r *Room) ResolveAt(ctx context.Context, incident, member, verdict, reason string, at time.Time) (Incident, error) {
	if !slices.Contains(verdicts, verdict) {
		return Incident{}, fault.New(fault.Invalid, "the verdict %q is not one of true, false, expected", verdict).
			WithHint("true: the product was in trouble; false: it was not; expected: the change was meant")
	}
	return r.move(ctx, incident, Resolve, at, func(in *Incident, now time.Time) event.Fact {
		in.ResolvedAt, in.ResolvedBy, in.Verdict, in.Reason = now, member, verdict, reason
		return event.Fact{Actor: member, Verb: event.IncidentResolved, Reason: reason}
	})
}

func (r *Room) move(ctx context.Context, id string, signal Signal, now time.Time, apply func(*Incident, time.Time) event.Fact) (in Incident, err error) {
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		if in, err = incident(tx, id); err != nil {
			return err
		}
		next, moved, err := Next(in.State, signal)
		if err != nil || !moved {
			return err
		}
		in.State = next
		f := apply(&in, now)
		f.Time, f.Source = now, "api"
		if signal == Resolve {
			if err := closeAlerts(tx, in, now); err != nil {
				return err
			}
		}
		return keepIncident(tx, in, f)
	})
	return in, fault.Wrap(err, "incident %s: %s", id, signal)
}

func closeAlerts(tx *db.Tx, in Incident, now time.Time) error {
	alerts, err := storedAlerts(tx, in.Product)
	if err != nil {
		return err
	}
	for _, a := range alerts {
		if a.Incident == in.ID && a.State == Firing {
			a.State, a.End, a.EndedAt = Resolved, EndClosed, now
			if err := keepAlert(tx, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepIncident writes the row and the fact of its change.
func keepIncident(tx *db.Tx, in Incident, f event.Fact) error {
	if err := writeIncident(tx, in); err != nil {
		return err
	}
	f.Product, f.Object, f.Kind = in.Product, in.ID, "incident"
	f.Key = fmt.Sprintf("%s:%s", f.Verb, in.ID)
	f.Outputs = append(f.Outputs, "incident:"+in.ID)
	f.Data = in
	return event.Append(tx, f)
}

func writeIncident(tx *db.Tx, in Incident) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO monitor_incident (id, product, number, state, owner, opened_ms, body) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, owner = excluded.owner, body = excluded.body`,
		in.ID, in.Product, in.Number, string(in.State), in.Owner, db.Millis(in.OpenedAt), string(body))
	return err
}

func incident(tx *db.Tx, id string) (in Incident, err error) {
	var body string
	found, err := db.Found(tx.QueryRow(`SELECT body FROM monitor_incident WHERE id = ?`, id).Scan(&body))
	if err != nil {
		return in, err
	}
	if !found {
		return in, fault.New(fault.NotFound, "incident %q does not exist", id).WithHint("paraplu incidents")
	}
	return in, json.Unmarshal([]byte(body), &in)
}

func storedIncidents(tx *db.Tx, product string) (out []Incident, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		var body string
		if err := rows.Scan(&body); err != nil {
			return err
		}
		var in Incident
		if err := json.Unmarshal([]byte(body), &in); err != nil {
			return err
		}
		out = append(out, in)
		return nil
	}, `SELECT body FROM monitor_incident WHERE product = ? ORDER BY number`, product)
	return out, err
}
