package monitor

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/paraplu/paraplu/internal/db"
)

// The states of an alert.
const (
	Firing   = "firing"
	Resolved = "resolved"
)

// endWithdrawn ends an alert whose windows are no longer beyond the limit because truth was corrected.
const endWithdrawn = "withdrawn"

// Alert is a rule that fired: K of the last N windows were beyond the limit.
type Alert struct {
	ID       string      `json:"id"` // product/rule/package/first window
	Product  string      `json:"product"`
	Rule     string      `json:"rule"`
	Metric   string      `json:"metric"`
	Package  string      `json:"package"`
	State    string      `json:"state"`
	Severity string      `json:"severity"` // page, ticket, info
	First    time.Time   `json:"first"`    // start of the first window beyond the limit
	Windows  []time.Time `json:"windows"`  // starts of all windows beyond the limit so far
	FiredAt  time.Time   `json:"fired_at"`
	EndedAt  time.Time   `json:"ended_at,omitzero"`
	End      string      `json:"end,omitempty"` // inside, superseded, closed, withdrawn
	Value    *Number     `json:"value"`         // of the newest window beyond the limit
	Limit    Limit       `json:"limit"`
	K        int         `json:"k"`
	Of       int         `json:"of"`
	Rows     int64       `json:"rows"`
	Coverage float64     `json:"coverage"`
	Unit     string      `json:"unit,omitempty"`
	Lost     *Number     `json:"lost,omitempty"` // money, against what is usual, over Windows
	Owner    string      `json:"owner"`
	Backup   string      `json:"backup,omitempty"`
	Runbook  string      `json:"runbook,omitempty"`
	Message  Message     `json:"message"`
	Changes  []Change    `json:"changes"`
	Actions  []Action    `json:"actions"`
	Incident string      `json:"incident"`
}

// Action is something that the owner can do now.
type Action struct {
	Name    string `json:"name"`
	Command string `json:"command"`
	Why     string `json:"why"`
}

var actions = []Action{
	{Name: "retrain", Command: "paraplu retrain", Why: "learn the newest truth; the candidate must pass the same gates"},
	{Name: "roll back", Command: "paraplu rollback", Why: "return to the package before this one, if the error began with it"},
}

func alertID(product, rule, pack string, first time.Time) string {
	return fmt.Sprintf("%s/%s/%s/%s", product, rule, short(pack), day(first))
}

// rule is the common part of the two rules of the file.
type rule struct {
	name, metric, activity, runbook, severity string
	k, of                                     int
}

func (s settings) rules() (out []rule) {
	if r := s.product.Monitor.Performance; r != nil {
		out = append(out, rule{RulePerformance, s.metric, r.Activity, r.Runbook, r.Severity, r.K, r.Of})
	}
	if r := s.product.Monitor.Value; r != nil && s.value != nil {
		out = append(out, rule{RuleValue, "loss_vs_baseline", r.Activity, r.Runbook, r.Severity, r.K, r.Of})
	}
	for i := range out {
		out[i].k = max(1, out[i].k)
		out[i].of = max(out[i].of, out[i].k)
	}
	return out
}

// episodes folds the windows of a rule.
func (r rule) episodes(windows []Window, closed map[string][]time.Time) []Episode {
	var steps []step
	for _, w := range windows {
		v, _ := w.Verdict(r.name)
		steps = append(steps, step{start: w.Start, end: w.End, pack: w.Package, judged: v.Judged, beyond: v.Beyond})
	}
	return fold(steps, r.k, r.of, closed)
}

// closures gives for each package when people closed incidents about it.
func closures(incidents []Incident) map[string][]time.Time {
	out := map[string][]time.Time{}
	for _, in := range incidents {
		if in.Verdict != "" {
			out[in.Package] = append(out[in.Package], in.ResolvedAt)
		}
	}
	return out
}

// match finds the stored alert of an episode. A correction may have moved its first window, so overlapping counts too.
func match(r rule, e Episode, stored []Alert) (Alert, bool) {
	var overlap *Alert
	for i, a := range stored {
		if a.Rule != r.name || a.Package != e.Package {
			continue
		}
		if a.First.Equal(e.First) {
			return a, true
		}
		if (a.EndedAt.IsZero() || !e.First.After(a.EndedAt)) && (e.Ended.IsZero() || !a.First.After(e.Ended)) {
			overlap = &stored[i]
		}
	}
	if overlap != nil {
		return *overlap, true
	}
	return Alert{}, false
}

func storedAlerts(tx *db.Tx, product string) (out []Alert, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		var body string
		if err := rows.Scan(&body); err != nil {
			return err
		}
		var a Alert
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			return err
		}
		out = append(out, a)
		return nil
	}, `SELECT body FROM monitor_alert WHERE product = ? ORDER BY fired_ms, id`, product)
	return out, err
}

func keepAlert(tx *db.Tx, a Alert) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO monitor_alert (id, product, rule, state, incident, fired_ms, ended_ms, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, incident = excluded.incident, ended_ms = excluded.ended_ms, body = excluded.body`,
		a.ID, a.Product, a.Rule, a.State, a.Incident, db.Millis(a.FiredAt), db.Millis(a.EndedAt), string(body))
	return err
}
