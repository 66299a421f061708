package stat

import "math"

// exactKS is the size of the larger sample up to which the p-value is exact, as in SciPy.
const exactKS = 10_000

// KS is the two-sample Kolmogorov–Smirnov statistic D: the largest difference of the two empirical distributions. NaN when a
// sample holds no finite value.
func KS(x, y []float64) float64 {
	d, _, _ := ks(x, y)
	return d
}

// KSTest gives D and its two-sided p-value (scipy.stats.ks_2samp, method "auto"): exact when neither sample has more than
// 10 000 rows, else from the finite-n one-sample distribution at n1·n2/(n1+n2).
func KSTest(x, y []float64) (d, p float64) {
	d, n1, n2 := ks(x, y)
	return d, KSPValue(d, n1, n2)
}

func ks(x, y []float64) (d float64, n1, n2 int) {
	x, y = finiteSorted(x), finiteSorted(y)
	n1, n2 = len(x), len(y)
	if n1 == 0 || n2 == 0 {
		return math.NaN(), n1, n2
	}
	var most float64
	for i, j := 0, 0; i < n1 && j < n2; {
		v := min(x[i], y[j])
		for i < n1 && x[i] == v {
			i++
		}
		for j < n2 && y[j] == v {
			j++
		}
		most = max(most, math.Abs(float64(i)/float64(n1)-float64(j)/float64(n2)))
	}
	return most, n1, n2
}

// KSPValue is the two-sided p-value of D for samples of n1 and n2 rows.
func KSPValue(d float64, n1, n2 int) float64 {
	if math.IsNaN(d) || n1 < 1 || n2 < 1 {
		return math.NaN()
	}
	if max(n1, n2) > exactKS {
		a, b := float64(n1), float64(n2)
		return KolmogorovSF(int(math.RoundToEven(a*b/(a+b))), d)
	}
	g := gcd(n1, n2)
	lcm := n1 / g * n2
	h := int(math.Round(d * float64(lcm)))
	switch {
	case h == 0:
		return 1
	case n1 == n2:
		return min(max(ksEqual(n1, h), 0), 1)
	}
	return min(max(ksLattice(n1, n2, g, h), 0), 1)
}

// ksEqual counts paths by reflection for two samples of n rows; h = n·D.
func ksEqual(n, h int) float64 {
	var p float64
	for k := n / h; k >= 0; k-- {
		a := 1.0
		for j := range h {
			a *= float64(n-k*h-j) / float64(n+k*h+j+1)
		}
		p = a * (1 - p)
	}
	return 2 * p
}

// ksLattice is the recursion of Hodges (1958) in the stable form of Viehmann (arXiv 2102.08037): the share of lattice paths
// from (0,0) to (n1,n2) that somewhere reach a distance of h/lcm. Distances are compared as integers.
func ksLattice(n1, n2, g, h int) float64 {
	if n1 > n2 {
		n1, n2 = n2, n1
	}
	s1, s2 := n2/g, n1/g // i·s1 − j·s2 = lcm·(i/n1 − j/n2)
	row := make([]float64, n1+1)
	for j := 0; j <= n2; j++ {
		for i := 0; i <= n1; i++ {
			gap := i*s1 - j*s2
			switch {
			case gap >= h || -gap >= h:
				row[i] = 1
			case i == 0 && j == 0:
				row[0] = 0
			case i == 0: // the path came along the border
			case j == 0:
				row[i] = row[i-1]
			default:
				row[i] = (float64(i)*row[i-1] + float64(j)*row[i]) / float64(i+j)
			}
		}
	}
	return row[n1]
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
