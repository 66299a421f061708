package onnx

import "math"

// rowBlock is the number of rows that go through one tree before the next tree is
// touched, so that a tree stays in the cache. The order of the sums of a row does
// not depend on it.
const rowBlock = 64

// descend finds the leaf of a row that may hold NaN, or in a forest with equality
// tests.
func (f *forest[T]) descend(root int32, row []T) int32 {
	i := root
	for {
		n := &f.nodes[i]
		if n.left == i {
			return i
		}
		x, flags, right := row[n.feature], f.flags[i], false
		switch {
		case x != x:
			right = flags&flagNaNRight != 0
		case flags&flagEqual != 0:
			right = x != n.threshold
		default:
			right = !(x <= n.threshold)
		}
		i = n.left
		if right {
			i++
		}
	}
}

// above is 1 when x > t and 0 otherwise; the compiler turns it into a flag, not
// into a jump that would be mispredicted half of the time.
func above[T float](x, t T) int32 {
	var v int32
	if !(x <= t) {
		v = 1
	}
	return v
}

// descend4 takes one row through four trees at once: the four chains of loads are
// independent and overlap. Finished trees turn in place on their leaf, which
// holds for rows without NaN only.
func (f *forest[T]) descend4(roots []int32, row []T, leaf *[4]int32) {
	nodes := f.nodes
	a, b, c, d := roots[0], roots[1], roots[2], roots[3]
	for {
		na, nb, nc, nd := &nodes[a], &nodes[b], &nodes[c], &nodes[d]
		if na.left == a && nb.left == b && nc.left == c && nd.left == d {
			break
		}
		a = na.left + above(row[na.feature], na.threshold)
		b = nb.left + above(row[nb.feature], nb.threshold)
		c = nc.left + above(row[nc.feature], nc.threshold)
		d = nd.left + above(row[nd.feature], nd.threshold)
	}
	leaf[0], leaf[1], leaf[2], leaf[3] = a, b, c, d
}

// descendRows takes four rows without NaN through one tree.
func (f *forest[T]) descendRows(root int32, r0, r1, r2, r3 []T, leaf *[4]int32) {
	nodes := f.nodes
	a, b, c, d := root, root, root, root
	for {
		na, nb, nc, nd := &nodes[a], &nodes[b], &nodes[c], &nodes[d]
		if na.left == a && nb.left == b && nc.left == c && nd.left == d {
			break
		}
		a = na.left + above(r0[na.feature], na.threshold)
		b = nb.left + above(r1[nb.feature], nb.threshold)
		c = nc.left + above(r2[nc.feature], nc.threshold)
		d = nd.left + above(r3[nd.feature], nd.threshold)
	}
	leaf[0], leaf[1], leaf[2], leaf[3] = a, b, c, d
}

// aggregate says how the weights of the trees are put together.
type aggregate uint8

const (
	aggregateSum aggregate = iota
	aggregateAverage
	aggregateMin
	aggregateMax
)

// tally accumulates the leaves of a block of rows. has tells which outputs got a
// weight; it is nil when nobody asks.
type tally[T float] struct {
	f    *forest[T]
	kind aggregate
	sums []T // rows × outputs
	has  []bool
	// plain: one output that is summed and nothing else to note
	plain bool
}

func (t *tally[T]) add(row int, leaf int32) {
	if t.f.outputs == 1 {
		t.put(row, t.f.value[leaf])
		return
	}
	at := int(t.f.first[leaf])
	for _, w := range t.f.leaves[at : at+int(t.f.size[leaf])] {
		t.put(row*t.f.outputs+int(w.output), w.weight)
	}
}

func (t *tally[T]) put(at int, v T) {
	switch {
	case t.kind <= aggregateAverage:
		t.sums[at] += v
	case !t.has[at] || (t.kind == aggregateMin && v < t.sums[at]) || (t.kind == aggregateMax && v > t.sums[at]):
		t.sums[at] = v
	}
	if t.has != nil {
		t.has[at] = true
	}
}

// evaluate adds up all trees for rows of the given width. sums and has hold
// rows × outputs entries and start at zero; every row adds its trees in order.
func (f *forest[T]) evaluate(x []T, rows, cols int, kind aggregate, sums []T, has []bool) {
	for lo := 0; lo < rows; lo += rowBlock {
		n := min(rowBlock, rows-lo)
		t := tally[T]{f: f, kind: kind, sums: sums[lo*f.outputs : (lo+n)*f.outputs]}
		if has != nil {
			t.has = has[lo*f.outputs : (lo+n)*f.outputs]
		}
		t.plain = f.outputs == 1 && kind <= aggregateAverage && t.has == nil
		block := x[lo*cols : (lo+n)*cols]
		if f.ordered && cols > 0 && !hasNaN(block) {
			f.fastBlock(block, n, cols, &t)
		} else {
			f.slowBlock(block, n, cols, &t)
		}
	}
}

func hasNaN[T float](x []T) bool {
	for _, v := range x {
		if v != v {
			return true
		}
	}
	return false
}

func (f *forest[T]) slowBlock(x []T, rows, cols int, t *tally[T]) {
	for _, root := range f.roots {
		for r := range rows {
			t.add(r, f.descend(root, x[r*cols:(r+1)*cols]))
		}
	}
}

func (f *forest[T]) fastBlock(x []T, rows, cols int, t *tally[T]) {
	var leaf [4]int32
	full := rows &^ 3
	for _, root := range f.roots {
		for r := 0; r < full; r += 4 {
			q := x[r*cols : (r+4)*cols]
			f.descendRows(root, q[:cols], q[cols:2*cols], q[2*cols:3*cols], q[3*cols:], &leaf)
			if t.plain {
				s := t.sums[r : r+4]
				s[0] += f.value[leaf[0]]
				s[1] += f.value[leaf[1]]
				s[2] += f.value[leaf[2]]
				s[3] += f.value[leaf[3]]
				continue
			}
			for k, l := range leaf {
				t.add(r+k, l)
			}
		}
		if full == 0 {
			break
		}
	}
	for r := full; r < rows; r++ {
		f.fastRow(x[r*cols:(r+1)*cols], r, t)
	}
}

func (f *forest[T]) fastRow(row []T, r int, t *tally[T]) {
	var leaf [4]int32
	roots := f.roots
	for ; len(roots) >= 4; roots = roots[4:] {
		f.descend4(roots, row, &leaf)
		if t.plain {
			t.sums[r] = (((t.sums[r] + f.value[leaf[0]]) + f.value[leaf[1]]) + f.value[leaf[2]]) + f.value[leaf[3]]
			continue
		}
		for _, l := range leaf {
			t.add(r, l)
		}
	}
	for _, root := range roots {
		t.add(r, f.descend(root, row))
	}
}

// finish divides averages and adds the base values, one for all outputs or one
// each. Where has says that an output got no weight, the base value is left out.
func (f *forest[T]) finish(kind aggregate, sums []T, has []bool) {
	if kind == aggregateAverage {
		for i := range sums {
			sums[i] /= T(len(f.roots))
		}
	}
	if len(f.base) == 0 {
		return
	}
	for i := range sums {
		if has == nil || has[i] {
			sums[i] += f.base[i%len(f.base)]
		}
	}
}

func allNonNegative(w []float64) bool {
	for _, v := range w {
		if v < 0 || math.IsNaN(v) {
			return false
		}
	}
	return true
}
