package spec

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/dag"
	"github.com/paraplu/paraplu/internal/ref"
)

// Has tells whether the file has this top-level section.
func (p *Product) Has(section string) bool { return slices.Contains(p.Sections, section) }

// Place tells where a value is written, by dotted path: "pipeline.steps.train.deps[0]".
// For a path that is not in the file it gives the nearest section around it.
func (p *Product) Place(path string) Place {
	for {
		if at, ok := p.places[path]; ok || path == "" {
			return at
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

// Path gives the place of a slash path of the file on this machine.
func (p *Product) Path(slash string) string {
	return filepath.Join(p.Dir, filepath.FromSlash(slash))
}

// Digest names the content of the file: spaces, comments and the order of keys
// inside a section do not count, the order of steps, data and members does.
func (p *Product) Digest() ref.Digest {
	q := *p
	q.Sections = slices.Sorted(slices.Values(p.Sections))
	b, err := json.Marshal(&q)
	if err != nil {
		panic(fmt.Sprintf("spec: a product is always JSON: %v", err)) // numbers are finite, keys are texts
	}
	return ref.Sum(b)
}

// Member finds a member by name.
func (p *Product) Member(name string) (Member, bool) {
	i := slices.IndexFunc(p.Team.Members, func(m Member) bool { return m.Name == name })
	if i < 0 {
		return Member{}, false
	}
	return p.Team.Members[i], true
}

// Dataset finds a dataset of the section data by name.
func (p *Product) Dataset(name string) (Data, bool) {
	i := slices.IndexFunc(p.Data, func(d Data) bool { return d.Name == name })
	if i < 0 {
		return Data{}, false
	}
	return p.Data[i], true
}

// Step finds a step of the pipeline by name.
func (p *Product) Step(name string) (Step, bool) {
	i := slices.IndexFunc(p.Pipeline.Steps, func(s Step) bool { return s.Name == name })
	if i < 0 {
		return Step{}, false
	}
	return p.Pipeline.Steps[i], true
}

// StepNames lists the steps in the order of the file.
func (p *Product) StepNames() []string {
	out := make([]string, len(p.Pipeline.Steps))
	for i, s := range p.Pipeline.Steps {
		out[i] = s.Name
	}
	return out
}

// Outputs lists what the step writes: outs, then metrics.
func (s Step) Outputs() []string { return slices.Concat(s.Outs, s.Metrics) }

// Graph gives the steps with an edge from the producer of a file to each step
// that reads it: a dependency equals, lies inside or contains an output.
func (p *Pipeline) Graph() *dag.Graph[string] {
	g := dag.New[string]()
	writes := map[string]string{}   // output → step
	inside := map[string][]string{} // folder → steps with an output below it
	for _, s := range p.Steps {
		g.Add(s.Name)
		for _, out := range s.Outputs() {
			writes[out] = s.Name
			for _, folder := range parents(out) {
				inside[folder] = append(inside[folder], s.Name)
			}
		}
	}
	for _, s := range p.Steps {
		for _, dep := range s.Deps {
			for _, at := range append(parents(dep), dep) {
				if writer, ok := writes[at]; ok {
					g.Edge(writer, s.Name)
				}
			}
			for _, writer := range inside[dep] {
				g.Edge(writer, s.Name)
			}
		}
	}
	return g
}

// Producer gives the step whose output equals or contains the path.
func (p *Pipeline) Producer(path string) (Step, bool) {
	for _, s := range p.Steps {
		for _, out := range s.Outputs() {
			if path == out || strings.HasPrefix(path, out+"/") {
				return s, true
			}
		}
	}
	return Step{}, false
}

// parents lists the folders above a clean slash path, the outermost first.
func parents(path string) (out []string) {
	for i, c := range path {
		if c == '/' {
			out = append(out, path[:i])
		}
	}
	return out
}

// finish fills the defaults that depend on other values.
func finish(p *Product) {
	uses := func(s Step) bool { return len(s.Params) > 0 }
	if len(p.Pipeline.Params) == 0 && slices.ContainsFunc(p.Pipeline.Steps, uses) {
		p.Pipeline.Params = []string{"params.yaml"}
	}
	if p.Deploy.Endpoint == "" {
		p.Deploy.Endpoint = p.Name
	}
	if _, written := p.places["deploy.environment"]; !written {
		p.Deploy.Environment = p.Release.Environment
	}
	days, people := "180d", map[string]int{"low": 0, "medium": 1, "high": 2}[p.Risk]
	if p.Risk == "high" {
		days = "90d"
	}
	if _, written := p.places["release.approvals.people"]; !written {
		p.Release.Approvals.People = people
	}
	if _, written := p.places["release.approvals.expires"]; !written {
		p.Release.Approvals.Expires, _ = ParseDuration(days)
	}
}
