package onnx

import (
	"math"
	"slices"
)

// perColumn checks that an attribute holds one value or one per column.
func perColumn(name string, n int, cols int64) error {
	if n != 1 && int64(n) != cols {
		return defect("%d values of %s for %d columns", n, name, cols)
	}
	return nil
}

// lastDim is the number of columns: the last dimension, 1 for a scalar.
func lastDim(x *Tensor) int64 {
	if len(x.Shape) == 0 {
		return 1
	}
	return x.Shape[len(x.Shape)-1]
}

// buildScaler computes (x − offset) · scale. Doubles are computed as doubles and
// rounded at the end, everything else as float32.
func buildScaler(c *nodeCtx) (kernel, error) {
	offset, scale := c.floats("offset"), c.floats("scale")
	if len(offset) == 0 || len(scale) == 0 || len(offset) != len(scale) {
		return nil, defect("%d offsets and %d scales", len(offset), len(scale))
	}
	return func(e *env, in, out []*Tensor) error {
		x, cols := in[0], lastDim(in[0])
		if err := perColumn("scale", len(scale), cols); err != nil {
			return err
		}
		var err error
		if out[0], err = e.make(Float32, x.Shape); err != nil {
			return err
		}
		if x.Type == Float64 {
			scaleInto(out[0].F32, x.F64, offset, scale)
			return nil
		}
		values, err := float32s(e, x)
		if err != nil {
			return err
		}
		scaleInto(out[0].F32, values, offset, scale)
		return nil
	}, nil
}

func scaleInto[T float](dst []float32, x []T, offset, scale []float32) {
	j := 0
	for i, v := range x {
		dst[i] = float32(T(v-T(offset[j])) * T(scale[j]))
		if j++; j == len(scale) {
			j = 0
		}
	}
}

// buildImputer replaces values equal to one marker, NaN included.
func buildImputer(c *nodeCtx) (kernel, error) {
	floats, ints := c.floats("imputed_value_floats"), c.ints("imputed_value_int64s")
	markF, markI := c.float("replaced_value_float", 0), c.int("replaced_value_int64", 0)
	if (len(floats) == 0) == (len(ints) == 0) {
		return nil, defect("%d float and %d integer replacements", len(floats), len(ints))
	}
	return func(e *env, in, out []*Tensor) (err error) {
		x := in[0]
		if err := perColumn("imputed_value", max(len(floats), len(ints)), lastDim(x)); err != nil {
			return err
		}
		switch {
		case x.Type == Float32 && len(floats) > 0:
			out[0], err = impute(e, x, floats, func(v float32) bool {
				return v == markF || (v != v && math.IsNaN(float64(markF)))
			})
		case x.Type == Int64 && len(ints) > 0:
			out[0], err = impute(e, x, ints, func(v int64) bool { return v == markI })
		default:
			err = errType(x.Type)
		}
		return err
	}, nil
}

func impute[T element](e *env, x *Tensor, with []T, missing func(T) bool) (*Tensor, error) {
	out, err := e.make(x.Type, x.Shape)
	if err != nil {
		return nil, err
	}
	dst := data[T](out)
	for i, v := range data[T](x) {
		if missing(v) {
			v = with[i%len(with)]
		}
		dst[i] = v
	}
	return out, nil
}

func buildNormalizer(c *nodeCtx) (kernel, error) {
	var norm func(row []float32)
	switch name := c.str("norm", "MAX"); name {
	case "MAX":
		norm = normMax
	case "L1":
		norm = normL1
	case "L2":
		norm = normL2
	default:
		return nil, defect("unknown norm %q", clipText(name))
	}
	return func(e *env, in, out []*Tensor) error {
		_, cols, err := matrixOf(in[0])
		if err != nil {
			return err
		}
		values, err := float32s(e, in[0])
		if err != nil {
			return err
		}
		if out[0], err = e.make(Float32, in[0].Shape); err != nil || cols == 0 {
			return err
		}
		copy(out[0].F32, values)
		for row := range slices.Chunk(out[0].F32, int(cols)) {
			norm(row)
		}
		return nil
	}, nil
}

// normMax divides by the maximum, not by the maximum of absolutes, as ONNX
// Runtime does. A zero divisor leaves the row unchanged in all three norms.
func normMax(row []float32) {
	top := float32(math.Inf(-1))
	for _, v := range row {
		if v > top {
			top = v
		}
	}
	if top != 0 {
		for i := range row {
			row[i] /= top
		}
	}
}

func normL1(row []float32) {
	var sum float32
	for _, v := range row {
		sum += float32(math.Abs(float64(v)))
	}
	if sum != 0 {
		for i := range row {
			row[i] /= sum
		}
	}
}

func normL2(row []float32) {
	var sum float32
	for _, v := range row {
		sum += float32(v * v)
	}
	if sum == 0 {
		return
	}
	for i, v := range row {
		r := float32(math.Sqrt(float64(float32(v*v) / sum)))
		if v < 0 {
			r = -r
		}
		row[i] = r
	}
}

// buildBinarizer fails on NaN, as ONNX Runtime does.
func buildBinarizer(c *nodeCtx) (kernel, error) {
	threshold := c.float("threshold", 0)
	return func(e *env, in, out []*Tensor) (err error) {
		if in[0].Type != Float32 {
			return errType(in[0].Type)
		}
		for i, v := range in[0].F32 {
			if v != v {
				return invalid("NaN at element %d", i)
			}
		}
		out[0], err = apply(e, in[0], func(v float32) float32 { return fromBool[float32](v > threshold) })
		return err
	}, nil
}

// buildFeatureVectorizer joins columns of numbers into one float32 matrix.
func buildFeatureVectorizer(c *nodeCtx) (kernel, error) {
	dims := c.ints("inputdimensions")
	return func(e *env, in, out []*Tensor) error {
		if len(dims) != len(in) {
			return defect("%d inputdimensions for %d inputs", len(dims), len(in))
		}
		parts, rows, width := make([]*Tensor, len(in)), int64(0), int64(0)
		for i, t := range in {
			if t == nil {
				return invalid("omitted input")
			}
			n, cols, err := matrixOf(t)
			if err != nil {
				return err
			}
			if cols != dims[i] || (i > 0 && n != rows) {
				return invalid("input %d of shape %v, want %d columns", i, t.Shape, dims[i])
			}
			v, err := float32s(e, t)
			if err != nil {
				return err
			}
			parts[i], rows, width = NewF32([]int64{n, cols}, v), n, width+cols
		}
		var err error
		if out[0], err = e.make(Float32, []int64{rows, width}); err != nil {
			return err
		}
		joinAlong(out[0], parts, 1)
		return nil
	}, nil
}
