package modelpack

import (
	"github.com/paraplu/paraplu/internal/onnx"
)

// Frame is a batch of rows by column: one tensor [rows, width] of the column's own type for each column of a signature,
// in its order. A missing number is NaN, a missing string "".
type Frame struct {
	Rows int
	Cols []*onnx.Tensor
}

// NewTensor makes a tensor of zeros for n values of the column.
func (c *Column) NewTensor(n int) *onnx.Tensor {
	return newTensor(c.DType(), int64(n), c.Width())
}

func newTensor(t onnx.DType, rows, width int64) *onnx.Tensor {
	out := &onnx.Tensor{Type: t, Shape: []int64{rows, width}}
	size := rows * width
	switch t {
	case onnx.Float32:
		out.F32 = make([]float32, size)
	case onnx.Float64:
		out.F64 = make([]float64, size)
	case onnx.Int32:
		out.I32 = make([]int32, size)
	case onnx.Int64:
		out.I64 = make([]int64, size)
	case onnx.Bool:
		out.Bool = make([]bool, size)
	case onnx.String:
		out.Str = make([]string, size)
	}
	return out
}

// Slice gives the rows from lo up to hi; the elements are shared.
func (f *Frame) Slice(lo, hi int) *Frame {
	out := &Frame{Rows: hi - lo, Cols: make([]*onnx.Tensor, len(f.Cols))}
	for i, t := range f.Cols {
		w := int(t.Shape[1])
		c := &onnx.Tensor{Type: t.Type, Shape: []int64{int64(hi - lo), int64(w)}}
		a, b := lo*w, hi*w
		switch t.Type {
		case onnx.Float32:
			c.F32 = t.F32[a:b]
		case onnx.Float64:
			c.F64 = t.F64[a:b]
		case onnx.Int32:
			c.I32 = t.I32[a:b]
		case onnx.Int64:
			c.I64 = t.I64[a:b]
		case onnx.Bool:
			c.Bool = t.Bool[a:b]
		case onnx.String:
			c.Str = t.Str[a:b]
		}
		out.Cols[i] = c
	}
	return out
}

// Number gives element i of a numeric or boolean tensor as float64; strings give ok = false.
func Number(t *onnx.Tensor, i int) (v float64, ok bool) {
	switch t.Type {
	case onnx.Float32:
		return float64(t.F32[i]), true
	case onnx.Float64:
		return t.F64[i], true
	case onnx.Int32:
		return float64(t.I32[i]), true
	case onnx.Int64:
		return float64(t.I64[i]), true
	case onnx.Bool:
		if t.Bool[i] {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}
