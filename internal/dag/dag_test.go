package dag_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/paraplu/paraplu/internal/dag"
	"pgregory.net/rapid"
)

func ExampleGraph_Order() {
	g := dag.New[string]()
	g.Edge("features", "train")
	g.Edge("train", "evaluate")
	g.Edge("features", "evaluate")
	order, _ := g.Order()
	fmt.Println(order)
	g.Edge("evaluate", "features")
	_, err := g.Order()
	fmt.Println(err)
	// Output:
	// [features train evaluate]
	// cycle: features → train → evaluate → features
}

func TestCycleNamesTheNodes(t *testing.T) {
	cases := []struct {
		edges string
		want  string
	}{
		{"aa", "cycle: a → a"},
		{"ab ba", "cycle: a → b → a"},
		{"xa ab bc ca cy", "cycle: a → b → c → a"},
		{"cb ba ac", "cycle: c → b → a → c"},
	}
	for _, c := range cases {
		g := dag.New[string]()
		for i := 0; i < len(c.edges); i += 3 {
			g.Edge(c.edges[i:i+1], c.edges[i+1:i+2])
		}
		_, err := g.Order()
		var cycle *dag.Cycle[string]
		if !errors.As(err, &cycle) || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.edges, err, c.want)
		}
		if _, err := g.Schedule(); err == nil {
			t.Errorf("%s: a graph with a cycle cannot be walked", c.edges)
		}
	}
}

func TestSelection(t *testing.T) {
	g := dag.New[string]()
	for _, e := range []string{"ab", "bc", "bd", "xd", "yz"} {
		g.Edge(e[:1], e[1:])
	}
	if g.Add("a") || !g.Add("alone") {
		t.Error("Add says whether the node is new")
	}
	check := func(what string, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("ancestors", g.Ancestors("d"), "a", "b", "x")
	check("descendants", g.Descendants("a"), "b", "c", "d")
	check("direct before", g.Before("d"), "b", "x")
	check("direct after", g.After("b"), "c", "d")
	check("unknown", g.Before("nobody"))
	check("select", g.Select("c").Nodes(), "a", "b", "c")
	check("select all", g.Select().Nodes(), g.Nodes()...)
	check("select unknown", g.Select("nobody").Nodes())
}

func TestFailureSkipsOnlyDependents(t *testing.T) {
	g := dag.New[string]()
	for _, e := range []string{"ab", "bc", "dc", "de"} {
		g.Edge(e[:1], e[1:])
	}
	s, err := g.Schedule()
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Ready(1); !slices.Equal(got, []string{"a"}) {
		t.Fatal(got)
	}
	if got := s.Fail("a"); !slices.Equal(got, []string{"b", "c"}) {
		t.Fatal("skipped", got)
	}
	if got := s.Ready(0); !slices.Equal(got, []string{"d"}) {
		t.Fatal(got)
	}
	s.Done("d")
	if got := s.Ready(0); !slices.Equal(got, []string{"e"}) {
		t.Fatal(got)
	}
	if got := s.Fail("e"); len(got) != 0 || s.Left() != 0 {
		t.Fatal(got, s.Left())
	}
}

// edges draws a graph of up to 12 numbered nodes, with cycles or without.
func edges(t *rapid.T, acyclic bool) (*dag.Graph[int], [][2]int) {
	n := rapid.IntRange(1, 12).Draw(t, "nodes")
	g := dag.New[int]()
	for _, i := range rapid.Permutation(ids(n)).Draw(t, "order") {
		g.Add(i)
	}
	var list [][2]int
	for range rapid.IntRange(0, 30).Draw(t, "edges") {
		a, b := rapid.IntRange(0, n-1).Draw(t, "a"), rapid.IntRange(0, n-1).Draw(t, "b")
		if acyclic && a == b {
			continue
		}
		if acyclic && a > b {
			a, b = b, a
		}
		g.Edge(a, b)
		list = append(list, [2]int{a, b})
	}
	return g, list
}

func ids(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// reach is the obvious closure, to compare with.
func reach(n int, list [][2]int) [][]bool {
	r := make([][]bool, n)
	for i := range r {
		r[i] = make([]bool, n)
	}
	for _, e := range list {
		r[e[0]][e[1]] = true
	}
	for k := range n {
		for i := range n {
			for j := range n {
				r[i][j] = r[i][j] || r[i][k] && r[k][j]
			}
		}
	}
	return r
}

func TestOrderIsTopologicalAndRepeatable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, list := edges(t, false)
		closure := reach(g.Len(), list)
		cyclic := false
		for i := range closure {
			cyclic = cyclic || closure[i][i]
		}
		order, err := g.Order()
		if (err != nil) != cyclic {
			t.Fatalf("cyclic %v, error %v", cyclic, err)
		}
		if err != nil {
			var c *dag.Cycle[int]
			if !errors.As(err, &c) {
				t.Fatal(err)
			}
			for i, n := range c.Nodes {
				if !slices.Contains(list, [2]int{n, c.Nodes[(i+1)%len(c.Nodes)]}) {
					t.Fatalf("%v is no cycle of %v", c, list)
				}
			}
			return
		}
		place := map[int]int{}
		for i, n := range order {
			place[n] = i
		}
		if len(place) != g.Len() {
			t.Fatalf("%v misses nodes", order)
		}
		for _, e := range list {
			if place[e[0]] >= place[e[1]] {
				t.Fatalf("%v before %v in %v", e[1], e[0], order)
			}
		}
		if again, _ := g.Order(); !slices.Equal(order, again) {
			t.Fatal("two orders of one graph")
		}
	})
}

func TestSelectionEqualsTheClosure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, list := edges(t, false)
		closure := reach(g.Len(), list)
		n := rapid.IntRange(0, g.Len()-1).Draw(t, "node")
		for i := range g.Len() {
			if slices.Contains(g.Ancestors(n), i) != closure[i][n] {
				t.Fatalf("ancestors of %d: %v", n, g.Ancestors(n))
			}
			if slices.Contains(g.Descendants(n), i) != closure[n][i] {
				t.Fatalf("descendants of %d: %v", n, g.Descendants(n))
			}
			if g.Select(n).Has(i) != (closure[i][n] || i == n) {
				t.Fatalf("select %d: %v", n, g.Select(n).Nodes())
			}
		}
	})
}

// Any order of completion and failure visits every node exactly once: done,
// failed, or skipped because an ancestor failed, and never before its dependencies.
func TestScheduleVisitsEachNodeOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, _ := edges(t, true)
		s, err := g.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		outcome := map[int]string{}
		var running []int
		for s.Left() > 0 {
			running = append(running, s.Ready(rapid.IntRange(0, 3).Draw(t, "limit"))...)
			if len(running) == 0 {
				t.Fatal("nothing runs and something is left")
			}
			i := rapid.IntRange(0, len(running)-1).Draw(t, "finished")
			n := running[i]
			running = slices.Delete(running, i, i+1)
			for _, b := range g.Before(n) {
				if outcome[b] != "done" {
					t.Fatalf("%d ran before %d was done (%s)", n, b, outcome[b])
				}
			}
			if outcome[n] != "" {
				t.Fatalf("%d was %s already", n, outcome[n])
			}
			if rapid.Bool().Draw(t, "ok") {
				s.Done(n)
				outcome[n] = "done"
				continue
			}
			outcome[n] = "failed"
			for _, d := range s.Fail(n) {
				if outcome[d] != "" {
					t.Fatalf("%d skipped, was %s", d, outcome[d])
				}
				outcome[d] = "skipped"
			}
		}
		if len(outcome) != g.Len() {
			t.Fatalf("%d of %d nodes seen", len(outcome), g.Len())
		}
	})
}
