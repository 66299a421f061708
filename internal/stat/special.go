package stat

import "math"

// NormalSF is P(Z > z) of the standard normal distribution.
func NormalSF(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// ChiSquareSF is P(X > x) of the chi-square distribution with df degrees of freedom: Q(df/2, x/2).
func ChiSquareSF(x, df float64) float64 {
	switch {
	case math.IsNaN(x) || !(df > 0):
		return math.NaN()
	case x <= 0:
		return 1
	case math.IsInf(x, 1):
		return 0
	}
	return upperGamma(df/2, x/2)
}

// upperGamma is the regularised upper incomplete gamma function Q(a, x), by the series of P below a+1 and Lentz's continued
// fraction above (Numerical Recipes §6.2).
func upperGamma(a, x float64) float64 {
	lg, _ := math.Lgamma(a)
	front := math.Exp(a*math.Log(x) - x - lg)
	if x < a+1 {
		term := 1 / a
		sum := term
		for n := a + 1; math.Abs(term) > math.Abs(sum)*1e-17; n++ {
			term *= x / n
			sum += term
		}
		return 1 - front*sum
	}
	const tiny = 1e-300
	b := x + 1 - a
	c, d := 1/tiny, 1/b
	h := d
	for i := 1.0; i < 1e6; i++ {
		an := -i * (i - a)
		b += 2
		d = nonZero(an*d+b, tiny)
		c = nonZero(b+an/c, tiny)
		d = 1 / d
		step := d * c
		h *= step
		if math.Abs(step-1) < 1e-16 {
			break
		}
	}
	return front * h
}

func nonZero(x, tiny float64) float64 {
	if math.Abs(x) < tiny {
		return tiny
	}
	return x
}
