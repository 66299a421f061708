package onnx

// linear is the part that LinearRegressor and LinearClassifier share: a matrix of
// coefficients, one row per output, and optional intercepts.
type linear struct {
	coef, bias []float32
	outputs    int64
}

func readLinear(c *nodeCtx, outputs int64) (*linear, error) {
	l := &linear{coef: c.floats("coefficients"), bias: c.floats("intercepts"), outputs: outputs}
	n := int64(len(l.coef))
	if outputs < 1 || n == 0 || n%outputs != 0 {
		return nil, defect("%d coefficients for %d outputs", n, outputs)
	}
	if len(l.bias) != 0 && int64(len(l.bias)) != outputs {
		return nil, defect("%d intercepts for %d outputs", len(l.bias), outputs)
	}
	return l, nil
}

// scores writes rows × outputs raw scores.
func (l *linear) scores(e *env, x *Tensor) (*Tensor, error) {
	rows, cols, err := matrixOf(x)
	if err != nil {
		return nil, err
	}
	if cols*l.outputs != int64(len(l.coef)) {
		return nil, defect("%d columns for %d coefficients and %d outputs", cols, len(l.coef), l.outputs)
	}
	in, err := float32s(e, x)
	if err != nil {
		return nil, err
	}
	out, err := e.make(Float32, []int64{rows, l.outputs})
	if err != nil {
		return nil, err
	}
	for r := range rows {
		row := in[r*cols : (r+1)*cols]
		for o := range l.outputs {
			w := l.coef[o*cols : (o+1)*cols]
			var s float64
			for i, v := range row {
				s += float64(float64(v) * float64(w[i]))
			}
			if l.bias != nil {
				s += float64(l.bias[o])
			}
			out.F32[r*l.outputs+o] = float32(s)
		}
	}
	return out, nil
}

func buildLinearRegressor(c *nodeCtx) (kernel, error) {
	l, err := readLinear(c, c.int("targets", 1))
	if err != nil {
		return nil, err
	}
	post, err := readTransform(c)
	if err != nil {
		return nil, err
	}
	return func(e *env, in, out []*Tensor) (err error) {
		if out[0], err = l.scores(e, in[0]); err != nil {
			return err
		}
		for i := int64(0); i < int64(len(out[0].F32)); i += l.outputs {
			post.apply(out[0].F32[i : i+l.outputs])
		}
		return nil
	}, nil
}

// buildLinearClassifier takes the label from the raw scores: above 0 for one
// column, the first maximum for several.
func buildLinearClassifier(c *nodeCtx) (kernel, error) {
	labels, err := readClasses(c, "classlabels_ints", "classlabels_strings")
	if err != nil {
		return nil, err
	}
	c.ignore("multi_class")
	outputs := int64(max(len(c.floats("intercepts")), 1))
	if !c.has("intercepts") {
		outputs = int64(labels.Len())
	}
	if outputs != int64(labels.Len()) && (outputs != 1 || labels.Len() != 2) {
		return nil, defect("%d labels for %d score columns", labels.Len(), outputs)
	}
	if labels.Len() == 1 {
		return nil, unsupported("one class label")
	}
	l, err := readLinear(c, outputs)
	if err != nil {
		return nil, err
	}
	post, err := readTransform(c)
	if err != nil {
		return nil, err
	}
	if outputs == 1 && post != transformNone && post != transformLogistic {
		return nil, unsupported("softmax of one score column")
	}
	return func(e *env, in, out []*Tensor) error {
		raw, err := l.scores(e, in[0])
		if err != nil {
			return err
		}
		if out[0], err = labels.tensor(e, firstMaxima(raw.F32, outputs)); err != nil {
			return err
		}
		if len(out) < 2 {
			return nil
		}
		out[1], err = finishScores(e, raw, post)
		return err
	}, nil
}

// firstMaxima gives the class of every row of raw scores.
func firstMaxima(scores []float32, cols int64) []int32 {
	classes := make([]int32, int64(len(scores))/cols)
	for r := range classes {
		row := scores[int64(r)*cols:][:cols]
		if cols == 1 {
			classes[r] = int32(fromBoolInt(row[0] > 0))
			continue
		}
		for i, v := range row {
			if v > row[classes[r]] {
				classes[r] = int32(i)
			}
		}
	}
	return classes
}

// finishScores applies the transform and adds the column of the negative class
// when there is one column for two labels.
func finishScores(e *env, raw *Tensor, post transform) (*Tensor, error) {
	rows, cols := raw.Shape[0], raw.Shape[1]
	if cols > 1 {
		for r := range rows {
			post.apply(raw.F32[r*cols : (r+1)*cols])
		}
		return raw, nil
	}
	out, err := e.make(Float32, []int64{rows, 2})
	if err != nil {
		return nil, err
	}
	for r, s := range raw.F32 {
		if post == transformLogistic {
			out.F32[2*r], out.F32[2*r+1] = logistic32(-s), logistic32(s)
		} else {
			out.F32[2*r], out.F32[2*r+1] = 1-s, s
		}
	}
	return out, nil
}
