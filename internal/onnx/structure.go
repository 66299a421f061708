package onnx

// checkStructure verifies what holds for every sound graph whatever its
// operators: names, one producer per value, known inputs, no cycle. It leaves the
// nodes of the main graph in topological order. Sub-graphs are only decoded:
// operators that own one cannot be compiled.
func checkStructure(m *Model) error {
	g := m.graph
	if len(m.opsets) == 0 {
		return invalid("no operator set imported")
	}
	if g.sparse > 0 {
		return invalid("sparse initializers")
	}
	if len(g.outputs) == 0 {
		return invalid("the graph has no output")
	}
	known, err := graphNames(g)
	if err != nil {
		return err
	}
	producer, err := producers(g, known)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, v := range g.outputs {
		if _, ok := producer[v.Name]; !ok && !known[v.Name] {
			return invalid("nothing produces output %q", v.Name)
		}
		if seen[v.Name] {
			return invalid("output %q declared twice", v.Name)
		}
		seen[v.Name] = true
	}
	g.nodes, err = sortNodes(g.nodes, producer, known)
	return err
}

// graphNames collects inputs and initializers.
func graphNames(g *graph) (map[string]bool, error) {
	known := make(map[string]bool, len(g.inputs)+len(g.inits))
	for _, v := range g.inputs {
		if v.Name == "" {
			return nil, invalid("graph input without a name")
		}
		if known[v.Name] {
			return nil, invalid("graph input %q declared twice", v.Name)
		}
		known[v.Name] = true
	}
	for _, v := range g.inputs {
		if t := g.inits[v.Name]; t != nil && v.other == "" && v.Type != t.Type {
			return nil, invalid("initializer %q is %s, declared %s", v.Name, t.Type, v.Type)
		}
	}
	for name := range g.inits {
		known[name] = true
	}
	return known, nil
}

// producers maps each computed value to its node.
func producers(g *graph, known map[string]bool) (map[string]int, error) {
	producer := make(map[string]int, len(g.nodes))
	for i, n := range g.nodes {
		if n.op == "" {
			return nil, n.invalid(invalid("node without an operator"))
		}
		for name, a := range n.attrs {
			if name == "" || a.ref != "" {
				return nil, n.invalid(invalid("attribute %q without a name or value", name))
			}
		}
		some := false
		for _, out := range n.outputs {
			if out == "" {
				continue
			}
			some = true
			if _, dup := producer[out]; dup || known[out] {
				return nil, n.invalid(invalid("value %q has two producers", out))
			}
			producer[out] = i
		}
		if !some {
			return nil, n.invalid(invalid("node without outputs"))
		}
	}
	return producer, nil
}

// sortNodes orders nodes so that producers come first and keeps the order of the
// file where it can.
func sortNodes(nodes []*node, producer map[string]int, known map[string]bool) ([]*node, error) {
	const unseen, open, done = 0, 1, 2
	state := make([]uint8, len(nodes))
	sorted := make([]*node, 0, len(nodes))
	type frame struct{ node, input int }
	for start := range nodes {
		if state[start] != unseen {
			continue
		}
		state[start] = open
		stack := []frame{{node: start}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			n := nodes[top.node]
			if top.input == len(n.inputs) {
				state[top.node] = done
				sorted = append(sorted, n)
				stack = stack[:len(stack)-1]
				continue
			}
			name := n.inputs[top.input]
			top.input++
			if name == "" || known[name] {
				continue
			}
			p, ok := producer[name]
			if !ok {
				return nil, n.invalid(invalid("nothing produces input %q", name))
			}
			switch state[p] {
			case open:
				return nil, n.invalid(invalid("cycle through value %q", name))
			case unseen:
				state[p] = open
				stack = append(stack, frame{node: p})
			}
		}
	}
	return sorted, nil
}

// domainKnown tells whether operators of the domain can be compiled at all.
func domainKnown(domain string) bool {
	return domain == "" || domain == mlDomain
}

const mlDomain = "ai.onnx.ml"
