package quality

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Status is an outcome. Of a check: ok, fail, error (it could not be run), skipped (it has nothing to look at, and says
// why). Of a report: pass, warn, fail, error.
type Status string

// The outcomes.
const (
	OK      Status = "ok"
	Fail    Status = "fail"
	Broken  Status = "error"
	Skipped Status = "skipped"
	Pass    Status = "pass"
	Warn    Status = "warn"
)

// Report is the outcome of all rules on one delivery. The same delivery, contract and engine give the same ID.
type Report struct {
	ID             string             `json:"id"`
	Kind           string             `json:"kind"` // contract, leakage
	Product        string             `json:"product"`
	Dataset        string             `json:"dataset"`
	Path           string             `json:"path"`
	DataDigest     ref.Digest         `json:"data_digest"`
	ContractDigest ref.Digest         `json:"contract_digest"`
	Contract       string             `json:"contract"`        // id and version
	Draft          bool               `json:"draft,omitempty"` // the contract is a draft or proposed: it refuses nothing
	Engine         string             `json:"engine"`
	Status         Status             `json:"status"`
	Rows           int64              `json:"rows"`
	Columns        []string           `json:"columns"`
	Quarantined    int64              `json:"quarantined,omitempty"` // rows that are set aside
	Checks         []Check            `json:"checks"`
	Measures       map[string]float64 `json:"measures,omitempty"` // of the delivery, for comparison with the next: rows, median(column)
	Owner          string             `json:"owner"`
	Actor          string             `json:"actor"`
	CreatedAt      time.Time          `json:"created_at"`
}

// Check is one rule and what came of it.
type Check struct {
	ID          string   `json:"id"`
	Column      string   `json:"column,omitempty"`
	Rule        string   `json:"rule"`
	Description string   `json:"description,omitempty"`
	Dimension   string   `json:"dimension,omitempty"`
	Severity    Severity `json:"severity"`
	Status      Status   `json:"status"`
	Expected    string   `json:"expected,omitempty"`
	Observed    string   `json:"observed,omitempty"`
	Bad         int64    `json:"bad"`   // rows
	Total       int64    `json:"total"` // rows that count
	Samples     []Sample `json:"samples,omitempty"`
	Owner       string   `json:"owner,omitempty"`
	Message     string   `json:"message,omitempty"` // one sentence
	Hint        string   `json:"hint,omitempty"`
	Line        int      `json:"line,omitempty"`       // of the rule in the contract
	Quarantine  bool     `json:"quarantine,omitempty"` // the bad rows are set aside, the others are accepted
}

// Sample is one bad row.
type Sample struct {
	Row    int64  `json:"row"`            // from 1, without the header
	Line   int64  `json:"line,omitempty"` // of the file, 0 = it has no lines
	Key    string `json:"key,omitempty"`  // primary key: "date=2012-01-05"
	Column string `json:"column,omitempty"`
	Value  string `json:"value"` // "(redacted)" where the contract classifies the column
}

const redacted = "(redacted)"

// place names the row for people.
func (s Sample) place() string {
	where := "row " + count(s.Row)
	if s.Line > 0 {
		where = "line " + count(s.Line)
	}
	if s.Key != "" {
		where += " (" + s.Key + ")"
	}
	return where
}

// Blocked tells whether the delivery must not be used: a rule failed, or one could not be run.
func (r *Report) Blocked() bool { return r.Status == Fail || r.Status == Broken }

// Problems gives the checks that are not ok, the worst first, in the order of the contract.
func (r *Report) Problems() []Check {
	var out []Check
	for rank := range 4 {
		for _, c := range r.Checks {
			if c.rank() == rank {
				out = append(out, c)
			}
		}
	}
	return out
}

// rank orders problems: 0 refuses the delivery, 4 is no problem.
func (c *Check) rank() int {
	switch {
	case c.Status == Fail && c.Severity == Error:
		return 0
	case c.Status == Broken:
		return 1
	case c.Status == Fail && c.Severity == Warning:
		return 2
	case c.Status == Fail, c.Status == Skipped && c.Severity != Info:
		return 3
	}
	return 4
}

// settle computes the status of the report: certain failures first, then checks that could not be run, then warnings. A
// rule that was skipped makes a warning, so that nothing passes unseen. A draft has warnings only.
func (r *Report) settle() {
	r.Status = Pass
	best := 4
	for i := range r.Checks {
		best = min(best, r.Checks[i].rank())
	}
	switch best {
	case 0:
		r.Status = Fail
	case 1:
		r.Status = Broken
	case 2:
		r.Status = Warn
	case 3:
		for _, c := range r.Checks {
			if c.Status == Skipped && c.Severity != Info {
				r.Status = Warn
			}
		}
	}
	if r.Draft && r.Blocked() {
		r.Status = Warn
	}
}

// tally gives how many checks have each status, with warnings apart.
func (r *Report) tally() (ok, failed, warned, broken, skipped int) {
	for _, c := range r.Checks {
		switch {
		case c.Status == OK:
			ok++
		case c.Status == Skipped:
			skipped++
		case c.Status == Broken:
			broken++
		case c.Severity == Error:
			failed++
		default:
			warned++
		}
	}
	return ok, failed, warned, broken, skipped
}

// Err is nil unless the report blocks; then it names column, rows and owner of the worst problem.
func (r *Report) Err() error {
	if !r.Blocked() {
		return nil
	}
	problems := r.Problems()
	worst := problems[0]
	var b strings.Builder
	switch r.Kind {
	case kindLeakage:
		fmt.Fprintf(&b, "%s: %s", filepath.Base(r.Path), worst.Message)
	default:
		fmt.Fprintf(&b, "%s does not keep the contract %s: %s", filepath.Base(r.Path), r.Contract, worst.Message)
	}
	serious := 0
	for _, p := range problems {
		if p.rank() <= 1 {
			serious++
		}
	}
	if serious > 1 {
		fmt.Fprintf(&b, "; and %s", plural(int64(serious-1), "more problem"))
	}
	if r.Owner != "" {
		fmt.Fprintf(&b, "; owner: %s", r.Owner)
	}
	kind := fault.Precondition
	f := fault.New(kind, "%s", b.String())
	if worst.Hint != "" {
		return f.WithHint("%s", worst.Hint)
	}
	return f.WithHint("correct the delivery, or change the contract together with %s", first(r.Owner, "its owner"))
}
