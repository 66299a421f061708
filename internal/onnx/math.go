package onnx

import "math"

// arithmetic holds one function per element type; nil = not defined for that type.
type arithmetic struct {
	f32 func(a, b float32) float32
	f64 func(a, b float64) float64
	i32 func(a, b int32) int32
	i64 func(a, b int64) int64
}

func (f arithmetic) apply(e *env, x, y *Tensor) (*Tensor, error) {
	if x.Type != y.Type {
		return nil, invalid("operands of type %s and %s", x.Type, y.Type)
	}
	switch {
	case x.Type == Float32 && f.f32 != nil:
		return zip(e, x, y, f.f32)
	case x.Type == Float64 && f.f64 != nil:
		return zip(e, x, y, f.f64)
	case x.Type == Int32 && f.i32 != nil:
		return zip(e, x, y, f.i32)
	case x.Type == Int64 && f.i64 != nil:
		return zip(e, x, y, f.i64)
	}
	return nil, errType(x.Type)
}

func add[T number](a, b T) T { return a + b }
func sub[T number](a, b T) T { return a - b }
func mul[T number](a, b T) T { return a * b }
func div[T number](a, b T) T { return a / b }

// minOf and maxOf return NaN when an operand is NaN, as ONNX Runtime does.
func minOf[T number](a, b T) T {
	if a != a || a < b {
		return a
	}
	return b
}

func maxOf[T number](a, b T) T {
	if a != a || a > b {
		return a
	}
	return b
}

var (
	addition       = arithmetic{add[float32], add[float64], add[int32], add[int64]}
	subtraction    = arithmetic{sub[float32], sub[float64], sub[int32], sub[int64]}
	multiplication = arithmetic{mul[float32], mul[float64], mul[int32], mul[int64]}
	division       = arithmetic{div[float32], div[float64], div[int32], div[int64]}
	minimum        = arithmetic{minOf[float32], minOf[float64], minOf[int32], minOf[int64]}
	maximum        = arithmetic{maxOf[float32], maxOf[float64], maxOf[int32], maxOf[int64]}
)

func buildBinary(f arithmetic) func(*nodeCtx) (kernel, error) {
	return func(*nodeCtx) (kernel, error) {
		return func(e *env, in, out []*Tensor) (err error) {
			out[0], err = f.apply(e, in[0], in[1])
			return err
		}, nil
	}
}

func buildDiv(*nodeCtx) (kernel, error) {
	return func(e *env, in, out []*Tensor) (err error) {
		for _, v := range in[1].I32 {
			if v == 0 {
				return invalid("integer division by zero")
			}
		}
		for _, v := range in[1].I64 {
			if v == 0 {
				return invalid("integer division by zero")
			}
		}
		out[0], err = division.apply(e, in[0], in[1])
		return err
	}, nil
}

// buildVariadic folds any number of operands from the left.
func buildVariadic(f arithmetic) func(*nodeCtx) (kernel, error) {
	return func(*nodeCtx) (kernel, error) {
		return func(e *env, in, out []*Tensor) (err error) {
			acc := in[0].view(in[0].Shape)
			if acc.Type == Bool || acc.Type == String {
				return errType(acc.Type)
			}
			for _, x := range in[1:] {
				if x == nil {
					return invalid("omitted operand")
				}
				if acc, err = f.apply(e, acc, x); err != nil {
					return err
				}
			}
			out[0] = acc
			return nil
		}, nil
	}
}

// power mirrors the shortcuts of ONNX Runtime for squares and cubes, which are
// multiplied in the type of the base.
func power[T number](a T, b float64) T {
	switch b {
	case 2:
		return a * a
	case 3:
		return T(a*a) * a
	}
	return T(math.Pow(float64(a), b))
}

func buildPow(*nodeCtx) (kernel, error) {
	return func(e *env, in, out []*Tensor) (err error) {
		exp := in[1]
		if exp.Type != Float64 {
			if exp, err = castTo(e, exp, Float64); err != nil {
				return err
			}
		}
		switch in[0].Type {
		case Float32:
			out[0], err = zip(e, in[0], exp, power[float32])
		case Float64:
			out[0], err = zip(e, in[0], exp, power[float64])
		case Int32:
			out[0], err = zip(e, in[0], exp, power[int32])
		case Int64:
			out[0], err = zip(e, in[0], exp, power[int64])
		default:
			err = errType(in[0].Type)
		}
		return err
	}, nil
}

// unary holds a function for floats, computed in float64 and rounded once, and
// one for integers where the operator takes them.
type unary struct {
	f   func(float64) float64
	i32 func(int32) int32
	i64 func(int64) int64
}

func buildUnary(u unary) func(*nodeCtx) (kernel, error) {
	return func(*nodeCtx) (kernel, error) {
		return func(e *env, in, out []*Tensor) (err error) {
			x := in[0]
			switch {
			case x.Type == Float32:
				out[0], err = apply(e, x, func(v float32) float32 { return float32(u.f(float64(v))) })
			case x.Type == Float64:
				out[0], err = apply(e, x, u.f)
			case x.Type == Int32 && u.i32 != nil:
				out[0], err = apply(e, x, u.i32)
			case x.Type == Int64 && u.i64 != nil:
				out[0], err = apply(e, x, u.i64)
			default:
				err = errType(x.Type)
			}
			return err
		}, nil
	}
}

func neg[T number](v T) T { return -v }

func absOf[T int32 | int64](v T) T {
	if v < 0 {
		return -v
	}
	return v
}

func signOf[T number](v T) T {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return v - v // 0, or NaN for NaN; infinities have returned above
}

func relu[T number](v T) T {
	if v < 0 {
		return 0
	}
	return v
}

func reciprocal(v float64) float64 { return 1 / v }

// sigmoid avoids overflow of exp for large negative values.
func sigmoid(v float64) float64 {
	if v >= 0 {
		return 1 / (1 + math.Exp(-v))
	}
	x := math.Exp(v)
	return x / (1 + x)
}

var (
	negation   = unary{neg[float64], neg[int32], neg[int64]}
	absolute   = unary{math.Abs, absOf[int32], absOf[int64]}
	sign       = unary{signOf[float64], signOf[int32], signOf[int64]}
	rectifier  = unary{relu[float64], relu[int32], relu[int64]}
	floor      = unary{f: math.Floor}
	ceil       = unary{f: math.Ceil}
	squareRoot = unary{f: math.Sqrt}
	exponent   = unary{f: math.Exp}
	logarithm  = unary{f: math.Log}
	inverse    = unary{f: reciprocal}
	logistic   = unary{f: sigmoid}
	tanh       = unary{f: math.Tanh}
)

// A bound that is left out is the largest finite number, so infinities are cut.
var (
	lowest  = NewF32(nil, []float32{-math.MaxFloat32})
	highest = NewF32(nil, []float32{math.MaxFloat32})
)

// buildClip reads the bounds from attributes (version 6) or from inputs.
func buildClip(c *nodeCtx) (kernel, error) {
	if c.version >= 11 {
		return func(e *env, in, out []*Tensor) (err error) {
			var lo, hi *Tensor
			if len(in) > 1 {
				lo = in[1]
			}
			if len(in) > 2 {
				hi = in[2]
			}
			if lo == nil && in[0].Type == Float32 {
				lo = lowest
			}
			if hi == nil && in[0].Type == Float32 {
				hi = highest
			}
			out[0], err = clip(e, in[0], lo, hi)
			return err
		}, nil
	}
	lo := NewF32(nil, []float32{c.float("min", -math.MaxFloat32)})
	hi := NewF32(nil, []float32{c.float("max", math.MaxFloat32)})
	return func(e *env, in, out []*Tensor) (err error) {
		if in[0].Type != Float32 {
			return errType(in[0].Type)
		}
		out[0], err = clip(e, in[0], lo, hi)
		return err
	}, nil
}

func clip(e *env, x, lo, hi *Tensor) (*Tensor, error) {
	for _, b := range []*Tensor{lo, hi} {
		if b != nil && (b.Len() != 1 || b.Type != x.Type) {
			return nil, invalid("bound of type %s and shape %v for %s", b.Type, b.Shape, x.Type)
		}
	}
	switch x.Type {
	case Float32:
		return clipOf[float32](e, x, lo, hi)
	case Float64:
		return clipOf[float64](e, x, lo, hi)
	case Int32:
		return clipOf[int32](e, x, lo, hi)
	case Int64:
		return clipOf[int64](e, x, lo, hi)
	}
	return nil, errType(x.Type)
}

// clipOf raises to lo first and lowers to hi second, so that hi wins when the
// bounds cross. NaN stays NaN.
func clipOf[T number](e *env, x, lo, hi *Tensor) (*Tensor, error) {
	return apply(e, x, func(v T) T {
		if lo != nil && v < data[T](lo)[0] {
			v = data[T](lo)[0]
		}
		if hi != nil && v > data[T](hi)[0] {
			v = data[T](hi)[0]
		}
		return v
	})
}
