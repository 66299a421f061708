package steps

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/spec"
)

// Packaged is a package and the model version that names it.
type Packaged struct {
	Package *modelpack.Package `json:"package"`
	Version registry.Version   `json:"version"`
	Created bool               `json:"created"` // false: the same package exists already
}

// Package turns the export folder of the pipeline into a signed package and registers it as a model version. Its time is
// that of the execution that made the export, so that the same execution always gives the same digest.
func (s *Steps) Package(ctx context.Context, p *spec.Product, actor string) (*Packaged, error) {
	if p.Model.Export == "" {
		at := p.Place("model")
		return nil, fault.New(fault.Precondition, "model.export is not set, so there is nothing to package").At(p.File, at.Line, at.Col).
			WithHint("add model.export: the folder that paraplu.export writes")
	}
	made, err := s.madeBy(ctx, p, p.Model.Export)
	if err != nil {
		return nil, err
	}
	contract, err := s.inputContract(p)
	if err != nil {
		return nil, err
	}
	tests, err := s.tests(p)
	if err != nil {
		return nil, err
	}
	lineage, err := s.lineage(ctx, p, made)
	if err != nil {
		return nil, err
	}
	pack, created, err := s.Packs.Build(ctx, modelpack.BuildInput{
		Product: p.Name, Name: p.Model.Name, Kind: p.Model.Task, ExportDir: p.Path(p.Model.Export), Contract: contract,
		Card: modelpack.Card{Title: p.Title, Description: p.Description, Decision: p.Canvas.Decision, Never: p.Canvas.Never,
			Fallback: p.Canvas.Fallback, Risk: p.Risk},
		Lineage: lineage, Owners: owners(p), CreatedAt: made.at, Tests: tests, Actor: actor,
	})
	if err != nil {
		return nil, err
	}
	version, err := s.Registry.RegisterPackage(ctx, p.Name, p.Model.Name, pack.Digest, "", actor)
	return &Packaged{pack, version, created}, err
}

// making is the execution that wrote a path.
type making struct {
	execution string
	at        time.Time
}

// madeBy finds the execution whose step first wrote what now lies at a path. Later executions that took it from the cache
// do not count: they made nothing.
func (s *Steps) madeBy(ctx context.Context, p *spec.Product, path string) (making, error) {
	producer, ok := p.Pipeline.Producer(path)
	if !ok {
		return making{}, fault.New(fault.Precondition, "no step of the pipeline writes %s", path).WithHint("add it to the outs of a step")
	}
	e, err := s.Pipeline.Origin(ctx, p.Name, producer.Name)
	if fault.Is(err, fault.NotFound) {
		return making{}, fault.New(fault.Precondition, "%s was not made by an execution of the pipeline", path).WithHint("paraplu run")
	} else if err != nil {
		return making{}, err
	}
	if step, ok := e.Step(producer.Name); ok {
		if why := s.Pipeline.Changed(p.Dir, step, path); why != "" {
			return making{}, fault.New(fault.Precondition, "%s is not what step %s of execution %s wrote: %s", path, producer.Name, e.ID, why).WithHint("paraplu run")
		}
	}
	return making{e.ID, e.Started}, nil
}

func owners(p *spec.Product) map[string]string {
	out := map[string]string{}
	for _, r := range p.Team.Responsibilities {
		switch r.Activity {
		case "watch model issues":
			out["model"] = r.Accountable
		case "watch pipeline and service issues":
			out["service"] = r.Accountable
		}
	}
	for _, m := range p.Team.Members { // the preset
		if m.Role == "data scientist" && out["model"] == "" {
			out["model"] = m.Name
		}
		if m.Role == "ml engineer" && out["service"] == "" {
			out["service"] = m.Name
		}
	}
	return out
}

// inputContract joins the contracts of the data that the pipeline reads; they travel inside the package.
func (s *Steps) inputContract(p *spec.Product) ([]byte, error) {
	var out []byte
	for _, d := range p.Data {
		if d.Contract == "" || !read(p, d.Path) {
			continue
		}
		text, err := os.ReadFile(p.Path(d.Contract))
		if err != nil {
			return nil, fault.Wrap(err, "contract of %s", d.Name)
		}
		if len(out) > 0 {
			out = append(out, "---\n"...)
		}
		out = append(out, text...)
	}
	return out, nil
}

// read tells whether a step depends on a path.
func read(p *spec.Product, path string) bool {
	return slices.ContainsFunc(p.Pipeline.Steps, func(st spec.Step) bool { return slices.Contains(st.Deps, path) })
}

// tests gives the numbers of the metrics files as tests that travel with the package.
func (s *Steps) tests(p *spec.Product) ([]modelpack.TestResult, error) {
	var out []modelpack.TestResult
	for _, st := range p.Pipeline.Steps {
		for _, path := range st.Metrics {
			text, err := os.ReadFile(p.Path(path))
			if err != nil {
				return nil, fault.Wrap(err, "metrics of step %s", st.Name)
			}
			var numbers map[string]any
			if err := json.Unmarshal(text, &numbers); err != nil {
				return nil, fault.New(fault.Invalid, "metrics are not a JSON object: %w", err).At(p.Path(path), 0, 0)
			}
			for _, name := range slices.Sorted(maps.Keys(numbers)) {
				if v, ok := numbers[name].(float64); ok {
					out = append(out, modelpack.TestResult{ID: filepath.Base(path) + "#" + name, Metric: name, Slice: "all", Value: v, Baseline: p.Canvas.Baseline})
				}
			}
		}
	}
	return out, nil
}

// lineage names the dataset versions whose files went into the execution, its params and its code.
func (s *Steps) lineage(ctx context.Context, p *spec.Product, made making) (modelpack.Lineage, error) {
	out := modelpack.Lineage{Execution: made.execution, Params: map[string]string{}}
	exec, err := s.Pipeline.Execution(ctx, made.execution)
	if err != nil {
		return out, err
	}
	seen := map[string]bool{}
	for _, st := range exec.Steps {
		if st.Inputs == nil {
			continue
		}
		for key, value := range st.Inputs.Params {
			out.Params[key] = fmt.Sprint(value)
		}
		for _, path := range slices.Sorted(maps.Keys(st.Inputs.Deps)) {
			versions, err := s.Datasets.Find(ctx, p.Name, st.Inputs.Deps[path])
			if err != nil {
				return out, err
			}
			if len(versions) > 0 && !seen[versions[0].Dataset] {
				seen[versions[0].Dataset] = true
				v := versions[0]
				out.Datasets = append(out.Datasets, modelpack.DatasetRef{Name: v.Dataset, Version: fmt.Sprintf("v%d", v.Number), Digest: string(v.Digest), Role: "train"})
			}
		}
	}
	return out, nil
}
