package lineage

import (
	"strings"

	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/ref"
)

// index is the whole graph in memory.
type index struct {
	nodes map[string]*entry
	order []string // nodes as they were first named
	edges []edge
	known map[[3]string]bool // from, to, verb
	in    map[string][]int   // node → edges that end there
	out   map[string][]int   // node → edges that begin there
}

type entry struct {
	Node
	made     bool // a fact says who made it
	products map[string]bool
}

type edge struct {
	Edge
	product string
}

func newIndex() *index {
	return &index{nodes: map[string]*entry{}, known: map[[3]string]bool{}, in: map[string][]int{}, out: map[string][]int{}}
}

// add takes in one fact: every input leads to every output. An execution stands between its files, so that two files of one
// execution are not taken for made from each other.
func (ix *index) add(f event.Fact) {
	inputs, outputs := f.Inputs, f.Outputs
	if f.Verb == event.ExecutionFinished {
		self := []string{"execution:" + f.Object}
		ix.join(f, inputs, self)
		inputs = self
	}
	ix.join(f, inputs, outputs)
}

func (ix *index) join(f event.Fact, inputs, outputs []string) {
	for _, to := range outputs {
		ix.node(f, to, true)
	}
	for _, from := range inputs {
		ix.node(f, from, false)
		for _, to := range outputs {
			ix.edge(f, canonical(from), canonical(to))
		}
	}
}

func (ix *index) edge(f event.Fact, from, to string) {
	key := [3]string{from, to, f.Verb}
	if from == to || ix.known[key] {
		return
	}
	ix.known[key] = true
	i := len(ix.edges)
	ix.edges = append(ix.edges, edge{Edge{From: from, To: to, Verb: f.Verb, Seq: f.Seq}, f.Product})
	ix.in[to] = append(ix.in[to], i)
	ix.out[from] = append(ix.out[from], i)
}

func (ix *index) node(f event.Fact, name string, made bool) {
	id := canonical(name)
	n := ix.nodes[id]
	if n == nil {
		kind, _, _ := strings.Cut(id, ":")
		n = &entry{Node: Node{Ref: id, Kind: kind, Label: plain(name), Time: f.Time, Verb: f.Verb, Seq: f.Seq, Product: f.Product}, products: map[string]bool{}}
		ix.nodes[id] = n
		ix.order = append(ix.order, id)
	}
	n.products[f.Product] = true
	if made && !n.made {
		n.made, n.Time, n.Actor, n.Verb, n.Seq, n.Product = true, f.Time, f.Actor, f.Verb, f.Seq, f.Product
		n.Label = label(f, n.Kind, name)
	} else if n.Kind == "file" && strings.Contains(name, "@") && !strings.Contains(n.Label, "/") {
		n.Label = plain(name) // a later fact knows the path
	}
}

// canonical gives one name to one thing: a file is its content, wherever it lies.
func canonical(name string) string {
	if rest, ok := strings.CutPrefix(name, "file:"); ok {
		if i := strings.LastIndex(rest, "@sha256:"); i >= 0 {
			return "file:" + rest[i+1:]
		}
	}
	return name
}

// plain is a label from the reference alone: digests and long ids are cut.
func plain(name string) string {
	kind, rest, ok := strings.Cut(name, ":")
	if !ok {
		return name
	}
	base, sel, at := strings.Cut(rest, "@")
	switch {
	case strings.HasPrefix(rest, "sha256:"):
		return kind + " " + ref.Digest(rest).Short()
	case at && strings.HasPrefix(sel, "sha256:"):
		return base + "@" + ref.Digest(sel).Short()
	case kind == "model" || kind == "alias":
		return rest
	}
	return kind + " " + rest
}

// label names what a fact made, in its own words.
func label(f event.Fact, kind, name string) string {
	var data struct {
		Name        string `json:"name"`
		Environment string `json:"environment"`
	}
	_ = f.Decode(&data) // data of another shape adds no words
	switch {
	case kind == "dataset" && f.Verb == event.DatasetPublished:
		return f.Object
	case kind == "package" && f.Verb == event.PackageBuilt:
		return "package " + f.Object + " " + ref.Digest(strings.TrimPrefix(name, "package:")).Short()
	case kind == "run" && data.Name != "":
		return "run " + data.Name
	case (kind == "deployment" || kind == "release") && data.Environment != "":
		return kind + " in " + data.Environment + " " + tail(name)
	case kind == "approval":
		return "approval by " + f.Actor
	}
	return plain(name)
}

// tail is the random end of an id, which tells neighbours apart.
func tail(name string) string {
	id := name[strings.Index(name, ":")+1:]
	return id[max(0, len(id)-6):]
}
