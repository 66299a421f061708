package monitor

import (
	"math"
	"strconv"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// The states of a window.
const (
	Open  = "open"  // truth is still expected
	Final = "final" // all truth is there, or the longest delay has passed; a later correction makes a revision
)

// Window is what is known about a product over a stretch of the calendar.
type Window struct {
	Product  string    `json:"product"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"` // not included
	State    string    `json:"state"`
	Revision int       `json:"revision"` // 1, then one more for each change after it was final
	AsOf     time.Time `json:"as_of"`    // cut-off of the evaluation

	Predictions int64   `json:"predictions"`            // events with an answer
	Repeats     int64   `json:"repeats"`                // answers to an event that was answered again later
	Rows        int64   `json:"rows"`                   // events with an answer and truth
	Coverage    float64 `json:"coverage"`               // Rows / Predictions
	Orphans     int64   `json:"orphans"`                // truths without an answer
	Corrections int64   `json:"corrections"`            // versions of truth beyond the first
	DelayMedian float64 `json:"delay_median_hours"`     // from the event until its truth was known first
	DelayMax    float64 `json:"delay_max_hours"`        //
	Demand      float64 `json:"demand"`                 // Σ|truth|
	Metric      string  `json:"metric,omitempty"`       // of the performance rule
	MetricValue *Number `json:"metric_value,omitempty"` //
	WAPE        *Number `json:"wape,omitempty"`
	MAE         *Number `json:"mae,omitempty"`
	RMSE        *Number `json:"rmse,omitempty"`
	Bias        *Number `json:"bias,omitempty"` // mean of prediction − truth

	Unit         string     `json:"unit,omitempty"`
	Cost         *Number    `json:"cost,omitempty"`          // of the rows with truth
	BaselineRows int64      `json:"baseline_rows"`           // rows with an answer of the naive rule too
	BaselineCost *Number    `json:"baseline_cost,omitempty"` // of the naive rule on those rows
	Saving       *Number    `json:"saving,omitempty"`        // BaselineCost − cost of the model on the same rows
	LostVsUsual  *Number    `json:"lost_vs_reference,omitempty"`
	ValueModel   ref.Digest `json:"value_model,omitempty"`

	Package  string    `json:"package"` // answered most of the events
	Packages []Share   `json:"packages"`
	Verdicts []Verdict `json:"verdicts,omitempty"`
}

// Share is the part of a window that a package answered.
type Share struct {
	Package     string    `json:"package"`
	Predictions int64     `json:"predictions"`
	Last        time.Time `json:"last"` // its last event
}

// Number is a float64 that is rounded to 12 digits, so that the order in which rows were added cannot be seen.
type Number float64

func number(x float64) *Number {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	r, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'e', 11, 64), 64) // the text of a finite number is a number
	n := Number(r)
	return &n
}

// Float gives the value, NaN when there is none.
func (n *Number) Float() float64 {
	if n == nil {
		return math.NaN()
	}
	return float64(*n)
}

// Verdict is what a rule says about a window.
type Verdict struct {
	Rule   string  `json:"rule"` // performance, value
	Metric string  `json:"metric"`
	Value  *Number `json:"value,omitempty"`
	Limit  Limit   `json:"limit"`
	Judged bool    `json:"judged"` // final, enough rows, a limit that may alert
	Beyond bool    `json:"beyond"` // judged and beyond the limit
	Why    string  `json:"why"`    // one sentence
}

// Verdict finds the verdict of a rule.
func (w Window) Verdict(rule string) (Verdict, bool) {
	for _, v := range w.Verdicts {
		if v.Rule == rule {
			return v, true
		}
	}
	return Verdict{}, false
}

// Name is the window's name in facts: "umbrella/2015-03-02".
func (w Window) Name() string { return w.Product + "/" + day(w.Start) }

// calendar cuts time into windows of whole days; weeks begin on Monday (ISO 8601).
type calendar struct{ length time.Duration }

var firstMonday = time.Date(1970, 1, 5, 0, 0, 0, 0, time.UTC)

const wholeDay = 24 * time.Hour

func calendarOf(p *spec.Product) (calendar, error) {
	length := p.Monitor.Window.Std()
	if length == 0 {
		length = 7 * wholeDay
	}
	if length < wholeDay || length%wholeDay != 0 {
		at := p.Place("monitor.window")
		return calendar{}, fault.New(fault.Unsupported, "a window of %s is not a number of whole days", p.Monitor.Window).
			At(p.File, at.Line, at.Col).WithHint("use 1d, 7d or 28d")
	}
	return calendar{length}, nil
}

// start gives the start of the window that t lies in.
func (c calendar) start(t time.Time) time.Time {
	n := t.Sub(firstMonday) / c.length
	if s := firstMonday.Add(n * c.length); !s.After(t) {
		return s.UTC()
	}
	return firstMonday.Add((n - 1) * c.length).UTC()
}

func (c calendar) end(start time.Time) time.Time { return start.Add(c.length) }

// maxDelay is how long after its end a window waits for truth: three times the usual delay, at least one window.
func (c calendar) maxDelay(p *spec.Product) time.Duration {
	return max(3*p.Canvas.Outcome.KnownAfter.Std(), c.length)
}

// stateOf is pure: a window is final when it is over and complete, or when the longest delay has passed too.
func stateOf(w Window, maxDelay time.Duration, asOf time.Time) string {
	switch {
	case asOf.Before(w.End):
		return Open
	case w.Rows == w.Predictions && w.Predictions > 0, !asOf.Before(w.End.Add(maxDelay)):
		return Final
	}
	return Open
}
