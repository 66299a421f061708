package stat

import "math"

// Moments are the mergeable sums of a column: the moments of two parts make the moments of the whole, so days add up to
// weeks without reading a row again. The zero value is empty and ready.
type Moments struct {
	N         int64   `json:"n"`         // finite values
	Nulls     int64   `json:"nulls"`     // missing values, see AddNull
	NonFinite int64   `json:"nonfinite"` // NaN and ±Inf
	Mean      float64 `json:"mean"`
	M2        float64 `json:"m2"` // Σ (x−mean)²
	M3        float64 `json:"m3"` // Σ (x−mean)³
	Min       float64 `json:"min"`
	Max       float64 `json:"max"`
}

// Describe gives the moments of xs.
func Describe(xs []float64) Moments {
	var m Moments
	for _, x := range xs {
		m.Add(x)
	}
	return m
}

// Add counts one value; NaN and ±Inf only as NonFinite.
func (m *Moments) Add(x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		m.NonFinite++
		return
	}
	m.Merge(Moments{N: 1, Mean: x, Min: x, Max: x})
}

// AddNull counts one missing value.
func (m *Moments) AddNull() { m.Nulls++ }

// Merge adds the values of o, by the pairwise update of Chan, Golub and LeVeque (1979) and Pébay (2008).
func (m *Moments) Merge(o Moments) {
	m.Nulls += o.Nulls
	m.NonFinite += o.NonFinite
	if o.N == 0 {
		return
	}
	if m.N == 0 {
		o.Nulls, o.NonFinite = m.Nulls, m.NonFinite
		*m = o
		return
	}
	a, b := float64(m.N), float64(o.N)
	n, d := a+b, o.Mean-m.Mean
	m.M3 += o.M3 + d*d*d*a*b*(a-b)/(n*n) + 3*d*(a*o.M2-b*m.M2)/n
	m.M2 += o.M2 + d*d*a*b/n
	m.Mean += d * b / n
	m.N += o.N
	m.Min, m.Max = min(m.Min, o.Min), max(m.Max, o.Max)
}

// Var is the variance of the population; NaN without values.
func (m Moments) Var() float64 {
	if m.N == 0 {
		return math.NaN()
	}
	return m.M2 / float64(m.N)
}

// Std is the standard deviation of the population.
func (m Moments) Std() float64 { return math.Sqrt(m.Var()) }

// SampleStd is the standard deviation with n−1; NaN below two values.
func (m Moments) SampleStd() float64 {
	if m.N < 2 {
		return math.NaN()
	}
	return math.Sqrt(m.M2 / float64(m.N-1))
}

// Skewness is g1 with the population's standard deviation, without correction of bias (DuckDB's skewness() corrects); 0 for a
// constant.
func (m Moments) Skewness() float64 {
	s := m.Std()
	if !(s > 0) {
		return 0
	}
	return m.M3 / float64(m.N) / (s * s * s)
}
