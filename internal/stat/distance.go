package stat

import (
	"fmt"
	"math"
	"slices"
)

// Ids of the methods whose numbers are stored or shown.
const (
	MethodPSI         = "paraplu.psi/frozen-quantile10/open,smooth=0.5"
	MethodJS          = "paraplu.js/frozen-quantile10/base=e,open,smooth=0.5"
	MethodKS          = "paraplu.ks/frozen-quantile10/D,open"
	MethodChi2        = "paraplu.chi2/frozen-quantile10/one-minus-p,open"
	MethodW1          = "paraplu.w1/frozen-quantile10/norm=std_pop,open"
	MethodEvidPSI     = "evidently.psi/sturges-joint/zero=1e-4"
	MethodEvidJS      = "evidently.js/sturges-joint/base=e"
	MethodNannyJS     = "nannyml.js/doane-ref/base=2"
	MethodKSExact     = "evidently.ks/p,exact<=10000"
	MethodWasserstein = "evidently.w1/norm=std_pop,floor=1e-3"
)

func sameLength(r, c []float64) {
	if len(r) != len(c) {
		panic(fmt.Sprintf("stat: %d and %d cells cannot be compared", len(r), len(c)))
	}
}

// PSI is the population stability index Σ (r−c)·ln(r/c). Empty cells make it infinite: smooth or fill them first.
func PSI(r, c []float64) float64 {
	sameLength(r, c)
	var sum float64
	for i := range r {
		if r[i] != c[i] { // two empty cells agree
			sum += (r[i] - c[i]) * math.Log(r[i]/c[i])
		}
	}
	return sum
}

// KL is the Kullback–Leibler divergence Σ r·ln(r/c) in nats, both sides normalised (scipy.stats.entropy).
func KL(r, c []float64) float64 {
	sameLength(r, c)
	r, c = normalised(r), normalised(c)
	var sum float64
	for i := range r {
		if r[i] > 0 {
			sum += r[i] * math.Log(r[i]/c[i])
		}
	}
	return sum
}

// JSDivergence is ½·KL(r‖m) + ½·KL(c‖m) in nats, m the middle; between 0 and ln 2.
func JSDivergence(r, c []float64) float64 {
	sameLength(r, c)
	r, c = normalised(r), normalised(c)
	var sum float64
	for i := range r {
		m := (r[i] + c[i]) / 2
		if r[i] > 0 {
			sum += r[i] * math.Log(r[i]/m) / 2
		}
		if c[i] > 0 {
			sum += c[i] * math.Log(c[i]/m) / 2
		}
	}
	if sum < 0 {
		return 0 // rounding of equal shares
	}
	return sum
}

// JSDistance is the root of the divergence with natural logarithms (Evidently, SciPy's default); at most 0.8326.
func JSDistance(r, c []float64) float64 { return math.Sqrt(JSDivergence(r, c)) }

// JSDistance2 is the same with base 2 (NannyML); at most 1.
func JSDistance2(r, c []float64) float64 { return math.Sqrt(JSDivergence(r, c) / math.Ln2) }

// Hellinger is √(Σ(√r−√c)²)/√2; between 0 and 1.
func Hellinger(r, c []float64) float64 {
	sameLength(r, c)
	var sum float64
	for i := range r {
		d := math.Sqrt(r[i]) - math.Sqrt(c[i])
		sum += d * d
	}
	return math.Sqrt(sum / 2)
}

// LInf is the largest difference of a cell.
func LInf(r, c []float64) float64 {
	sameLength(r, c)
	var most float64
	for i := range r {
		most = max(most, math.Abs(r[i]-c[i]))
	}
	return most
}

// TotalVariation is half of the sum of the differences.
func TotalVariation(r, c []float64) float64 {
	sameLength(r, c)
	var sum float64
	for i := range r {
		sum += math.Abs(r[i] - c[i])
	}
	return sum / 2
}

// BinnedKS is the largest difference of the running sums of shares: KS D as far as the bins can see it.
func BinnedKS(r, c []float64) float64 {
	sameLength(r, c)
	var fr, fc, most float64
	for i := range r {
		fr, fc = fr+r[i], fc+c[i]
		most = max(most, math.Abs(fr-fc))
	}
	return most
}

// BinnedWasserstein is the distance of the shares when each bin's mass sits in its middle, in units of x.
func BinnedWasserstein(e Edges, r, c []float64) float64 {
	sameLength(r, c)
	var fr, fc, sum float64
	for i := range len(r) - 1 {
		fr, fc = fr+r[i], fc+c[i]
		sum += math.Abs(fr-fc) * ((e[i+1]+e[i+2])/2 - (e[i]+e[i+1])/2)
	}
	return sum
}

// Wasserstein is the exact first distance ∫|F_r−F_c|dx between two samples, in units of x (scipy.stats.wasserstein_distance).
func Wasserstein(r, c []float64) float64 {
	r, c = finiteSorted(r), finiteSorted(c)
	if len(r) == 0 || len(c) == 0 {
		return math.NaN()
	}
	all := slices.Concat(r, c)
	slices.Sort(all)
	var sum float64
	i, j := 0, 0
	for k := range len(all) - 1 {
		for i < len(r) && r[i] <= all[k] {
			i++
		}
		for j < len(c) && c[j] <= all[k] {
			j++
		}
		sum += math.Abs(float64(i)/float64(len(r))-float64(j)/float64(len(c))) * (all[k+1] - all[k])
	}
	return sum
}

// WassersteinNormed divides by the reference's standard deviation, at least 0.001 (Evidently).
func WassersteinNormed(r, c []float64) float64 {
	return Wasserstein(r, c) / max(Describe(r).Std(), 0.001)
}

func normalised(s []float64) []float64 {
	var sum float64
	for _, x := range s {
		sum += x
	}
	out := make([]float64, len(s))
	for i, x := range s {
		out[i] = x / sum
	}
	return out
}
