package onnx

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Versions that are evaluated.
const (
	minIR, maxIR       = 3, 12
	minOpset, maxOpset = 9, 25
	minMLSet, maxMLSet = 1, 5
)

// env is what a kernel may ask of the run it is part of.
type env struct{ limits Limits }

// make allocates a tensor of zeros after checking its size.
func (e *env) make(t DType, shape []int64) (*Tensor, error) {
	n, err := elements(shape, e.limits.MaxElements)
	if err != nil {
		return nil, err
	}
	if len(shape) > e.limits.MaxRank {
		return nil, invalid("rank %d exceeds the limit of %d", len(shape), e.limits.MaxRank)
	}
	out := &Tensor{Type: t, Shape: shape}
	switch t {
	case Float32:
		out.F32 = make([]float32, n)
	case Float64:
		out.F64 = make([]float64, n)
	case Int32:
		out.I32 = make([]int32, n)
	case Int64:
		out.I64 = make([]int64, n)
	case Bool:
		out.Bool = make([]bool, n)
	case String:
		out.Str = make([]string, n)
	default:
		return nil, errType(t)
	}
	return out, nil
}

// kernel computes the outputs of one node. Omitted inputs are nil; it must not
// change its inputs and may return tensors that share their elements.
type kernel func(e *env, in, out []*Tensor) error

// opSpec describes an operator: the versions that exist up to maxOpset and are
// implemented, the number of inputs (maxIn -1 = any) and outputs, and how a node
// becomes a kernel. view marks kernels whose output shares elements with an input.
type opSpec struct {
	since        []int64
	minIn, maxIn int
	maxOut       int
	view         bool
	build        func(c *nodeCtx) (kernel, error)
}

// step is a prepared node; values live in numbered slots, -1 = omitted.
type step struct {
	node    *node
	kernel  kernel
	in, out []int
	release []int // slots that no later step reads
}

// Program is a compiled model. It is immutable and safe for concurrent use.
type Program struct {
	limits   Limits
	inputs   []ValueInfo
	outputs  []ValueInfo
	slots    map[string]int // graph inputs and outputs
	consts   []*Tensor      // by slot; nil where computed
	shared   []bool         // by slot: elements may belong to a constant or an input
	steps    []step
	producer []int // by slot: step that computes it, -1 = none
	warnings []string
	labels   map[string]*Labels
}

// Compile checks every operator of the model and prepares it for Run. It reports
// all missing operators at once in an *UnsupportedError and the first defect in an
// *InvalidError.
func Compile(m *Model) (*Program, error) {
	if err := checkFeatures(m); err != nil {
		return nil, err
	}
	b := builder{
		m:    m,
		p:    &Program{limits: m.limits, slots: map[string]int{}, labels: map[string]*Labels{}},
		slot: map[string]int{},
	}
	if err := b.build(); err != nil {
		return nil, err
	}
	if err := probe(b.p); err != nil {
		return nil, err
	}
	return b.p, nil
}

// Load parses and compiles with the default limits.
func Load(data []byte) (*Program, error) {
	m, err := Parse(data, Limits{})
	if err != nil {
		return nil, err
	}
	return Compile(m)
}

// checkFeatures lists all that the model needs and that is missing.
func checkFeatures(m *Model) error {
	missing := map[string]bool{}
	if m.ir < minIR || m.ir > maxIR {
		missing[fmt.Sprintf("IR version %d", m.ir)] = true
	}
	for _, f := range m.functions {
		missing["local function "+f] = true
	}
	var undeclared *node
	m.graph.walk(func(n *node) {
		opset, imported := m.opsets[n.domain]
		if !imported {
			undeclared = cmp.Or(undeclared, n)
			return
		}
		if _, _, ok := findOp(n, opset); !ok {
			missing[fmt.Sprintf("%s (opset %d)", n.qualified(), opset)] = true
		}
	})
	for _, v := range slices.Concat(m.Inputs(), m.graph.outputs) {
		switch {
		case v.other != "":
			missing[fmt.Sprintf("value %q of kind %s", v.Name, v.other)] = true
		case !v.Type.evaluable():
			missing[fmt.Sprintf("value %q of type %s", v.Name, v.Type)] = true
		}
	}
	for name, t := range m.graph.inits {
		if !t.Type.evaluable() {
			missing[fmt.Sprintf("value %q of type %s", name, t.Type)] = true
		}
	}
	if undeclared != nil {
		return undeclared.invalid(invalid("domain %q is not imported", undeclared.domain))
	}
	if len(missing) > 0 {
		return &UnsupportedError{Ops: slices.Sorted(maps.Keys(missing))}
	}
	return nil
}

// findOp looks an operator up and picks the version in force.
func findOp(n *node, opset int64) (*opSpec, int64, bool) {
	lo, hi, table := int64(minOpset), int64(maxOpset), mainOps
	if n.domain == mlDomain {
		lo, hi, table = minMLSet, maxMLSet, mlOps
	}
	spec, ok := table[n.op]
	if !ok || !domainKnown(n.domain) || opset < lo || opset > hi {
		return nil, 0, false
	}
	version := int64(0)
	for _, s := range spec.since {
		if s <= opset {
			version = max(version, s)
		}
	}
	return &spec, version, version > 0
}

// builder assigns slots and turns nodes into steps.
type builder struct {
	m       *Model
	p       *Program
	slot    map[string]int
	missing map[string]bool
}

func (b *builder) newSlot(name string, c *Tensor, shared bool) int {
	s := len(b.p.consts)
	b.slot[name] = s
	b.p.consts = append(b.p.consts, c)
	b.p.shared = append(b.p.shared, shared)
	b.p.producer = append(b.p.producer, -1)
	return s
}

func (b *builder) build() error {
	p, g := b.p, b.m.graph
	p.inputs, p.outputs = b.m.Inputs(), b.m.Outputs()
	for _, name := range slices.Sorted(maps.Keys(g.inits)) {
		b.newSlot(name, g.inits[name], true)
	}
	for _, v := range p.inputs {
		p.slots[v.Name] = b.newSlot(v.Name, nil, true)
	}
	b.missing = map[string]bool{}
	for _, n := range g.nodes {
		if err := b.step(n); err != nil {
			return err
		}
	}
	if len(b.missing) > 0 {
		return &UnsupportedError{Ops: slices.Sorted(maps.Keys(b.missing))}
	}
	for _, v := range p.outputs {
		p.slots[v.Name] = b.slot[v.Name]
	}
	b.releases()
	return nil
}

func (b *builder) step(n *node) error {
	spec, version, _ := findOp(n, b.m.opsets[n.domain])
	if len(n.inputs) < spec.minIn || (spec.maxIn >= 0 && len(n.inputs) > spec.maxIn) {
		return n.invalid(invalid("%d inputs", len(n.inputs)))
	}
	if spec.maxOut >= 0 && len(n.outputs) > spec.maxOut {
		return n.invalid(invalid("%d outputs", len(n.outputs)))
	}
	c := &nodeCtx{
		node: n, version: version, limits: b.m.limits, consts: b.m.graph.inits, read: map[string]bool{},
		warn: func(s string) { b.p.warnings = append(b.p.warnings, s) },
	}
	for i := range spec.minIn {
		if !c.present(i) {
			return n.invalid(invalid("input %d is missing", i))
		}
	}
	k, err := spec.build(c)
	if err == nil {
		err = c.finish()
	}
	if v := (*variantError)(nil); errors.As(err, &v) {
		b.missing[fmt.Sprintf("%s v%d (%s)", n.qualified(), version, v.what)] = true
		k, err = nil, nil
	}
	if err != nil {
		return n.invalid(err)
	}
	b.addStep(n, spec, k)
	return nil
}

func (b *builder) addStep(n *node, spec *opSpec, k kernel) {
	st := step{node: n, kernel: k}
	for _, name := range n.inputs {
		s, ok := b.slot[name]
		if name == "" || !ok {
			s = -1
		}
		st.in = append(st.in, s)
	}
	for _, name := range n.outputs {
		if name == "" {
			st.out = append(st.out, -1)
			continue
		}
		s := b.newSlot(name, nil, spec.view)
		b.p.producer[s] = len(b.p.steps)
		st.out = append(st.out, s)
	}
	b.p.steps = append(b.p.steps, st)
}

// releases notes after which step each computed value is dead.
func (b *builder) releases() {
	p := b.p
	keep := map[int]bool{-1: true}
	for _, s := range p.slots {
		keep[s] = true
	}
	for i := len(p.steps) - 1; i >= 0; i-- {
		st := &p.steps[i]
		for _, s := range slices.Concat(st.in, st.out) {
			if !keep[s] && p.consts[s] == nil {
				keep[s] = true
				st.release = append(st.release, s)
			}
		}
	}
}

// probe runs the program on one row of zeros. Types that an operator does not
// take show up here and become an UnsupportedError; so do defects that every row
// would meet, when all widths are declared. Other errors depend on the values.
func probe(p *Program) error {
	fixed := true
	inputs := map[string]*Tensor{}
	e := env{p.limits}
	for _, v := range p.inputs {
		shape := slices.Clone(v.Shape)
		for i, d := range shape {
			fixed = fixed && (d >= 0 || i == 0)
			shape[i] = max(d, 1)
		}
		fixed = fixed && shape != nil
		t, err := e.make(v.Type, shape)
		if err != nil {
			return invalid("input %q: %v", v.Name, err)
		}
		inputs[v.Name] = t
	}
	out, st, err := p.run(inputs, nil)
	if err == nil {
		return p.adopt(out)
	}
	if v := (*variantError)(nil); errors.As(err, &v) && st != nil {
		return &UnsupportedError{Ops: []string{fmt.Sprintf("%s (%s)", st.node.qualified(), v.what)}}
	}
	if v := (*InvalidError)(nil); errors.As(err, &v) && v.static && fixed {
		return err
	}
	return nil
}

// adopt compares what the probe computed with the declared outputs and takes over
// the class labels.
func (p *Program) adopt(out map[string]*Tensor) error {
	for i := range p.outputs {
		v := &p.outputs[i]
		t := out[v.Name]
		if t.Type != v.Type {
			return invalid("output %q is declared %s but computed as %s", v.Name, v.Type, t.Type)
		}
		if t.Labels == nil {
			continue
		}
		p.labels[v.Name] = t.Labels
		if v.SeqMap {
			v.Shape = []int64{-1, int64(t.Labels.Len())}
		}
	}
	return nil
}
