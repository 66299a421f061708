// Package series is the mathematics of metric series: points in order, their summary, and chunks of them as few bytes.
//
// A Point is what `log_metric` writes. Points are ordered by (timestamp, step, value), which is the order of a history; the
// latest point is the greatest by (step, timestamp, value), which is what MLflow shows as the value of a metric. Two points
// that are equal in all of it are one point.
//
//	data := series.Encode(points)        // sorted; about one to nine bytes a point
//	points, err := series.Decode(data)
//	s := series.Summarize(points)        // first, last, lowest, highest, mean, in one pass
//
// The format of a chunk is in encode.go.
package series

import (
	"cmp"
	"math"
	"slices"
)

// Point is one value of a metric.
type Point struct {
	Timestamp int64   // Unix milliseconds UTC
	Step      int64   // any, also negative
	Value     float64 // finite, or NaN
}

// number is the value for an order: NaN counts as 0, after the number 0.
func (p Point) number() (float64, int) {
	if math.IsNaN(p.Value) {
		return 0, 1
	}
	return p.Value, 0
}

// Compare orders points of a history: by timestamp, step, value.
func Compare(a, b Point) int {
	if c := cmp.Compare(a.Timestamp, b.Timestamp); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Step, b.Step); c != 0 {
		return c
	}
	return compareValues(a, b)
}

// CompareSteps orders points for "latest": by step, timestamp, value.
func CompareSteps(a, b Point) int {
	if c := cmp.Compare(a.Step, b.Step); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Timestamp, b.Timestamp); c != 0 {
		return c
	}
	return compareValues(a, b)
}

func compareValues(a, b Point) int {
	x, nx := a.number()
	y, ny := b.number()
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return nx - ny
}

// Sort puts points in the order of a history and drops repeated ones, in place. Points that are in order already cost one pass.
func Sort(points []Point) []Point {
	if !slices.IsSortedFunc(points, Compare) {
		slices.SortStableFunc(points, Compare)
	}
	return slices.CompactFunc(points, func(a, b Point) bool { return Compare(a, b) == 0 })
}

// Merge joins two sorted lists into one sorted list without repeated points.
func Merge(a, b []Point) []Point {
	if len(a) == 0 || len(b) == 0 || Compare(a[len(a)-1], b[0]) < 0 {
		return append(a[:len(a):len(a)], b...)
	}
	out := make([]Point, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := Compare(a[0], b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			a = a[1:]
		}
	}
	return append(append(out, a...), b...)
}

// Without gives the points of a sorted list that another sorted list does not hold.
func Without(points, held []Point) []Point {
	if len(held) == 0 {
		return points
	}
	out := points[:0:0]
	for _, p := range points {
		at, found := slices.BinarySearchFunc(held, p, Compare)
		if held = held[at:]; !found {
			out = append(out, p)
		}
	}
	return out
}

// After gives the part of a sorted list that comes after a point.
func After(points []Point, p Point) []Point {
	at, found := slices.BinarySearchFunc(points, p, Compare)
	if found {
		at++
	}
	return points[at:]
}

// Box is the smallest rectangle of timestamps and steps that holds points. A point that lies in no box of a set of points
// is not among them.
type Box struct{ FromTime, ToTime, FromStep, ToStep int64 }

// BoxOf gives the box of at least one point.
func BoxOf(points []Point) Box {
	b := Box{points[0].Timestamp, points[0].Timestamp, points[0].Step, points[0].Step}
	for _, p := range points[1:] {
		b = b.Join(Box{p.Timestamp, p.Timestamp, p.Step, p.Step})
	}
	return b
}

// Join gives the box that holds two boxes.
func (b Box) Join(c Box) Box {
	return Box{min(b.FromTime, c.FromTime), max(b.ToTime, c.ToTime), min(b.FromStep, c.FromStep), max(b.ToStep, c.ToStep)}
}

// Meets tells whether two boxes share a place.
func (b Box) Meets(c Box) bool {
	return b.FromTime <= c.ToTime && c.FromTime <= b.ToTime && b.FromStep <= c.ToStep && c.FromStep <= b.ToStep
}

// Extremes keeps the lowest and the highest number of every n points, in order: enough to draw the line that all of them
// draw. NaNs are left out.
func Extremes(points []Point, n int) []Point {
	out := make([]Point, 0, 2*(len(points)/n+1))
	for len(points) > 0 {
		part := points[:min(n, len(points))]
		points = points[len(part):]
		low, high := -1, -1
		for i, p := range part {
			if math.IsNaN(p.Value) {
				continue
			}
			if low < 0 || p.Value < part[low].Value {
				low = i
			}
			if high < 0 || p.Value > part[high].Value {
				high = i
			}
		}
		if low < 0 {
			continue
		}
		out = append(out, part[min(low, high)])
		if low != high {
			out = append(out, part[max(low, high)])
		}
	}
	return out
}

// Sample keeps at most n points, spread evenly over the list: the first of each of n parts that differ in size by at most
// one (the larger ones first), and the last point of all, which takes the place of the last one kept. n ≥ 1.
func Sample(points []Point, n int) []Point {
	if len(points) <= n {
		return points
	}
	out := make([]Point, n)
	size, more := len(points)/n, len(points)%n
	for i := range out {
		out[i] = points[i*size+min(i, more)]
	}
	out[n-1] = points[len(points)-1]
	return out
}
