package onnx

import "slices"

// maxProducts bounds the multiplications of one matrix product, so that a small
// file cannot ask for hours of work.
const maxProducts = 1 << 36

// matrix describes a strided operand of a product.
type matrix struct{ row, col int64 }

// multiply writes the m×n product of a (m×k) and b (k×n). Sums of floats are
// kept in float64 and rounded once.
func multiply[T number](dst, a, b []T, m, k, n int64, ma, mb matrix) {
	switch any(T(0)).(type) {
	case int32, int64:
		for i := range m {
			for j := range n {
				var s T
				for l := range k {
					s += a[i*ma.row+l*ma.col] * b[l*mb.row+j*mb.col]
				}
				dst[i*n+j] = s
			}
		}
	default:
		acc := make([]float64, n)
		for i := range m {
			clear(acc)
			for l := range k {
				x := float64(a[i*ma.row+l*ma.col])
				row := b[l*mb.row:]
				for j := range acc {
					acc[j] += float64(x * float64(row[int64(j)*mb.col]))
				}
			}
			for j, v := range acc {
				dst[i*n+int64(j)] = T(v)
			}
		}
	}
}

func checkWork(m, k, n int64) error {
	if k > 0 && n > 0 && m > maxProducts/k/n {
		return invalid("product of %d×%d×%d is too large", m, k, n)
	}
	return nil
}

func buildMatMul(*nodeCtx) (kernel, error) {
	return func(e *env, in, out []*Tensor) (err error) {
		if in[0].Type != in[1].Type {
			return invalid("operands of type %s and %s", in[0].Type, in[1].Type)
		}
		switch in[0].Type {
		case Float32:
			out[0], err = matMul[float32](e, in[0], in[1])
		case Float64:
			out[0], err = matMul[float64](e, in[0], in[1])
		case Int32:
			out[0], err = matMul[int32](e, in[0], in[1])
		case Int64:
			out[0], err = matMul[int64](e, in[0], in[1])
		default:
			err = errType(in[0].Type)
		}
		return err
	}, nil
}

// matMul follows numpy.matmul: vectors are promoted and the leading dimensions
// broadcast.
func matMul[T number](e *env, x, y *Tensor) (*Tensor, error) {
	xs, ys := x.Shape, y.Shape
	if len(xs) == 0 || len(ys) == 0 {
		return nil, invalid("scalar operand")
	}
	if len(xs) == 1 {
		xs = []int64{1, xs[0]}
	}
	if len(ys) == 1 {
		ys = []int64{ys[0], 1}
	}
	m, k, n := xs[len(xs)-2], xs[len(xs)-1], ys[len(ys)-1]
	if ys[len(ys)-2] != k {
		return nil, invalid("shapes %v and %v do not match", x.Shape, y.Shape)
	}
	b, err := newBroadcast(e.limits, xs[:len(xs)-2], ys[:len(ys)-2])
	if err != nil {
		return nil, err
	}
	out, err := e.make(x.Type, append(slices.Clone(b.shape), m, n))
	if err != nil {
		return nil, err
	}
	if err := checkWork(max(count(b.shape), 1)*max(m, 1), k, n); err != nil {
		return nil, err
	}
	if out.Len() > 0 {
		dst, p, q := data[T](out), data[T](x), data[T](y)
		b.rows(func(o, cnt int64, at, step []int64) {
			for i := range cnt {
				multiply(dst[(o+i)*m*n:(o+i+1)*m*n], p[(at[0]+i*step[0])*m*k:], q[(at[1]+i*step[1])*k*n:],
					m, k, n, matrix{k, 1}, matrix{n, 1})
			}
		})
	}
	if len(x.Shape) == 1 {
		out.Shape = slices.Delete(out.Shape, len(out.Shape)-2, len(out.Shape)-1)
	}
	if len(y.Shape) == 1 {
		out.Shape = out.Shape[:len(out.Shape)-1]
	}
	return out, nil
}

func buildGemm(c *nodeCtx) (kernel, error) {
	alpha, beta := c.float("alpha", 1), c.float("beta", 1)
	transA, transB := c.int("transA", 0) != 0, c.int("transB", 0) != 0
	return func(e *env, in, out []*Tensor) (err error) {
		var bias *Tensor
		if len(in) > 2 {
			bias = in[2]
		}
		for _, t := range in[1:] {
			if t != nil && t.Type != in[0].Type {
				return invalid("operands of type %s and %s", in[0].Type, t.Type)
			}
		}
		switch in[0].Type {
		case Float32:
			out[0], err = gemm[float32](e, in[0], in[1], bias, alpha, beta, transA, transB)
		case Float64:
			out[0], err = gemm[float64](e, in[0], in[1], bias, alpha, beta, transA, transB)
		default:
			err = errType(in[0].Type)
		}
		return err
	}, nil
}

// gemm computes alpha·A·B + beta·C with C broadcast to the result.
func gemm[T float](e *env, x, y, bias *Tensor, alpha, beta float32, transA, transB bool) (*Tensor, error) {
	if len(x.Shape) != 2 || len(y.Shape) != 2 {
		return nil, invalid("operands of shape %v and %v are not matrices", x.Shape, y.Shape)
	}
	m, k, ma := x.Shape[0], x.Shape[1], matrix{x.Shape[1], 1}
	if transA {
		m, k, ma = k, m, matrix{1, x.Shape[1]}
	}
	k2, n, mb := y.Shape[0], y.Shape[1], matrix{y.Shape[1], 1}
	if transB {
		k2, n, mb = n, k2, matrix{1, y.Shape[1]}
	}
	if k != k2 {
		return nil, invalid("shapes %v and %v do not match", x.Shape, y.Shape)
	}
	if err := checkWork(m, k, n); err != nil {
		return nil, err
	}
	out, err := e.make(x.Type, []int64{m, n})
	if err != nil {
		return nil, err
	}
	dst := data[T](out)
	if len(dst) > 0 {
		multiply(dst, data[T](x), data[T](y), m, k, n, ma, mb)
	}
	if alpha != 1 {
		for i := range dst {
			dst[i] *= T(alpha)
		}
	}
	if bias == nil || beta == 0 {
		return out, nil
	}
	b, err := newBroadcast(e.limits, out.Shape, bias.Shape)
	if err != nil || !slices.Equal(b.shape, out.Shape) {
		return nil, invalid("bias of shape %v for a result of shape %v", bias.Shape, out.Shape)
	}
	c := data[T](bias)
	b.rows(func(o, cnt int64, at, step []int64) {
		for i := range cnt {
			dst[o+i] += T(c[at[1]+i*step[1]] * T(beta))
		}
	})
	return out, nil
}
