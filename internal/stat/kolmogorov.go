package stat

import "math"

// KolmogorovSF is P(D_n ≥ d) of the two-sided one-sample statistic for n rows (scipy.stats.kstwo.sf). The method is chosen
// as in Simard and L'Ecuyer (2011): exact formulas in the tails, the matrix of Marsaglia, Tsang and Wang (2003) for few rows,
// the expansion of Pelz and Good (1976) for many.
func KolmogorovSF(n int, d float64) float64 {
	nf := float64(n)
	t := nf * d
	switch {
	case n < 1 || math.IsNaN(d):
		return math.NaN()
	case t <= 0.5:
		return 1
	case d >= 1:
		return 0
	case t <= 1: // Ruben and Gambino
		lg, _ := math.Lgamma(nf + 1)
		return 1 - math.Exp(lg-nf*math.Log(nf)+nf*math.Log(2*t-1))
	case t >= nf-1:
		return 2 * math.Pow(1-d, nf)
	case d >= 0.5 || (n <= 140 && t*d > 4) || (n > 140 && t*d >= 2.2):
		return min(1, 2*smirnovSF(nf, d))
	case n <= 140 || (n <= 100_000 && nf*math.Pow(d, 1.5) <= 1.4):
		return clamp(1 - marsaglia(n, d))
	}
	return clamp(1 - pelzGood(nf, d))
}

// smirnovSF is the one-sided tail P(D⁺_n ≥ d), a sum of positive terms (Birnbaum and Tingey 1951).
func smirnovSF(n, d float64) float64 {
	lgn, _ := math.Lgamma(n + 1)
	var sum float64
	for j := 0.0; j <= math.Floor(n*(1-d)); j++ {
		a, _ := math.Lgamma(j + 1)
		b, _ := math.Lgamma(n - j + 1)
		term := lgn - a - b + (j-1)*math.Log(d+j/n)
		if rest := 1 - d - j/n; rest > 0 {
			term += (n - j) * math.Log(rest)
		} else if n > j {
			continue
		}
		sum += math.Exp(term)
	}
	return d * sum
}

// marsaglia is P(D_n < d) as an element of the n-th power of a small matrix; exponents of ten are kept aside.
func marsaglia(n int, d float64) float64 {
	k := int(float64(n)*d) + 1
	m := 2*k - 1
	h := float64(k) - float64(n)*d
	mat := make([]float64, m*m)
	for i := range m {
		for j := range m {
			if i-j+1 >= 0 {
				mat[i*m+j] = 1
			}
		}
	}
	for i := range m {
		mat[i*m] -= math.Pow(h, float64(i+1))
		mat[(m-1)*m+i] -= math.Pow(h, float64(m-i))
	}
	if 2*h-1 > 0 {
		mat[(m-1)*m] += math.Pow(2*h-1, float64(m))
	}
	for i := range m {
		for j := range m {
			for g := 1; g <= i-j+1; g++ {
				mat[i*m+j] /= float64(g)
			}
		}
	}
	q, exp := power(mat, 0, m, n)
	s := q[(k-1)*m+k-1]
	for i := 1; i <= n; i++ {
		s *= float64(i) / float64(n)
		if s < 1e-140 {
			s, exp = s*1e140, exp-140
		}
	}
	return s * math.Pow(10, float64(exp))
}

func power(a []float64, exp, m, n int) ([]float64, int) {
	if n == 1 {
		return a, exp
	}
	half, e := power(a, exp, m, n/2)
	b, e := multiply(half, half, m), 2*e
	if n%2 == 1 {
		b, e = multiply(a, b, m), e+exp
	}
	if b[(m/2)*m+m/2] > 1e140 {
		for i := range b {
			b[i] *= 1e-140
		}
		e += 140
	}
	return b, e
}

func multiply(a, b []float64, m int) []float64 {
	c := make([]float64, m*m)
	for i := range m {
		for k := range m {
			if x := a[i*m+k]; x != 0 {
				for j := range m {
					c[i*m+j] += x * b[k*m+j]
				}
			}
		}
	}
	return c
}

// pelzGood is P(D_n < d) by K0 + K1/√n + K2/n + K3/n^1.5 at z = d√n, in the form that converges for small z.
func pelzGood(n, d float64) float64 {
	const p2, p4, p6 = math.Pi * math.Pi, math.Pi * math.Pi * math.Pi * math.Pi, math.Pi * math.Pi * math.Pi * math.Pi * math.Pi * math.Pi
	z := d * math.Sqrt(n)
	z2 := z * z
	z4, z6, z8 := z2*z2, z2*z2*z2, z2*z2*z2*z2
	var k0, k1, k2, k3 float64
	for i := int(math.Ceil(16*z/math.Pi)) + 1; i >= 1; i-- {
		m := float64(2*i - 1) // odd
		m2 := m * m
		m4, m6 := m2*m2, m2*m2*m2
		w := math.Exp(-p2 * m2 / (8 * z2))
		k0 += w
		k1 += w * (p2*m2/4 - z2)
		k2 += w * (6*z6 + 2*z4 + p2*m2*(2*z4-5*z2)/4 + p4*m4*(1-2*z2)/16)
		k3 += w * (-30*z6 - 90*z8 + p2*m2*(135*z4-96*z6)/4 + p4*m4*(212*z4-60*z2)/16 + p6*m6*(5-30*z2)/64)
	}
	var e2, e3 float64
	for i := int(math.Ceil(16*z/math.Pi)) + 1; i >= 1; i-- {
		i2 := float64(i * i)
		w := i2 * math.Exp(-p2*i2/(2*z2))
		e2 += w
		e3 += w * (3*z2 - p2*i2)
	}
	root := math.Sqrt(2 * math.Pi)
	k0 *= root / z
	k1 *= root / (6 * z4)
	k2 = k2*root/(72*z6*z) - e2*p2*root/(36*z2*z)
	k3 = k3*root/(6480*z8*z2) + e3*p2*root/(216*z6)
	return k0 + k1/math.Sqrt(n) + k2/n + k3/(n*math.Sqrt(n))
}

func clamp(p float64) float64 { return min(max(p, 0), 1) }
