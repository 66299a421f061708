package onnx

// treeClassifier turns summed scores into labels and probabilities.
type treeClassifier struct {
	trees  *ensemble
	labels *Labels
	post   transform
	// oneColumn: two labels whose trees score the positive class only
	oneColumn   bool
	nonNegative bool // no leaf weight is negative
	anyBase     bool
}

func buildTreeClassifier(c *nodeCtx) (kernel, error) {
	labels, err := readClasses(c, "classlabels_int64s", "classlabels_strings")
	if err != nil {
		return nil, err
	}
	post, err := readTransform(c)
	if err != nil {
		return nil, err
	}
	attrs, err := readTrees(c, "class", int64(labels.Len()))
	if err != nil {
		return nil, err
	}
	tc := &treeClassifier{
		labels: labels, post: post, nonNegative: allNonNegative(attrs.weights), anyBase: len(attrs.base) > 0,
	}
	if err := tc.binary(c, attrs); err != nil {
		return nil, err
	}
	if tc.trees, err = newEnsemble(attrs, c.limits.MaxTreeDepth); err != nil {
		return nil, err
	}
	return tc.run, nil
}

// binary recognises the form with one score column for two labels, and refuses
// forms whose results differ between versions of ONNX Runtime.
func (tc *treeClassifier) binary(c *nodeCtx, a *treeAttrs) error {
	switch {
	case tc.labels.Len() == 1:
		return unsupported("one class label")
	case tc.labels.Len() > 2:
		if len(a.base) == 1 {
			return unsupported("one base value for %d classes", tc.labels.Len())
		}
		return nil
	case len(a.weights) == 0:
		return defect("no leaf weights")
	}
	for _, o := range a.leafOutput {
		if o != a.leafOutput[0] {
			return unsupported("two labels with weights for both class ids")
		}
	}
	if len(a.base) > 1 {
		return unsupported("one score column with %d base values", len(a.base))
	}
	if tc.post == transformSoftmax || tc.post == transformSoftmaxZero {
		return unsupported("softmax of one score column")
	}
	if tc.nonNegative && tc.post == transformLogistic {
		c.warnf("no leaf weight is negative: the label is positive above a raw score of 0.5, not above a probability of 0.5")
	}
	tc.oneColumn = true
	a.outputs = 1
	a.leafOutput = make([]int64, len(a.leafOutput))
	return nil
}

func (tc *treeClassifier) run(e *env, in, out []*Tensor) error {
	raw, has, err := tc.trees.scores(e, in[0], aggregateSum, !tc.oneColumn && !tc.anyBase)
	if err != nil {
		return err
	}
	classes, err := tc.classes(raw, has)
	if err != nil {
		return err
	}
	if out[0], err = tc.labels.tensor(e, classes); err != nil || len(out) < 2 {
		return err
	}
	if tc.oneColumn {
		if raw.Type == Float64 {
			out[1], err = twoColumns(e, tc, raw.F64)
		} else {
			out[1], err = twoColumns(e, tc, raw.F32)
		}
		return err
	}
	scores, err := castTo(e, raw, Float32)
	if err != nil {
		return err
	}
	cols := tc.labels.Len()
	for i := 0; i < len(scores.F32); i += cols {
		tc.post.apply(scores.F32[i : i+cols])
	}
	out[1] = scores
	return nil
}

func (tc *treeClassifier) classes(raw *Tensor, has []bool) ([]int32, error) {
	if raw.Type == Float64 {
		return classesOf(tc, raw.F64, has), nil
	}
	return classesOf(tc, raw.F32, has), nil
}

// classesOf picks the label of every row from the raw scores. With several
// columns the first maximum wins among the classes that received a weight; a
// class without one is skipped even if its printed 0 is greater. With one column
// the threshold is 0.5 when the weights are probabilities and 0 when they are not.
func classesOf[T float](tc *treeClassifier, scores []T, has []bool) []int32 {
	if tc.oneColumn {
		limit := T(0)
		if tc.nonNegative {
			limit = 0.5
		}
		classes := make([]int32, len(scores))
		for r, s := range scores {
			classes[r] = int32(fromBoolInt(s > limit))
		}
		return classes
	}
	cols := tc.labels.Len()
	classes := make([]int32, len(scores)/cols)
	for r := range classes {
		best := -1
		for i, v := range scores[r*cols : (r+1)*cols] {
			if has != nil && !has[r*cols+i] {
				continue
			}
			if best < 0 || v > scores[r*cols+best] {
				best = i
			}
		}
		classes[r] = int32(best)
	}
	return classes
}

// twoColumns writes the negative class beside the positive one. The complement is
// taken in the type of the thresholds.
func twoColumns[T float](e *env, tc *treeClassifier, scores []T) (*Tensor, error) {
	out, err := e.make(Float32, []int64{int64(len(scores)), 2})
	if err != nil {
		return nil, err
	}
	for r, s := range scores {
		pair := out.F32[2*r : 2*r+2]
		switch {
		case tc.post == transformLogistic:
			pair[0], pair[1] = logistic32(float32(-s)), logistic32(float32(s))
		case tc.nonNegative:
			pair[0], pair[1] = float32(1-s), float32(s)
		default:
			pair[0], pair[1] = float32(-s), float32(s)
		}
	}
	return out, nil
}
