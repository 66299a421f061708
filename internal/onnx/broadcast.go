package onnx

// broadcast aligns shapes by the rules of NumPy and walks the result row by row.
type broadcast struct {
	shape   []int64
	strides [][]int64 // per operand and dimension; 0 where it is repeated
	flat    bool      // every operand has the full shape or one element
}

func newBroadcast(limits Limits, shapes ...[]int64) (*broadcast, error) {
	rank := 0
	for _, s := range shapes {
		rank = max(rank, len(s))
	}
	b := &broadcast{shape: make([]int64, rank)}
	for i := range b.shape {
		b.shape[i] = 1
	}
	for _, s := range shapes {
		for i, d := range s {
			o := &b.shape[rank-len(s)+i]
			switch {
			case *o == 1:
				*o = d
			case d != 1 && d != *o:
				return nil, invalid("shapes %v do not broadcast", shapes)
			}
		}
	}
	n, err := elements(b.shape, limits.MaxElements)
	if err != nil {
		return nil, err
	}
	b.flat = true
	for _, s := range shapes {
		c := count(s)
		b.flat = b.flat && (c == n || c == 1)
		b.strides = append(b.strides, stridesFor(s, rank))
	}
	return b, nil
}

// stridesFor gives element strides of a row-major shape aligned to rank, 0 for
// dimensions of size 1.
func stridesFor(shape []int64, rank int) []int64 {
	out := make([]int64, rank)
	step := int64(1)
	for i := len(shape) - 1; i >= 0; i-- {
		if shape[i] != 1 {
			out[rank-len(shape)+i] = step
		}
		step *= shape[i]
	}
	return out
}

// rows calls fn for each run of n consecutive results, which start at out; operand
// k starts at at[k] and advances by step[k].
func (b *broadcast) rows(fn func(out, n int64, at, step []int64)) {
	total := count(b.shape)
	if total == 0 {
		return
	}
	at, step := make([]int64, len(b.strides)), make([]int64, len(b.strides))
	if b.flat {
		for k, s := range b.strides {
			for _, v := range s {
				if v != 0 {
					step[k] = 1
				}
			}
		}
		fn(0, total, at, step)
		return
	}
	last := len(b.shape) - 1
	n := b.shape[last]
	for k, s := range b.strides {
		step[k] = s[last]
	}
	index := make([]int64, last)
	for out := int64(0); out < total; out += n {
		fn(out, n, at, step)
		for d := last - 1; d >= 0; d-- {
			index[d]++
			for k, s := range b.strides {
				at[k] += s[d]
			}
			if index[d] < b.shape[d] {
				break
			}
			for k, s := range b.strides {
				at[k] -= s[d] * b.shape[d]
			}
			index[d] = 0
		}
	}
}

// zip applies fn element by element to two broadcast tensors.
func zip[A, B, R element](e *env, x, y *Tensor, fn func(A, B) R) (*Tensor, error) {
	b, err := newBroadcast(e.limits, x.Shape, y.Shape)
	if err != nil {
		return nil, err
	}
	out, err := e.make(dtypeOf[R](), b.shape)
	if err != nil {
		return nil, err
	}
	xs, ys, rs := data[A](x), data[B](y), data[R](out)
	b.rows(func(o, n int64, at, step []int64) {
		i, j := at[0], at[1]
		for k := range n {
			rs[o+k] = fn(xs[i], ys[j])
			i += step[0]
			j += step[1]
		}
	})
	return out, nil
}

// apply maps fn over one tensor.
func apply[A, R element](e *env, x *Tensor, fn func(A) R) (*Tensor, error) {
	out, err := e.make(dtypeOf[R](), x.Shape)
	if err != nil {
		return nil, err
	}
	rs := data[R](out)
	for i, v := range data[A](x) {
		rs[i] = fn(v)
	}
	return out, nil
}
