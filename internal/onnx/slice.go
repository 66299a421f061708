package onnx

import (
	"math"
	"slices"
)

func buildConcat(c *nodeCtx) (kernel, error) {
	axis := c.int("axis", 1)
	if !c.has("axis") {
		return nil, defect("no axis")
	}
	return func(e *env, in, out []*Tensor) error {
		first := in[0]
		a, err := axisOf(axis, len(first.Shape))
		if err != nil {
			return err
		}
		shape := slices.Clone(first.Shape)
		shape[a] = 0
		for _, t := range in {
			if t == nil || t.Type != first.Type || len(t.Shape) != len(shape) {
				return invalid("inputs of different type or rank")
			}
			for i, d := range t.Shape {
				if i != a && d != shape[i] {
					return invalid("shapes %v and %v do not fit along axis %d", first.Shape, t.Shape, a)
				}
			}
			shape[a] += t.Shape[a]
		}
		if out[0], err = e.make(first.Type, shape); err != nil {
			return err
		}
		joinAlong(out[0], in, a)
		return nil
	}, nil
}

// joinAlong copies the parts into dst side by side along axis a.
func joinAlong(dst *Tensor, parts []*Tensor, a int) {
	outer, inner := count(dst.Shape[:a]), count(dst.Shape[a+1:])
	width, at := dst.Shape[a]*inner, int64(0)
	for _, t := range parts {
		n := t.Shape[a] * inner
		mv := newMover(dst, t)
		for o := range outer {
			mv.copy(o*width+at, o*n, n)
		}
		at += n
	}
}

// buildSlice covers version 1 (attributes) and version 10 and later (inputs).
func buildSlice(c *nodeCtx) (kernel, error) {
	if c.version >= 10 {
		return func(e *env, in, out []*Tensor) error {
			var part [4][]int64
			for i := range part {
				if i+1 >= len(in) || in[i+1] == nil {
					continue
				}
				v, err := intsOf(in[i+1])
				if err != nil {
					return err
				}
				part[i] = v
			}
			var err error
			out[0], err = sliceOf(e, in[0], part[0], part[1], part[2], part[3])
			return err
		}, nil
	}
	starts, ends, axes := c.ints("starts"), c.ints("ends"), c.ints("axes")
	return func(e *env, in, out []*Tensor) (err error) {
		out[0], err = sliceOf(e, in[0], starts, ends, axes, nil)
		return err
	}, nil
}

func sliceOf(e *env, x *Tensor, starts, ends, axes, steps []int64) (*Tensor, error) {
	if axes == nil {
		for i := range starts {
			axes = append(axes, int64(i))
		}
	}
	if len(ends) != len(starts) || len(axes) != len(starts) || (steps != nil && len(steps) != len(starts)) {
		return nil, invalid("starts, ends, axes and steps differ in length")
	}
	if _, err := axisSet(axes, len(x.Shape)); err != nil {
		return nil, err
	}
	shape, strides, at := slices.Clone(x.Shape), rowMajor(x.Shape), int64(0)
	for i, v := range axes {
		a, _ := axisOf(v, len(shape))
		step := int64(1)
		if steps != nil {
			step = steps[i]
		}
		if step == 0 || step == math.MinInt64 {
			return nil, invalid("step %d", step)
		}
		lo, n := sliceRange(starts[i], ends[i], step, shape[a])
		at += lo * strides[a]
		shape[a] = n
		strides[a] *= step
	}
	return gatherBlocks(e, x, shape, at, strides)
}

// sliceRange clamps a slice of a dimension of size d as Python does and gives the
// first index and the number of elements.
func sliceRange(start, end, step, d int64) (first, n int64) {
	clamp := func(v, lo, hi int64) int64 {
		if v < 0 {
			v += d
		}
		return min(max(v, lo), hi)
	}
	if step > 0 {
		lo, hi := clamp(start, 0, d), clamp(end, 0, d)
		if hi <= lo {
			return 0, 0
		}
		return lo, (hi-lo-1)/step + 1
	}
	lo, hi := clamp(start, -1, d-1), clamp(end, -1, d-1)
	if lo <= hi {
		return 0, 0
	}
	return lo, (lo-hi-1)/(-step) + 1
}

func buildSplit(c *nodeCtx) (kernel, error) {
	axis := c.int("axis", 0)
	var fixed []int64
	if c.version < 13 {
		fixed = c.ints("split")
	}
	parts := int64(len(c.node.outputs))
	if c.version >= 18 {
		if n := c.int("num_outputs", parts); n != parts {
			return nil, defect("num_outputs is %d, the node has %d", n, parts)
		}
	}
	return func(e *env, in, out []*Tensor) error {
		a, err := axisOf(axis, len(in[0].Shape))
		if err != nil {
			return err
		}
		sizes := fixed
		if len(in) > 1 && in[1] != nil {
			if sizes, err = intsOf(in[1]); err != nil {
				return err
			}
		}
		if sizes == nil {
			sizes = evenSplit(in[0].Shape[a], parts)
		}
		if err := checkSplit(sizes, in[0].Shape[a], parts); err != nil {
			return err
		}
		strides, at := rowMajor(in[0].Shape), int64(0)
		for i, n := range sizes {
			shape := slices.Clone(in[0].Shape)
			shape[a] = n
			if out[i], err = gatherBlocks(e, in[0], shape, at*strides[a], strides); err != nil {
				return err
			}
			at += n
		}
		return nil
	}, nil
}

// evenSplit makes the last part smaller when d is not a multiple of parts.
func evenSplit(d, parts int64) []int64 {
	sizes := make([]int64, parts)
	each := (d + parts - 1) / parts
	for i := range sizes {
		sizes[i] = min(each, d)
		d -= sizes[i]
	}
	return sizes
}

func checkSplit(sizes []int64, d, parts int64) error {
	if int64(len(sizes)) != parts {
		return invalid("%d sizes for %d outputs", len(sizes), parts)
	}
	left := d
	for _, n := range sizes {
		if n < 0 || n > left {
			return invalid("sizes %v do not add up to %d", sizes, d)
		}
		left -= n
	}
	if left != 0 {
		return invalid("sizes %v do not add up to %d", sizes, d)
	}
	return nil
}

func buildGather(c *nodeCtx) (kernel, error) {
	axis := c.int("axis", 0)
	return func(e *env, in, out []*Tensor) error {
		x := in[0]
		a, err := axisOf(axis, len(x.Shape))
		if err != nil {
			return err
		}
		index, err := intsOf(in[1])
		if err != nil {
			return err
		}
		out[0], err = gatherAxis(e, x, a, index, in[1].Shape)
		return err
	}, nil
}

// gatherAxis replaces axis a by the shape of the indices.
func gatherAxis(e *env, x *Tensor, a int, index, indexShape []int64) (*Tensor, error) {
	shape := slices.Concat(x.Shape[:a], indexShape, x.Shape[a+1:])
	out, err := e.make(x.Type, shape)
	if err != nil {
		return nil, err
	}
	d, inner := x.Shape[a], count(x.Shape[a+1:])
	for _, v := range index {
		if v < -d || v >= d {
			return nil, invalid("index %d out of range for %d", v, d)
		}
	}
	if out.Len() == 0 {
		return out, nil
	}
	mv, at := newMover(out, x), int64(0)
	for o := range count(x.Shape[:a]) {
		for _, v := range index {
			if v < 0 {
				v += d
			}
			mv.copy(at, (o*d+v)*inner, inner)
			at += inner
		}
	}
	return out, nil
}

// buildArrayFeatureExtractor picks columns of the last axis.
func buildArrayFeatureExtractor(*nodeCtx) (kernel, error) {
	return func(e *env, in, out []*Tensor) error {
		x := in[0]
		if in[1].Type != Int64 {
			return invalid("indices of type %s and shape %v", in[1].Type, in[1].Shape)
		}
		if len(x.Shape) == 0 {
			return invalid("scalar input")
		}
		for _, v := range in[1].I64 {
			if v < 0 {
				return invalid("index %d", v)
			}
		}
		if len(x.Shape) == 1 {
			x = x.view([]int64{1, x.Shape[0]})
		}
		var err error
		out[0], err = gatherAxis(e, x, len(x.Shape)-1, in[1].I64, []int64{int64(in[1].Len())})
		return err
	}, nil
}
