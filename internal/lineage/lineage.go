package lineage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
)

// Node is a thing that was used or made.
type Node struct {
	Ref     string    `json:"ref"`
	Kind    string    `json:"kind"`  // the part of Ref before the first colon
	Label   string    `json:"label"` // for people: "weather@v3", "package umbrella bc4a71180870"
	Time    time.Time `json:"time"`  // when it was made, or first used when nobody says who made it
	Actor   string    `json:"actor"` // who made it, "" when nobody says
	Verb    string    `json:"verb"`  // of the fact that tells
	Seq     int64     `json:"seq"`   // of that fact
	Product string    `json:"product"`
}

// Edge goes from what was used to what was made.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
	Verb string `json:"verb"`
	Seq  int64  `json:"seq"` // of the first fact that tells it
}

// Graph is a part of the whole, with the root first and every edge between its nodes that was walked.
type Graph struct {
	Root      string `json:"root"`      // "" for the graph of a product
	Direction string `json:"direction"` // upstream, downstream or all
	Nodes     []Node `json:"nodes"`
	Edges     []Edge `json:"edges"`
	Truncated bool   `json:"truncated"` // there is more beyond the depth
}

// The directions of a graph.
const (
	Up   = "upstream"
	Down = "downstream"
	All  = "all"
)

// MaxDepth is how many edges a walk goes at most.
const MaxDepth = 64

// Room reads the graph. It keeps what it has read and reads only new facts, which is safe because facts are never changed.
type Room struct {
	db *db.DB

	mu  sync.Mutex
	seq int64 // of the last fact read
	ix  *index
}

// New makes the room.
func New(d *db.DB) *Room { return &Room{db: d, ix: newIndex()} }

// Upstream gives what a thing was made from, up to depth edges away; 0 = as far as MaxDepth.
func (r *Room) Upstream(ctx context.Context, ref string, depth int) (*Graph, error) {
	return r.walk(ctx, ref, depth, Up)
}

// Downstream gives what was made from a thing, up to depth edges away; 0 = as far as MaxDepth.
func (r *Room) Downstream(ctx context.Context, ref string, depth int) (*Graph, error) {
	return r.walk(ctx, ref, depth, Down)
}

// Graph gives everything that the facts of a product name, oldest first.
func (r *Room) Graph(ctx context.Context, product string) (*Graph, error) {
	g := &Graph{Direction: All, Nodes: []Node{}, Edges: []Edge{}}
	return g, r.read(ctx, func(ix *index) error {
		for _, e := range ix.edges {
			if e.product == product {
				g.Edges = append(g.Edges, e.Edge)
			}
		}
		for _, n := range ix.order {
			if ix.nodes[n].products[product] {
				g.Nodes = append(g.Nodes, ix.nodes[n].Node)
			}
		}
		return nil
	})
}

// read brings the index up to date and lets fn look at it.
func (r *Room) read(ctx context.Context, fn func(*index) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.db.View(ctx, func(tx *db.Tx) error {
		facts, err := event.List(tx, event.Filter{After: r.seq})
		for _, f := range facts {
			r.ix.add(f)
			r.seq = f.Seq
		}
		return err
	}); err != nil {
		return fault.Wrap(err, "reading the lineage")
	}
	return fn(r.ix)
}

func (r *Room) walk(ctx context.Context, ref string, depth int, direction string) (*Graph, error) {
	if depth < 0 || depth > MaxDepth {
		return nil, fault.New(fault.Invalid, "a lineage of depth %d: it must be 1 to %d, or 0 for all", depth, MaxDepth)
	}
	if depth == 0 {
		depth = MaxDepth
	}
	var g *Graph
	err := r.read(ctx, func(ix *index) error {
		root, err := ix.resolve(ref)
		if err != nil {
			return err
		}
		g = ix.reach(root, depth, direction)
		return nil
	})
	return g, err
}

// reach walks breadth first, so that every node is found by its shortest way and the depth cuts evenly.
func (ix *index) reach(root string, depth int, direction string) *Graph {
	g := &Graph{Root: root, Direction: direction, Nodes: []Node{}, Edges: []Edge{}}
	next := ix.in
	if direction == Down {
		next = ix.out
	}
	level := map[string]int{root: 0}
	queue := []string{root}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		g.Nodes = append(g.Nodes, ix.nodes[at].Node)
		for _, i := range next[at] {
			e := ix.edges[i]
			other := e.From
			if direction == Down {
				other = e.To
			}
			if _, seen := level[other]; !seen {
				if level[at] == depth {
					g.Truncated = true
					continue
				}
				level[other] = level[at] + 1
				queue = append(queue, other)
			}
			g.Edges = append(g.Edges, e.Edge)
		}
	}
	slices.SortFunc(g.Edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), strings.Compare(a.From, b.From), strings.Compare(a.To, b.To))
	})
	return g
}

// resolve finds the node that a person means.
func (ix *index) resolve(ref string) (string, error) {
	ref = canonical(strings.TrimSpace(ref))
	if ix.nodes[ref] != nil {
		return ref, nil
	}
	var found []string
	for _, n := range ix.order {
		if node := ix.nodes[n]; node.Label == ref || node.Kind+":"+node.Label == ref || len(ref) >= 6 && matches(n, ref) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fault.New(fault.NotFound, "no fact names %q", ref).
			WithHint("write dataset:NAME@DIGEST, package:DIGEST, run:ID, deployment:ID or a label such as weather@v3; paraplu log shows the facts")
	}
	return "", fault.New(fault.Invalid, "%q may mean %s; write more of it", ref, strings.Join(found[:min(len(found), 5)], ", "))
}

// matches tells whether ref is a beginning of the node's reference; "sha256:" may be left out.
func matches(node, ref string) bool {
	return strings.HasPrefix(node, ref) || strings.HasPrefix(strings.Replace(node, "sha256:", "", 1), ref)
}

// String names the node for people.
func (n Node) String() string {
	who := n.Actor
	if who == "" {
		return fmt.Sprintf("%s (origin unknown)", n.Label)
	}
	return fmt.Sprintf("%s (%s by %s, %s)", n.Label, n.Verb, who, n.Time.UTC().Format("2006-01-02 15:04"))
}
