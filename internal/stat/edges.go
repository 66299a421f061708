package stat

import (
	"math"
	"slices"
)

// maxBins bounds the bins that a rule may ask for: a single far outlier would otherwise ask for millions.
const maxBins = 100_000

// maxDistinct is the number of different values up to which FrozenEdges gives each value its own bin.
const maxDistinct = 20

// Edges are the borders of bins, strictly ascending; k+1 edges make k bins [lo, hi), the last one closed. Edges are frozen on
// the reference: an answer about today never depends on what else arrives today.
type Edges []float64

// Bins is the number of bins.
func (e Edges) Bins() int { return max(0, len(e)-1) }

// find gives the bin of x, −1 below the first edge, Bins() above the last one. It compares with the edges themselves.
func (e Edges) find(x float64) int {
	i, exact := slices.BinarySearch(e, x)
	if exact {
		return min(i, e.Bins()-1) // the last edge belongs to the last bin
	}
	return i - 1
}

// FrozenEdges is our default: at most 20 different values get a bin each, others k quantile bins.
func FrozenEdges(xs []float64, k int) Edges {
	values := slices.Compact(finiteSorted(xs))
	if len(values) <= maxDistinct {
		return distinctEdges(values)
	}
	return QuantileEdges(xs, k)
}

// distinctEdges puts an edge half-way between neighbours and as far outside the ends.
func distinctEdges(values []float64) Edges {
	switch len(values) {
	case 0:
		return nil
	case 1:
		return Edges{values[0] - 0.5, values[0] + 0.5}
	}
	n := len(values)
	e := Edges{values[0] - (values[1]-values[0])/2}
	for i := range n - 1 {
		e = append(e, values[i]+(values[i+1]-values[i])/2)
	}
	return ascending(append(e, values[n-1]+(values[n-1]-values[n-2])/2))
}

// QuantileEdges gives up to k bins that hold about equally many values. Equal quantiles (ties) are merged, so there may be
// fewer bins. Quantiles interpolate linearly, as numpy.quantile does. A constant gets one bin of width 1.
func QuantileEdges(xs []float64, k int) Edges {
	sorted := finiteSorted(xs)
	if len(sorted) == 0 || k < 1 {
		return nil
	}
	e := make(Edges, 0, k+1)
	for i := range k + 1 {
		e = append(e, quantileSorted(sorted, float64(i)/float64(k)))
	}
	e = ascending(e)
	if len(e) == 1 {
		return Edges{e[0] - 0.5, e[0] + 0.5}
	}
	return e
}

// SturgesEdges are the equal-width bins of numpy.histogram_bin_edges(bins="sturges") for n values in [lo, hi].
func SturgesEdges(n int64, lo, hi float64) Edges {
	if n < 1 {
		return nil
	}
	return equalWidth(lo, hi, (hi-lo)/(math.Log2(float64(n))+1))
}

// DoaneEdges are the equal-width bins of numpy.histogram_bin_edges(bins="doane"); they allow for skewness.
func DoaneEdges(m Moments) Edges {
	if m.N < 1 {
		return nil
	}
	if m.N <= 2 || !(m.Std() > 0) {
		return equalWidth(m.Min, m.Max, 0)
	}
	n := float64(m.N)
	sg := math.Sqrt(6 * (n - 2) / ((n + 1) * (n + 3)))
	return equalWidth(m.Min, m.Max, (m.Max-m.Min)/(1+math.Log2(n)+math.Log2(1+math.Abs(m.Skewness())/sg)))
}

// equalWidth follows NumPy step by step: k = ceil((max−min)/w), edges min + i·((max−min)/k), the last one exactly max.
func equalWidth(lo, hi, width float64) Edges {
	k := 1
	if width > 0 {
		k = int(math.Min(math.Ceil((hi-lo)/width), maxBins))
	}
	if lo == hi {
		lo, hi, k = lo-0.5, hi+0.5, 1
	}
	step := (hi - lo) / float64(k)
	e := make(Edges, k+1)
	for i := range e {
		e[i] = lo + float64(i)*step
	}
	e[k] = hi
	return ascending(e)
}

// ascending drops edges that do not rise.
func ascending(e Edges) Edges { return slices.Compact(e) }

// Quantile gives the q-quantile of xs by linear interpolation (numpy.quantile); NaN without finite values.
func Quantile(xs []float64, q float64) float64 {
	return quantileSorted(finiteSorted(xs), q)
}

func quantileSorted(sorted []float64, q float64) float64 {
	n := len(sorted)
	if n == 0 || math.IsNaN(q) {
		return math.NaN()
	}
	at := min(max(q, 0), 1) * float64(n-1)
	i := int(at)
	if i >= n-1 {
		return sorted[n-1]
	}
	a, b, t := sorted[i], sorted[i+1], at-float64(i)
	if t >= 0.5 { // from the nearer end, as NumPy does
		return b - (b-a)*(1-t)
	}
	return a + (b-a)*t
}

func finiteSorted(xs []float64) []float64 {
	out := make([]float64, 0, len(xs))
	for _, x := range xs {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			out = append(out, x)
		}
	}
	slices.Sort(out)
	return out
}
