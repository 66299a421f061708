package onnx

import (
	"cmp"
	"maps"
	"slices"
)

// Limits bounds what Parse accepts and what Run may allocate. A zero field means
// the default.
type Limits struct {
	MaxBytes     int   // size of the file; default 512 MiB
	MaxNodes     int   // nodes of the graph with its sub-graphs; default 50,000
	MaxElements  int64 // elements of one tensor, stored or computed; default 64 Mi
	MaxDepth     int   // nesting of sub-graphs and of types; default 16
	MaxRank      int   // dimensions of a tensor; default 16
	MaxTreeDepth int   // levels of one decision tree; default 10,000
}

func (l Limits) withDefaults() Limits {
	l.MaxBytes = cmp.Or(l.MaxBytes, 512<<20)
	l.MaxNodes = cmp.Or(l.MaxNodes, 50_000)
	l.MaxElements = cmp.Or(l.MaxElements, 64<<20)
	l.MaxDepth = cmp.Or(l.MaxDepth, 16)
	l.MaxRank = cmp.Or(l.MaxRank, 16)
	l.MaxTreeDepth = cmp.Or(l.MaxTreeDepth, 10_000)
	return l
}

// ValueInfo declares one input or output of a graph.
type ValueInfo struct {
	Name  string
	Type  DType   // element type; for a ZipMap output that of the map values
	Shape []int64 // -1 = free; nil when the model declares no shape
	// SeqMap marks a sequence of maps, which ZipMap makes. Run returns the tensor
	// behind it, with Labels.
	SeqMap bool

	other string // kind of a type that is neither tensor nor ZipMap sequence
}

// Model is a decoded and structurally sound ONNX file. It is immutable.
type Model struct {
	ir        int64
	producer  string
	opsets    map[string]int64
	functions []string // "domain:name" of model-local functions
	graph     *graph
	limits    Limits
}

type graph struct {
	nodes   []*node // in topological order once Parse has returned
	inits   map[string]*Tensor
	sparse  int // number of sparse initializers
	inputs  []ValueInfo
	outputs []ValueInfo
}

type node struct {
	name    string
	op      string
	domain  string // "" for the main domain, whatever its spelling in the file
	inputs  []string
	outputs []string
	attrs   map[string]*attr
}

// label is how errors name a node: exporters may leave the name empty.
func (n *node) label() string {
	if n.name == "" && len(n.outputs) > 0 {
		return "→" + n.outputs[0]
	}
	return n.name
}

// qualified is the operator name with its domain, as Model.Ops lists it.
func (n *node) qualified() string {
	if n.domain == "" {
		return n.op
	}
	return n.domain + ":" + n.op
}

func (n *node) invalid(err error) error {
	if e, ok := err.(*InvalidError); ok {
		return &InvalidError{Node: n.label(), Op: n.qualified(), Reason: e.Reason, static: e.static}
	}
	return &InvalidError{Node: n.label(), Op: n.qualified(), Reason: err.Error()}
}

// Kinds of attributes, with the numbers of the standard.
const (
	attrFloat   = 1
	attrInt     = 2
	attrString  = 3
	attrTensor  = 4
	attrGraph   = 5
	attrFloats  = 6
	attrInts    = 7
	attrStrings = 8
	attrTensors = 9
	attrGraphs  = 10
)

type attr struct {
	name    string
	kind    int
	f       float32
	i       int64
	s       string
	t       *Tensor
	graphs  []*graph
	floats  []float32
	ints    []int64
	strings []string
	ref     string // name of a function attribute; not allowed outside functions
}

// Parse decodes an ONNX file and checks its structure. The model may use
// operators that cannot be compiled. Errors are *ParseError or *InvalidError.
func Parse(data []byte, lim Limits) (*Model, error) {
	lim = lim.withDefaults()
	if len(data) > lim.MaxBytes {
		return nil, &ParseError{Reason: "file exceeds the size limit"}
	}
	d := decoder{lim: lim}
	m, err := d.model(data)
	if err != nil {
		return nil, err
	}
	m.limits = lim
	if err := checkStructure(m); err != nil {
		return nil, err
	}
	return m, nil
}

// Inputs lists the graph inputs that are not initializers, in declared order.
func (m *Model) Inputs() []ValueInfo {
	var out []ValueInfo
	for _, v := range m.graph.inputs {
		if m.graph.inits[v.Name] == nil {
			out = append(out, v.clone())
		}
	}
	return out
}

// Outputs lists the graph outputs in declared order.
func (m *Model) Outputs() []ValueInfo { return cloneInfos(m.graph.outputs) }

// Producer names the exporter, as the file states it.
func (m *Model) Producer() string { return m.producer }

// Opsets gives the imported operator-set version of every domain; the main
// domain is "".
func (m *Model) Opsets() map[string]int64 { return maps.Clone(m.opsets) }

// Ops lists the distinct operators, sub-graphs included, as "domain:Op"; the
// main domain is left out.
func (m *Model) Ops() []string {
	seen := map[string]bool{}
	m.graph.walk(func(n *node) { seen[n.qualified()] = true })
	return slices.Sorted(maps.Keys(seen))
}

// walk visits every node, sub-graphs after their node.
func (g *graph) walk(fn func(*node)) {
	for _, n := range g.nodes {
		fn(n)
		for _, a := range n.attrs {
			for _, sub := range a.graphs {
				sub.walk(fn)
			}
		}
	}
}

func (v ValueInfo) clone() ValueInfo {
	v.Shape = slices.Clone(v.Shape)
	return v
}

func cloneInfos(in []ValueInfo) []ValueInfo {
	out := make([]ValueInfo, len(in))
	for i, v := range in {
		out[i] = v.clone()
	}
	return out
}
