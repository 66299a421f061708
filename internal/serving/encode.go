package serving

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/onnx"
)

func keysOf(cols []modelpack.Column) [][]byte {
	out := make([][]byte, len(cols))
	for i := range cols {
		out[i] = append(appendText(nil, cols[i].Name), ':')
	}
	return out
}

// appendRow writes one row of a frame as a JSON object. Missing numbers are null, infinities the texts "Infinity" and
// "-Infinity", vectors are lists.
func appendRow(b []byte, keys [][]byte, f *modelpack.Frame, row int) []byte {
	b = append(b, '{')
	for i, t := range f.Cols {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, keys[i]...)
		width := int(t.Shape[1])
		if width != 1 {
			b = append(b, '[')
		}
		for j := range width {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendElement(b, t, row*width+j)
		}
		if width != 1 {
			b = append(b, ']')
		}
	}
	return append(b, '}')
}

func appendElement(b []byte, t *onnx.Tensor, i int) []byte {
	switch t.Type {
	case onnx.Float32:
		return appendFloat(b, float64(t.F32[i]), 32)
	case onnx.Float64:
		return appendFloat(b, t.F64[i], 64)
	case onnx.Int32:
		return strconv.AppendInt(b, int64(t.I32[i]), 10)
	case onnx.Int64:
		return strconv.AppendInt(b, t.I64[i], 10)
	case onnx.Bool:
		return strconv.AppendBool(b, t.Bool[i])
	}
	return appendText(b, t.Str[i])
}

func appendFloat(b []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, "null"...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits)
}

func appendText(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // a string always marshals
	}
	return append(b, text...)
}
