package monitor

import (
	"context"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

// touched tells which windows must be computed.
type touched struct {
	from  time.Time // nothing before it; zero = from the start
	clean map[time.Time]bool
}

func (t touched) touches(start time.Time) bool { return !start.Before(t.from) && !t.clean[start] }

// touchedBy is pure: a stored window is clean when it is final and nothing that it was computed from has changed.
func touchedBy(s settings, n normal, have []stored, known map[string]mark, asOf time.Time) touched {
	t := touched{clean: map[time.Time]bool{}}
	if len(have) == 0 {
		return t
	}
	t.from = have[len(have)-1].End
	for i := len(have) - 1; i >= 0; i-- {
		w := have[i]
		if w.End.Sub(w.Start) != s.calendar.length {
			return touched{clean: map[time.Time]bool{}} // another calendar: everything again
		}
		if w.AsOf.After(asOf) || (w.State == Final && w.settings == s.digest && w.limits == n.key(w.Package) && w.mark == s.markOf(w.Start, known)) {
			t.clean[w.Start] = true
			continue
		}
		t.from = w.Start
	}
	return t
}

// markOf sums what is known about the days of a window and of the week before it, which the naive rule answers from.
func (s settings) markOf(start time.Time, known map[string]mark) (sum mark) {
	for d := start.Add(-7 * wholeDay); d.Before(s.calendar.end(start)); d = d.Add(wholeDay) {
		m := known[day(d)]
		sum.truths += m.truths
		sum.seq = max(sum.seq, m.seq)
	}
	return sum
}

// key names the limits that a window of a package is judged by.
func (n normal) key(pack string) string {
	u, _, ok := n.of(pack)
	if !ok {
		return ""
	}
	f, _ := n.histograms(u.Package)
	return f.digest
}

// owner is who is called.
type owner struct{ name, backup string }

// owners asks for each rule who answers for it. Nobody is an answer: an alert must not be lost because a table has a gap.
func (r *Room) owners(ctx context.Context, s settings) (map[string]owner, error) {
	out := map[string]owner{}
	for _, rule := range s.rules() {
		name, backup, err := r.accountable(ctx, s.product.Name, rule.activity)
		switch fault.KindOf(err) {
		case fault.NotFound, fault.Precondition:
			name, backup = "", ""
		default:
			if err != nil {
				return nil, fault.Wrap(err, "asking who answers for %q", rule.activity)
			}
		}
		out[rule.name] = owner{name, backup}
	}
	return out, nil
}
