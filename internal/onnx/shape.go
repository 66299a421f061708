package onnx

import (
	"math"
	"slices"
)

func buildIdentity(*nodeCtx) (kernel, error) {
	return func(_ *env, in, out []*Tensor) error {
		out[0] = in[0].view(in[0].Shape)
		out[0].Labels = in[0].Labels
		return nil
	}, nil
}

func buildConstant(c *nodeCtx) (kernel, error) {
	var t *Tensor
	switch {
	case c.has("value"):
		t = c.tensor("value")
	case c.has("value_float"):
		t = NewF32([]int64{}, []float32{c.float("value_float", 0)})
	case c.has("value_floats"):
		v := c.floats("value_floats")
		t = NewF32([]int64{int64(len(v))}, v)
	case c.has("value_int"):
		t = NewI64([]int64{}, []int64{c.int("value_int", 0)})
	case c.has("value_ints"):
		v := c.ints("value_ints")
		t = NewI64([]int64{int64(len(v))}, v)
	case c.has("value_string"):
		t = NewStr([]int64{}, []string{c.str("value_string", "")})
	case c.has("value_strings"):
		v := c.strings("value_strings")
		t = NewStr([]int64{int64(len(v))}, v)
	}
	if t == nil {
		return nil, defect("no dense value")
	}
	if !t.Type.evaluable() {
		return nil, unsupported("type %s", t.Type)
	}
	return func(_ *env, _, out []*Tensor) error {
		out[0] = t
		return nil
	}, nil
}

func buildConstantOfShape(c *nodeCtx) (kernel, error) {
	value := NewF32([]int64{1}, []float32{0})
	if t := c.tensor("value"); t != nil {
		value = t
	}
	if !value.Type.evaluable() {
		return nil, unsupported("type %s", value.Type)
	}
	if value.Len() != 1 {
		return nil, defect("value has %d elements", value.Len())
	}
	return func(e *env, in, out []*Tensor) error {
		shape, err := intsOf(in[0])
		if err != nil {
			return err
		}
		out[0], err = gatherBlocks(e, value, slices.Clone(shape), 0, make([]int64, len(shape)))
		return err
	}, nil
}

func buildShape(c *nodeCtx) (kernel, error) {
	start, end := c.int("start", 0), c.int("end", math.MaxInt64)
	return func(_ *env, in, out []*Tensor) error {
		rank := int64(len(in[0].Shape))
		clamp := func(v int64) int64 {
			if v < 0 {
				v += rank
			}
			return min(max(v, 0), rank)
		}
		lo, hi := clamp(start), clamp(end)
		dims := slices.Clone(in[0].Shape[lo:max(lo, hi)])
		out[0] = NewI64([]int64{int64(len(dims))}, dims)
		return nil
	}, nil
}

func buildReshape(c *nodeCtx) (kernel, error) {
	allowZero := c.int("allowzero", 0) != 0
	return func(e *env, in, out []*Tensor) error {
		want, err := intsOf(in[1])
		if err != nil {
			return err
		}
		if len(want) > e.limits.MaxRank {
			return invalid("rank %d exceeds the limit of %d", len(want), e.limits.MaxRank)
		}
		shape := slices.Clone(want)
		free, known := -1, int64(1)
		for i, d := range shape {
			switch {
			case d == -1 && free < 0:
				free = i
				continue
			case d < 0:
				return invalid("shape %v", want)
			case d == 0 && !allowZero:
				if i >= len(in[0].Shape) {
					return invalid("shape %v copies dimension %d of %v", want, i, in[0].Shape)
				}
				shape[i] = in[0].Shape[i]
			}
			if shape[i] != 0 && known > math.MaxInt64/shape[i] {
				return invalid("shape %v overflows", want)
			}
			known *= shape[i]
		}
		n := int64(in[0].Len())
		if free >= 0 {
			if known == 0 || n%known != 0 {
				return invalid("cannot reshape %v to %v", in[0].Shape, want)
			}
			shape[free] = n / known
		} else if known != n {
			return invalid("cannot reshape %v to %v", in[0].Shape, want)
		}
		out[0] = in[0].view(shape)
		return nil
	}, nil
}

func buildFlatten(c *nodeCtx) (kernel, error) {
	axis := c.int("axis", 1)
	return func(_ *env, in, out []*Tensor) error {
		rank := int64(len(in[0].Shape))
		a := axis
		if a < 0 {
			a += rank
		}
		if a < 0 || a > rank {
			return invalid("axis %d out of range for rank %d", axis, rank)
		}
		out[0] = in[0].view([]int64{count(in[0].Shape[:a]), count(in[0].Shape[a:])})
		return nil
	}, nil
}

// axesReader gives the axes of a node, which moved from an attribute to input 1
// at version inputSince.
func axesReader(c *nodeCtx, inputSince int64) func(in []*Tensor) ([]int64, error) {
	if c.version < inputSince {
		axes := c.ints("axes")
		return func([]*Tensor) ([]int64, error) { return axes, nil }
	}
	return func(in []*Tensor) ([]int64, error) {
		if len(in) < 2 || in[1] == nil {
			return nil, nil
		}
		return intsOf(in[1])
	}
}

// axisSet marks the given axes in a list of rank entries.
func axisSet(axes []int64, rank int) ([]bool, error) {
	set := make([]bool, rank)
	for _, v := range axes {
		a, err := axisOf(v, rank)
		if err != nil {
			return nil, err
		}
		if set[a] {
			return nil, invalid("axis %d given twice", v)
		}
		set[a] = true
	}
	return set, nil
}

func buildSqueeze(c *nodeCtx) (kernel, error) {
	read := axesReader(c, 13)
	return func(_ *env, in, out []*Tensor) error {
		axes, err := read(in)
		if err != nil {
			return err
		}
		drop, err := axisSet(axes, len(in[0].Shape))
		if err != nil {
			return err
		}
		shape := []int64{}
		for i, d := range in[0].Shape {
			switch {
			case drop[i] && d != 1:
				return invalid("cannot squeeze dimension %d of %v", i, in[0].Shape)
			case drop[i] || (len(axes) == 0 && d == 1):
			default:
				shape = append(shape, d)
			}
		}
		out[0] = in[0].view(shape)
		return nil
	}, nil
}

func buildUnsqueeze(c *nodeCtx) (kernel, error) {
	read := axesReader(c, 13)
	return func(e *env, in, out []*Tensor) error {
		axes, err := read(in)
		if err != nil {
			return err
		}
		rank := len(in[0].Shape) + len(axes)
		if rank > e.limits.MaxRank {
			return invalid("rank %d exceeds the limit of %d", rank, e.limits.MaxRank)
		}
		added, err := axisSet(axes, rank)
		if err != nil {
			return err
		}
		shape, next := make([]int64, rank), 0
		for i := range shape {
			if added[i] {
				shape[i] = 1
				continue
			}
			shape[i] = in[0].Shape[next]
			next++
		}
		out[0] = in[0].view(shape)
		return nil
	}, nil
}

func buildTranspose(c *nodeCtx) (kernel, error) {
	perm := c.ints("perm")
	return func(e *env, in, out []*Tensor) (err error) {
		rank := len(in[0].Shape)
		order := perm
		if order == nil {
			for i := rank - 1; i >= 0; i-- {
				order = append(order, int64(i))
			}
		}
		if _, err := axisSet(order, rank); err != nil || len(order) != rank {
			return invalid("permutation %v for rank %d", order, rank)
		}
		from := rowMajor(in[0].Shape)
		shape, strides := make([]int64, rank), make([]int64, rank)
		for i, p := range order {
			a, _ := axisOf(p, rank)
			shape[i], strides[i] = in[0].Shape[a], from[a]
		}
		out[0], err = gatherBlocks(e, in[0], shape, 0, strides)
		return err
	}, nil
}

func buildExpand(*nodeCtx) (kernel, error) {
	return func(e *env, in, out []*Tensor) error {
		shape, err := intsOf(in[1])
		if err != nil {
			return err
		}
		for _, d := range shape {
			if d < 0 {
				return invalid("shape %v", shape)
			}
		}
		b, err := newBroadcast(e.limits, in[0].Shape, shape)
		if err != nil {
			return err
		}
		out[0], err = gatherBlocks(e, in[0], b.shape, 0, b.strides[0])
		return err
	}, nil
}

func buildTile(*nodeCtx) (kernel, error) {
	return func(e *env, in, out []*Tensor) error {
		times, err := intsOf(in[1])
		if err != nil {
			return err
		}
		x := in[0]
		if len(times) != len(x.Shape) {
			return invalid("%d repeats for rank %d", len(times), len(x.Shape))
		}
		// A tiled axis is a repeated dimension in front of the original one.
		var shape, wide, strides []int64
		for i, s := range rowMajor(x.Shape) {
			if times[i] < 0 || (x.Shape[i] > 0 && times[i] > e.limits.MaxElements/x.Shape[i]) {
				return invalid("repeats %v", times)
			}
			shape = append(shape, times[i]*x.Shape[i])
			wide = append(wide, times[i], x.Shape[i])
			strides = append(strides, 0, s)
		}
		if _, err := elements(shape, e.limits.MaxElements); err != nil {
			return err
		}
		wider := *e
		wider.limits.MaxRank *= 2
		if out[0], err = gatherBlocks(&wider, x, wide, 0, strides); err != nil {
			return err
		}
		out[0].Shape = shape
		return nil
	}, nil
}
