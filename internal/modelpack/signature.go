package modelpack

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/onnx"
)

// Signature is what a model may be asked and what it answers, as signature.json holds it.
type Signature struct {
	Inputs    []Column             `json:"inputs"`
	Outputs   []Column             `json:"outputs"`
	Params    []json.RawMessage    `json:"params,omitempty"`
	Tolerance map[string]Tolerance `json:"tolerance,omitempty"` // by output
	Framework string               `json:"framework,omitempty"` // of the original, such as "scikit-learn 1.9.1"
}

// Column is one named input or output.
type Column struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`               // float, double, long, integer, string, boolean
	Shape       []int64  `json:"shape,omitempty"`    // of one value when it is a vector: [k]; absent = a scalar
	Nullable    bool     `json:"nullable,omitempty"` // NaN in float and double, "" in string
	Min         *float64 `json:"min,omitempty"`      // smallest value, inclusive
	Max         *float64 `json:"max,omitempty"`      // largest value, inclusive
	Unit        string   `json:"unit,omitempty"`
	Categories  []any    `json:"categories,omitempty"` // the only values, strings or numbers
	OutOfRange  string   `json:"out_of_range,omitempty"`
	Description string   `json:"description,omitempty"`
}

// Policies of Column.OutOfRange for values below min, above max or outside categories.
const (
	Reject = "reject" // refuse the request; the default of inputs
	Warn   = "warn"   // answer and say so; the default of outputs
	Ignore = "ignore"
)

// Tolerance says how far an engine may be from the original library.
type Tolerance struct {
	Kind  string  `json:"kind"`            // exact_label, max_abs, max_rel, mismatch_rate
	Limit float64 `json:"limit,omitempty"` // max_rel is |difference| / max(|expected|, 1)
}

var dtypes = map[string]onnx.DType{
	"float": onnx.Float32, "double": onnx.Float64, "long": onnx.Int64, "integer": onnx.Int32, "string": onnx.String, "boolean": onnx.Bool,
}

// DType gives the element type of the column's tensor.
func (c *Column) DType() onnx.DType { return dtypes[c.Type] }

// Width gives the number of elements of one value, 1 for a scalar.
func (c *Column) Width() int64 {
	n := int64(1)
	for _, d := range c.Shape {
		n *= d
	}
	return n
}

// Input gives the position of an input by name, -1 if there is none.
func (s *Signature) Input(name string) int { return position(s.Inputs, name) }

// Output gives the position of an output by name, -1 if there is none.
func (s *Signature) Output(name string) int { return position(s.Outputs, name) }

func position(cols []Column, name string) int {
	return slices.IndexFunc(cols, func(c Column) bool { return c.Name == name })
}

// ParseSignature reads signature.json strictly.
func ParseSignature(data []byte) (*Signature, error) {
	var s Signature
	if err := strict(data, &s); err != nil {
		return nil, fault.New(fault.Invalid, "signature.json: %w", err).WithHint("docs/spec/package.md lists the keys of a signature")
	}
	if err := s.check(); err != nil {
		return nil, fault.New(fault.Invalid, "signature.json: %w", err)
	}
	return &s, nil
}

func (s *Signature) check() error {
	if len(s.Inputs) == 0 || len(s.Outputs) == 0 {
		return fmt.Errorf("a signature needs at least one input and one output")
	}
	seen := map[string]bool{}
	for i := range s.Inputs {
		if err := s.Inputs[i].check("input", Reject); err != nil {
			return err
		}
	}
	for i := range s.Outputs {
		c := &s.Outputs[i]
		if err := c.check("output", Warn); err != nil {
			return err
		}
		if c.OutOfRange == Reject {
			return fmt.Errorf("output %q: out_of_range can be warn or ignore; an answer is not rejected", c.Name)
		}
	}
	for kind, cols := range map[string][]Column{"input": s.Inputs, "output": s.Outputs} {
		clear(seen)
		for _, c := range cols {
			if seen[c.Name] {
				return fmt.Errorf("%s %q is declared twice", kind, c.Name)
			}
			seen[c.Name] = true
		}
	}
	for name, t := range s.Tolerance {
		i := s.Output(name)
		if i < 0 {
			return fmt.Errorf("tolerance names %q, which is not an output", name)
		}
		if err := t.check(&s.Outputs[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Column) check(kind, policy string) error {
	if c.Name == "" || len(c.Name) > 256 {
		return fmt.Errorf("an %s has no name, or one over 256 bytes", kind)
	}
	if _, ok := dtypes[c.Type]; !ok {
		return fmt.Errorf("%s %q: type %q is not one of float, double, long, integer, string, boolean", kind, c.Name, c.Type)
	}
	if len(c.Shape) > 1 || len(c.Shape) == 1 && (c.Shape[0] < 1 || c.Shape[0] > 1<<20) {
		return fmt.Errorf("%s %q: shape %v is not that of a vector, [k] with k ≥ 1", kind, c.Name, c.Shape)
	}
	if t := c.DType(); c.Nullable && t != onnx.Float32 && t != onnx.Float64 && t != onnx.String {
		return fmt.Errorf("%s %q: a nullable %s is not possible; declare it double", kind, c.Name, c.Type)
	}
	if (c.Min != nil || c.Max != nil) && (c.DType() == onnx.String || c.DType() == onnx.Bool) {
		return fmt.Errorf("%s %q: min and max do not apply to %s", kind, c.Name, c.Type)
	}
	if c.Min != nil && c.Max != nil && *c.Min > *c.Max {
		return fmt.Errorf("%s %q: min %v is above max %v", kind, c.Name, *c.Min, *c.Max)
	}
	for _, v := range c.Categories {
		_, isText := v.(string)
		if _, isNumber := v.(float64); !isText && !isNumber || isText != (c.DType() == onnx.String) {
			return fmt.Errorf("%s %q: category %v is not a %s", kind, c.Name, v, c.Type)
		}
	}
	switch c.OutOfRange {
	case "":
		c.OutOfRange = policy
	case Reject, Warn, Ignore:
	default:
		return fmt.Errorf("%s %q: out_of_range %q is not reject, warn or ignore", kind, c.Name, c.OutOfRange)
	}
	return nil
}

func (t Tolerance) check(c *Column) error {
	numeric := c.DType() == onnx.Float32 || c.DType() == onnx.Float64
	switch t.Kind {
	case "exact_label":
	case "mismatch_rate":
		if t.Limit < 0 || t.Limit >= 1 || math.IsNaN(t.Limit) {
			return fmt.Errorf("tolerance of %q: mismatch_rate %v is not a share between 0 and 1", c.Name, t.Limit)
		}
	case "max_abs", "max_rel":
		if !numeric {
			return fmt.Errorf("tolerance of %q: %s applies to float and double, not to %s; use exact_label", c.Name, t.Kind, c.Type)
		}
		if !(t.Limit >= 0) || math.IsInf(t.Limit, 0) {
			return fmt.Errorf("tolerance of %q: limit %v is not a number from 0", c.Name, t.Limit)
		}
	default:
		return fmt.Errorf("tolerance of %q: kind %q is not exact_label, max_abs, max_rel or mismatch_rate", c.Name, t.Kind)
	}
	return nil
}

// tolerance gives the limit of an output; by default labels are exact and numbers within 1e-5, relative above 1.
func (s *Signature) tolerance(c *Column) Tolerance {
	if t, ok := s.Tolerance[c.Name]; ok {
		return t
	}
	if c.DType() == onnx.Float32 || c.DType() == onnx.Float64 {
		return Tolerance{Kind: "max_rel", Limit: 1e-5}
	}
	return Tolerance{Kind: "exact_label"}
}
