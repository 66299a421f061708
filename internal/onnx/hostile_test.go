package onnx

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestRefused feeds models that break one rule each; want is part of the message.
func TestRefused(t *testing.T) {
	nan := float32(math.NaN())
	relu := func(in, out string) message { return nodeOf("", "Relu", []string{in}, []string{out}, nil) }
	nodes := func(ns ...message) []byte {
		return modelOf(Float32, func(g message) message {
			for _, n := range ns {
				g = g.bytes(1, n)
			}
			return g
		})
	}
	withInit := func(init message) []byte {
		return modelOf(Float32, func(g message) message { return g.bytes(5, init).bytes(1, relu("X", "Y")) })
	}
	tests := []struct {
		name, want string
		model      []byte
	}{
		{"empty", "no graph", nil},
		{"truncated", "length", stump(nil)[:60]},
		{"cycle", "cycle", nodes(relu("A", "B"), relu("B", "A"), relu("X", "Y"))},
		{"two producers", "two producers", nodes(relu("X", "Y"), relu("X", "Y"))},
		{"unknown input", "nothing produces", nodes(relu("Q", "Y"))},
		{"no output node", "nothing produces output", nodes()},
		{"external data", "external", withInit(tensorOf("w", Float32, []int64{1}, nil).varint(14, 1))},
		{"external path", "external", withInit(tensorOf("w", Float32, []int64{1}, nil).bytes(13, message{}.str(1, "location").str(2, "../x")))},
		{"dims overflow", "exceeds the limit", withInit(tensorOf("w", Float32, []int64{1 << 40, 1 << 40}, nil))},
		{"negative dim", "negative dimension", withInit(tensorOf("w", Float32, []int64{-1}, nil))},
		{"short data", "raw bytes", withInit(tensorOf("w", Float32, []int64{3}, make([]byte, 8)))},
		{"hidden size", "exceeds the limit", withInit(tensorOf("w", Float32, []int64{0, 1 << 50}, nil))},
		{"rank", "dimensions", withInit(tensorOf("w", Float32, make([]int64, 40), nil))},
		{"unknown attribute", "unknown attribute", oneNode(Float32, "", "Relu", attrs{"alpha": float32(1)})},
		{"attribute kind", "kind", oneNode(Float32, mlDomain, "Normalizer", attrs{"norm": 3})},
		{"missing input", "0 inputs", nodes(nodeOf("", "Relu", nil, []string{"Y"}, nil))},
		{"declared type", "declared", oneNode(Int64, "", "Relu", nil)},

		{"array lengths", "entries", stump(attrs{"nodes_values": []float32{0.5, 0}})},
		{"weight lengths", "differ in length", stump(attrs{"target_ids": []int64{0}})},
		{"repeated node", "given twice", stump(attrs{"nodes_nodeids": []int64{0, 1, 1}})},
		{"scattered tree", "not together", stump(attrs{"nodes_treeids": []int64{0, 1, 0}})},
		{"missing child", "does not exist", stump(attrs{"nodes_truenodeids": []int64{9, 0, 0}})},
		{"tree cycle", "two parents", stump(attrs{"nodes_truenodeids": []int64{0, 0, 0}})},
		{"bare leaf", "no weight", stump(attrs{"target_nodeids": []int64{1, 1}, "target_ids": []int64{0, 1}, "n_targets": 2})},
		{"heavy leaf", "2 weights for one output", stump(attrs{"target_nodeids": []int64{1, 1}})},
		{"weight of inner node", "no leaf", stump(attrs{"target_nodeids": []int64{0, 2}})},
		{"weight of unknown tree", "does not exist", stump(attrs{"target_treeids": []int64{0, 7}})},
		{"output range", "not in [0, 1)", stump(attrs{"target_ids": []int64{0, 1}})},
		{"negative output", "not in [0, 1)", stump(attrs{"target_ids": []int64{0, -1}})},
		{"negative feature", "feature id", stump(attrs{"nodes_featureids": []int64{-1, 0, 0}})},
		{"feature range", "out of range for 2 columns", stump(attrs{"nodes_featureids": []int64{2, 0, 0}})},
		{"NaN threshold", "NaN", stump(attrs{"nodes_values": []float32{nan, 0, 0}})},
		{"NaN weight", "NaN", stump(attrs{"target_weights": []float32{nan, 0}})},
		{"mode", "unknown node mode", stump(attrs{"nodes_modes": []string{"BRANCH_MEMBER", "LEAF", "LEAF"}})},
		{"transform", "unknown post_transform", stump(attrs{"post_transform": "TANH"})},
		{"aggregate", "unknown aggregate", stump(attrs{"aggregate_function": "MEDIAN"})},
		{"targets", "targets", stump(attrs{"n_targets": 0})},
		{"base values", "base values", stump(attrs{"base_values": []float32{1, 2}})},
		{"categories", "given twice", oneNode(Float32, mlDomain, "OneHotEncoder", attrs{"cats_int64s": []int64{1, 1}})},
		{"key count", "keys", oneNode(Float32, mlDomain, "LabelEncoder", attrs{"keys_int64s": []int64{1, 2}, "values_int64s": []int64{1}})},
		{"label count", "labels", oneNode(Float32, mlDomain, "ZipMap", attrs{"classlabels_int64s": []int64{1, 2, 3}})},
		{"coefficients", "columns", oneNode(Float32, mlDomain, "LinearRegressor", attrs{"coefficients": []float32{1, 2, 3}})},
		{"scale", "columns", oneNode(Float32, mlDomain, "Scaler", attrs{"offset": []float32{1, 2, 3}, "scale": []float32{1, 2, 3}})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(tt.model)
			var parse *ParseError
			var invalid *InvalidError
			if !errors.As(err, &parse) && !errors.As(err, &invalid) {
				t.Fatalf("got %v, want a ParseError or InvalidError", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want it to mention %q", err, tt.want)
			}
		})
	}
}

// TestUnsupported lists everything that is missing, in one error.
func TestUnsupported(t *testing.T) {
	model := modelOf(Float32, func(g message) message {
		return g.
			bytes(1, nodeOf("", "Einsum", []string{"X"}, []string{"A"}, attrs{"equation": "ij->ij"})).
			bytes(1, nodeOf(mlDomain, "SVMRegressor", []string{"A"}, []string{"B"}, nil)).
			bytes(1, nodeOf("", "Relu", []string{"B"}, []string{"Y"}, nil))
	})
	m, err := Parse(model, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(m.Ops()); got != "[Einsum Relu ai.onnx.ml:SVMRegressor]" {
		t.Errorf("Ops() = %s", got)
	}
	_, err = Compile(m)
	var u *UnsupportedError
	if !errors.As(err, &u) {
		t.Fatalf("got %v", err)
	}
	if got := strings.Join(u.Ops, "; "); got != "Einsum (opset 17); ai.onnx.ml:SVMRegressor (opset 3)" {
		t.Errorf("Ops = %s", got)
	}

	_, err = Load(stump(attrs{"post_transform": "PROBIT"}))
	if !errors.As(err, &u) || u.Ops[0] != "ai.onnx.ml:TreeEnsembleRegressor v3 (post_transform PROBIT)" {
		t.Errorf("variant: got %v", err)
	}
	_, err = Load(oneNode(Float32, mlDomain, "OneHotEncoder", attrs{"cats_strings": []string{"a"}}))
	if !errors.As(err, &u) || u.Ops[0] != "ai.onnx.ml:OneHotEncoder (input type float32)" {
		t.Errorf("type: got %v", err)
	}
}

func TestNestingAndDepthLimits(t *testing.T) {
	sub := message{}
	for range 40 {
		loop := nodeOf("", "Loop", nil, []string{"o"}, nil).
			bytes(5, message{}.str(1, "body").bytes(6, sub).varint(20, attrGraph))
		sub = message{}.bytes(1, loop)
	}
	_, err := Load(message{}.varint(1, 8).bytes(7, sub).bytes(8, message{}.varint(2, 17)))
	if err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("sub-graphs: %v", err)
	}

	as := attrs{"n_targets": 1}
	var tree, id, feature, yes, no []int64
	var values []float32
	var modes []string
	const depth = 300
	for i := range int64(depth) {
		tree, id, feature, values = append(tree, 0, 0), append(id, 2*i, 2*i+1), append(feature, 0, 0), append(values, 0, 0)
		modes, yes, no = append(modes, "BRANCH_LT", "LEAF"), append(yes, 2*i+1, 0), append(no, min(2*i+2, 2*depth-1), 0)
	}
	modes[2*depth-2] = "LEAF"
	as["nodes_treeids"], as["nodes_nodeids"], as["nodes_featureids"], as["nodes_values"] = tree, id, feature, values
	as["nodes_modes"], as["nodes_truenodeids"], as["nodes_falsenodeids"] = modes, yes, no
	var leafIDs []int64
	for i, m := range modes {
		if m == "LEAF" {
			leafIDs = append(leafIDs, id[i])
		}
	}
	zeros := make([]int64, len(leafIDs))
	as["target_treeids"], as["target_ids"], as["target_nodeids"], as["target_weights"] = zeros, zeros, leafIDs, make([]float32, len(zeros))
	m, err := Parse(oneNode(Float32, mlDomain, "TreeEnsembleRegressor", as), Limits{MaxTreeDepth: 100})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(m); err == nil || !strings.Contains(err.Error(), "deeper than 100") {
		t.Errorf("tree depth: %v", err)
	}
}

// TestSizesAreBounded asks operators for results that must not be allocated.
func TestSizesAreBounded(t *testing.T) {
	le := func(v ...uint64) []byte {
		var b []byte
		for _, x := range v {
			for range 8 {
				b, x = append(b, byte(x)), x>>8
			}
		}
		return b
	}
	for op, shape := range map[string]message{
		"Expand":  tensorOf("S", Int64, []int64{3}, le(1<<40, 1, 1)),
		"Tile":    tensorOf("S", Int64, []int64{2}, le(1<<20, 1<<20)),
		"Reshape": tensorOf("S", Int64, []int64{3}, le(1<<62, 1<<62, 16)),
	} {
		model := modelOf(Float32, func(g message) message {
			return g.bytes(5, shape).bytes(1, nodeOf("", op, []string{"X", "S"}, []string{"Y"}, nil))
		})
		prog, err := Load(model)
		if err == nil {
			_, err = prog.Run(map[string]*Tensor{"X": NewF32([]int64{1, 2}, []float32{1, 2})})
		}
		if err == nil {
			t.Errorf("%s: no error", op)
		}
	}
}

// exercise loads bytes under small limits and runs what compiles on random rows.
// It reports whether the model compiled; any panic is the caller's failure.
func exercise(data []byte, rng *rand.Rand) bool {
	m, err := Parse(data, Limits{MaxElements: 1 << 16, MaxNodes: 2000})
	if err != nil {
		return false
	}
	m.Ops()
	prog, err := Compile(m)
	if err != nil {
		return false
	}
	inputs := map[string]*Tensor{}
	e := env{m.limits}
	for _, v := range prog.Inputs() {
		for i, d := range v.Shape {
			if d < 0 {
				v.Shape[i] = int64(1 + 4*(1-min(i, 1)))
			}
		}
		t, err := e.make(v.Type, v.Shape)
		if err != nil {
			return true
		}
		randomize(t, rng)
		inputs[v.Name] = t
	}
	_, _ = prog.Run(inputs)
	return true
}

func randomize(t *Tensor, rng *rand.Rand) {
	special := []float64{0, math.Inf(1), math.Inf(-1), math.NaN(), 1e30}
	for i := range t.Len() {
		v := rng.NormFloat64() * 5
		if rng.IntN(8) == 0 {
			v = special[rng.IntN(len(special))]
		}
		switch t.Type {
		case Float32:
			t.F32[i] = float32(v)
		case Float64:
			t.F64[i] = v
		case Int32:
			t.I32[i] = rng.Int32N(10) - 3
		case Int64:
			t.I64[i] = rng.Int64N(10) - 3
		case String:
			t.Str[i] = []string{"a", "b", "", "ß"}[rng.IntN(4)]
		}
	}
}

// mutate damages a few places: flipped bits, random bytes, cuts, copies.
func mutate(data []byte, rng *rand.Rand) []byte {
	out := append([]byte(nil), data...)
	for range 1 + rng.IntN(4) {
		if len(out) < 8 {
			return out
		}
		at := rng.IntN(len(out))
		switch rng.IntN(6) {
		case 0, 1:
			out[at] ^= 1 << rng.IntN(8)
		case 2, 3:
			out[at] = byte(rng.Uint32())
		case 4:
			out = append(out[:at], out[min(at+1+rng.IntN(6), len(out)):]...)
		case 5:
			from := rng.IntN(len(out))
			part := append([]byte(nil), out[from:min(from+1+rng.IntN(40), len(out))]...)
			out = append(out[:at], append(part, out[at:]...)...)
		}
	}
	return out
}

// TestMutatedModels damages the golden models and wants errors, never a panic.
func TestMutatedModels(t *testing.T) {
	rng := rand.New(rand.NewPCG(20261123, 1))
	cases := readCases(t, "testdata/zoo")
	compiled := 0
	const total = 5000
	for i := range total {
		data := mutate(cases[i%len(cases)].model, rng)
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Fatalf("mutant %d of %s: panic: %v", i, cases[i%len(cases)].Name, p)
				}
			}()
			if exercise(data, rng) {
				compiled++
			}
		}()
	}
	if compiled < total/20 || compiled == total {
		t.Errorf("%d of %d mutants compiled: the mutation is too strong or too weak", compiled, total)
	}
}

// FuzzParse feeds arbitrary bytes, starting from small golden models.
func FuzzParse(f *testing.F) {
	for _, c := range readCases(f, "testdata/zoo") {
		if len(c.model) < 3000 {
			f.Add(c.model, uint64(1))
		}
	}
	f.Add(stump(nil), uint64(2))
	f.Fuzz(func(_ *testing.T, data []byte, seed uint64) {
		exercise(data, rand.New(rand.NewPCG(seed, 0)))
	})
}
