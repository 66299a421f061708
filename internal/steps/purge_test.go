package steps_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/steps"
	"github.com/paraplu/paraplu/internal/trace"
	"github.com/paraplu/paraplu/internal/tracking"
)

// modeller logs runs and models, registers versions, deletes, restores and collects garbage, in any order.
type modeller struct {
	*house
	random      *rand.Rand
	experiments []string
	runs        []tracking.Run
	models      []tracking.LoggedModel
	versions    []registry.Version
	did         []string
}

func any1[T any](m *modeller, list []T) (x T, ok bool) {
	if len(list) == 0 {
		return x, false
	}
	return list[m.random.IntN(len(list))], true
}

// file puts a file below an artifact URI and gives its path.
func (m *modeller) file(uri, name string) error {
	p, err := tracking.ArtifactPath(uri)
	if err != nil {
		return err
	}
	_, err = m.s.Tracking.PutArtifact(ctx, p+"/"+name, strings.NewReader(fmt.Sprint("of ", p, m.random.IntN(3))))
	return err
}

func (m *modeller) register(in registry.VersionInput) error {
	in.Model, in.Actor = "umbrella", "daisy"
	v, err := m.s.Registry.CreateVersion(ctx, in)
	if _, gone := m.s.Tracking.Run(ctx, v.RunID); gone != nil {
		v.RunID = "" // of a logged model whose run went before
	}
	if err == nil {
		m.versions = append(m.versions, v)
	}
	return err
}

// modelling are the deeds, by how often they are done.
var modelling = []struct {
	often int
	name  string
	deed  func(m *modeller) error
}{
	{2, "experiment", func(m *modeller) error {
		e, err := m.s.Tracking.CreateExperiment(ctx, fmt.Sprint("e", len(m.experiments)), "", nil)
		m.experiments = append(m.experiments, e.ID)
		return err
	}},
	{6, "run", func(m *modeller) error {
		exp, _ := any1(m, m.experiments)
		run, err := m.s.Tracking.CreateRun(ctx, tracking.NewRun{ExperimentID: exp, Tags: []tracking.KV{{Key: "k", Value: "v"}}})
		if err != nil {
			return err
		}
		m.runs = append(m.runs, run)
		return m.file(run.ArtifactURI, "model/MLmodel")
	}},
	{6, "logged model", func(m *modeller) error {
		run, ok := any1(m, m.runs)
		if !ok {
			return nil
		}
		model, err := m.s.Tracking.CreateModel(ctx, tracking.NewModel{ExperimentID: run.ExperimentID, SourceRunID: run.ID})
		if err != nil {
			return err
		}
		m.models = append(m.models, model)
		return m.file(model.ArtifactURI, "MLmodel")
	}},
	{2, "version of a logged model", func(m *modeller) error {
		model, ok := any1(m, m.models)
		if !ok {
			return nil
		}
		return m.register(registry.VersionInput{Source: "models:/" + model.ID, LoggedModel: model.ID})
	}},
	{2, "version of a run", func(m *modeller) error {
		run, ok := any1(m, m.runs)
		if !ok {
			return nil
		}
		if _, err := m.s.Tracking.Run(ctx, run.ID); err != nil {
			return err
		}
		return m.register(registry.VersionInput{Source: run.ArtifactURI + "/model", RunID: run.ID})
	}},
	{1, "version of a place", func(m *modeller) error {
		run, ok := any1(m, m.runs)
		if !ok {
			return nil
		}
		if _, err := m.s.Tracking.Run(ctx, run.ID); err != nil {
			return err
		}
		return m.register(registry.VersionInput{Source: strings.Replace(run.ArtifactURI, ":/", ":///", 1) + "/model"})
	}},
	{1, "delete a version", func(m *modeller) error {
		v, ok := any1(m, m.versions)
		if !ok {
			return nil
		}
		m.versions = slices.DeleteFunc(m.versions, func(o registry.Version) bool { return o.Number == v.Number })
		return m.s.Registry.DeleteVersion(ctx, v.Model, v.Number)
	}},
	{5, "delete a run", func(m *modeller) error {
		run, _ := any1(m, m.runs)
		return m.s.Tracking.DeleteRun(ctx, run.ID)
	}},
	{5, "delete a model", func(m *modeller) error {
		model, _ := any1(m, m.models)
		return m.s.Tracking.DeleteModel(ctx, model.ID)
	}},
	{2, "delete an experiment", func(m *modeller) error {
		exp, _ := any1(m, m.experiments)
		return m.s.Tracking.DeleteExperiment(ctx, exp)
	}},
	{1, "restore", func(m *modeller) error {
		exp, _ := any1(m, m.experiments)
		return m.s.Tracking.RestoreExperiment(ctx, exp)
	}},
	{1, "wait", func(m *modeller) error { m.ahead += time.Duration(m.random.IntN(60)) * time.Hour; return nil }},
	{3, "collect", func(m *modeller) error {
		if _, err := m.s.Purge(ctx, steps.PurgeOptions{OlderThan: time.Duration(m.random.IntN(48)) * time.Hour, Actor: "daisy"}); err != nil {
			return err
		}
		_, err := m.s.Sweep(ctx, 0, false)
		return err
	}},
}

// intact: all that a version refers to is there, with its right bytes.
func (m *modeller) intact() {
	m.t.Helper()
	for _, v := range m.versions {
		p, err := tracking.ArtifactPath(v.Location)
		if err != nil {
			m.t.Fatal(err)
		}
		name := p + "/MLmodel"
		a, err := m.s.Tracking.StatArtifact(ctx, name)
		if err != nil {
			m.t.Fatalf("%q: %s: %v", m.did, v.Ref(), err)
		}
		body, err := m.s.Tracking.OpenArtifact(ctx, a, 0)
		if err == nil {
			_, err = io.Copy(io.Discard, body)
			body.Close()
		}
		if err != nil {
			m.t.Fatalf("%q: the bytes of %s: %v", m.did, v.Ref(), err)
		}
		if v.RunID != "" {
			if _, err := m.s.Tracking.Run(ctx, v.RunID); err != nil {
				m.t.Fatalf("%q: the run of %s: %v", m.did, v.Ref(), err)
			}
		}
		if v.LoggedModel != "" {
			if _, err := m.s.Tracking.Model(ctx, v.LoggedModel, true); err != nil {
				m.t.Fatalf("%q: the logged model of %s: %v", m.did, v.Ref(), err)
			}
		}
	}
}

// TestPurgeNeverTakesWhatAVersionNeeds walks at random, from given seeds, and looks after every collection.
func TestPurgeNeverTakesWhatAVersionNeeds(t *testing.T) {
	each(t, func(h *house) {
		h.s.Registry.ResolveLogged = h.s.Tracking.ResolveLogged
		if _, err := h.s.Registry.CreateModel(ctx, registry.ModelInput{Name: "umbrella", Actor: "daisy"}); err != nil {
			h.t.Fatal(err)
		}
		m := &modeller{house: h, random: rand.New(rand.NewPCG(3, 14)), experiments: []string{"0"}}
		var deeds []int
		for i, d := range modelling {
			for range d.often {
				deeds = append(deeds, i)
			}
		}
		for range 250 {
			d := modelling[deeds[m.random.IntN(len(deeds))]]
			m.did = append(m.did, d.name)
			if err := d.deed(m); fault.Is(err, fault.Internal) {
				h.t.Fatalf("%q: a rule may refuse, this is a defect: %v", m.did, err)
			}
			if d.name == "collect" {
				m.intact()
			}
		}
		gone := 0
		for _, run := range m.runs {
			if _, err := h.s.Tracking.Run(ctx, run.ID); fault.Is(err, fault.NotFound) {
				gone++
			}
		}
		if len(m.versions) < 3 || gone < 5 {
			h.t.Errorf("%d versions, %d of %d runs gone: the walk proves nothing", len(m.versions), gone, len(m.runs))
		}
	})
}

// TestPurgeFreesWhatItSays: the dry run tells the bytes that the sweep frees; what two runs hold is freed with the second.
func TestPurgeFreesWhatItSays(t *testing.T) {
	each(t, func(h *house) {
		var runs []tracking.Run
		for i := range 2 {
			run, err := h.s.Tracking.CreateRun(ctx, tracking.NewRun{})
			if err != nil {
				h.t.Fatal(err)
			}
			runs = append(runs, run)
			for name, text := range map[string]string{"own": strings.Repeat(fmt.Sprint(i), 1000), "shared": strings.Repeat("s", 500)} {
				if _, err := h.s.Tracking.PutArtifact(ctx, "0/"+run.ID+"/artifacts/"+name, strings.NewReader(text)); err != nil {
					h.t.Fatal(err)
				}
			}
		}
		for i, want := range []int64{1000, 1500} {
			if err := h.s.Tracking.DeleteRun(ctx, runs[i].ID); err != nil {
				h.t.Fatal(err)
			}
			for _, dry := range []bool{true, false} {
				p, err := h.s.Purge(ctx, steps.PurgeOptions{Actor: "daisy", DryRun: dry})
				if err != nil || p.Frees != want || len(p.Deleted) != 1 || p.Deleted[0].Bytes != 1500 || p.Deleted[0].Files != 2 {
					h.t.Errorf("run %d, dry %v: %+v, %v", i, dry, p, err)
				}
			}
			if swept, err := h.s.Sweep(ctx, 0, false); err != nil || swept.Freed != want {
				h.t.Errorf("run %d: %+v, %v; want %d bytes freed", i, swept, err, want)
			}
		}
		if _, err := h.s.Purge(ctx, steps.PurgeOptions{Experiment: "none"}); !fault.Is(err, fault.NotFound) {
			h.t.Errorf("an experiment that is not there: %v", err)
		}
	})
}

// TestPurgeTakesTracesAlong: traces outlive the deletion of their experiment, and go for good with it.
func TestPurgeTakesTracesAlong(t *testing.T) {
	each(t, func(h *house) {
		traces := trace.New(h.s.DB, h.s.Tracking.Home, h.s.Clock)
		var ids []string
		for _, name := range []string{"goes", "stays"} {
			e, err := h.s.Tracking.CreateExperiment(ctx, name, "", nil)
			if err == nil {
				_, err = traces.Start(ctx, trace.Info{ID: "tr-" + name, ExperimentID: e.ID, State: trace.OK})
			}
			if err != nil {
				h.t.Fatal(err)
			}
			ids = append(ids, e.ID)
		}
		if err := h.s.Tracking.DeleteExperiment(ctx, ids[0]); err != nil {
			h.t.Fatal(err)
		}
		for _, dry := range []bool{true, false} {
			left, err := traces.Infos(ctx, []string{"tr-goes", "tr-stays"}, nil)
			if err != nil || len(left) != 2 {
				h.t.Errorf("before, dry %v: %v, %v", dry, left, err)
			}
			if _, err := h.s.Purge(ctx, steps.PurgeOptions{Actor: "daisy", DryRun: dry}); err != nil {
				h.t.Fatal(err)
			}
		}
		left, err := traces.Infos(ctx, []string{"tr-goes", "tr-stays"}, nil)
		if err != nil || len(left) != 1 || left[0].ID != "tr-stays" {
			h.t.Errorf("after: %v, %v", left, err)
		}
	})
}

// TestPurgeKeepsTheRunsOfAPackage: a run that was made in the execution of a package stays, another one goes.
func TestPurgeKeepsTheRunsOfAPackage(t *testing.T) {
	each(t, func(h *house) {
		pack := h.packaged("umbrella")
		p, err := h.s.Packs.Get(ctx, pack)
		if err != nil {
			h.t.Fatal(err)
		}
		var ids []string
		for _, execution := range []string{p.Manifest.Lineage.Execution, "another"} {
			run, err := h.s.Tracking.CreateRun(ctx, tracking.NewRun{Tags: []tracking.KV{{Key: tracking.TagExecution, Value: execution}}})
			if err == nil {
				err = h.s.Tracking.DeleteRun(ctx, run.ID)
			}
			if err != nil {
				h.t.Fatal(err)
			}
			ids = append(ids, run.ID)
		}
		got, err := h.s.Purge(ctx, steps.PurgeOptions{Actor: "daisy"})
		if err != nil || len(got.Kept) != 1 || got.Kept[0].ID != ids[0] || len(got.Deleted) != 1 || got.Deleted[0].ID != ids[1] {
			h.t.Errorf("%+v, %v", got, err)
		}
		if want := "package " + pack.Short() + " was made in its execution"; len(got.Kept) == 1 && got.Kept[0].Kept != want {
			h.t.Errorf("the reason: %s, want %s", got.Kept[0].Kept, want)
		}
	})
}
