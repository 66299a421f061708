package modelpack

import (
	"fmt"
	"math"

	"github.com/paraplu/paraplu/internal/onnx"
)

// convertible tells whether values of one type may become another inside a binding. Parity rows prove that it is right.
func convertible(from, to onnx.DType) bool {
	if from == to {
		return true
	}
	switch to {
	case onnx.Float32, onnx.Float64:
		return from != onnx.String
	case onnx.Int64:
		return from == onnx.Int32 || from == onnx.Bool
	case onnx.Int32:
		return from == onnx.Int64 || from == onnx.Bool
	}
	return false
}

// convert writes groups of w elements of src into dst, the first at index at, the next stride further.
func convert(dst, src *onnx.Tensor, at, stride, w int) error {
	n := src.Len()
	for i := range n {
		j := at + i/w*stride + i%w
		if dst.Type == src.Type {
			copyOne(dst, src, j, i)
			continue
		}
		switch dst.Type {
		case onnx.Float32:
			v, _ := Number(src, i)
			dst.F32[j] = float32(v)
		case onnx.Float64:
			dst.F64[j], _ = Number(src, i)
		case onnx.Int64:
			v, _ := Number(src, i) // from 32 bits or a flag: exact
			dst.I64[j] = int64(v)
		case onnx.Int32:
			if src.Type == onnx.Int64 && (src.I64[i] > math.MaxInt32 || src.I64[i] < math.MinInt32) {
				return fmt.Errorf("%d does not fit into 32 bits", src.I64[i])
			}
			v, _ := Number(src, i)
			dst.I32[j] = int32(v)
		}
	}
	return nil
}

func copyOne(dst, src *onnx.Tensor, j, i int) {
	switch dst.Type {
	case onnx.Float32:
		dst.F32[j] = src.F32[i]
	case onnx.Float64:
		dst.F64[j] = src.F64[i]
	case onnx.Int32:
		dst.I32[j] = src.I32[i]
	case onnx.Int64:
		dst.I64[j] = src.I64[i]
	case onnx.Bool:
		dst.Bool[j] = src.Bool[i]
	case onnx.String:
		dst.Str[j] = src.Str[i]
	}
}
