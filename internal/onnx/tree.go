package onnx

import "sync"

// ensemble holds a forest in the precision that its input needs. It is built in
// float32, or in float64 when the attributes are doubles; when a model feeds
// doubles to float attributes, it is built again on the first run, which the
// probe in Compile does.
type ensemble struct {
	attrs  *treeAttrs
	depth  int
	single *forest[float32]
	double *forest[float64]
	widen  sync.Once
}

func newEnsemble(a *treeAttrs, maxDepth int) (*ensemble, error) {
	n := &ensemble{attrs: a, depth: maxDepth}
	var err error
	if a.double {
		n.double, err = buildForest[float64](a, maxDepth)
		n.attrs = nil
	} else {
		n.single, err = buildForest[float32](a, maxDepth)
	}
	return n, err
}

// scores evaluates a batch and returns one row of outputs per input row, before
// any transform, in the type of the thresholds. has is filled when wanted.
func (n *ensemble) scores(e *env, x *Tensor, kind aggregate, wantHas bool) (*Tensor, []bool, error) {
	if x.Type == Float64 {
		n.widen.Do(func() {
			if n.double == nil {
				n.double, _ = buildForest[float64](n.attrs, n.depth)
				n.single, n.attrs = nil, nil
			}
		})
		return evaluateForest(e, n.double, x, x.F64, kind, wantHas)
	}
	if n.single == nil {
		return nil, nil, unsupported("%s input with float64 thresholds", x.Type)
	}
	values, err := float32s(e, x)
	if err != nil {
		return nil, nil, err
	}
	return evaluateForest(e, n.single, x, values, kind, wantHas)
}

func evaluateForest[T float](e *env, f *forest[T], x *Tensor, values []T, kind aggregate, wantHas bool) (*Tensor, []bool, error) {
	rows, cols, err := matrixOf(x)
	if err != nil {
		return nil, nil, err
	}
	if cols < f.columns {
		return nil, nil, defect("feature id %d is out of range for %d columns", f.columns-1, cols)
	}
	out, err := e.make(dtypeOf[T](), []int64{rows, int64(f.outputs)})
	if err != nil {
		return nil, nil, err
	}
	sums := data[T](out)
	var has []bool
	if wantHas || kind >= aggregateMin {
		has = make([]bool, len(sums))
	}
	f.evaluate(values, int(rows), int(cols), kind, sums, has)
	f.finish(kind, sums, has)
	return out, has, nil
}

var aggregates = map[string]aggregate{
	"SUM": aggregateSum, "AVERAGE": aggregateAverage, "MIN": aggregateMin, "MAX": aggregateMax,
}

func buildTreeRegressor(c *nodeCtx) (kernel, error) {
	targets := c.int("n_targets", 1)
	if targets < 1 || targets > c.limits.MaxElements {
		return nil, defect("%d targets", targets)
	}
	kind, ok := aggregates[c.str("aggregate_function", "SUM")]
	if !ok {
		return nil, defect("unknown aggregate_function %q", clipText(c.str("aggregate_function", "")))
	}
	post, err := readTransform(c)
	if err != nil {
		return nil, err
	}
	if targets == 1 && post != transformNone {
		// ONNX Runtime applies transforms to several targets only.
		c.warnf("post_transform %s is ignored for a single target", c.str("post_transform", ""))
		post = transformNone
	}
	attrs, err := readTrees(c, "target", targets)
	if err != nil {
		return nil, err
	}
	if len(attrs.base) == 1 && targets > 1 {
		return nil, unsupported("one base value for %d targets", targets)
	}
	partial := targets > 1 && len(attrs.base) > 0 && !attrs.everyOutputScored()
	if partial {
		c.warnf("a target that gets no weight in any tree stays 0, without its base value")
	}
	trees, err := newEnsemble(attrs, c.limits.MaxTreeDepth)
	if err != nil {
		return nil, err
	}
	return func(e *env, in, out []*Tensor) error {
		if t := in[0].Type; t != Float32 && t != Float64 {
			return errType(t)
		}
		raw, _, err := trees.scores(e, in[0], kind, partial)
		if err != nil {
			return err
		}
		if out[0], err = castTo(e, raw, Float32); err != nil {
			return err
		}
		if post != transformNone {
			for i := int64(0); i < int64(len(out[0].F32)); i += targets {
				post.apply(out[0].F32[i : i+targets])
			}
		}
		return nil
	}, nil
}
