package stat

import (
	"fmt"
	"math"
	"slices"
)

// Histogram counts values in frozen bins. What lies outside, is missing or is not a number has cells of its own: it is
// often the finding. Histograms with equal edges add up.
type Histogram struct {
	Edges     Edges   `json:"edges"`
	Counts    []int64 `json:"counts"`
	Below     int64   `json:"below"`
	Above     int64   `json:"above"`
	Null      int64   `json:"null"`
	NonFinite int64   `json:"nonfinite"`
}

// NewHistogram gives an empty histogram over the edges.
func NewHistogram(e Edges) *Histogram { return &Histogram{Edges: e, Counts: make([]int64, e.Bins())} }

// Empty gives a histogram with the same edges and nothing counted.
func (h *Histogram) Empty() *Histogram { return NewHistogram(h.Edges) }

// Bins is the number of bins.
func (h *Histogram) Bins() int { return len(h.Counts) }

// Add counts a value.
func (h *Histogram) Add(x float64) {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		h.NonFinite++
	case len(h.Counts) == 0:
		h.Above++
	default:
		switch i := h.Edges.find(x); {
		case i < 0:
			h.Below++
		case i >= len(h.Counts):
			h.Above++
		default:
			h.Counts[i]++
		}
	}
}

// AddNull counts a missing value.
func (h *Histogram) AddNull() { h.Null++ }

// Merge adds the counts of o; other edges are an error.
func (h *Histogram) Merge(o *Histogram) error {
	if !slices.Equal(h.Edges, o.Edges) {
		return fmt.Errorf("histograms with different edges do not add up (%d and %d bins)", h.Bins(), o.Bins())
	}
	for i, n := range o.Counts {
		h.Counts[i] += n
	}
	h.Below += o.Below
	h.Above += o.Above
	h.Null += o.Null
	h.NonFinite += o.NonFinite
	return nil
}

// N is the number of finite values, inside and outside of the bins.
func (h *Histogram) N() int64 {
	n := h.Below + h.Above
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Open gives the counts with both outer bins open: what lies below counts in the first, what lies above in the last.
func (h *Histogram) Open() []int64 {
	out := slices.Clone(h.Counts)
	if len(out) > 0 {
		out[0] += h.Below
		out[len(out)-1] += h.Above
	}
	return out
}

// Smoothed gives the shares of Open with half a row added to each bin (Jeffreys). Without it one empty bin of ten decides a
// PSI of 50 rows.
func (h *Histogram) Smoothed() []float64 { return Smooth(h.Open(), 0.5) }

// Outside is the share of finite values outside of the bins; NaN without values.
func (h *Histogram) Outside() float64 { return float64(h.Below+h.Above) / float64(h.N()) }

// Categories counts texts in a list frozen on the reference; others have one cell of their own.
type Categories struct {
	Names  []string `json:"names"` // the most frequent first
	Counts []int64  `json:"counts"`
	Unseen int64    `json:"unseen"`
	Null   int64    `json:"null"`
}

// FreezeCategories makes the list of the most frequent values, at most limit of them, equally frequent ones by name.
func FreezeCategories(values []string, limit int) *Categories {
	counts := map[string]int64{}
	for _, v := range values {
		counts[v]++
	}
	names := make([]string, 0, len(counts))
	for v := range counts {
		names = append(names, v)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := counts[b] - counts[a]; d != 0 {
			return sign(d)
		}
		if a < b {
			return -1
		}
		return 1
	})
	c := &Categories{Names: names[:min(limit, len(names))]}
	c.Counts = make([]int64, len(c.Names))
	for _, v := range values {
		c.Add(v)
	}
	return c
}

// Add counts a value.
func (c *Categories) Add(v string) {
	if i := slices.Index(c.Names, v); i >= 0 {
		c.Counts[i]++
		return
	}
	c.Unseen++
}

// Cells gives the counts with the unseen as the last cell.
func (c *Categories) Cells() []int64 { return append(slices.Clone(c.Counts), c.Unseen) }

func sign(d int64) int {
	switch {
	case d < 0:
		return -1
	case d > 0:
		return 1
	}
	return 0
}

// Shares divides counts by their sum; NaN when nothing was counted.
func Shares(counts []int64) []float64 { return Smooth(counts, 0) }

// Smooth gives (count + alpha) / (n + alpha·bins).
func Smooth(counts []int64, alpha float64) []float64 {
	total := alpha * float64(len(counts))
	for _, c := range counts {
		total += float64(c)
	}
	out := make([]float64, len(counts))
	for i, c := range counts {
		out[i] = (float64(c) + alpha) / total
	}
	return out
}

// FillZeros is Evidently's rule for empty bins, in place of smoothing: 0 becomes 0.0001, or a millionth of the smallest
// non-zero share if that is not above 0.0001. The sum is not corrected afterwards.
func FillZeros(shares []float64) []float64 {
	least := math.Inf(1)
	for _, s := range shares {
		if s > 0 {
			least = min(least, s)
		}
	}
	fill := 0.0001
	if least <= fill {
		fill = least / 1e6
	}
	out := slices.Clone(shares)
	for i, s := range out {
		if s == 0 {
			out[i] = fill
		}
	}
	return out
}
