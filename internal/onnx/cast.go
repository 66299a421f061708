package onnx

import (
	"math"
	"strconv"
	"strings"
)

func buildCast(c *nodeCtx) (kernel, error) {
	to := DType(c.int("to", 0) & 0xff)
	c.ignore("saturate", "round_mode") // these concern 8-bit floats only
	if c.int("to", 0) < 1 || c.int("to", 0) > 255 {
		return nil, defect("no target type")
	}
	if !to.evaluable() {
		return nil, unsupported("to %s", to)
	}
	return func(e *env, in, out []*Tensor) (err error) {
		out[0], err = castTo(e, in[0], to)
		return err
	}, nil
}

// castTo converts element by element. A cast to the same type shares elements.
func castTo(e *env, x *Tensor, to DType) (*Tensor, error) {
	if x.Type == to {
		return x.view(x.Shape), nil
	}
	switch x.Type {
	case Float32:
		return castFloat[float32](e, x, to)
	case Float64:
		return castFloat[float64](e, x, to)
	case Int32:
		return castInt[int32](e, x, to)
	case Int64:
		return castInt[int64](e, x, to)
	case Bool:
		return castBool(e, x, to)
	case String:
		return castString(e, x, to)
	}
	return nil, errType(x.Type)
}

func castFloat[T float](e *env, x *Tensor, to DType) (*Tensor, error) {
	switch to {
	case Float32:
		return apply(e, x, func(v T) float32 { return float32(v) })
	case Float64:
		return apply(e, x, func(v T) float64 { return float64(v) })
	case Int32:
		return apply(e, x, func(v T) int32 { return truncate32(float64(v)) })
	case Int64:
		return apply(e, x, func(v T) int64 { return truncate64(float64(v)) })
	case Bool:
		return apply(e, x, func(v T) bool { return v != 0 })
	}
	return apply(e, x, func(v T) string { return formatFloat(float64(v)) })
}

// truncate64 cuts toward zero; what does not fit becomes the smallest value, as
// the conversion of x86 processors does.
func truncate64(v float64) int64 {
	if v >= -math.MaxInt64 && v < math.MaxInt64 {
		return int64(v)
	}
	return math.MinInt64
}

func truncate32(v float64) int32 {
	if v > math.MinInt32-1 && v < math.MaxInt32+1 {
		return int32(v)
	}
	return math.MinInt32
}

// formatFloat writes like the C format "%.8g", which ONNX Runtime uses for both
// widths.
func formatFloat(v float64) string {
	const digits = 8
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "INF"
	case math.IsInf(v, -1):
		return "-INF"
	case v == 0:
		if math.Signbit(v) {
			return "-0"
		}
		return "0"
	}
	s := strconv.FormatFloat(v, 'e', digits-1, 64)
	mantissa, exp, _ := strings.Cut(s, "e")
	x, _ := strconv.Atoi(exp)
	if x < -4 || x >= digits {
		if strings.Contains(mantissa, ".") {
			mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
		}
		return mantissa + "e" + exp
	}
	s = strconv.FormatFloat(v, 'f', digits-1-x, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func castInt[T int32 | int64](e *env, x *Tensor, to DType) (*Tensor, error) {
	switch to {
	case Float32:
		return apply(e, x, func(v T) float32 { return float32(v) })
	case Float64:
		return apply(e, x, func(v T) float64 { return float64(v) })
	case Int32:
		return apply(e, x, func(v T) int32 { return int32(v) })
	case Int64:
		return apply(e, x, func(v T) int64 { return int64(v) })
	case Bool:
		return apply(e, x, func(v T) bool { return v != 0 })
	}
	return apply(e, x, func(v T) string { return strconv.FormatInt(int64(v), 10) })
}

func castBool(e *env, x *Tensor, to DType) (*Tensor, error) {
	switch to {
	case Float32:
		return apply(e, x, fromBool[float32])
	case Float64:
		return apply(e, x, fromBool[float64])
	case Int32:
		return apply(e, x, fromBool[int32])
	case Int64:
		return apply(e, x, fromBool[int64])
	}
	return apply(e, x, func(v bool) string { return strconv.Itoa(fromBoolInt(v)) })
}

func fromBool[T number](v bool) T { return T(fromBoolInt(v)) }

func fromBoolInt(v bool) int {
	if v {
		return 1
	}
	return 0
}

// castString parses numbers; text that is none is an error of the row.
func castString(e *env, x *Tensor, to DType) (*Tensor, error) {
	var bad error
	parse := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil && bad == nil && !math.IsInf(v, 0) {
			bad = invalid("%q is not a number", clipText(s))
		}
		return v
	}
	parseInt := func(bits int) func(s string) int64 {
		return func(s string) int64 {
			v, err := strconv.ParseInt(s, 10, bits)
			if err != nil && bad == nil {
				bad = invalid("%q is not an integer", clipText(s))
			}
			return v
		}
	}
	var out *Tensor
	var err error
	switch to {
	case Float32:
		out, err = apply(e, x, func(s string) float32 { return float32(parse(s)) })
	case Float64:
		out, err = apply(e, x, parse)
	case Int32:
		out, err = apply(e, x, func(s string) int32 { return int32(parseInt(32)(s)) })
	case Int64:
		out, err = apply(e, x, parseInt(64))
	default:
		return nil, unsupported("from string to %s", to)
	}
	if err == nil {
		err = bad
	}
	return out, err
}

// clipText shortens text from a request for use in an error.
func clipText(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
