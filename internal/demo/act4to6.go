package demo

import (
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/rollout"
	"github.com/paraplu/paraplu/internal/steps"
)

// live tells whether the first release was placed by an earlier run: then the acts before it are history.
func (s *story) live() bool {
	list, err := s.history()
	return err == nil && len(list) > 0
}

// history is what was placed, oldest first.
func (s *story) history() ([]rollout.Deployment, error) {
	list, err := s.a.Rollout.History(s.ctx, s.p.Name, s.p.Release.Environment)
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list, err
}

func (s *story) countFacts(verb string) (n int, err error) {
	err = s.a.DB.View(s.ctx, func(tx *db.Tx) error {
		facts, err := event.List(tx, event.Filter{Product: s.p.Name, Verbs: []string{verb}})
		n = len(facts)
		return err
	})
	return n, err
}

func (s *story) pipeline() error {
	s.n.say("The notebook's idea becomes three steps with declared inputs and outputs: features → train → evaluate.")
	if s.live() {
		return s.pipelineAgain()
	}
	first, err := s.runPipeline()
	if err != nil {
		return err
	}
	second, err := s.runPipeline()
	if err != nil {
		return err
	}
	if n := second.Count(pipeline.StepCached); n != len(second.Steps) {
		return fault.New(fault.Internal, "the second execution %s took only %d of %d steps from the cache", second.ID, n, len(second.Steps))
	}
	took := func(e *pipeline.Execution) string { return seconds(e.Finished.Sub(e.Started)) }
	s.n.result(true, "the second execution ran nothing: %s against %s", took(second), took(first))
	s.note("pipeline, first and second execution", "execution.finished", "%s → %s", took(first), took(second))
	return nil
}

func (s *story) runPipeline() (*pipeline.Execution, error) {
	s.n.command("paraplu run --as daisy")
	plan, err := s.a.Pipeline.Plan(s.ctx, pipeline.PlanInput{Product: s.p})
	if err != nil {
		return nil, err
	}
	return s.a.Pipeline.Run(s.ctx, plan, pipeline.RunOptions{Actor: daisy, Source: "demo", Out: s.log, Env: s.a.StepEnv(), Progress: s.step})
}

// step prints what became of a pipeline step.
func (s *story) step(e pipeline.StepEvent) {
	if e.Result == "" {
		s.n.progress(e.Position, e.Total, e.Step)
		return
	}
	s.n.result(e.Err == nil, "%-9s %-7s %s %s", e.Step, e.Result, e.Why, s.n.dim("("+seconds(e.Took)+")"))
}

func (s *story) pipelineAgain() error {
	list, err := s.a.Pipeline.Executions(s.ctx, s.p.Name, 100)
	if err != nil {
		return err
	}
	for i := len(list) - 1; i >= 0; i-- {
		e := list[i]
		s.n.result(true, "execution %s, kept from the earlier run: %s, %d ran, %d from the cache (%s)", e.ID, e.State, e.Count(pipeline.StepRan), e.Count(pipeline.StepCached), seconds(e.Finished.Sub(e.Started)))
	}
	return nil
}

func (s *story) pack() error {
	start := time.Now()
	s.n.command("paraplu package --as daisy")
	if s.live() {
		list, err := s.history()
		if err != nil {
			return err
		}
		s.first = list[0].Package
	} else {
		made, err := s.a.Package(s.ctx, s.p, daisy)
		if err != nil {
			return err
		}
		s.first = made.Package.Digest
	}
	pack, err := s.a.Packs.Get(s.ctx, s.first)
	if err != nil {
		return err
	}
	s.n.did(start, "package %s: %d files, %d bytes, engine %s (%d operators), signed", s.first.Short(), len(pack.Files), pack.Size, pack.Manifest.Engine.Prefer, len(pack.Manifest.Engine.Ops))
	start = time.Now()
	s.n.command("paraplu package verify %s", s.first.Short())
	v, err := s.a.Packs.Verify(s.ctx, s.first)
	if err != nil {
		return err
	}
	worst := 0.0
	for _, o := range v.Parity.Outputs {
		worst = max(worst, o.Worst)
	}
	s.n.did(start, "every digest, the signature and the graph hold; %d rows answered as scikit-learn answered them, largest relative difference %.1e", v.Parity.Rows, worst)
	s.note("parity with scikit-learn", "package.verified", "%d rows, ≤ %.1e", v.Parity.Rows, worst)
	return nil
}

func (s *story) release() error {
	if s.live() {
		list, err := s.history()
		if err != nil {
			return err
		}
		rel, err := s.a.Registry.Release(s.ctx, list[0].Release)
		if err != nil {
			return err
		}
		s.gates(rel)
		s.n.result(true, "released on %s; kept from the earlier run", list[0].From.Format(time.DateTime))
		return nil
	}
	return s.releasePackage(s.first, "release", "beats the rule of today clearly; go")
}

// releasePackage asks for a release, lets Bo approve it, and Eddy place it.
func (s *story) releasePackage(pkg ref.Digest, cause, reason string) error {
	start := time.Now()
	s.n.command("paraplu release %s --as daisy", pkg.Short())
	rel, err := s.a.Request(s.ctx, s.p, pkg, daisy)
	if err != nil {
		return err
	}
	s.gates(rel)
	if failed := rel.Failed(); len(failed) > 0 {
		return fault.New(fault.Precondition, "the gates refuse package %s: %v", pkg.Short(), failed)
	}
	s.n.did(start, "evidence %s", rel.Evidence.Short())
	start = time.Now()
	s.n.command("paraplu approve %s --as bo", rel.ID)
	if _, err := s.a.Approve(s.ctx, s.p, rel.ID, bo, reason); err != nil {
		return err
	}
	s.n.did(start, "Bo signs: package, evidence, policy and target. Change one byte of them, and the signature is void")
	return s.placePackage(pkg, eddy, steps.PlaceOptions{Cause: cause, Reason: reason})
}

func (s *story) gates(rel *registry.Release) {
	for _, g := range rel.Gates {
		text := g.Observed
		if g.Status == registry.Fail && g.Detail != "" {
			text += " — " + g.Detail
		}
		s.n.result(g.Status != registry.Fail, "%-15s %s", g.Name, text)
	}
}

// placePackage places and waits until the server answers with the package.
func (s *story) placePackage(pkg ref.Digest, who string, o steps.PlaceOptions) error {
	start := time.Now()
	force := ""
	if o.Force {
		force = " --force --reason …"
	}
	s.n.command("paraplu place %s --as %s%s", pkg.Short(), who, force)
	d, err := s.a.Place(s.ctx, s.p, pkg, who, o)
	if err != nil {
		return err
	}
	if err := s.answers(pkg); err != nil {
		return err
	}
	s.n.did(start, "package %s answers in %s (%s)", pkg.Short(), d.Environment, d.Cause)
	return nil
}

// answers waits until the endpoint serves a package.
func (s *story) answers(pkg ref.Digest) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		m, err := s.a.Serving.Model(s.endpoint(), "")
		if err == nil && m.Ready && m.Live.Package == pkg {
			return nil
		}
		if time.Now().After(deadline) {
			return fault.New(fault.Unavailable, "package %s does not answer: %s", pkg.Short(), m.Reason)
		}
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *story) endpoint() string {
	if s.p.Deploy.Endpoint != "" {
		return s.p.Deploy.Endpoint
	}
	return s.p.Name
}
