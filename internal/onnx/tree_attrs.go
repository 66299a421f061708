package onnx

import "math"

// treeAttrs are the parallel arrays of a tree ensemble operator. Numbers are kept
// as float64, which holds every float32 exactly.
type treeAttrs struct {
	tree, id, feature []int64
	yes, no           []int64 // node ids of the children
	missing           []int64 // empty = 0 everywhere
	modes             []string
	values            []float64 // thresholds

	leafTree, leafID, leafOutput []int64
	weights                      []float64
	base                         []float64

	double  bool // thresholds and weights are given as doubles
	outputs int64
}

// readTrees reads the arrays; prefix is "class" or "target".
func readTrees(c *nodeCtx, prefix string, outputs int64) (*treeAttrs, error) {
	c.ignore("nodes_hitrates", "nodes_hitrates_as_tensor")
	a := &treeAttrs{
		tree: c.ints("nodes_treeids"), id: c.ints("nodes_nodeids"), feature: c.ints("nodes_featureids"),
		yes: c.ints("nodes_truenodeids"), no: c.ints("nodes_falsenodeids"),
		missing: c.ints("nodes_missing_value_tracks_true"), modes: c.strings("nodes_modes"),
		leafTree: c.ints(prefix + "_treeids"), leafID: c.ints(prefix + "_nodeids"),
		leafOutput: c.ints(prefix + "_ids"), outputs: outputs,
	}
	var err error
	for name, dst := range map[string]*[]float64{
		"nodes_values": &a.values, prefix + "_weights": &a.weights, "base_values": &a.base,
	} {
		if *dst, err = a.numbers(c, name); err != nil {
			return nil, err
		}
	}
	return a, a.check()
}

// numbers reads a list of floats, or since version 3 a tensor of either width.
func (a *treeAttrs) numbers(c *nodeCtx, name string) ([]float64, error) {
	list := c.floats(name)
	if c.version >= 3 {
		if t := c.tensor(name + "_as_tensor"); t != nil {
			switch {
			case list != nil:
				return nil, defect("%s given twice", name)
			case t.Type == Float64:
				a.double = true
				return t.F64, nil
			case t.Type != Float32:
				return nil, unsupported("%s of type %s", name, t.Type)
			}
			list = t.F32
		}
	}
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = float64(v)
	}
	return out, nil
}

// check verifies what can be seen without walking the trees.
func (a *treeAttrs) check() error {
	n := len(a.tree)
	if n == 0 {
		return defect("no nodes")
	}
	for name, have := range map[string]int{
		"nodes_nodeids": len(a.id), "nodes_featureids": len(a.feature), "nodes_modes": len(a.modes),
		"nodes_truenodeids": len(a.yes), "nodes_falsenodeids": len(a.no), "nodes_values": len(a.values),
	} {
		if have != n {
			return defect("%s has %d entries, nodes_treeids %d", name, have, n)
		}
	}
	if len(a.missing) != 0 && len(a.missing) != n {
		return defect("nodes_missing_value_tracks_true has %d entries, want 0 or %d", len(a.missing), n)
	}
	w := len(a.weights)
	if len(a.leafTree) != w || len(a.leafID) != w || len(a.leafOutput) != w {
		return defect("arrays of leaf weights differ in length")
	}
	for _, o := range a.leafOutput {
		if o < 0 || o >= a.outputs {
			return defect("output %d of a leaf is not in [0, %d)", o, a.outputs)
		}
	}
	for _, v := range a.base {
		if math.IsNaN(v) {
			return defect("base value is NaN")
		}
	}
	if b := int64(len(a.base)); b > 1 && b != a.outputs {
		return defect("%d base values for %d outputs", b, a.outputs)
	}
	return nil
}

// everyOutputScored tells whether each output has a tree all of whose leaves carry
// a weight for it, so that every row scores every output.
func (a *treeAttrs) everyOutputScored() bool {
	leaves := map[int64]int{}
	for i, t := range a.tree {
		if a.modes[i] == "LEAF" {
			leaves[t]++
		}
	}
	type pair struct{ tree, output int64 }
	weights := map[pair]int{}
	scored := map[int64]bool{}
	for w, t := range a.leafTree {
		p := pair{t, a.leafOutput[w]}
		if weights[p]++; weights[p] == leaves[t] {
			scored[p.output] = true
		}
	}
	return int64(len(scored)) == a.outputs
}

// treeIndex finds nodes of one tree by id.
type treeIndex struct {
	first  int           // position of the root
	dense  []int32       // by id, -1 = none; used when ids are small
	sparse map[int64]int // otherwise
}

func (t *treeIndex) find(id int64) (int, bool) {
	if t.dense == nil {
		i, ok := t.sparse[id]
		return i, ok
	}
	if id < 0 || id >= int64(len(t.dense)) || t.dense[id] < 0 {
		return 0, false
	}
	return int(t.dense[id]), true
}

// index groups the nodes by tree. The nodes of a tree must follow each other; the
// first one listed is its root.
func (a *treeAttrs) index() (order []*treeIndex, byID map[int64]*treeIndex, err error) {
	byID = map[int64]*treeIndex{}
	for lo := 0; lo < len(a.tree); {
		hi, small := lo, true
		for hi < len(a.tree) && a.tree[hi] == a.tree[lo] {
			hi++
		}
		if byID[a.tree[lo]] != nil {
			return nil, nil, defect("nodes of tree %d are not together", a.tree[lo])
		}
		for i := lo; i < hi; i++ {
			small = small && a.id[i] >= 0 && a.id[i] < int64(2*(hi-lo))
		}
		t := &treeIndex{first: lo}
		if small {
			t.dense = make([]int32, 2*(hi-lo))
			for i := range t.dense {
				t.dense[i] = -1
			}
		} else {
			t.sparse = make(map[int64]int, hi-lo)
		}
		for i := lo; i < hi; i++ {
			if _, dup := t.find(a.id[i]); dup {
				return nil, nil, defect("node %d of tree %d is given twice", a.id[i], a.tree[i])
			}
			if small {
				t.dense[a.id[i]] = int32(i)
			} else {
				t.sparse[a.id[i]] = i
			}
		}
		byID[a.tree[lo]] = t
		order = append(order, t)
		lo = hi
	}
	return order, byID, nil
}
