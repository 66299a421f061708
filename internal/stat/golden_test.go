package stat_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/paraplu/paraplu/internal/stat"
)

type bins struct {
	Edges  []float64
	Counts []int64
}

type golden struct {
	Versions   map[string]string
	TwoSamples []struct {
		Name        string
		R, C        []float64
		KS          float64
		KSP         float64 `json:"ks_p"`
		Wasserstein float64
		Mean, Std   float64
		Skewness    float64
	} `json:"two_samples"`
	Histograms []struct {
		Name                     string
		X                        []float64
		Sturges, Doane, Quantile *bins
	}
	Distances []struct {
		R, C            []int64
		PSI, KL         float64
		JSe             float64 `json:"js_e"`
		JS2             float64 `json:"js_2"`
		Hellinger, LInf float64
		One             []float64 `json:"chi2_one"`
		Table           []float64 `json:"chi2_table"`
	}
	KSP []struct {
		N1, N2 int
		D      float64
		P      *float64
	} `json:"ks_p"`
	Kolmogorov []struct {
		N     int
		D, SF float64
	}
	Chi2     []struct{ X, DF, SF float64 } `json:"chi2_sf"`
	Normal   []struct{ Z, SF float64 }     `json:"normal_sf"`
	BH       struct{ P, Adjusted []float64 }
	Quantile []struct {
		X        []float64
		Q, Value float64
	} `json:"quantiles"`
}

func read(t *testing.T) golden {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.TwoSamples) < 8 || len(g.Kolmogorov) < 100 || g.Versions["scipy"] == "" {
		t.Fatal("testdata/golden.json is incomplete; run testdata/golden.py")
	}
	return g
}

// near compares with a relative tolerance, absolute below 1e-12.
func near(t *testing.T, what string, got, want, rel float64) {
	t.Helper()
	if math.Abs(got-want) > rel*math.Abs(want)+1e-12 || math.IsNaN(got) != math.IsNaN(want) {
		t.Errorf("%s = %.17g, want %.17g (relative error %.2g)", what, got, want, math.Abs(got/want-1))
	}
}

func TestTwoSamplesAgreeWithSciPy(t *testing.T) {
	for _, c := range read(t).TwoSamples {
		d, p := stat.KSTest(c.R, c.C)
		near(t, c.Name+" ks", d, c.KS, 1e-12)
		near(t, c.Name+" ks p", p, c.KSP, 1e-9)
		near(t, c.Name+" wasserstein", stat.Wasserstein(c.R, c.C), c.Wasserstein, 1e-12)
		m := stat.Describe(c.R)
		near(t, c.Name+" mean", m.Mean, c.Mean, 1e-12)
		near(t, c.Name+" std", m.Std(), c.Std, 1e-12)
		near(t, c.Name+" skewness", m.Skewness(), c.Skewness, 1e-10)
	}
}

func TestHistogramsAgreeWithNumPy(t *testing.T) {
	for _, c := range read(t).Histograms {
		m := stat.Describe(c.X)
		for rule, pair := range map[string]struct {
			got  stat.Edges
			want *bins
		}{
			"sturges":  {stat.SturgesEdges(m.N, m.Min, m.Max), c.Sturges},
			"doane":    {stat.DoaneEdges(m), c.Doane},
			"quantile": {stat.QuantileEdges(c.X, 10), c.Quantile},
		} {
			if pair.want == nil {
				continue
			}
			if len(pair.got) != len(pair.want.Edges) {
				t.Errorf("%s %s: %d edges, want %d", c.Name, rule, len(pair.got), len(pair.want.Edges))
				continue
			}
			for i, e := range pair.got {
				near(t, c.Name+" "+rule+" edge", e, pair.want.Edges[i], 1e-15)
			}
			h := stat.NewHistogram(pair.want.Edges)
			for _, x := range c.X {
				h.Add(x)
			}
			if !slices.Equal(h.Counts, pair.want.Counts) {
				t.Errorf("%s %s: counts %v, want %v", c.Name, rule, h.Counts, pair.want.Counts)
			}
		}
	}
}

func TestDistancesAgreeWithSciPy(t *testing.T) {
	for _, c := range read(t).Distances {
		r, s := stat.Shares(c.R), stat.Shares(c.C)
		rf, sf := stat.FillZeros(r), stat.FillZeros(s)
		near(t, "psi", stat.PSI(rf, sf), c.PSI, 1e-12)
		near(t, "kl", stat.KL(rf, sf), c.KL, 1e-12)
		near(t, "js e", stat.JSDistance(r, s), c.JSe, 1e-9)
		near(t, "js 2", stat.JSDistance2(r, s), c.JS2, 1e-9)
		near(t, "hellinger", stat.Hellinger(r, s), c.Hellinger, 1e-12)
		near(t, "linf", stat.LInf(r, s), c.LInf, 1e-12)
		if c.One != nil {
			x, _, p := stat.ChiSquareOneSample(c.R, c.C)
			near(t, "chi2 one", x, c.One[0], 1e-12)
			near(t, "chi2 one p", p, c.One[1], 1e-10)
		}
		x, df, p := stat.ChiSquareContingency(c.R, c.C)
		near(t, "chi2 table", x, c.Table[0], 1e-12)
		near(t, "chi2 table df", df, c.Table[1], 0)
		near(t, "chi2 table p", p, c.Table[2], 1e-10)
	}
}

func TestTailsAgreeWithSciPy(t *testing.T) {
	g := read(t)
	for _, c := range g.KSP {
		if c.P != nil {
			near(t, "exact ks p", stat.KSPValue(c.D, c.N1, c.N2), *c.P, 1e-9)
		}
	}
	for _, c := range g.Kolmogorov {
		if got := stat.KolmogorovSF(c.N, c.D); math.Abs(got-c.SF) > 1e-7*c.SF+1e-13 {
			t.Errorf("kolmogorov(%d, %v) = %.15g, want %.15g", c.N, c.D, got, c.SF)
		}
	}
	for _, c := range g.Chi2 {
		if got := stat.ChiSquareSF(c.X, c.DF); math.Abs(got-c.SF) > 1e-10*c.SF+1e-300 {
			t.Errorf("chi2(%v, %v) = %.15g, want %.15g", c.X, c.DF, got, c.SF)
		}
	}
	for _, c := range g.Normal {
		if got := stat.NormalSF(c.Z); math.Abs(got-c.SF) > 1e-12*c.SF {
			t.Errorf("normal(%v) = %.15g, want %.15g", c.Z, got, c.SF)
		}
	}
	_, adjusted := stat.BenjaminiHochberg(g.BH.P, 0.05)
	for i, a := range adjusted {
		near(t, "benjamini-hochberg", a, g.BH.Adjusted[i], 1e-12)
	}
	for _, c := range g.Quantile {
		near(t, "quantile", stat.Quantile(c.X, c.Q), c.Value, 1e-15)
	}
}
