package onnx

// mover copies elements of any type between tensors of one type; it keeps the
// shape operators free of a switch over types.
type mover struct {
	copy func(dst, src int64, n int64)       // n consecutive elements
	take func(dst int64, n, src, step int64) // n elements step apart
}

func newMover(dst, src *Tensor) mover {
	switch dst.Type {
	case Float32:
		return moverOf(dst.F32, src.F32)
	case Float64:
		return moverOf(dst.F64, src.F64)
	case Int32:
		return moverOf(dst.I32, src.I32)
	case Int64:
		return moverOf(dst.I64, src.I64)
	case Bool:
		return moverOf(dst.Bool, src.Bool)
	}
	return moverOf(dst.Str, src.Str)
}

func moverOf[T element](dst, src []T) mover {
	return mover{
		copy: func(d, s, n int64) { copy(dst[d:d+n], src[s:s+n]) },
		take: func(d, n, s, step int64) {
			for i := range n {
				dst[d+i] = src[s+i*step]
			}
		},
	}
}

// gatherBlocks makes a tensor of the given shape by reading src along strides: the
// element at index i of the result is src[start + Σ i·stride].
func gatherBlocks(e *env, src *Tensor, shape []int64, start int64, strides []int64) (*Tensor, error) {
	out, err := e.make(src.Type, shape)
	if err != nil {
		return nil, err
	}
	if out.Len() == 0 {
		return out, nil
	}
	mv := newMover(out, src)
	b := broadcast{shape: shape, strides: [][]int64{strides}}
	if len(shape) == 0 {
		mv.copy(0, start, 1)
		return out, nil
	}
	b.rows(func(o, n int64, at, step []int64) {
		if step[0] == 1 {
			mv.copy(o, start+at[0], n)
		} else {
			mv.take(o, n, start+at[0], step[0])
		}
	})
	return out, nil
}

// rowMajor gives the strides of a contiguous tensor.
func rowMajor(shape []int64) []int64 {
	out := make([]int64, len(shape))
	step := int64(1)
	for i := len(shape) - 1; i >= 0; i-- {
		out[i] = step
		step *= shape[i]
	}
	return out
}

// intsOf reads an integer tensor as a list, as the operators with shape, axes or
// index inputs need it.
func intsOf(t *Tensor) ([]int64, error) {
	switch t.Type {
	case Int64:
		return t.I64, nil
	case Int32:
		out := make([]int64, len(t.I32))
		for i, v := range t.I32 {
			out[i] = int64(v)
		}
		return out, nil
	}
	return nil, invalid("want integers, got %s", t.Type)
}
