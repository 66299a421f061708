package onnx

// decoder turns protobuf messages into a Model. It counts nodes over all
// sub-graphs and refuses lists that would take far more memory than the file.
type decoder struct {
	lim   Limits
	nodes int
}

// Lists whose entries are much larger in memory than in the file.
const (
	maxNodeAttrs = 128
	maxOpsets    = 64
)

func (d *decoder) model(data []byte) (*Model, error) {
	m := &Model{opsets: map[string]int64{}}
	err := each(data, 0, func(f *field) error {
		switch f.tag {
		case 1:
			return f.int(&m.ir)
		case 2:
			return f.string(&m.producer)
		case 7:
			if m.graph != nil {
				return f.fail("second graph")
			}
			var err error
			m.graph, err = d.graph(f, 0)
			return err
		case 8:
			return d.opset(f, m.opsets)
		case 25:
			if len(m.functions) >= d.lim.MaxNodes {
				return f.fail("too many functions")
			}
			name, err := d.function(f)
			m.functions = append(m.functions, name)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if m.graph == nil {
		return nil, &ParseError{Offset: len(data), Reason: "no graph: not an ONNX model"}
	}
	return m, nil
}

func mainDomain(s string) string {
	if s == "ai.onnx" {
		return ""
	}
	return s
}

func (d *decoder) opset(f *field, into map[string]int64) error {
	if err := f.want(wireBytes); err != nil {
		return err
	}
	var domain string
	var version int64
	err := each(f.buf, f.at, func(f *field) error {
		switch f.tag {
		case 1:
			return f.string(&domain)
		case 2:
			return f.int(&version)
		}
		return nil
	})
	if err != nil {
		return err
	}
	domain = mainDomain(domain)
	// Exporters repeat imports; only a contradiction is an error.
	if v, dup := into[domain]; dup && v != version {
		return f.fail("operator set %q imported as version %d and %d", domain, v, version)
	}
	if len(into) >= maxOpsets {
		return f.fail("more than %d operator sets", maxOpsets)
	}
	into[domain] = version
	return nil
}

func (d *decoder) function(f *field) (string, error) {
	if err := f.want(wireBytes); err != nil {
		return "", err
	}
	var name, domain string
	err := each(f.buf, f.at, func(f *field) error {
		switch f.tag {
		case 1:
			return f.string(&name)
		case 10:
			return f.string(&domain)
		}
		return nil
	})
	return domain + ":" + name, err
}

func (d *decoder) graph(f *field, depth int) (*graph, error) {
	if err := f.want(wireBytes); err != nil {
		return nil, err
	}
	if depth > d.lim.MaxDepth {
		return nil, f.fail("sub-graphs nested deeper than %d", d.lim.MaxDepth)
	}
	// An empty sub-graph takes two bytes in the file: it counts like a node.
	if d.nodes++; d.nodes > d.lim.MaxNodes {
		return nil, f.fail("more than %d nodes and sub-graphs", d.lim.MaxNodes)
	}
	g := &graph{inits: map[string]*Tensor{}}
	err := each(f.buf, f.at, func(f *field) error {
		switch f.tag {
		case 1:
			if d.nodes++; d.nodes > d.lim.MaxNodes {
				return f.fail("more than %d nodes", d.lim.MaxNodes)
			}
			n, err := d.node(f, depth)
			g.nodes = append(g.nodes, n)
			return err
		case 5:
			return d.initializer(f, g)
		case 11:
			return d.valueInfo(f, &g.inputs)
		case 12:
			return d.valueInfo(f, &g.outputs)
		case 15:
			g.sparse++
		}
		return nil
	})
	return g, err
}

func (d *decoder) initializer(f *field, g *graph) error {
	t, name, err := d.tensor(f)
	if err != nil {
		return err
	}
	if name == "" {
		return f.fail("initializer without a name")
	}
	if g.inits[name] != nil {
		return f.fail("initializer %q given twice", name)
	}
	if len(g.inits) >= 4*d.lim.MaxNodes {
		return f.fail("too many initializers")
	}
	g.inits[name] = t
	return nil
}

func (d *decoder) node(f *field, depth int) (*node, error) {
	if err := f.want(wireBytes); err != nil {
		return nil, err
	}
	n := &node{attrs: map[string]*attr{}}
	err := each(f.buf, f.at, func(f *field) error {
		switch f.tag {
		case 1:
			return f.addString(&n.inputs)
		case 2:
			return f.addString(&n.outputs)
		case 3:
			return f.string(&n.name)
		case 4:
			return f.string(&n.op)
		case 5:
			return d.addAttr(f, n, depth)
		case 7:
			return f.string(&n.domain)
		}
		return nil
	})
	n.domain = mainDomain(n.domain)
	return n, err
}

func (d *decoder) addAttr(f *field, n *node, depth int) error {
	a, err := d.attr(f, depth)
	if err != nil {
		return err
	}
	if n.attrs[a.name] != nil {
		return f.fail("attribute %q given twice", a.name)
	}
	if len(n.attrs) >= maxNodeAttrs {
		return f.fail("more than %d attributes", maxNodeAttrs)
	}
	n.attrs[a.name] = a
	return nil
}

func (d *decoder) attr(f *field, depth int) (*attr, error) {
	if err := f.want(wireBytes); err != nil {
		return nil, err
	}
	a := &attr{}
	guess, declared := 0, int64(0)
	err := each(f.buf, f.at, func(f *field) error {
		var err error
		switch f.tag {
		case 1:
			return f.string(&a.name)
		case 2:
			guess, err = attrFloat, f.float(&a.f)
		case 3:
			guess, err = attrInt, f.int(&a.i)
		case 4:
			guess, err = attrString, f.string(&a.s)
		case 5:
			guess = attrTensor
			a.t, _, err = d.tensor(f)
		case 6, 11:
			guess = attrGraph
			var g *graph
			g, err = d.graph(f, depth+1)
			a.graphs = append(a.graphs, g)
		case 7:
			guess, err = attrFloats, f.addFloats(&a.floats)
		case 8:
			guess, err = attrInts, f.addInts(&a.ints)
		case 9:
			guess, err = attrStrings, f.addString(&a.strings)
		case 20:
			return f.int(&declared)
		case 21:
			return f.string(&a.ref)
		}
		return err
	})
	// Old files leave the type out; an empty list has nothing to guess from.
	a.kind = int(declared)
	if declared == 0 {
		a.kind = guess
	}
	return a, err
}

func (d *decoder) valueInfo(f *field, into *[]ValueInfo) error {
	if err := f.want(wireBytes); err != nil {
		return err
	}
	if len(*into) >= d.lim.MaxNodes {
		return f.fail("too many graph inputs or outputs")
	}
	v := ValueInfo{other: "no type"}
	err := each(f.buf, f.at, func(f *field) error {
		switch f.tag {
		case 1:
			return f.string(&v.Name)
		case 2:
			return d.typeOf(f, &v, 0)
		}
		return nil
	})
	*into = append(*into, v)
	return err
}

// typeOf reads a TypeProto: a tensor, or a sequence of maps to a tensor.
func (d *decoder) typeOf(f *field, v *ValueInfo, depth int) error {
	if err := f.want(wireBytes); err != nil {
		return err
	}
	if depth > d.lim.MaxDepth {
		return f.fail("types nested deeper than %d", d.lim.MaxDepth)
	}
	return each(f.buf, f.at, func(f *field) error {
		switch f.tag {
		case 1:
			v.other = ""
			return d.tensorType(f, v)
		case 4:
			v.other = "sequence"
			err := d.inner(f, 1, v, depth)
			if !v.SeqMap {
				v.other = "sequence"
			}
			return err
		case 5:
			inSequence := v.other == "sequence"
			err := d.inner(f, 2, v, depth)
			if v.SeqMap = inSequence && v.other == ""; !v.SeqMap {
				v.other = "map"
			}
			return err
		case 8:
			v.other = "sparse tensor"
		case 9:
			v.other = "optional"
		}
		return nil
	})
}

// inner descends into the element type at tag of a sequence or map.
func (d *decoder) inner(f *field, tag int, v *ValueInfo, depth int) error {
	if err := f.want(wireBytes); err != nil {
		return err
	}
	return each(f.buf, f.at, func(f *field) error {
		if f.tag == tag {
			return d.typeOf(f, v, depth+1)
		}
		return nil
	})
}

func (d *decoder) tensorType(f *field, v *ValueInfo) error {
	if err := f.want(wireBytes); err != nil {
		return err
	}
	return each(f.buf, f.at, func(f *field) error {
		switch f.tag {
		case 1:
			var t int64
			if err := f.int(&t); err != nil {
				return err
			}
			if t < 0 || t > 255 {
				return f.fail("element type %d", t)
			}
			v.Type = DType(t)
		case 2:
			if err := f.want(wireBytes); err != nil {
				return err
			}
			v.Shape = []int64{}
			return each(f.buf, f.at, func(f *field) error { return d.dim(f, v) })
		}
		return nil
	})
}

func (d *decoder) dim(f *field, v *ValueInfo) error {
	if f.tag != 1 {
		return nil
	}
	if err := f.want(wireBytes); err != nil {
		return err
	}
	if len(v.Shape) >= d.lim.MaxRank {
		return f.fail("more than %d dimensions", d.lim.MaxRank)
	}
	size := int64(-1)
	err := each(f.buf, f.at, func(f *field) error {
		if f.tag == 1 {
			return f.int(&size)
		}
		return nil
	})
	if size < -1 || size > d.lim.MaxElements {
		return f.fail("dimension %d", size)
	}
	v.Shape = append(v.Shape, size)
	return err
}
