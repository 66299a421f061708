package monitor

import (
	"slices"
	"time"
)

// Episode is a stretch of windows during which a rule is beyond its limit for one package: it fires once and ends once.
type Episode struct {
	Package string
	First   time.Time   // start of the first window beyond the limit
	Fired   time.Time   // start of the window that made it K
	Beyond  []time.Time // starts of all windows beyond the limit so far
	Ended   time.Time   // start of the window that ended it; zero = it still fires
	End     string      // "", inside, superseded, closed
	fired   time.Time   // end of the window that made it K
}

// How an episode ends.
const (
	EndInside     = "inside"     // K windows answered by another package were inside the limit
	EndSuperseded = "superseded" // another package fires now
	EndClosed     = "closed"     // a person closed the incident
)

// step is what a rule needs to know about a window.
type step struct {
	start, end time.Time
	pack       string
	judged     bool
	beyond     bool
}

// fold walks the windows of a rule in order of time and gives its episodes: K of the last Of judged windows of a package beyond
// the limit start one. It is pure: the same windows give the same episodes, whether they were evaluated one by one or all at
// once. closed gives the moments at which a person closed an incident about a package: windows that had ended by then do not
// count any more.
func fold(steps []step, k, of int, closed map[string][]time.Time) []Episode {
	var out []Episode
	var tail []step // the last judged windows of one package since the last end
	var firing *Episode
	inside := 0 // windows of another package inside the limit, in a row
	for _, s := range steps {
		if firing != nil && between(closed[firing.Package], firing.fired, s.end) {
			firing.Ended, firing.End = s.start, EndClosed
			firing, tail = nil, nil
		}
		if !s.judged {
			continue
		}
		tail = slices.DeleteFunc(tail, func(t step) bool { return t.pack != s.pack || between(closed[s.pack], t.end, s.end) })
		tail = append(tail, s)
		tail = tail[max(0, len(tail)-of):]
		if firing != nil && s.pack == firing.Package {
			inside = 0
			if s.beyond {
				firing.Beyond = append(firing.Beyond, s.start)
			}
			continue
		}
		beyond := starts(tail)
		switch {
		case s.beyond && len(beyond) >= k:
			if firing != nil {
				firing.Ended, firing.End = s.start, EndSuperseded
			}
			out = append(out, Episode{Package: s.pack, First: beyond[0], Fired: s.start, Beyond: beyond, fired: s.end})
			firing, inside = &out[len(out)-1], 0
		case s.beyond:
			inside = 0
		case firing != nil:
			if inside++; inside >= k {
				firing.Ended, firing.End = s.start, EndInside
				firing, tail, inside = nil, nil, 0
			}
		}
	}
	return out
}

// between tells whether a moment lies in [from, to).
func between(moments []time.Time, from, to time.Time) bool {
	return slices.ContainsFunc(moments, func(m time.Time) bool { return !m.Before(from) && m.Before(to) })
}

func starts(tail []step) (out []time.Time) {
	for _, s := range tail {
		if s.beyond {
			out = append(out, s.start)
		}
	}
	return out
}
