package modelpack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/paraplu/paraplu/internal/onnx"
)

// Set writes one JSON value (as a json.Number-decoding decoder gives it) into row i of a tensor of the column. Numbers
// may also be the texts "NaN", "Infinity" and "-Infinity"; null is a missing value. The error says what was expected.
func (c *Column) Set(t *onnx.Tensor, i int, v any) error {
	if len(c.Shape) == 0 {
		return c.setOne(t, i, v)
	}
	list, ok := v.([]any)
	if w := int(c.Width()); !ok || len(list) != w {
		return fmt.Errorf("got %s, want a list of %d values", show(v), w)
	}
	for j, e := range list {
		if err := c.setOne(t, i*len(list)+j, e); err != nil {
			return fmt.Errorf("element %d: %w", j, err)
		}
	}
	return nil
}

func (c *Column) setOne(t *onnx.Tensor, i int, v any) (err error) {
	switch t.Type {
	case onnx.Float32:
		var f float64
		f, err = c.float(v, 32)
		t.F32[i] = float32(f)
	case onnx.Float64:
		t.F64[i], err = c.float(v, 64)
	case onnx.Int32:
		var n int64
		n, err = c.integer(v, 32)
		t.I32[i] = int32(n)
	case onnx.Int64:
		t.I64[i], err = c.integer(v, 64)
	case onnx.Bool:
		b, ok := v.(bool)
		if !ok {
			return fmt.Errorf("got %s, want true or false", show(v))
		}
		t.Bool[i] = b
	case onnx.String:
		switch x := v.(type) {
		case string:
			t.Str[i] = x
		case nil:
			if !c.Nullable {
				return fmt.Errorf("is null, and the column may not be")
			}
			t.Str[i] = ""
		default:
			return fmt.Errorf("got %s, want a string", show(v))
		}
	}
	return err
}

func (c *Column) float(v any, bits int) (float64, error) {
	switch x := v.(type) {
	case nil:
		return math.NaN(), nil
	case json.Number:
		f, err := strconv.ParseFloat(string(x), bits)
		if err != nil {
			return 0, fmt.Errorf("%s does not fit into a %s", x, c.Type)
		}
		return f, nil
	case float64:
		return x, nil
	case string:
		switch x {
		case "NaN":
			return math.NaN(), nil
		case "Infinity":
			return math.Inf(1), nil
		case "-Infinity":
			return math.Inf(-1), nil
		}
	}
	return 0, fmt.Errorf("got %s, want a number", show(v))
}

// integer takes whole numbers exactly, also written 3.0 as pandas does; nothing passes through a float64 that need not.
func (c *Column) integer(v any, bits int) (int64, error) {
	n, ok := v.(json.Number)
	if !ok {
		if v == nil {
			return 0, fmt.Errorf("is null, and a %s cannot be missing (declare it double)", c.Type)
		}
		return 0, fmt.Errorf("got %s, want a whole number", show(v))
	}
	if i, err := strconv.ParseInt(string(n), 10, bits); err == nil {
		return i, nil
	}
	f, err := strconv.ParseFloat(string(n), 64)
	limit := math.Ldexp(1, bits-1)
	switch {
	case err != nil || f < -limit || f >= limit:
		return 0, fmt.Errorf("%s does not fit into a %s (%d bits)", n, c.Type, bits)
	case f != math.Trunc(f) || math.Abs(f) > 1<<53:
		return 0, fmt.Errorf("%s is not a whole number", n)
	}
	return int64(f), nil
}

// Get gives the value of row i in JSON form: a number, string, bool, list, or nil for NaN. Infinities are texts.
func (c *Column) Get(t *onnx.Tensor, i int) any {
	if len(c.Shape) == 0 {
		return element(t, i)
	}
	w := int(c.Width())
	list := make([]any, w)
	for j := range list {
		list[j] = element(t, i*w+j)
	}
	return list
}

func element(t *onnx.Tensor, i int) any {
	switch t.Type {
	case onnx.Float32:
		return finite(float64(t.F32[i]), t.F32[i])
	case onnx.Float64:
		return finite(t.F64[i], t.F64[i])
	case onnx.Int32:
		return t.I32[i]
	case onnx.Int64:
		return t.I64[i]
	case onnx.Bool:
		return t.Bool[i]
	}
	return t.Str[i]
}

func finite(f float64, v any) any {
	switch {
	case math.IsNaN(f):
		return nil
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return v
}

// show prints a JSON value for a message, shortened.
func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%T", v)
	}
	if len(b) > 60 {
		b = append(bytes.Clone(b[:57]), "…"...)
	}
	return string(b)
}

// text prints a row for a message, up to 400 bytes.
func text(row map[string]any) string {
	b, err := json.Marshal(row)
	if err != nil || len(b) > 400 {
		return fmt.Sprintf("%d inputs", len(row))
	}
	return string(b)
}
