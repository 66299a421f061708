package dag

import "fmt"

// Schedule is one walk of a graph by several workers. A node becomes ready when
// everything it depends on is done; when one fails, all that need it are skipped.
// It is not safe for concurrent use: one goroutine owns it and hands out work.
type Schedule[N comparable] struct {
	g     *Graph[N]
	waits []int
	state []state
	left  int
}

type state uint8

const (
	waiting state = iota
	handed        // returned by Ready, not reported yet
	closed        // done, failed or skipped
)

// Schedule starts a walk. A graph with a cycle gives a *[Cycle].
func (g *Graph[N]) Schedule() (*Schedule[N], error) {
	if _, err := g.Order(); err != nil {
		return nil, err
	}
	s := &Schedule[N]{g: g, waits: make([]int, g.Len()), state: make([]state, g.Len()), left: g.Len()}
	for i := range g.nodes {
		s.waits[i] = len(g.prev[i])
	}
	return s, nil
}

// Ready hands out up to limit nodes whose dependencies are all done, in the
// order of the nodes, each once. A limit below one means no limit.
func (s *Schedule[N]) Ready(limit int) []N {
	var out []N
	for i := range s.state {
		if limit > 0 && len(out) == limit {
			break
		}
		if s.state[i] == waiting && s.waits[i] == 0 {
			s.state[i] = handed
			out = append(out, s.g.nodes[i])
		}
	}
	return out
}

// Done reports that a node handed out by Ready succeeded.
func (s *Schedule[N]) Done(n N) {
	i := s.close(n)
	for _, j := range s.g.next[i] {
		s.waits[j]--
	}
}

// Fail reports that a node handed out by Ready failed. It returns the nodes that
// can never become ready because of it, in the order of the nodes, each once
// over the whole walk.
func (s *Schedule[N]) Fail(n N) (skipped []N) {
	s.close(n)
	for _, d := range s.g.Descendants(n) {
		if i := s.g.index[d]; s.state[i] == waiting {
			s.state[i] = closed
			s.left--
			skipped = append(skipped, d)
		}
	}
	return skipped
}

// Left is the number of nodes that are neither done, failed nor skipped.
func (s *Schedule[N]) Left() int { return s.left }

// close panics on a node that was not handed out: that is a defect of the caller.
func (s *Schedule[N]) close(n N) int {
	i, ok := s.g.index[n]
	if !ok || s.state[i] != handed {
		panic(fmt.Sprintf("dag: %v was not handed out by Ready", n))
	}
	s.state[i] = closed
	s.left--
	return i
}
