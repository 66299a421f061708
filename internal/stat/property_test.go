package stat_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/stat"
)

var (
	values  = rapid.SliceOfN(rapid.Float64Range(-1e4, 1e4), 1, 200)
	lattice = rapid.SliceOfN(rapid.Map(rapid.IntRange(-6, 6), func(i int) float64 { return float64(i) / 2 }), 1, 60)
	cells   = rapid.SliceOfN(rapid.Int64Range(0, 500), 5, 5).Filter(func(c []int64) bool { return slices.Max(c) > 0 })
)

func close(a, b, rel float64) bool { return math.Abs(a-b) <= rel*(1+math.Abs(a)+math.Abs(b)) }

func TestMomentsOfPartsMakeTheMomentsOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := values.Draw(t, "xs")
		cut := rapid.IntRange(0, len(xs)).Draw(t, "cut")
		whole, part := stat.Describe(xs), stat.Describe(xs[:cut])
		part.Merge(stat.Describe(xs[cut:]))
		if whole.N != part.N || whole.Min != part.Min || whole.Max != part.Max || !close(whole.Mean, part.Mean, 1e-9) ||
			!close(whole.Std(), part.Std(), 1e-6) || math.Abs(whole.M3-part.M3) > 1e-6*(1+math.Pow(whole.Std(), 3)*float64(whole.N)+1e6) {
			t.Fatalf("whole %+v, parts %+v", whole, part)
		}
	})
}

func TestHistogramsAddUpAndLoseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs, more := lattice.Draw(t, "xs"), values.Draw(t, "more")
		h := stat.NewHistogram(stat.FrozenEdges(xs, 10))
		if !slices.IsSorted(h.Edges) || h.Bins() < 1 {
			t.Fatalf("edges %v", h.Edges)
		}
		a, b, all := h.Empty(), h.Empty(), h.Empty()
		for i, x := range slices.Concat(xs, more, []float64{math.NaN(), math.Inf(1)}) {
			all.Add(x)
			if i%2 == 0 {
				a.Add(x)
			} else {
				b.Add(x)
			}
		}
		if err := a.Merge(b); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.Counts, all.Counts) || a.Below != all.Below || a.Above != all.Above || a.NonFinite != 2 {
			t.Fatalf("parts %+v, whole %+v", a, all)
		}
		if got := all.N(); got != int64(len(xs)+len(more)) {
			t.Fatalf("%d values counted, want %d", got, len(xs)+len(more))
		}
		if a.Merge(stat.NewHistogram(stat.Edges{0, 1, 2, 3, 4, 5e9})) == nil {
			t.Fatal("histograms with different edges were added")
		}
	})
}

func TestReferenceValuesFallInsideTheirOwnBins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := values.Draw(t, "xs")
		m := stat.Describe(xs)
		for name, e := range map[string]stat.Edges{
			"frozen": stat.FrozenEdges(xs, 10), "quantile": stat.QuantileEdges(xs, 10),
			"sturges": stat.SturgesEdges(m.N, m.Min, m.Max), "doane": stat.DoaneEdges(m),
		} {
			h := stat.NewHistogram(e)
			for _, x := range xs {
				h.Add(x)
			}
			if h.Below+h.Above != 0 {
				t.Fatalf("%s: %d below, %d above %v", name, h.Below, h.Above, e)
			}
		}
	})
}

func TestDistancesAreDistances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, c := stat.Smooth(cells.Draw(t, "r"), 0.5), stat.Smooth(cells.Draw(t, "c"), 0.5)
		for name, fn := range map[string]func(a, b []float64) float64{
			"psi": stat.PSI, "js": stat.JSDistance, "js2": stat.JSDistance2, "hellinger": stat.Hellinger, "linf": stat.LInf,
			"tv": stat.TotalVariation, "ks": stat.BinnedKS,
		} {
			ab, ba, aa := fn(r, c), fn(c, r), fn(r, r)
			if ab < 0 || !close(ab, ba, 1e-9) || aa > 1e-7 {
				t.Fatalf("%s: d(r,c)=%v d(c,r)=%v d(r,r)=%v", name, ab, ba, aa)
			}
		}
		if js := stat.JSDistance2(r, c); js > 1+1e-12 || !close(js, stat.JSDistance(r, c)/math.Sqrt(math.Ln2), 1e-12) {
			t.Fatalf("js base 2 = %v", js)
		}
	})
}

func TestKSSeesTheOrderOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := lattice.Draw(t, "x"), lattice.Draw(t, "y")
		d, p := stat.KSTest(x, y)
		back, q := stat.KSTest(y, x)
		warp := func(v []float64) (out []float64) {
			for _, a := range v {
				out = append(out, math.Exp(a))
			}
			return out
		}
		if d < 0 || d > 1 || p < 0 || p > 1 || d != back || !close(p, q, 1e-12) || stat.KS(warp(x), warp(y)) != d {
			t.Fatalf("d %v p %v, swapped %v %v", d, p, back, q)
		}
	})
}

func TestWassersteinOfAShiftIsTheShift(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, by := lattice.Draw(t, "x"), rapid.Float64Range(-50, 50).Draw(t, "by")
		y := make([]float64, len(x))
		for i := range x {
			y[i] = x[i] + by
		}
		if w := stat.Wasserstein(x, y); !close(w, math.Abs(by), 1e-9) {
			t.Fatalf("W1 = %v, want %v", w, math.Abs(by))
		}
	})
}

func TestTheCriticalQuantileCostsLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		truth := lattice.Draw(t, "truth")
		cu, co := rapid.Float64Range(0.1, 10).Draw(t, "too few"), rapid.Float64Range(0.1, 10).Draw(t, "too many")
		cost := func(q float64) float64 {
			order := make([]float64, len(truth))
			for i := range order {
				order[i] = q
			}
			c := stat.Newsvendor(order, truth, cu, co)
			tau := stat.CriticalRatio(cu, co)
			if pin := (cu + co) * float64(len(truth)) * stat.Pinball(order, truth, tau); !close(c, pin, 1e-9) {
				t.Fatalf("cost %v, by pinball loss %v", c, pin)
			}
			return c
		}
		sorted := slices.Sorted(slices.Values(truth))
		at := int(math.Ceil(stat.CriticalRatio(cu, co)*float64(len(sorted)))) - 1
		best := cost(sorted[max(at, 0)])
		for _, q := range []float64{-3, -1.25, 0, 0.5, 2, 3} {
			if cost(q) < best-1e-9 {
				t.Fatalf("ordering %v costs less than the critical quantile: %v < %v", q, cost(q), best)
			}
		}
	})
}

func TestBenjaminiHochbergFollowsItsRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Float64Range(0, 0.2), 1, 30).Draw(t, "p")
		rejected, _ := stat.BenjaminiHochberg(p, 0.05)
		sorted, limit := slices.Sorted(slices.Values(p)), -1.0
		for i, x := range sorted {
			if x <= float64(i+1)/float64(len(p))*0.05 {
				limit = x
			}
		}
		for i, r := range rejected {
			if want := p[i] <= limit; r != want && math.Abs(p[i]-limit) > 1e-12 {
				t.Fatalf("p %v: rejected %v, want %v (limit %v)", p[i], r, want, limit)
			}
		}
	})
}
