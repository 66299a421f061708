package onnx

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// jsonTensor and testCase mirror what testdata/cases.py writes.
type jsonTensor struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Data    string   `json:"data"`
	Strings []string `json:"strings"`
	Labels  []string `json:"labels"`
}

type testCase struct {
	Name        string                `json:"name"`
	Exact       bool                  `json:"exact"`
	Unsupported bool                  `json:"unsupported"`
	Scale       float64               `json:"scale"`
	Error       string                `json:"error"`
	Inputs      map[string]jsonTensor `json:"inputs"`
	Outputs     map[string]jsonTensor `json:"outputs"`
	Library     map[string]jsonTensor `json:"library"`
	LibraryTol  float64               `json:"library_tolerance"`

	model []byte
}

func (j jsonTensor) tensor(t testing.TB) *Tensor {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(j.Data)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	switch j.DType {
	case "float32":
		v := make([]float32, len(raw)/4)
		for i := range v {
			v[i] = math.Float32frombits(le.Uint32(raw[4*i:]))
		}
		return NewF32(j.Shape, v)
	case "float64":
		v := make([]float64, len(raw)/8)
		for i := range v {
			v[i] = math.Float64frombits(le.Uint64(raw[8*i:]))
		}
		return NewF64(j.Shape, v)
	case "int32":
		v := make([]int32, len(raw)/4)
		for i := range v {
			v[i] = int32(le.Uint32(raw[4*i:]))
		}
		return NewI32(j.Shape, v)
	case "int64":
		v := make([]int64, len(raw)/8)
		for i := range v {
			v[i] = int64(le.Uint64(raw[8*i:]))
		}
		return NewI64(j.Shape, v)
	case "bool":
		v := make([]bool, len(raw))
		for i := range v {
			v[i] = raw[i] != 0
		}
		return NewBool(j.Shape, v)
	case "string":
		if j.Strings == nil {
			j.Strings = []string{}
		}
		return NewStr(j.Shape, j.Strings)
	}
	t.Fatalf("dtype %q", j.DType)
	return nil
}

// readCases loads every case of a folder.
func readCases(t testing.TB, folder string) []testCase {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.onnx"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases in %s (%v)", folder, err)
	}
	var cases []testCase
	for _, p := range paths {
		text, err := os.ReadFile(strings.TrimSuffix(p, ".onnx") + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var c testCase
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		if c.model, err = os.ReadFile(p); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}

// runCase loads the model of a case and compares with ONNX Runtime and with the
// training library.
func runCase(t *testing.T, c testCase) {
	prog, err := Load(c.model)
	if c.Unsupported {
		var u *UnsupportedError
		if !errors.As(err, &u) {
			t.Fatalf("want an UnsupportedError, got %v", err)
		}
		return
	}
	if err != nil {
		if c.Error != "" {
			return
		}
		t.Fatal(err)
	}
	inputs := map[string]*Tensor{}
	for name, j := range c.Inputs {
		inputs[name] = j.tensor(t)
	}
	got, err := prog.Run(inputs)
	if c.Error != "" {
		if err == nil {
			t.Fatalf("ONNX Runtime failed with %q, we did not", c.Error)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, j := range c.Outputs {
		want := j.tensor(t)
		if err := compare(got[name], want, c.Exact, c.Scale); err != nil {
			t.Errorf("output %q against ONNX Runtime: %v", name, err)
		}
		if j.Labels != nil && strings.Join(j.Labels, "|") != strings.Join(prog.OutputLabels(name).Strings(), "|") {
			t.Errorf("output %q has labels %v, want %v", name, prog.OutputLabels(name).Strings(), j.Labels)
		}
	}
	for name, j := range c.Library {
		if err := near(got[name], j.tensor(t), c.LibraryTol); err != nil {
			t.Errorf("output %q against the library: %v", name, err)
		}
	}
}

// compare checks type, shape and elements. Integers, strings and booleans must be
// equal; floats equal in bits when exact, otherwise within 1e-5·scale or a
// relative 1e-6.
func compare(got, want *Tensor, exact bool, scale float64) error {
	if got == nil {
		return errors.New("missing")
	}
	if got.Type != want.Type || fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) {
		return fmt.Errorf("got %s %v, want %s %v", got.Type, got.Shape, want.Type, want.Shape)
	}
	for i := range want.Len() {
		var ok bool
		switch want.Type {
		case Float32:
			ok = sameFloat(float64(got.F32[i]), float64(want.F32[i]), exact, scale)
		case Float64:
			ok = sameFloat(got.F64[i], want.F64[i], exact, scale)
		default:
			ok = text(got, i) == text(want, i)
		}
		if !ok {
			return fmt.Errorf("element %d of %v: got %s, want %s", i, got.Shape, text(got, i), text(want, i))
		}
	}
	return nil
}

func sameFloat(a, b float64, exact bool, scale float64) bool {
	switch {
	case math.IsNaN(a) || math.IsNaN(b):
		return math.IsNaN(a) && math.IsNaN(b)
	case a == b:
		return true
	case exact || math.IsInf(a, 0) || math.IsInf(b, 0):
		return false
	}
	d := math.Abs(a - b)
	return d <= 1e-5*max(scale, 1) || d <= 1e-6*math.Abs(b)
}

// text shows one element; the shortest form that distinguishes floats.
func text(t *Tensor, i int) string {
	switch t.Type {
	case Float32:
		return fmt.Sprint(t.F32[i])
	case Float64:
		return fmt.Sprint(t.F64[i])
	case Int32:
		return fmt.Sprint(t.I32[i])
	case Int64:
		return fmt.Sprint(t.I64[i])
	case Bool:
		return fmt.Sprint(t.Bool[i])
	}
	return t.Str[i]
}

// near compares the leading rows with numbers or labels of the training library,
// whose types and shapes differ (float64, vectors instead of columns).
func near(got, want *Tensor, tol float64) error {
	if got.Len() < want.Len() {
		return fmt.Errorf("%d elements, want %d", got.Len(), want.Len())
	}
	for i := range want.Len() {
		a, okA := asNumber(got, i)
		b, okB := asNumber(want, i)
		if okA && okB {
			if math.Abs(a-b) > tol*max(1, math.Abs(b)) {
				return fmt.Errorf("element %d: got %v, want %v", i, a, b)
			}
		} else if text(got, i) != text(want, i) {
			return fmt.Errorf("element %d: got %s, want %s", i, text(got, i), text(want, i))
		}
	}
	return nil
}

func asNumber(t *Tensor, i int) (float64, bool) {
	switch t.Type {
	case Float32:
		return float64(t.F32[i]), true
	case Float64:
		return t.F64[i], true
	case Int32:
		return float64(t.I32[i]), true
	case Int64:
		return float64(t.I64[i]), true
	}
	return 0, false
}

// TestZoo checks the golden models that testdata/make_zoo.py wrote.
func TestZoo(t *testing.T) {
	for _, c := range readCases(t, "testdata/zoo") {
		t.Run(c.Name, func(t *testing.T) { runCase(t, c) })
	}
}
