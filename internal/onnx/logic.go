package onnx

func eq[T comparable](a, b T) bool { return a == b }
func lt[T number](a, b T) bool     { return a < b }
func le[T number](a, b T) bool     { return a <= b }
func gt[T number](a, b T) bool     { return a > b }
func ge[T number](a, b T) bool     { return a >= b }

// comparison holds one predicate per number type.
type comparison struct {
	f32 func(a, b float32) bool
	f64 func(a, b float64) bool
	i32 func(a, b int32) bool
	i64 func(a, b int64) bool
}

var (
	equal          = comparison{eq[float32], eq[float64], eq[int32], eq[int64]}
	less           = comparison{lt[float32], lt[float64], lt[int32], lt[int64]}
	lessOrEqual    = comparison{le[float32], le[float64], le[int32], le[int64]}
	greater        = comparison{gt[float32], gt[float64], gt[int32], gt[int64]}
	greaterOrEqual = comparison{ge[float32], ge[float64], ge[int32], ge[int64]}
)

func (c comparison) apply(e *env, x, y *Tensor) (*Tensor, error) {
	if x.Type != y.Type {
		return nil, invalid("operands of type %s and %s", x.Type, y.Type)
	}
	switch x.Type {
	case Float32:
		return zip(e, x, y, c.f32)
	case Float64:
		return zip(e, x, y, c.f64)
	case Int32:
		return zip(e, x, y, c.i32)
	case Int64:
		return zip(e, x, y, c.i64)
	}
	return nil, errType(x.Type)
}

func buildCompare(c comparison) func(*nodeCtx) (kernel, error) {
	return func(*nodeCtx) (kernel, error) {
		return func(e *env, in, out []*Tensor) (err error) {
			out[0], err = c.apply(e, in[0], in[1])
			return err
		}, nil
	}
}

// buildEqual adds booleans and strings to the number types.
func buildEqual(*nodeCtx) (kernel, error) {
	return func(e *env, in, out []*Tensor) (err error) {
		switch {
		case in[0].Type == Bool && in[1].Type == Bool:
			out[0], err = zip(e, in[0], in[1], eq[bool])
		case in[0].Type == String && in[1].Type == String:
			out[0], err = zip(e, in[0], in[1], eq[string])
		default:
			out[0], err = equal.apply(e, in[0], in[1])
		}
		return err
	}, nil
}

func buildBool(fn func(a, b bool) bool) func(*nodeCtx) (kernel, error) {
	return func(*nodeCtx) (kernel, error) {
		return func(e *env, in, out []*Tensor) (err error) {
			if in[0].Type != Bool || in[1].Type != Bool {
				return invalid("operands of type %s and %s", in[0].Type, in[1].Type)
			}
			out[0], err = zip(e, in[0], in[1], fn)
			return err
		}, nil
	}
}

func and(a, b bool) bool { return a && b }
func or(a, b bool) bool  { return a || b }

func buildNot(*nodeCtx) (kernel, error) {
	return func(e *env, in, out []*Tensor) (err error) {
		if in[0].Type != Bool {
			return errType(in[0].Type)
		}
		out[0], err = apply(e, in[0], func(v bool) bool { return !v })
		return err
	}, nil
}

func isNaN[T float](v T) bool { return v != v }

func buildIsNaN(*nodeCtx) (kernel, error) {
	return func(e *env, in, out []*Tensor) (err error) {
		switch in[0].Type {
		case Float32:
			out[0], err = apply(e, in[0], isNaN[float32])
		case Float64:
			out[0], err = apply(e, in[0], isNaN[float64])
		default:
			err = errType(in[0].Type)
		}
		return err
	}, nil
}

func buildWhere(*nodeCtx) (kernel, error) {
	return func(e *env, in, out []*Tensor) (err error) {
		if in[0].Type != Bool || in[1].Type != in[2].Type {
			return invalid("operands of type %s, %s and %s", in[0].Type, in[1].Type, in[2].Type)
		}
		switch in[1].Type {
		case Float32:
			out[0], err = where[float32](e, in)
		case Float64:
			out[0], err = where[float64](e, in)
		case Int32:
			out[0], err = where[int32](e, in)
		case Int64:
			out[0], err = where[int64](e, in)
		case Bool:
			out[0], err = where[bool](e, in)
		default:
			out[0], err = where[string](e, in)
		}
		return err
	}, nil
}

func where[T element](e *env, in []*Tensor) (*Tensor, error) {
	b, err := newBroadcast(e.limits, in[0].Shape, in[1].Shape, in[2].Shape)
	if err != nil {
		return nil, err
	}
	out, err := e.make(dtypeOf[T](), b.shape)
	if err != nil {
		return nil, err
	}
	rs, cond, xs, ys := data[T](out), in[0].Bool, data[T](in[1]), data[T](in[2])
	b.rows(func(o, n int64, at, step []int64) {
		for i := range n {
			if cond[at[0]+i*step[0]] {
				rs[o+i] = xs[at[1]+i*step[1]]
			} else {
				rs[o+i] = ys[at[2]+i*step[2]]
			}
		}
	})
	return out, nil
}
