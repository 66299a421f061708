package onnx

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// forestModel builds a regressor of random trees: 4 features and about 14 nodes a
// tree, the size of a small forest in service, or a full tree of the given depth.
func forestModel(trees, depth int, full bool) *treeAttrs {
	rng := rand.New(rand.NewPCG(1, 2))
	a := &treeAttrs{outputs: 1}
	for t := range trees {
		var grow func(level int) int64
		next := int64(0)
		grow = func(level int) int64 {
			id, at := next, len(a.tree)
			next++
			a.tree, a.id = append(a.tree, int64(t)), append(a.id, id)
			a.feature, a.values = append(a.feature, rng.Int64N(4)), append(a.values, float64(float32(rng.NormFloat64())))
			a.yes, a.no, a.modes = append(a.yes, 0), append(a.no, 0), append(a.modes, "LEAF")
			if level < depth && (full || level == 0 || rng.Float64() < 0.75) {
				a.modes[at] = "BRANCH_LEQ"
				a.yes[at] = grow(level + 1)
				a.no[at] = grow(level + 1)
				return id
			}
			a.leafTree, a.leafID = append(a.leafTree, int64(t)), append(a.leafID, id)
			a.leafOutput, a.weights = append(a.leafOutput, 0), append(a.weights, rng.NormFloat64())
			return id
		}
		grow(0)
	}
	return a
}

func benchForest(b *testing.B, depth, rows int, full bool) {
	a := forestModel(100, depth, full)
	f, err := buildForest[float32](a, 1000)
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	x := make([]float32, 4096*4)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	sums := make([]float32, rows)
	b.ReportAllocs()
	at := 0
	for b.Loop() {
		clear(sums)
		f.evaluate(x[at*4:(at+rows)*4], rows, 4, aggregateSum, sums, nil)
		if at += rows; at+rows > 4096 {
			at = 0
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
	b.ReportMetric(float64(len(a.tree)), "nodes")
}

// BenchmarkForest measures the tree evaluator alone; it must not allocate.
func BenchmarkForest(b *testing.B) {
	for _, rows := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("small/rows=%d", rows), func(b *testing.B) { benchForest(b, 4, rows, false) })
		b.Run(fmt.Sprintf("depth8/rows=%d", rows), func(b *testing.B) { benchForest(b, 8, rows, true) })
	}
}

// BenchmarkRun measures whole programs from the zoo, allocation of the result
// included.
func BenchmarkRun(b *testing.B) {
	for _, c := range readCases(b, "testdata/zoo") {
		switch c.Name {
		case "forest_binary", "boost_regressor", "hist_regressor", "mixed_logistic", "logistic_multi":
		default:
			continue
		}
		prog, err := Load(c.model)
		if err != nil {
			b.Fatal(err)
		}
		for _, rows := range []int64{1, 20} {
			in := map[string]*Tensor{}
			for name, j := range c.Inputs {
				in[name] = firstRows(j.tensor(b), rows)
			}
			b.Run(fmt.Sprintf("%s/rows=%d", c.Name, rows), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := prog.Run(in); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
			})
		}
	}
}

// firstRows cuts a tensor to its first rows.
func firstRows(t *Tensor, rows int64) *Tensor {
	e := env{Limits{}.withDefaults()}
	out, err := sliceOf(&e, t, []int64{0}, []int64{rows}, nil, nil)
	if err != nil {
		panic(err)
	}
	return out
}
