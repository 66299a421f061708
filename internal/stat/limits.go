package stat

import (
	"math"
	"slices"
)

// MinWindows is the number of reference windows below which a limit is provisional: with 10 windows about 1.2 % of unchanged
// windows cross mean + 3σ, with 20 about 0.6 %, and the mean itself is barely known.
const MinWindows = 20

// Point is the number of one reference window and the rows behind it.
type Point struct {
	Value float64
	Rows  int64
}

// Limits are mean ± sigmas·σ over the reference windows, σ of the population.
type Limits struct {
	Mean        float64 `json:"mean"`
	Std         float64 `json:"std"`
	Low         float64 `json:"low"`
	High        float64 `json:"high"`
	Sigmas      float64 `json:"sigmas"`
	Windows     int     `json:"windows"`     // used
	Dropped     int     `json:"dropped"`     // left out: too few rows, or no number
	Provisional bool    `json:"provisional"` // fewer than MinWindows: may be shown, must not alert
}

// ReferenceLimits computes limits. A window with less than half of the median rows is a leftover: it would count as much as
// a full one and widen the limit, so it is left out.
func ReferenceLimits(points []Point, sigmas float64) Limits {
	sizes := make([]int64, 0, len(points))
	for _, p := range points {
		if p.Rows > 0 {
			sizes = append(sizes, p.Rows)
		}
	}
	slices.Sort(sizes)
	var half float64
	if n := len(sizes); n > 0 {
		half = float64(sizes[(n-1)/2]+sizes[n/2]) / 4
	}
	var m Moments
	for _, p := range points {
		if p.Rows > 0 && float64(p.Rows) >= half {
			m.Add(p.Value)
		}
	}
	l := Limits{Mean: m.Mean, Std: m.Std(), Sigmas: sigmas, Windows: int(m.N), Dropped: len(points) - int(m.N)}
	if m.N == 0 {
		l.Mean = math.NaN()
	}
	l.Low, l.High = l.Mean-sigmas*l.Std, l.Mean+sigmas*l.Std
	l.Provisional = l.Windows < MinWindows
	return l
}

// LeaveOneOut gives for each window its value minus the mean of the others: a window that is part of its own reference looks
// too close to it by the factor 1−1/K.
func LeaveOneOut(values []float64) []float64 {
	m := Describe(values)
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = (v - m.Mean) * float64(m.N) / float64(m.N-1)
	}
	return out
}
