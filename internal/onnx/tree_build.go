package onnx

import "math"

// treeNode is a node of a flattened tree. The children are neighbours: the node at
// left is taken when row[feature] <= threshold, the one at left+1 otherwise. A
// leaf points at itself and its comparison holds for every number.
type treeNode[T float] struct {
	threshold T
	feature   int32
	left      int32
}

// Flags of a node; they matter for rows with NaN and for equality tests only.
const (
	flagEqual    = 1 << iota // compare with == instead of <=
	flagNaNRight             // NaN takes the node at left+1
)

// forest is a prepared tree ensemble.
type forest[T float] struct {
	nodes []treeNode[T]
	flags []uint8
	roots []int32
	value []T // by node: weight of a leaf, when there is a single output

	// by node: the weights of leaf i are leaves[first[i]:first[i]+size[i]], when
	// there are several outputs
	first, size []int32
	leaves      []leafWeight[T]

	ordered bool  // no equality test: rows without NaN need no flags
	columns int64 // columns that the features need
	outputs int
	base    []T
}

type leafWeight[T float] struct {
	output int32
	weight T
}

// nodeMode describes how a comparison of the standard is expressed by "<=" or
// "==": swap exchanges the children, below lowers the threshold by one step, so
// that x < t becomes x <= t'.
type nodeMode struct{ equal, swap, below bool }

var nodeModes = map[string]nodeMode{
	"BRANCH_LEQ": {},
	"BRANCH_LT":  {below: true},
	"BRANCH_GT":  {swap: true},
	"BRANCH_GTE": {swap: true, below: true},
	"BRANCH_EQ":  {equal: true},
	"BRANCH_NEQ": {equal: true, swap: true},
}

// treeBuilder carries the state of flattening.
type treeBuilder[T float] struct {
	a       *treeAttrs
	f       *forest[T]
	weights [][2]int32 // by node of a: range in order
	order   []int32    // positions of weights, grouped by node
	used    []bool     // inner nodes seen
}

// buildForest checks the trees and flattens them. The checks do not depend on T.
func buildForest[T float](a *treeAttrs, maxDepth int) (*forest[T], error) {
	trees, byID, err := a.index()
	if err != nil {
		return nil, err
	}
	b := &treeBuilder[T]{a: a, f: &forest[T]{ordered: true, outputs: int(a.outputs)}, used: make([]bool, len(a.tree))}
	if err := b.groupWeights(byID); err != nil {
		return nil, err
	}
	for _, v := range a.base {
		b.f.base = append(b.f.base, T(v))
	}
	for _, t := range trees {
		if err := b.flatten(t, maxDepth); err != nil {
			return nil, err
		}
	}
	return b.f, nil
}

// groupWeights sorts the weights by leaf with a counting sort, which keeps their
// order within a leaf.
func (b *treeBuilder[T]) groupWeights(byID map[int64]*treeIndex) error {
	a := b.a
	at := make([]int32, len(a.weights))
	b.weights = make([][2]int32, len(a.tree))
	for w := range a.weights {
		t := byID[a.leafTree[w]]
		if t == nil {
			return defect("weight for tree %d, which does not exist", a.leafTree[w])
		}
		i, ok := t.find(a.leafID[w])
		if !ok || a.modes[i] != "LEAF" {
			return defect("weight for node %d of tree %d, which is no leaf", a.leafID[w], a.leafTree[w])
		}
		if v := a.weights[w]; math.IsNaN(v) {
			return defect("weight of node %d of tree %d is NaN", a.leafID[w], a.leafTree[w])
		}
		at[w] = int32(i)
		b.weights[i][1]++
	}
	sum := int32(0)
	for i := range b.weights {
		n := b.weights[i][1]
		b.weights[i] = [2]int32{sum, sum}
		sum += n
	}
	b.order = make([]int32, len(a.weights))
	for w, i := range at {
		b.order[b.weights[i][1]] = int32(w)
		b.weights[i][1]++
	}
	return nil
}

// pending is a node of the attributes whose place in the forest is fixed.
type pending struct {
	at    int
	slot  int32
	depth int
}

// flatten lays one tree out level by level.
func (b *treeBuilder[T]) flatten(t *treeIndex, maxDepth int) error {
	root := b.grow(1)
	b.f.roots = append(b.f.roots, root)
	queue := []pending{{t.first, root, 1}}
	for head := 0; head < len(queue); head++ {
		p := queue[head]
		a := b.a
		if a.modes[p.at] == "LEAF" {
			if err := b.leaf(p); err != nil {
				return err
			}
			continue
		}
		if p.depth > maxDepth {
			return defect("tree %d is deeper than %d", a.tree[p.at], maxDepth)
		}
		if b.used[p.at] {
			return defect("node %d of tree %d has two parents", a.id[p.at], a.tree[p.at])
		}
		b.used[p.at] = true
		yes, ok1 := t.find(a.yes[p.at])
		no, ok2 := t.find(a.no[p.at])
		if !ok1 || !ok2 {
			return defect("node %d of tree %d has a child that does not exist", a.id[p.at], a.tree[p.at])
		}
		left := b.grow(2)
		swap, err := b.inner(p, left)
		if err != nil {
			return err
		}
		if swap {
			yes, no = no, yes
		}
		queue = append(queue, pending{yes, left, p.depth + 1}, pending{no, left + 1, p.depth + 1})
	}
	return nil
}

// grow adds n nodes and gives the index of the first.
func (b *treeBuilder[T]) grow(n int) int32 {
	f, at := b.f, int32(len(b.f.nodes))
	for range n {
		f.nodes = append(f.nodes, treeNode[T]{})
		f.flags = append(f.flags, 0)
		if f.outputs == 1 {
			f.value = append(f.value, 0)
		} else {
			f.first, f.size = append(f.first, 0), append(f.size, 0)
		}
	}
	return at
}

func (b *treeBuilder[T]) inner(p pending, left int32) (swap bool, err error) {
	a := b.a
	mode, ok := nodeModes[a.modes[p.at]]
	if !ok {
		return false, defect("unknown node mode %q", clipText(a.modes[p.at]))
	}
	feature, limit := a.feature[p.at], a.values[p.at]
	if feature < 0 || feature >= math.MaxInt32 {
		return false, defect("feature id %d of node %d of tree %d", feature, a.id[p.at], a.tree[p.at])
	}
	if math.IsNaN(limit) {
		return false, defect("threshold of node %d of tree %d is NaN", a.id[p.at], a.tree[p.at])
	}
	b.f.columns = max(b.f.columns, feature+1)
	threshold := T(limit)
	if mode.below {
		threshold = stepDown(threshold)
	}
	b.f.nodes[p.slot] = treeNode[T]{threshold, int32(feature), left}
	// NaN makes the comparison false, except for "not equal"; a tracked missing
	// value takes the true branch. The true branch is on the right when swapped.
	toTrue := len(a.missing) > 0 && a.missing[p.at] != 0 || a.modes[p.at] == "BRANCH_NEQ"
	if toTrue == mode.swap {
		b.f.flags[p.slot] |= flagNaNRight
	}
	if mode.equal {
		b.f.flags[p.slot] |= flagEqual
		b.f.ordered = false
	}
	return mode.swap, nil
}

// stepDown gives the largest number below t. Nothing is below -Inf: the result is
// then NaN, with which every comparison fails as it must.
func stepDown[T float](t T) T {
	if math.IsInf(float64(t), -1) {
		return T(math.NaN())
	}
	switch v := any(t).(type) {
	case float32:
		return T(math.Nextafter32(v, float32(math.Inf(-1))))
	}
	return T(math.Nextafter(float64(t), math.Inf(-1)))
}

func (b *treeBuilder[T]) leaf(p pending) error {
	a, f := b.a, b.f
	span := b.weights[p.at]
	if span[0] == span[1] {
		return defect("leaf %d of tree %d has no weight", a.id[p.at], a.tree[p.at])
	}
	f.nodes[p.slot] = treeNode[T]{T(math.Inf(1)), 0, p.slot}
	ws := b.order[span[0]:span[1]]
	if f.outputs == 1 {
		if len(ws) > 1 {
			return defect("leaf %d of tree %d has %d weights for one output", a.id[p.at], a.tree[p.at], len(ws))
		}
		f.value[p.slot] = T(a.weights[ws[0]])
		return nil
	}
	f.first[p.slot], f.size[p.slot] = int32(len(f.leaves)), int32(len(ws))
	if int64(len(ws)) > a.outputs {
		return defect("leaf %d of tree %d has more weights than outputs", a.id[p.at], a.tree[p.at])
	}
	for _, w := range ws {
		f.leaves = append(f.leaves, leafWeight[T]{int32(a.leafOutput[w]), T(a.weights[w])})
	}
	return nil
}
