package monitor

import (
	"fmt"
	"time"
)

// The rules.
const (
	RulePerformance = "performance"
	RuleValue       = "value"
)

// Limit is the number that a rule compares with, and where it comes from.
type Limit struct {
	Value     *Number   `json:"value,omitempty"`
	Source    string    `json:"source"` // fixed, reference, inherited, provisional, none
	Package   string    `json:"package,omitempty"`
	Mean      *Number   `json:"mean,omitempty"`
	Std       *Number   `json:"std,omitempty"`
	Windows   int       `json:"windows,omitempty"` // reference windows behind it
	First     time.Time `json:"first,omitzero"`    // of the reference
	Last      time.Time `json:"last,omitzero"`
	MayAlert  bool      `json:"may_alert"`
	LowerIsOK bool      `json:"lower_is_ok"` // false: beyond means below the limit
}

// judge fills the verdicts of a window and the money that was lost against what is usual.
func (s settings) judge(w *Window, n normal) {
	u, inherited, known := n.of(w.Package)
	if known && u.CostPerUnit != nil && w.Cost != nil {
		w.LostVsUsual = number(w.Cost.Float() - u.CostPerUnit.Float()*w.Demand)
	}
	if rule := s.product.Monitor.Performance; rule != nil {
		lowerIsOK := metrics[s.metric].better == "lower"
		l := s.limit(rule.Limit.Auto, rule.Limit.Value, u.Performance, u, inherited, known, lowerIsOK)
		w.Verdicts = append(w.Verdicts, s.verdict(w, RulePerformance, s.metric, w.MetricValue, w.Rows, l))
	}
	if rule := s.product.Monitor.Value; rule != nil && s.value != nil {
		var loss *Number
		if w.Saving != nil {
			loss = number(0 - w.Saving.Float()) // 0 − x: no negative zero
		}
		l := s.limit(rule.Limit.Auto, rule.Limit.Value, u.Loss, u, inherited, known, true)
		w.Verdicts = append(w.Verdicts, s.verdict(w, RuleValue, "loss_vs_baseline", loss, w.BaselineRows, l))
	}
}

func (s settings) limit(auto bool, fixed float64, from spread, u usual, inherited string, known, lowerIsOK bool) Limit {
	if !auto {
		return Limit{Value: number(fixed), Source: "fixed", MayAlert: true, LowerIsOK: lowerIsOK}
	}
	l := Limit{Source: "none", LowerIsOK: lowerIsOK}
	if !known || from.High == nil {
		return l
	}
	l.Value, l.Mean, l.Std, l.Windows, l.Package, l.First, l.Last = from.High, from.Mean, from.Std, from.Windows, u.Package, u.First, u.Last
	if !lowerIsOK {
		l.Value = from.Low
	}
	switch {
	case from.Provisional:
		l.Source = "provisional"
	case inherited != "":
		l.Source, l.MayAlert = "inherited", true
	default:
		l.Source, l.MayAlert = "reference", true
	}
	return l
}

func (s settings) verdict(w *Window, rule, metric string, value *Number, rows int64, l Limit) Verdict {
	v := Verdict{Rule: rule, Metric: metric, Value: value, Limit: l}
	switch {
	case w.State != Final:
		v.Why = "the window is still open"
	case rows < s.minRows:
		v.Why = fmt.Sprintf("%d rows with truth, fewer than the %d that a judgement needs", rows, s.minRows)
	case value == nil:
		v.Why = "no number could be computed"
	case l.Source == "none":
		v.Why = "no reference: the package has no hold-out rows"
	case !l.MayAlert:
		v.Why = fmt.Sprintf("the limit is provisional: %d of %d reference windows", l.Windows, minReferenceWindows)
	default:
		v.Judged = true
		v.Beyond = value.Float() > l.Value.Float() == l.LowerIsOK && value.Float() != l.Value.Float()
		v.Why = fmt.Sprintf("inside the limit of %.4g", l.Value.Float())
		if v.Beyond {
			v.Why = fmt.Sprintf("beyond the limit of %.4g", l.Value.Float())
		}
	}
	return v
}
