package stat_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/paraplu/paraplu/internal/stat"
)

func TestForecastErrors(t *testing.T) {
	nan := math.NaN()
	q, y := []float64{10, 20, 30, nan, 5}, []float64{12, 16, 30, 9, nan}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"wape", stat.WAPE(q, y), 6.0 / 58},
		{"mae", stat.MAE(q, y), 2},
		{"rmse", stat.RMSE(q, y), math.Sqrt(20.0 / 3)},
		{"bias", stat.Bias(q, y), 2.0 / 3},
		{"pinball", stat.Pinball(q, y, 0.8), (0.8*2 + 0.2*4) / 3},
		{"cost", stat.Newsvendor(q, y, 7, 1.5), 7*2 + 1.5*4},
		{"ratio", stat.CriticalRatio(7, 1.5), 0.8235294117647058},
	} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
	for name, got := range map[string]float64{"wape": stat.WAPE(nil, nil), "mae": stat.MAE([]float64{nan}, []float64{1}), "cost": stat.Newsvendor(nil, nil, 1, 1)} {
		if !math.IsNaN(got) {
			t.Errorf("%s of nothing = %v, want NaN", name, got)
		}
	}
}

func TestLimitsLeaveOutLeftovers(t *testing.T) {
	var points []stat.Point
	for i := range 24 {
		points = append(points, stat.Point{Value: 0.2 + 0.02*float64(i%2), Rows: 7})
	}
	l := stat.ReferenceLimits(append(points, stat.Point{Value: 0.9, Rows: 3}, stat.Point{Value: math.NaN(), Rows: 7}, stat.Point{}), 3)
	if l.Windows != 24 || l.Dropped != 3 || l.Provisional || math.Abs(l.High-0.24) > 1e-12 || math.Abs(l.Low-0.18) > 1e-12 {
		t.Errorf("limits = %+v, want 0.21 ± 3·0.01 over 24 windows", l)
	}
	if l := stat.ReferenceLimits(points[:19], 3); !l.Provisional {
		t.Error("19 windows gave a limit that may alert")
	}
	if l := stat.ReferenceLimits(nil, 3); !l.Provisional || !math.IsNaN(l.High) {
		t.Errorf("no windows: %+v", l)
	}
	if got := stat.LeaveOneOut([]float64{1, 2, 6}); math.Abs(got[2]-4.5) > 1e-12 {
		t.Errorf("leave one out = %v, want 6 − mean(1, 2) = 4.5", got[2])
	}
}

func TestBootstrapIsRepeatableAndRespectsBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	series, level := make([]float64, 364), 0.0
	for i := range series {
		if i%14 == 0 {
			level = rng.NormFloat64() // a fortnight in the same mood
		}
		series[i] = 5 + level
	}
	wide := stat.BlockBootstrapMean(series, 28, 500, 0.95, 7)
	if again := stat.BlockBootstrapMean(series, 28, 500, 0.95, 7); again != wide {
		t.Errorf("the same seed gave %+v and %+v", wide, again)
	}
	narrow := stat.BlockBootstrapMean(series, 1, 500, 0.95, 7)
	if !(wide.High-wide.Low > 2*(narrow.High-narrow.Low)) {
		t.Errorf("blocks %v…%v are not clearly wider than single rows %v…%v", wide.Low, wide.High, narrow.Low, narrow.High)
	}
	if !(wide.Low < wide.Estimate && wide.Estimate < wide.High) {
		t.Errorf("interval %+v", wide)
	}
	if got := fmt.Sprintf("%.6f %.6f", wide.Low, wide.High); got != "4.653256 5.371843" {
		t.Errorf("interval %s is not the one of every other machine", got)
	}
}

func TestBootstrapCoversTheTruth(t *testing.T) {
	covered := 0
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		series := make([]float64, 140)
		for i := range series {
			series[i] = rng.NormFloat64()
		}
		if in := stat.BlockBootstrapMean(series, 7, 200, 0.9, seed); in.Low <= 0 && 0 <= in.High {
			covered++
		}
	}
	if covered < 160 || covered > 196 { // 0.9·200 = 180, percentile blocks are a little narrow
		t.Errorf("%d of 200 intervals of level 0.9 hold the true mean", covered)
	}
}

// The floors are expectations: simulate "nothing changed" and compare.
func TestNoiseFloors(t *testing.T) {
	const k, n1, n2, rounds = 10, 2000, 300, 400
	rng := rand.New(rand.NewPCG(11, 12))
	var psi, js, ks float64
	for range rounds {
		r, c := make([]int64, k), make([]int64, k)
		x, y := make([]float64, n1), make([]float64, n2)
		for i := range x {
			x[i] = rng.Float64()
			r[int(x[i]*k)]++
		}
		for i := range y {
			y[i] = rng.Float64()
			c[int(y[i]*k)]++
		}
		psi += stat.PSI(stat.Smooth(r, 0.5), stat.Smooth(c, 0.5)) / rounds
		js += stat.JSDivergence(stat.Shares(r), stat.Shares(c)) / rounds
		ks += stat.KS(x, y) / rounds
	}
	for _, f := range []struct {
		name       string
		got, floor float64
	}{{"psi", psi, stat.PSIFloor(k, n1, n2)}, {"js", js, stat.JSFloor(k, n1, n2)}, {"ks", ks, stat.KSFloor(n1, n2)}} {
		if math.Abs(f.got/f.floor-1) > 0.1 {
			t.Errorf("%s without any change is %.4f on average, the floor says %.4f", f.name, f.got, f.floor)
		}
	}
}

func TestZTest(t *testing.T) {
	z, p := stat.ZTest(45, 100, 60, 100)
	if math.Abs(z+2.123977) > 1e-6 || math.Abs(p-0.033673) > 1e-6 { // 0.15/√(0.525·0.475·0.02)
		t.Errorf("z %v p %v", z, p)
	}
	if _, p := stat.ZTest(10, 10, 5, 5); p != 1 {
		t.Errorf("two constant sides give p = %v, want 1", p)
	}
}

func TestCategories(t *testing.T) {
	c := stat.FreezeCategories([]string{"b", "a", "c", "a", "b", "d"}, 3)
	if fmt.Sprint(c.Names, c.Cells()) != "[a b c] [2 2 1 1]" {
		t.Errorf("names %v cells %v", c.Names, c.Cells())
	}
}

func TestBinnedWasserstein(t *testing.T) {
	e := stat.Edges{0, 1, 2, 4}
	if got := stat.BinnedWasserstein(e, []float64{1, 0, 0}, []float64{0, 0, 1}); math.Abs(got-2.5) > 1e-12 {
		t.Errorf("from the middle 0.5 to the middle 3: %v, want 2.5", got)
	}
}

func Example() {
	reference := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}
	h := stat.NewHistogram(stat.FrozenEdges(reference, 4))
	for _, x := range reference {
		h.Add(x)
	}
	c := h.Empty()
	for _, x := range reference[12:] { // only the upper half arrives
		c.Add(x)
	}
	fmt.Println(h.Counts, c.Counts)
	fmt.Printf("PSI %.2f, floor %.2f\n", stat.PSI(h.Smoothed(), c.Smoothed()), stat.PSIFloor(h.Bins(), h.N(), c.N()))
	// Output:
	// [6 6 6 6] [0 0 6 6]
	// PSI 1.10, floor 0.38
}
