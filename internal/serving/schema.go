package serving

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/onnx"
)

// check is a column of a signature, prepared for many requests.
type check struct {
	col      *modelpack.Column
	low, hi  float64 // -Inf, +Inf without a limit; rounded to float32 for a float column, as its values are
	texts    map[string]struct{}
	numbers  []float64
	nullable bool
	ranged   bool // any limit that is not ignored
}

func checksOf(cols []modelpack.Column) []check {
	out := make([]check, len(cols))
	for i := range cols {
		c := &cols[i]
		k := check{col: c, low: math.Inf(-1), hi: math.Inf(1), nullable: c.Nullable}
		if c.Min != nil {
			k.low = rounded(c, *c.Min)
		}
		if c.Max != nil {
			k.hi = rounded(c, *c.Max)
		}
		for _, v := range c.Categories {
			switch x := v.(type) {
			case string:
				if k.texts == nil {
					k.texts = map[string]struct{}{}
				}
				k.texts[x] = struct{}{}
			case float64:
				k.numbers = append(k.numbers, rounded(c, x))
			}
		}
		k.ranged = c.OutOfRange != modelpack.Ignore && (c.Min != nil || c.Max != nil || len(c.Categories) > 0)
		out[i] = k
	}
	return out
}

func rounded(c *modelpack.Column, v float64) float64 {
	if c.DType() == onnx.Float32 {
		return float64(float32(v))
	}
	return v
}

// violation is a value outside the limits of its column.
type violation struct {
	col  *modelpack.Column
	row  int
	text string
}

func (v violation) String() string { return fmt.Sprintf("%s, row %d: %s", v.col.Name, v.row+1, v.text) }

// examine checks a frame; the first violation under the policy reject is an error, those under warn are returned, the
// first of each column.
func examine(checks []check, f *modelpack.Frame) ([]violation, error) {
	var warned []violation
	for i := range checks {
		k, t := &checks[i], f.Cols[i]
		if row, missing := k.missing(t); missing {
			return nil, fault.New(fault.Invalid, "input %q, row %d: the value is missing (null or NaN), and the signature does not allow that", k.col.Name, row+1)
		}
		if !k.ranged {
			continue
		}
		row, text := k.outside(t)
		if text == "" {
			continue
		}
		if k.col.OutOfRange == modelpack.Reject {
			return nil, fault.New(fault.Invalid, "input %q, row %d: %s", k.col.Name, row+1, text).
				WithHint("the model was never shown such a value; where it should answer all the same, the signature says out_of_range: warn")
		}
		warned = append(warned, violation{k.col, row, text})
	}
	return warned, nil
}

// missing finds NaN or "" where the column may not be missing. An empty text is a value unless the column is nullable.
func (k *check) missing(t *onnx.Tensor) (int, bool) {
	if k.nullable {
		return 0, false
	}
	at := -1
	switch t.Type {
	case onnx.Float32:
		at = slices.IndexFunc(t.F32, func(v float32) bool { return v != v })
	case onnx.Float64:
		at = slices.IndexFunc(t.F64, math.IsNaN)
	}
	return at / int(t.Shape[1]), at >= 0
}

// outside finds the first value beyond the limits and says what is wrong with it.
func (k *check) outside(t *onnx.Tensor) (row int, text string) {
	width := int(t.Shape[1])
	if t.Type == onnx.String {
		for i, s := range t.Str {
			if _, ok := k.texts[s]; !ok && !(k.nullable && s == "") {
				return i / width, fmt.Sprintf("%q is not one of the known categories: %s", s, someOf(k.col.Categories))
			}
		}
		return 0, ""
	}
	for i := range t.Len() {
		v, _ := modelpack.Number(t, i)
		switch {
		case v != v:
		case v < k.low:
			return i / width, fmt.Sprintf("%s is below the minimum %s%s", number(v, t.Type), number(*k.col.Min, onnx.Float64), unit(k.col))
		case v > k.hi:
			return i / width, fmt.Sprintf("%s is above the maximum %s%s", number(v, t.Type), number(*k.col.Max, onnx.Float64), unit(k.col))
		case k.numbers != nil && !slices.Contains(k.numbers, v):
			return i / width, fmt.Sprintf("%s is not one of the known categories: %s", number(v, t.Type), someOf(k.col.Categories))
		}
	}
	return 0, ""
}

func number(v float64, t onnx.DType) string {
	bits := 64
	if t == onnx.Float32 {
		bits = 32
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

func unit(c *modelpack.Column) string {
	if c.Unit == "" {
		return ""
	}
	return " " + c.Unit
}

func someOf(list []any) string {
	s := ""
	for i, v := range list {
		if i == 12 {
			return s + fmt.Sprintf(", … (%d)", len(list))
		}
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprint(v)
	}
	return s
}
