package series

import "math"

// Summary is what is known of a series without reading its points. It grows by Add and Join; nothing can be taken out.
type Summary struct {
	Count int64   // all points
	NaNs  int64   // points whose value is NaN; the others are numbers
	First Point   // the smallest by (step, timestamp, value)
	Last  Point   // the greatest by (step, timestamp, value): MLflow's value of the metric
	Low   Point   // the number that is smallest, and of equal ones the first; only if Count > NaNs
	High  Point   // the number that is greatest, and of equal ones the first; only if Count > NaNs
	Sum   float64 // of the numbers; may be infinite
}

// Summarize gives the summary of points that are all different.
func Summarize(points []Point) Summary {
	var s Summary
	for _, p := range points {
		s.Add(p)
	}
	return s
}

// Numbers is how many points are not NaN.
func (s Summary) Numbers() int64 { return s.Count - s.NaNs }

// Mean of the numbers; NaN when there is none.
func (s Summary) Mean() float64 {
	if s.Numbers() == 0 {
		return math.NaN()
	}
	return s.Sum / float64(s.Numbers())
}

// Add takes in a point that was not added before.
func (s *Summary) Add(p Point) {
	one := Summary{Count: 1, First: p, Last: p, Low: p, High: p, Sum: p.Value}
	if math.IsNaN(p.Value) {
		one.NaNs, one.Sum, one.Low, one.High = 1, 0, Point{}, Point{}
	}
	s.Join(one)
}

// Join takes in the summary of other points of the series.
func (s *Summary) Join(o Summary) {
	if o.Count == 0 {
		return
	}
	if s.Count == 0 {
		*s = o
		return
	}
	if CompareSteps(o.First, s.First) < 0 {
		s.First = o.First
	}
	if CompareSteps(o.Last, s.Last) > 0 {
		s.Last = o.Last
	}
	switch {
	case o.Numbers() == 0:
	case s.Numbers() == 0:
		s.Low, s.High = o.Low, o.High
	default:
		if o.Low.Value < s.Low.Value || o.Low.Value == s.Low.Value && CompareSteps(o.Low, s.Low) < 0 {
			s.Low = o.Low
		}
		if o.High.Value > s.High.Value || o.High.Value == s.High.Value && CompareSteps(o.High, s.High) < 0 {
			s.High = o.High
		}
	}
	s.Count, s.NaNs, s.Sum = s.Count+o.Count, s.NaNs+o.NaNs, s.Sum+o.Sum
}
