package rollout

import (
	"context"
	"fmt"
	"time"
)

// Verify proves over all history of all products that every instant has at most one champion, that the line of champions
// has no gap, and that the rows make sense. An empty answer is the proof.
func (r *Room) Verify(ctx context.Context) ([]string, error) {
	all, err := r.list(ctx, `role = 'champion' ORDER BY product, environment, from_ms, id`)
	if err != nil {
		return nil, err
	}
	return Check(all), nil
}

// Check looks at champions in order of product, environment and From, and says what is wrong.
func Check(ds []Deployment) []string {
	var out []string
	say := func(d Deployment, format string, args ...any) {
		out = append(out, fmt.Sprintf("%s in %s of %s: ", d.ID, d.Environment, d.Product)+fmt.Sprintf(format, args...))
	}
	for i, d := range ds {
		if !d.Open() && !d.To.After(d.From) {
			say(d, "ends at %s, not after it begins", stamp(d.To))
		}
		if d.Share <= 0 || d.Share > 1 {
			say(d, "has the share %g of the traffic", d.Share)
		}
		if i == 0 || ds[i-1].Product != d.Product || ds[i-1].Environment != d.Environment {
			continue
		}
		switch before := ds[i-1]; {
		case before.Open() || d.From.Before(before.To):
			say(d, "begins at %s while %s still runs", stamp(d.From), before.ID)
		case d.From.After(before.To):
			say(d, "leaves a gap of %s after %s", d.From.Sub(before.To), before.ID)
		case d.Previous != before.ID:
			say(d, "names %q as the one before, not %s", d.Previous, before.ID)
		}
	}
	return out
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
