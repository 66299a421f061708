package dag

import (
	"container/heap"
	"fmt"
	"slices"
	"strings"
)

// Graph is a directed graph over comparable nodes. It is not safe for concurrent use.
type Graph[N comparable] struct {
	nodes []N
	index map[N]int
	next  [][]int // next[i]: nodes that depend on i, in the order of their edges
	prev  [][]int // prev[i]: nodes that i depends on
	edges map[[2]int]bool
}

// New returns an empty graph.
func New[N comparable]() *Graph[N] {
	return &Graph[N]{index: map[N]int{}, edges: map[[2]int]bool{}}
}

// Add adds a node; false says that it was there already.
func (g *Graph[N]) Add(n N) bool {
	_, known := g.index[n]
	g.at(n)
	return !known
}

// Edge says that after depends on before. Missing nodes are added, a second
// equal edge changes nothing. An edge from a node to itself is a cycle.
func (g *Graph[N]) Edge(before, after N) {
	e := [2]int{g.at(before), g.at(after)}
	if g.edges[e] {
		return
	}
	g.edges[e] = true
	g.next[e[0]] = append(g.next[e[0]], e[1])
	g.prev[e[1]] = append(g.prev[e[1]], e[0])
}

func (g *Graph[N]) at(n N) int {
	i, known := g.index[n]
	if !known {
		i = len(g.nodes)
		g.index[n] = i
		g.nodes = append(g.nodes, n)
		g.next = append(g.next, nil)
		g.prev = append(g.prev, nil)
	}
	return i
}

// Len is the number of nodes.
func (g *Graph[N]) Len() int { return len(g.nodes) }

// Has tells whether the node is in the graph.
func (g *Graph[N]) Has(n N) bool { _, ok := g.index[n]; return ok }

// Nodes lists all nodes in the order in which they were added.
func (g *Graph[N]) Nodes() []N { return slices.Clone(g.nodes) }

// Before lists the direct dependencies of a node, After its direct dependents,
// both in the order of the nodes. An unknown node has none.
func (g *Graph[N]) Before(n N) []N { return g.direct(n, g.prev) }

// After lists the direct dependents of a node.
func (g *Graph[N]) After(n N) []N { return g.direct(n, g.next) }

func (g *Graph[N]) direct(n N, side [][]int) []N {
	i, ok := g.index[n]
	if !ok {
		return nil
	}
	return g.named(slices.Sorted(slices.Values(side[i])))
}

// Ancestors lists everything the given nodes need, directly or not, without the
// nodes themselves (unless one needs another), in the order of the nodes.
func (g *Graph[N]) Ancestors(of ...N) []N { return g.reach(of, g.prev) }

// Descendants lists everything that needs one of the given nodes, directly or not.
func (g *Graph[N]) Descendants(of ...N) []N { return g.reach(of, g.next) }

func (g *Graph[N]) reach(from []N, side [][]int) []N {
	seen := make([]bool, len(g.nodes))
	var todo []int
	for _, n := range from {
		if i, ok := g.index[n]; ok {
			todo = append(todo, i)
		}
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, j := range side[i] {
			if !seen[j] {
				seen[j] = true
				todo = append(todo, j)
			}
		}
	}
	var found []int
	for i, ok := range seen {
		if ok {
			found = append(found, i)
		}
	}
	return g.named(found)
}

// Select returns the graph of the targets and all that they need. No target
// selects everything. Unknown targets are ignored: the caller can name them better.
func (g *Graph[N]) Select(targets ...N) *Graph[N] {
	if len(targets) == 0 {
		targets = g.nodes
	}
	keep := map[int]bool{}
	for _, n := range append(g.Ancestors(targets...), targets...) {
		if i, ok := g.index[n]; ok {
			keep[i] = true
		}
	}
	sub := New[N]()
	for i, n := range g.nodes {
		if keep[i] {
			sub.Add(n)
		}
	}
	for i, n := range g.nodes {
		for _, j := range g.next[i] {
			if keep[i] && keep[j] {
				sub.Edge(n, g.nodes[j])
			}
		}
	}
	return sub
}

// Order lists all nodes, each after everything it depends on. Among the nodes
// that could come next the one added first comes first. The error is a *[Cycle].
func (g *Graph[N]) Order() ([]N, error) {
	waits := make([]int, len(g.nodes))
	free := &ints{}
	for i := range g.nodes {
		waits[i] = len(g.prev[i])
		if waits[i] == 0 {
			heap.Push(free, i)
		}
	}
	order := make([]N, 0, len(g.nodes))
	for free.Len() > 0 {
		i := heap.Pop(free).(int)
		order = append(order, g.nodes[i])
		for _, j := range g.next[i] {
			if waits[j]--; waits[j] == 0 {
				heap.Push(free, j)
			}
		}
	}
	if len(order) < len(g.nodes) {
		return nil, g.cycle(waits)
	}
	return order, nil
}

// cycle walks backwards from a node that still waits. Every such node has a
// dependency that waits too, so the walk must meet itself.
func (g *Graph[N]) cycle(waits []int) *Cycle[N] {
	at := slices.IndexFunc(waits, func(n int) bool { return n > 0 })
	seen := map[int]int{}
	var walk []int
	for {
		if first, ok := seen[at]; ok {
			walk = walk[first:]
			break
		}
		seen[at] = len(walk)
		walk = append(walk, at)
		i := slices.IndexFunc(g.prev[at], func(j int) bool { return waits[j] > 0 })
		at = g.prev[at][i]
	}
	slices.Reverse(walk)
	first := slices.Index(walk, slices.Min(walk))
	walk = append(walk[first:len(walk):len(walk)], walk[:first]...)
	return &Cycle[N]{Nodes: g.named(walk)}
}

func (g *Graph[N]) named(ids []int) []N {
	out := make([]N, len(ids))
	for k, i := range ids {
		out[k] = g.nodes[i]
	}
	return out
}

// Cycle is the error of a graph that has no order: each node of Nodes comes
// before the next one, and the last before the first.
type Cycle[N comparable] struct{ Nodes []N }

func (c *Cycle[N]) Error() string {
	var b strings.Builder
	b.WriteString("cycle: ")
	for _, n := range c.Nodes {
		fmt.Fprintf(&b, "%v → ", n)
	}
	fmt.Fprintf(&b, "%v", c.Nodes[0])
	return b.String()
}

// ints is a min-heap.
type ints []int

func (h ints) Len() int           { return len(h) }
func (h ints) Less(i, j int) bool { return h[i] < h[j] }
func (h ints) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *ints) Push(x any)        { *h = append(*h, x.(int)) }
func (h *ints) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
