package onnx

import (
	"cmp"
	"slices"
)

// lanes walks the one-dimensional lines of x along axis a: fn gets the number of
// the line, the offset of its first element and the step between elements.
func lanes(shape []int64, a int, fn func(line, at, step int64)) {
	outer, inner, d := count(shape[:a]), count(shape[a+1:]), shape[a]
	for o := range outer {
		for i := range inner {
			fn(o*inner+i, o*d*inner+i, inner)
		}
	}
}

// buildArg makes ArgMax (sign 1) and ArgMin (sign -1). The first of equal values
// wins, and NaN never replaces the best so far.
func buildArg(better comparison, betterOrEqual comparison) func(*nodeCtx) (kernel, error) {
	return func(c *nodeCtx) (kernel, error) {
		axis, keep, pick := c.int("axis", 0), c.int("keepdims", 1) != 0, better
		if c.version >= 12 && c.int("select_last_index", 0) != 0 {
			pick = betterOrEqual
		}
		return func(e *env, in, out []*Tensor) error {
			x := in[0]
			a, err := axisOf(axis, len(x.Shape))
			if err != nil {
				return err
			}
			if x.Shape[a] == 0 {
				return invalid("empty axis %d", axis)
			}
			shape := slices.Clone(x.Shape)
			shape[a] = 1
			if out[0], err = e.make(Int64, shape); err != nil {
				return err
			}
			if !keep {
				out[0].Shape = slices.Delete(shape, a, a+1)
			}
			switch x.Type {
			case Float32:
				argOf(out[0].I64, x.F32, x.Shape, a, pick.f32)
			case Float64:
				argOf(out[0].I64, x.F64, x.Shape, a, pick.f64)
			case Int32:
				argOf(out[0].I64, x.I32, x.Shape, a, pick.i32)
			case Int64:
				argOf(out[0].I64, x.I64, x.Shape, a, pick.i64)
			default:
				return errType(x.Type)
			}
			return nil
		}, nil
	}
}

func argOf[T number](dst []int64, x []T, shape []int64, a int, better func(v, best T) bool) {
	lanes(shape, a, func(line, at, step int64) {
		best := int64(0)
		for i := int64(1); i < shape[a]; i++ {
			if better(x[at+i*step], x[at+best*step]) {
				best = i
			}
		}
		dst[line] = best
	})
}

func buildTopK(c *nodeCtx) (kernel, error) {
	axis, largest, fixed := c.int("axis", -1), true, int64(-1)
	if c.version < 10 {
		fixed = c.int("k", -1)
	}
	if c.version >= 11 {
		largest = c.int("largest", 1) != 0
		c.ignore("sorted") // a sorted answer is always allowed
	}
	return func(e *env, in, out []*Tensor) error {
		x, k := in[0], fixed
		a, err := axisOf(axis, len(x.Shape))
		if err != nil {
			return err
		}
		if len(in) > 1 {
			v, err := intsOf(in[1])
			if err != nil || len(v) != 1 {
				return invalid("k of type %s and shape %v", in[1].Type, in[1].Shape)
			}
			k = v[0]
		}
		if k < 0 || k > x.Shape[a] {
			return invalid("k %d of %d", k, x.Shape[a])
		}
		shape := slices.Clone(x.Shape)
		shape[a] = k
		values, err := e.make(x.Type, shape)
		if err != nil {
			return err
		}
		index, err := e.make(Int64, slices.Clone(shape))
		if err != nil {
			return err
		}
		switch x.Type {
		case Float32:
			topOf(values.F32, index.I64, x.F32, x.Shape, a, k, largest)
		case Float64:
			topOf(values.F64, index.I64, x.F64, x.Shape, a, k, largest)
		case Int32:
			topOf(values.I32, index.I64, x.I32, x.Shape, a, k, largest)
		case Int64:
			topOf(values.I64, index.I64, x.I64, x.Shape, a, k, largest)
		default:
			return errType(x.Type)
		}
		for i, t := range []*Tensor{values, index} {
			if i < len(out) {
				out[i] = t
			}
		}
		return nil
	}, nil
}

// topOf keeps the k best of every line in order; equal values keep their order.
func topOf[T number](vals []T, index []int64, x []T, shape []int64, a int, k int64, largest bool) {
	order := make([]int64, shape[a])
	inner := count(shape[a+1:])
	lanes(shape, a, func(line, at, step int64) {
		for i := range order {
			order[i] = int64(i)
		}
		slices.SortFunc(order, func(i, j int64) int {
			d := cmp.Compare(x[at+i*step], x[at+j*step])
			if largest {
				d = -d
			}
			return cmp.Or(d, cmp.Compare(i, j))
		})
		to := line/max(inner, 1)*k*inner + line%max(inner, 1)
		for n := range k {
			vals[to+n*inner] = x[at+order[n]*step]
			index[to+n*inner] = order[n]
		}
	})
}
