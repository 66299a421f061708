package onnx

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

func loadZoo(t testing.TB, name string) *Program {
	t.Helper()
	data, err := os.ReadFile("testdata/zoo/" + name + ".onnx")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Load(data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProgramSignature(t *testing.T) {
	p := loadZoo(t, "logistic_multi")
	if got := fmt.Sprintf("%v %v %v", p.Inputs()[0].Name, p.Inputs()[0].Type, p.Inputs()[0].Shape); got != "X float32 [-1 4]" {
		t.Errorf("input %s", got)
	}
	outs := p.Outputs()
	if len(outs) != 2 || outs[0].Type != String || outs[0].SeqMap || !outs[1].SeqMap || outs[1].Type != Float32 {
		t.Fatalf("outputs %+v", outs)
	}
	if got := p.OutputLabels(outs[1].Name).Strings(); !slices.Equal(got, []string{"höch", "low", "mid"}) {
		t.Errorf("labels %q", got)
	}
	if p.OutputLabels(outs[0].Name) != nil {
		t.Error("the label output has class labels")
	}
	outs[0].Name, outs[1].Shape[0] = "changed", 7
	if p.Outputs()[0].Name == "changed" || p.Outputs()[1].Shape[0] == 7 {
		t.Error("Outputs gives access to the program")
	}
}

func TestRunWantedOutputs(t *testing.T) {
	p := loadZoo(t, "forest_binary")
	in := map[string]*Tensor{"X": NewF32([]int64{2, 4}, make([]float32, 8))}
	label := p.Outputs()[0].Name
	got, err := p.Run(in, label)
	if err != nil || len(got) != 1 || got[label].Len() != 2 {
		t.Fatalf("%v %v", got, err)
	}
	if _, err := p.Run(in, "nothing"); err == nil || !strings.Contains(err.Error(), `no output "nothing"`) {
		t.Errorf("unknown output: %v", err)
	}
}

func TestRunRefusesInputs(t *testing.T) {
	p := loadZoo(t, "linear")
	for want, in := range map[string]map[string]*Tensor{
		`input "X" is missing`:     {},
		`no input "Z"`:             {"X": NewF32([]int64{1, 4}, make([]float32, 4)), "Z": NewF32(nil, []float32{1})},
		"got float64":              {"X": NewF64([]int64{1, 4}, make([]float64, 4))},
		"got shape [1 3]":          {"X": NewF32([]int64{1, 3}, make([]float32, 3))},
		"got shape [4]":            {"X": NewF32([]int64{4}, make([]float32, 4))},
		"needs 8 elements, have 4": {"X": NewF32([]int64{2, 4}, make([]float32, 4))},
		"negative dimension":       {"X": NewF32([]int64{-1, 4}, nil)},
	} {
		if _, err := p.Run(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestRunEmptyBatch wants zero rows in, zero rows out from every golden model
// that takes one float matrix.
func TestRunEmptyBatch(t *testing.T) {
	for _, c := range readCases(t, "testdata/zoo") {
		if c.Unsupported || c.Inputs["X"].DType != "float32" {
			continue
		}
		if c.Name == "quantile_transform" {
			continue // its graph reshapes to the row count, and 0 copies a dimension
		}
		p := loadZoo(t, c.Name)
		got, err := p.Run(map[string]*Tensor{"X": NewF32([]int64{0, 4}, []float32{})})
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		for name, v := range got {
			if v.Len() != 0 {
				t.Errorf("%s: output %q has shape %v", c.Name, name, v.Shape)
			}
		}
	}
}

// TestResultsAreIndependent changes results in place and wants the model and the
// inputs to be unaffected.
func TestResultsAreIndependent(t *testing.T) {
	constant := modelOf(Float32, func(g message) message {
		return g.bytes(12, infoOf("C", Float32)).bytes(12, infoOf("I", Float32)).
			bytes(5, tensorOf("W", Float32, []int64{1}, []byte{0, 0, 128, 63})).
			bytes(1, nodeOf("", "Relu", []string{"X"}, []string{"Y"}, nil)).
			bytes(1, nodeOf("", "Identity", []string{"W"}, []string{"C"}, nil)).
			bytes(1, nodeOf("", "Identity", []string{"X"}, []string{"I"}, nil))
	})
	p, err := Load(constant)
	if err != nil {
		t.Fatal(err)
	}
	x := NewF32([]int64{1, 2}, []float32{3, 4})
	for range 2 {
		got, err := p.Run(map[string]*Tensor{"X": x})
		if err != nil {
			t.Fatal(err)
		}
		if got["C"].F32[0] != 1 || got["I"].F32[0] != 3 {
			t.Fatalf("C = %v, I = %v", got["C"].F32, got["I"].F32)
		}
		got["C"].F32[0], got["I"].F32[0] = 9, 9
	}
}

func TestConcurrentRuns(t *testing.T) {
	for _, name := range []string{"mixed_logistic", "hist_multi"} {
		var c testCase
		for _, v := range readCases(t, "testdata/zoo") {
			if v.Name == name {
				c = v
			}
		}
		p := loadZoo(t, name)
		in := map[string]*Tensor{}
		for k, j := range c.Inputs {
			in[k] = j.tensor(t)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 20 {
					got, err := p.Run(in)
					if err != nil {
						t.Error(err)
						return
					}
					for out, j := range c.Outputs {
						if err := compare(got[out], j.tensor(t), c.Exact, c.Scale); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
	}
}

// TestWarnings wants quirks of ONNX Runtime to be told, not copied in silence.
func TestWarnings(t *testing.T) {
	p, err := Load(stump(attrs{"post_transform": "LOGISTIC"}))
	if err != nil {
		t.Fatal(err)
	}
	if w := p.Warnings(); len(w) != 1 || !strings.Contains(w[0], "ignored for a single target") {
		t.Errorf("warnings %q", w)
	}
	if w := loadZoo(t, "forest_regressor").Warnings(); len(w) != 0 {
		t.Errorf("warnings for a plain forest: %q", w)
	}
}

func TestSharedLeaf(t *testing.T) {
	shared := attrs{
		"nodes_treeids": []int64{0, 0, 0, 0}, "nodes_nodeids": []int64{0, 1, 2, 3},
		"nodes_featureids": []int64{1, 1, 0, 0}, "nodes_values": []float32{1, 2, 0, 0},
		"nodes_modes":       []string{"BRANCH_EQ", "BRANCH_EQ", "LEAF", "LEAF"},
		"nodes_truenodeids": []int64{2, 2, 0, 0}, "nodes_falsenodeids": []int64{1, 3, 0, 0},
		"target_nodeids": []int64{2, 3},
	}
	p, err := Load(stump(shared))
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Run(map[string]*Tensor{"X": NewF32([]int64{3, 2}, []float32{0, 1, 0, 2, 0, 3})})
	if err != nil || fmt.Sprint(got["Y"].F32) != "[10 10 20]" {
		t.Errorf("%v %v", got["Y"], err)
	}
}
