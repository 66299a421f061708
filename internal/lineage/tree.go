package lineage

import (
	"fmt"
	"slices"
	"strings"
)

// Tree writes the graph of a root as an indented tree: each line was made from (upstream) or led to (downstream) the line
// that it is indented under. A thing that was written before is named again without what is below it.
func (g *Graph) Tree() string {
	nodes := map[string]Node{}
	for _, n := range g.Nodes {
		nodes[n.Ref] = n
	}
	below := map[string][]string{}
	for _, e := range g.Edges {
		at, to := e.To, e.From
		if g.Direction == Down {
			at, to = e.From, e.To
		}
		if !slices.Contains(below[at], to) {
			below[at] = append(below[at], to)
		}
	}
	var b strings.Builder
	written := map[string]bool{}
	var write func(ref string, depth int)
	write = func(ref string, depth int) {
		fmt.Fprintf(&b, "%s%s", strings.Repeat("  ", depth), nodes[ref])
		if written[ref] && len(below[ref]) > 0 {
			b.WriteString(" … above\n")
			return
		}
		b.WriteByte('\n')
		written[ref] = true
		for _, next := range below[ref] {
			write(next, depth+1)
		}
	}
	if _, ok := nodes[g.Root]; ok {
		write(g.Root, 0)
	}
	if g.Truncated {
		b.WriteString("… there is more: ask for a greater depth\n")
	}
	return b.String()
}
