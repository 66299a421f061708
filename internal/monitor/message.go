package monitor

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
)

// Message says the same thing three ways, so that each reader finds a sentence in their own words.
type Message struct {
	Title      string `json:"title"`
	Statistics string `json:"statistics"`
	Operations string `json:"operations"`
	Money      string `json:"money"`
}

// message writes the words of an alert from its windows beyond the limit, the newest last.
func message(s settings, r rule, a Alert, beyond []Window) Message {
	w := beyond[len(beyond)-1]
	m := Message{}
	number, limit := a.Value.Float(), a.Limit.Value.Float()
	span := fmt.Sprintf("%d of the last %d windows", len(beyond), max(r.of, len(beyond)))
	if r.name == RuleValue {
		m.Title = fmt.Sprintf("%s costs more than the rule it replaced: %s in the window from %s", a.Product, money(number, a.Unit), day(w.Start))
		m.Statistics = fmt.Sprintf("Cost minus cost of the naive rule is %s over %d rows, the limit is %s%s; beyond it in %s.",
			money(number, a.Unit), w.BaselineRows, money(limit, a.Unit), origin(a.Limit), span)
	} else {
		name := strings.ToUpper(r.metric)
		m.Title = fmt.Sprintf("%s: the predictions are too far off: %s %.3f, limit %.3f", a.Product, name, number, limit)
		m.Statistics = fmt.Sprintf("%s is %.3f in the window from %s, the limit is %.3f%s; beyond it in %s.",
			name, number, day(w.Start), limit, origin(a.Limit), span)
	}
	m.Operations = fmt.Sprintf("%d of %d predictions have truth (%.0f %%), known after %.0f hours; package %s answered. %s",
		w.Rows, w.Predictions, 100*w.Coverage, w.DelayMedian, short(a.Package), direction(w))
	m.Money = moneySentence(a, beyond)
	return m
}

func origin(l Limit) string {
	switch {
	case l.Source == "fixed":
		return " (set in the product's file)"
	case l.Mean == nil:
		return ""
	}
	text := fmt.Sprintf(" (mean %.3f + 3 standard deviations of %d reference windows", l.Mean.Float(), l.Windows)
	if l.Source == "inherited" {
		text += ", inherited from package " + short(l.Package)
	}
	return text + ")"
}

func direction(w Window) string {
	b := w.Bias.Float()
	switch {
	case math.IsNaN(b) || b == 0:
		return "The predictions are neither too high nor too low on average."
	case b < 0:
		return fmt.Sprintf("On average they are %.1f too low.", -b)
	}
	return fmt.Sprintf("On average they are %.1f too high.", b)
}

func moneySentence(a Alert, beyond []Window) string {
	if a.Unit == "" {
		return "The canvas names no value, so nobody knows what this costs."
	}
	var cost, naive, saving float64
	compared := false
	for _, w := range beyond {
		cost += orZero(w.Cost)
		naive += orZero(w.BaselineCost)
		saving += orZero(w.Saving)
		compared = compared || w.BaselineCost != nil
	}
	text := fmt.Sprintf("The decisions of these %d windows cost %s", len(beyond), money(cost, a.Unit))
	if a.Lost != nil {
		text += fmt.Sprintf("; as good as on its hold-out the package would have cost %s: %s lost", money(cost-a.Lost.Float(), a.Unit), money(a.Lost.Float(), a.Unit))
	}
	if compared {
		verb := "less"
		if saving < 0 {
			verb = "more"
		}
		text += fmt.Sprintf(". The naive rule would have cost %s, so the model cost %s %s", money(naive, a.Unit), money(math.Abs(saving), a.Unit), verb)
	}
	return text + "."
}

// money writes an amount with its unit, thousands apart.
func money(x float64, unit string) string {
	digits := fmt.Sprintf("%.0f", math.Abs(x))
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	if math.Round(x) < 0 {
		digits = "-" + digits
	}
	return digits + " " + unit
}

// Change is something that happened before an alert and may explain it.
type Change struct {
	Time   time.Time `json:"time"`
	Verb   string    `json:"verb"`
	Object string    `json:"object"`
	Actor  string    `json:"actor"`
	Reason string    `json:"reason,omitempty"`
}

// suspects are the facts that may explain a change of performance, the likeliest first.
var suspects = []string{
	event.DeploymentPlaced, event.DeploymentRolledBack, event.RetrainDecided, event.AliasSet,
	event.DeliveryRefused, event.DatasetPublished, event.ProductSynced, event.PackageBuilt,
}

const (
	lookBack   = 14 * wholeDay // before the first window beyond the limit
	maxChanges = 8
)

// changes lists what happened from a fortnight before the first bad window on, the likeliest cause first, of equals the newest.
func changes(tx *db.Tx, product string, first, until time.Time) ([]Change, error) {
	facts, err := event.List(tx, event.Filter{Product: product, Verbs: suspects})
	if err != nil {
		return nil, err
	}
	out := []Change{}
	for _, f := range facts {
		if !f.Time.Before(first.Add(-lookBack)) && !f.Time.After(until) {
			out = append(out, Change{Time: f.Time, Verb: f.Verb, Object: f.Object, Actor: f.Actor, Reason: f.Reason})
		}
	}
	slices.SortStableFunc(out, func(a, b Change) int {
		if d := slices.Index(suspects, a.Verb) - slices.Index(suspects, b.Verb); d != 0 {
			return d
		}
		return b.Time.Compare(a.Time)
	})
	return out[:min(len(out), maxChanges)], nil
}
