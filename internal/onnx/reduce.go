package onnx

import (
	"math"
	"slices"
)

// reduction folds elements in float64 (integers in int64). finish gets the folded
// value and the number of elements.
type reduction struct {
	start  float64
	fold   func(acc, v float64) float64
	finish func(acc float64, n int64) float64
	// integer forms; nil = not defined for integers
	startInt  int64
	foldInt   func(acc, v int64) int64
	finishInt func(acc int64, n int64) int64
	nonEmpty  bool // an empty set has no value
	shifted   bool // subtract the maximum before folding and add it after (log-sum-exp)
}

func sumFold[T number](acc, v T) T { return acc + v }
func squareFold(acc, v float64) float64 {
	return acc + float64(v*v)
}

var (
	reduceSum  = reduction{fold: sumFold[float64], foldInt: sumFold[int64]}
	reduceMean = reduction{
		fold: sumFold[float64], finish: func(acc float64, n int64) float64 { return acc / float64(n) },
		foldInt: sumFold[int64], finishInt: func(acc, n int64) int64 { return acc / n }, nonEmpty: true,
	}
	reduceProd = reduction{
		start: 1, fold: func(acc, v float64) float64 { return acc * v },
		startInt: 1, foldInt: func(acc, v int64) int64 { return acc * v },
	}
	reduceMax = reduction{
		start: math.Inf(-1), fold: maxOf[float64],
		startInt: math.MinInt64, foldInt: maxOf[int64], nonEmpty: true,
	}
	reduceMin = reduction{
		start: math.Inf(1), fold: minOf[float64],
		startInt: math.MaxInt64, foldInt: minOf[int64], nonEmpty: true,
	}
	reduceL1 = reduction{
		fold:    func(acc, v float64) float64 { return acc + math.Abs(v) },
		foldInt: func(acc, v int64) int64 { return acc + absOf(v) },
	}
	reduceL2 = reduction{
		fold: squareFold, finish: func(acc float64, _ int64) float64 { return math.Sqrt(acc) },
	}
	reduceSumSquare = reduction{fold: squareFold, foldInt: func(acc, v int64) int64 { return acc + v*v }}
	reduceLogSum    = reduction{
		fold: sumFold[float64], finish: func(acc float64, _ int64) float64 { return math.Log(acc) },
	}
	reduceLogSumExp = reduction{
		fold:   func(acc, v float64) float64 { return acc + math.Exp(v) },
		finish: func(acc float64, _ int64) float64 { return math.Log(acc) }, shifted: true,
	}
)

// buildReduce reads the axes from an attribute before version inputSince, from
// input 1 later.
func buildReduce(r reduction, inputSince int64) func(*nodeCtx) (kernel, error) {
	return func(c *nodeCtx) (kernel, error) {
		keep := c.int("keepdims", 1) != 0
		read := axesReader(c, inputSince)
		noop := false
		if c.version >= inputSince {
			noop = c.int("noop_with_empty_axes", 0) != 0
		}
		return func(e *env, in, out []*Tensor) error {
			axes, err := read(in)
			if err != nil {
				return err
			}
			all := len(axes) == 0 && !noop
			out[0], err = r.run(e, in[0], axes, all, keep)
			return err
		}, nil
	}
}

// run reduces over the axes or over all of them. Without any axis every element is
// a set of its own, which still goes through fold and finish.
func (r *reduction) run(e *env, x *Tensor, axes []int64, all, keep bool) (*Tensor, error) {
	set, err := axisSet(axes, len(x.Shape))
	if err != nil {
		return nil, err
	}
	kept, final, n := slices.Clone(x.Shape), []int64{}, int64(1)
	for i, d := range x.Shape {
		if set[i] || all {
			kept[i] = 1
			n *= d
			if keep {
				final = append(final, 1)
			}
		} else {
			final = append(final, d)
		}
	}
	if n == 0 && r.nonEmpty {
		return nil, invalid("empty set along axes %v of %v", axes, x.Shape)
	}
	out, err := e.make(x.Type, kept)
	if err != nil {
		return nil, err
	}
	out.Shape = final
	walk := broadcast{shape: x.Shape, strides: [][]int64{stridesFor(kept, len(kept))}}
	switch {
	case x.Type == Float32:
		reduceFloat(r, &walk, out.F32, x.F32, n)
	case x.Type == Float64:
		reduceFloat(r, &walk, out.F64, x.F64, n)
	case x.Type == Int32 && r.foldInt != nil:
		reduceInt(r, &walk, out.I32, x.I32, n)
	case x.Type == Int64 && r.foldInt != nil:
		reduceInt(r, &walk, out.I64, x.I64, n)
	default:
		return nil, errType(x.Type)
	}
	return out, nil
}

// foldRows passes src to fold with the position along the strides of walk; a scalar has no rows.
func foldRows[T any](walk *broadcast, src []T, fold func(at int64, v T)) {
	if len(walk.shape) == 0 {
		fold(0, src[0])
		return
	}
	walk.rows(func(o, n int64, at, step []int64) {
		for i := range n {
			fold(at[0]+i*step[0], src[o+i])
		}
	})
}

func reduceFloat[T float](r *reduction, walk *broadcast, dst, src []T, n int64) {
	acc := make([]float64, len(dst))
	for i := range acc {
		acc[i] = r.start
	}
	var shift []float64
	if r.shifted {
		shift = make([]float64, len(dst))
		for i := range shift {
			shift[i] = math.Inf(-1)
		}
		foldRows(walk, src, func(at int64, v T) { shift[at] = max(shift[at], float64(v)) })
		for i, v := range shift {
			if math.IsInf(v, 0) {
				shift[i] = 0
			}
		}
	}
	foldRows(walk, src, func(at int64, v T) {
		x := float64(v)
		if shift != nil {
			x -= shift[at]
		}
		acc[at] = r.fold(acc[at], x)
	})
	for i, v := range acc {
		if r.finish != nil {
			v = r.finish(v, n)
		}
		if shift != nil {
			v += shift[i]
		}
		dst[i] = T(v)
	}
}

func reduceInt[T int32 | int64](r *reduction, walk *broadcast, dst, src []T, n int64) {
	acc := make([]int64, len(dst))
	for i := range acc {
		acc[i] = r.startInt
	}
	foldRows(walk, src, func(at int64, v T) { acc[at] = r.foldInt(acc[at], int64(v)) })
	for i, v := range acc {
		if r.finishInt != nil {
			v = r.finishInt(v, n)
		}
		dst[i] = T(v)
	}
}
