package onnx

import "math"

func exp32(v float32) float32 { return float32(math.Exp(float64(v))) }

// buildSoftmax normalises along one axis; before version 13 all dimensions from
// the axis on count as one.
func buildSoftmax(c *nodeCtx) (kernel, error) {
	def := int64(-1)
	if c.version < 13 {
		def = 1
	}
	axis, joined := c.int("axis", def), c.version < 13
	return func(e *env, in, out []*Tensor) error {
		x := in[0]
		a, err := axisOf(axis, len(x.Shape))
		if err != nil {
			return err
		}
		if out[0], err = e.make(x.Type, x.Shape); err != nil {
			return err
		}
		shape := x.Shape
		if joined {
			shape, a = []int64{count(shape[:a]), count(shape[a:])}, 1
		}
		if shape[a] == 0 {
			return nil
		}
		switch x.Type {
		case Float32:
			softmaxAlong(out[0].F32, x.F32, shape, a)
		case Float64:
			softmaxAlong(out[0].F64, x.F64, shape, a)
		default:
			return errType(x.Type)
		}
		return nil
	}, nil
}

func softmaxAlong[T float](dst, x []T, shape []int64, a int) {
	lanes(shape, a, func(_, at, step int64) {
		top, sum := x[at], T(0)
		for i := range shape[a] {
			top = max(top, x[at+i*step])
		}
		for i := range shape[a] {
			v := T(math.Exp(float64(x[at+i*step] - top)))
			dst[at+i*step] = v
			sum += v
		}
		for i := range shape[a] {
			dst[at+i*step] /= sum
		}
	})
}

// buildLpNormalization divides lines by their L1 or L2 norm; a line whose norm is
// 0 becomes 0.
func buildLpNormalization(c *nodeCtx) (kernel, error) {
	axis, p := c.int("axis", -1), c.int("p", 2)
	if p != 1 && p != 2 {
		return nil, defect("p is %d", p)
	}
	return func(e *env, in, out []*Tensor) error {
		x := in[0]
		a, err := axisOf(axis, len(x.Shape))
		if err != nil {
			return err
		}
		if out[0], err = e.make(x.Type, x.Shape); err != nil {
			return err
		}
		switch x.Type {
		case Float32:
			lpAlong(out[0].F32, x.F32, x.Shape, a, p)
		case Float64:
			lpAlong(out[0].F64, x.F64, x.Shape, a, p)
		default:
			return errType(x.Type)
		}
		return nil
	}, nil
}

func lpAlong[T float](dst, x []T, shape []int64, a int, p int64) {
	lanes(shape, a, func(_, at, step int64) {
		var norm float64
		for i := range shape[a] {
			v := math.Abs(float64(x[at+i*step]))
			if p == 2 {
				v *= v
			}
			norm += v
		}
		if p == 2 {
			norm = math.Sqrt(norm)
		}
		if norm == 0 {
			return
		}
		for i := range shape[a] {
			dst[at+i*step] = x[at+i*step] / T(norm)
		}
	})
}

// transform is the post_transform of the ml operators, applied to one row of
// scores in place.
type transform uint8

const (
	transformNone transform = iota
	transformSoftmax
	transformLogistic
	transformSoftmaxZero
)

func readTransform(c *nodeCtx) (transform, error) {
	switch name := c.str("post_transform", "NONE"); name {
	case "NONE":
		return transformNone, nil
	case "SOFTMAX":
		return transformSoftmax, nil
	case "LOGISTIC":
		return transformLogistic, nil
	case "SOFTMAX_ZERO":
		return transformSoftmaxZero, nil
	case "PROBIT":
		return 0, unsupported("post_transform PROBIT")
	default:
		return 0, defect("unknown post_transform %q", clipText(name))
	}
}

// logistic32 follows ONNX Runtime: the value for a negative score is one minus
// that of its opposite, so that tiny probabilities become 0.
func logistic32(x float32) float32 {
	v := 1 / (1 + exp32(-float32(math.Abs(float64(x)))))
	if x < 0 {
		return 1 - v
	}
	return v
}

func (t transform) apply(row []float32) {
	switch t {
	case transformLogistic:
		for i, v := range row {
			row[i] = logistic32(v)
		}
	case transformSoftmax:
		softmax32(row)
	case transformSoftmaxZero:
		softmaxZero32(row)
	}
}

func softmax32(row []float32) {
	top, sum := row[0], float32(0)
	for _, v := range row {
		if v > top {
			top = v
		}
	}
	for i, v := range row {
		row[i] = exp32(v - top)
		sum += row[i]
	}
	for i := range row {
		row[i] /= sum
	}
}

// softmaxZero32 is a softmax in which scores that are practically 0 stay 0.
func softmaxZero32(row []float32) {
	top, sum := row[0], float32(0)
	for _, v := range row {
		if v > top {
			top = v
		}
	}
	small := exp32(-top)
	for i, v := range row {
		if v > 0.0000001 || v < -0.0000001 {
			row[i] = exp32(v - top)
			sum += row[i]
		} else {
			row[i] = v * small
		}
	}
	for i := range row {
		row[i] /= sum
	}
}
