package stat

import (
	"math"
	"slices"
)

// ChiSquareOneSample holds the current counts against the reference's shares scaled to the current total (Evidently):
// df = cells − 1. A cell that the reference lacks and the current side has gives an infinite statistic and p = 0; a cell that
// both lack is left out.
func ChiSquareOneSample(r, c []int64) (stat, df, p float64) {
	var nr, nc float64
	for i := range r {
		nr, nc = nr+float64(r[i]), nc+float64(c[i])
	}
	cells := 0
	for i := range r {
		if r[i] == 0 && c[i] == 0 {
			continue
		}
		cells++
		want := float64(r[i]) * nc / nr
		d := float64(c[i]) - want
		stat += d * d / want
	}
	return stat, float64(cells - 1), tail(stat, cells-1)
}

// ChiSquareContingency tests a 2×K table of counts, with Yates' correction at 2×2 (scipy.stats.chi2_contingency, NannyML).
// Cells that both sides lack are left out.
func ChiSquareContingency(r, c []int64) (stat, df, p float64) {
	var nr, nc float64
	cells := 0
	for i := range r {
		nr, nc = nr+float64(r[i]), nc+float64(c[i])
		if r[i]+c[i] > 0 {
			cells++
		}
	}
	for i := range r {
		column := float64(r[i] + c[i])
		if column == 0 {
			continue
		}
		for _, side := range [2][2]float64{{float64(r[i]), nr}, {float64(c[i]), nc}} {
			want := side[1] * column / (nr + nc)
			d := math.Abs(side[0] - want)
			if cells == 2 {
				d -= min(0.5, d)
			}
			stat += d * d / want
		}
	}
	return stat, float64(cells - 1), tail(stat, cells-1)
}

func tail(stat float64, df int) float64 {
	if df < 1 {
		return 1 // one cell: nothing can differ
	}
	return ChiSquareSF(stat, float64(df))
}

// ZTest is the two-sided test of two proportions with the pooled variance: hits r of nr and c of nc. Both constant and equal
// gives p = 1.
func ZTest(r, nr, c, nc int64) (z, p float64) {
	if nr < 1 || nc < 1 {
		return math.NaN(), math.NaN()
	}
	a, b := float64(r)/float64(nr), float64(c)/float64(nc)
	pool := float64(r+c) / float64(nr+nc)
	se := math.Sqrt(pool * (1 - pool) * inverse(nr, nc))
	if se == 0 {
		return 0, 1
	}
	z = (a - b) / se
	return z, 2 * NormalSF(math.Abs(z))
}

// BenjaminiHochberg controls the share of false alarms among many tests (1995): it gives for each p-value whether it is
// rejected at rate q, and its adjusted value (scipy.stats.false_discovery_control). NaN is never rejected and not counted.
func BenjaminiHochberg(p []float64, q float64) (rejected []bool, adjusted []float64) {
	order := make([]int, 0, len(p))
	for i := range p {
		if !math.IsNaN(p[i]) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	rejected, adjusted = make([]bool, len(p)), make([]float64, len(p))
	for i := range adjusted {
		adjusted[i] = math.NaN()
	}
	least, m := 1.0, float64(len(order))
	for k := len(order) - 1; k >= 0; k-- {
		i := order[k]
		least = min(least, p[i]*m/float64(k+1))
		adjusted[i], rejected[i] = least, least <= q
	}
	return rejected, adjusted
}
