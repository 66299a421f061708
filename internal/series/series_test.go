package series_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/series"
)

// points draws points with all that is special about numbers.
func points(rt *rapid.T, name string) []series.Point {
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) series.Point {
		return series.Point{
			Timestamp: rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(1.7e12, 1.7e12+1e6), rapid.Int64Range(0, math.MaxInt64)).Draw(rt, "time"),
			Step:      rapid.OneOf(rapid.Int64Range(-2, 3), rapid.Int64()).Draw(rt, "step"),
			Value: rapid.OneOf(rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, -1, math.NaN(), math.MaxFloat64, -math.MaxFloat64,
				math.SmallestNonzeroFloat64}), rapid.Float64()).Draw(rt, "value"),
		}
	}), 0, 300).Draw(rt, name)
}

func same(a, b series.Point) bool { return series.Compare(a, b) == 0 }

func TestDecodeGivesWhatWasEncoded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := points(rt, "points")
		if rapid.Bool().Draw(rt, "sorted") {
			in = series.Sort(in)
		}
		out, err := series.Decode(series.Encode(in))
		if err != nil || !slices.EqualFunc(in, out, same) {
			rt.Fatalf("%v\n%v\n%v", err, in, out)
		}
	})
}

// TestTail: however points are added to a tail, kept and read again in between, it holds them in that order.
func TestTail(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var tail series.Tail
		var all []series.Point
		if rapid.Bool().Draw(rt, "once a chunk") {
			all = points(rt, "chunk")
			var err error
			if tail, err = series.ParseTail(series.Encode(all)); err != nil {
				rt.Fatal(err)
			}
		}
		for range rapid.IntRange(0, 8).Draw(rt, "parts") {
			part := points(rt, "part")
			part = part[:min(len(part), rapid.IntRange(0, 40).Draw(rt, "length"))]
			tail.Append(part)
			all = append(all, part...)
			kept := tail.AppendBytes(nil)
			if len(kept) > tail.Size() {
				rt.Fatalf("%d bytes, announced %d", len(kept), tail.Size())
			}
			var err error
			if tail, err = series.ParseTail(kept); err != nil {
				rt.Fatal(err)
			}
			clear(kept) // the tail must not lean on it
		}
		got, err := tail.Points()
		if err != nil || tail.Len() != len(all) || !slices.EqualFunc(got, all, same) || len(all) > 0 && !same(tail.Last(), all[len(all)-1]) {
			rt.Fatalf("%v\n%v\n%v, last %v", err, all, got, tail.Last())
		}
	})
}

// TestSetOperations holds Sort, Merge, Without and After against maps.
func TestSetOperations(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := series.Sort(points(rt, "a")), series.Sort(points(rt, "b"))
		if len(a) > 0 && rapid.Bool().Draw(rt, "overlap") {
			b = series.Sort(append(slices.Clone(b), a[rapid.IntRange(0, len(a)-1).Draw(rt, "from"):]...))
		}
		both := series.Merge(a, b)
		if want := series.Sort(append(slices.Clone(a), b...)); !slices.EqualFunc(both, want, same) {
			rt.Fatalf("merge of %v and %v: %v", a, b, both)
		}
		held := func(p series.Point, in []series.Point) bool {
			return slices.ContainsFunc(in, func(q series.Point) bool { return same(p, q) })
		}
		var rest []series.Point
		for _, p := range a {
			if !held(p, b) {
				rest = append(rest, p)
			}
		}
		if got := series.Without(a, b); !slices.EqualFunc(got, rest, same) {
			rt.Fatalf("%v without %v: %v", a, b, got)
		}
		if len(both) > 0 {
			at := rapid.IntRange(0, len(both)-1).Draw(rt, "at")
			if got := series.After(both, both[at]); !slices.EqualFunc(got, both[at+1:], same) {
				rt.Fatalf("after %d of %v: %v", at, both, got)
			}
			box := series.BoxOf(both)
			for _, p := range both {
				if !box.Meets(series.BoxOf([]series.Point{p})) {
					rt.Fatalf("%v is not in %v", p, box)
				}
			}
		}
	})
}

// TestSummary: however points are split into parts, the summary is that of a walk over all of them.
func TestSummary(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := series.Sort(points(rt, "points"))
		cut := rapid.IntRange(0, len(all)).Draw(rt, "cut")
		s := series.Summarize(all[:cut])
		s.Join(series.Summarize(all[cut:]))
		var numbers []series.Point
		for _, p := range all {
			if !math.IsNaN(p.Value) {
				numbers = append(numbers, p)
			}
		}
		if s.Count != int64(len(all)) || s.Numbers() != int64(len(numbers)) {
			rt.Fatalf("%d points, %d numbers: %+v", len(all), len(numbers), s)
		}
		if len(all) > 0 && (!same(s.First, slices.MinFunc(all, series.CompareSteps)) || !same(s.Last, slices.MaxFunc(all, series.CompareSteps))) {
			rt.Fatalf("first or last of %v: %+v", all, s)
		}
		if len(numbers) == 0 {
			if !math.IsNaN(s.Mean()) {
				rt.Fatalf("the mean of nothing is %v", s.Mean())
			}
			return
		}
		low, high, sum := math.Inf(1), math.Inf(-1), 0.0
		for _, p := range numbers {
			low, high, sum = min(low, p.Value), max(high, p.Value), sum+math.Abs(p.Value)
		}
		if s.Low.Value != low || s.High.Value != high {
			rt.Fatalf("%v … %v, want %v … %v", s.Low, s.High, low, high)
		}
		for _, p := range numbers {
			if p.Value == low && series.CompareSteps(p, s.Low) < 0 || p.Value == high && series.CompareSteps(p, s.High) < 0 {
				rt.Fatalf("%v is earlier than %v or %v", p, s.Low, s.High)
			}
		}
	})
}

// TestSize pins what a point costs: a clock that ticks evenly, counted steps and values of each kind.
func TestSize(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name  string
		limit float64 // bytes a point
		point func(i int) series.Point
	}{
		{"constant", 0.4, func(i int) series.Point { return series.Point{Timestamp: int64(1000 * i), Step: int64(i), Value: 1} }},
		{"float32 noise", 6, func(i int) series.Point {
			return series.Point{Timestamp: int64(1000*i + random.IntN(40)), Step: int64(i), Value: float64(float32(random.Float64()))}
		}},
		{"float64 noise", 9.5, func(i int) series.Point {
			return series.Point{Timestamp: int64(1000*i + random.IntN(40)), Step: int64(i), Value: random.Float64()}
		}},
	} {
		all := make([]series.Point, 8192)
		for i := range all {
			all[i] = c.point(i)
		}
		per := float64(len(series.Encode(all))) / float64(len(all))
		if per > c.limit {
			t.Errorf("%s: %.2f bytes a point, limit %.1f", c.name, per, c.limit)
		}
		t.Logf("%s: %.2f bytes a point", c.name, per)
	}
}

func TestDamagedChunks(t *testing.T) {
	whole := series.Encode([]series.Point{{Timestamp: 1, Step: 2, Value: 3}, {Timestamp: 1 << 60, Step: -7, Value: math.Pi}})
	for n := range whole {
		if _, err := series.Decode(whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were read", n, len(whole))
		}
	}
	for _, data := range [][]byte{nil, {2}, {1, 0xff, 0xff, 0xff, 0xff, 0x0f}, {1, 200, 1, 0}} {
		if _, err := series.Decode(data); err == nil {
			t.Errorf("%v was read", data)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{1, 0})
	f.Add(series.Encode([]series.Point{{Timestamp: 5, Step: 1, Value: 0.5}, {Timestamp: 9, Step: 2, Value: math.NaN()}, {Timestamp: 9, Step: 3, Value: 0.25}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if tail, err := series.ParseTail(data); err == nil {
			tail.Append([]series.Point{{Step: 1}})
			_, _ = tail.Points()
		}
		points, err := series.Decode(data)
		if err != nil {
			return
		}
		again, err := series.Decode(series.Encode(points))
		if err != nil || !slices.EqualFunc(points, again, same) {
			t.Fatalf("%v: %v became %v", err, points, again)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]series.Point, 8192)
	for i := range all {
		all[i] = series.Point{Timestamp: int64(1000*i + random.IntN(40)), Step: int64(i), Value: random.Float64()}
	}
	data := series.Encode(all)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		var err error
		if all, err = series.AppendDecoded(all[:0], data); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all)), "ns/point")
}

func BenchmarkEncode(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]series.Point, 8192)
	for i := range all {
		all[i] = series.Point{Timestamp: int64(1000*i + random.IntN(40)), Step: int64(i), Value: random.Float64()}
	}
	for b.Loop() {
		series.Encode(all)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all)), "ns/point")
}
