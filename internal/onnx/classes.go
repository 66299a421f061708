package onnx

// readClasses reads the two spellings of class labels and checks that exactly one
// of them is given and that no label repeats.
func readClasses(c *nodeCtx, intName, strName string) (*Labels, error) {
	l := &Labels{Ints: c.ints(intName), Strs: c.strings(strName)}
	switch {
	case len(l.Ints) > 0 && len(l.Strs) > 0:
		return nil, defect("class labels given as integers and as strings")
	case l.Len() == 0:
		return nil, defect("no class labels")
	}
	ints, strs := map[int64]bool{}, map[string]bool{}
	for _, v := range l.Ints {
		if ints[v] {
			return nil, defect("class label %d given twice", v)
		}
		ints[v] = true
	}
	for _, v := range l.Strs {
		if strs[v] {
			return nil, defect("class label %q given twice", clipText(v))
		}
		strs[v] = true
	}
	return l, nil
}

// tensor turns class numbers into a tensor of labels.
func (l *Labels) tensor(e *env, classes []int32) (*Tensor, error) {
	shape := []int64{int64(len(classes))}
	if len(l.Ints) > 0 {
		out, err := e.make(Int64, shape)
		if err == nil {
			for i, c := range classes {
				out.I64[i] = l.Ints[c]
			}
		}
		return out, err
	}
	out, err := e.make(String, shape)
	if err == nil {
		for i, c := range classes {
			out.Str[i] = l.Strs[c]
		}
	}
	return out, err
}

// buildZipMap keeps the probability tensor and attaches the labels; the sequence
// of maps exists only where results are shown to people.
func buildZipMap(c *nodeCtx) (kernel, error) {
	labels, err := readClasses(c, "classlabels_int64s", "classlabels_strings")
	if err != nil {
		return nil, err
	}
	return func(_ *env, in, out []*Tensor) error {
		x := in[0]
		if x.Type != Float32 {
			return errType(x.Type)
		}
		if len(x.Shape) == 0 || x.Shape[len(x.Shape)-1] != int64(labels.Len()) {
			return defect("%d labels for scores of shape %v", labels.Len(), x.Shape)
		}
		out[0] = x.view(x.Shape)
		out[0].Labels = labels
		return nil
	}, nil
}

// matrixOf gives rows and columns of a batch: one dimension is a single row.
func matrixOf(x *Tensor) (rows, cols int64, err error) {
	switch len(x.Shape) {
	case 1:
		return 1, x.Shape[0], nil
	case 2:
		return x.Shape[0], x.Shape[1], nil
	}
	return 0, 0, invalid("input of shape %v is not a matrix", x.Shape)
}

// float32s gives the elements of a number tensor as float32, shared when they are.
func float32s(e *env, x *Tensor) ([]float32, error) {
	if x.Type == String || x.Type == Bool {
		return nil, errType(x.Type)
	}
	t, err := castTo(e, x, Float32)
	if err != nil {
		return nil, err
	}
	return t.F32, nil
}
