package transfer

import (
	"context"
	"io"
	"maps"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/tracking"
)

// Tags that an export leaves in its target: which of ours a thing is. With them a thing that was made, and whose note was lost,
// is found again.
const (
	TagRun   = "paraplu.run_id"
	TagModel = "paraplu.model_id"
)

// Target is an MLflow to write to; it chooses ids of its own. Everything may be repeated, but not New, which asks Find first
// when it may have been done.
type Target interface {
	// Experiment finds an experiment by its name, or makes it.
	Experiment(ctx context.Context, e tracking.Experiment) (id string, made bool, err error)
	// Delete deletes an experiment with its runs; it may be deleted already.
	Delete(ctx context.Context, experiment string) error
	// Find looks for the run or logged model with one of the tags above; "" when there is none.
	Find(ctx context.Context, model bool, experiment, ours string) (id string, err error)
	// New makes a run or a logged model with that tag.
	New(ctx context.Context, experiment string, run *tracking.Run, model *tracking.LoggedModel) (id string, err error)
	// Write writes params, tags, datasets and links to a run, or params and tags to a logged model.
	Write(ctx context.Context, id string, run *tracking.Run, model *tracking.LoggedModel) error
	// AddPoints adds points to a run.
	AddPoints(ctx context.Context, run string, points []tracking.Metric) error
	// Finish gives a run or logged model the status and stage of ours.
	Finish(ctx context.Context, id string, run *tracking.Run, model *tracking.LoggedModel) error
	// PutRegistered makes a registered model like ours: versions that are not there, tags, stages, aliases. Versions keep their
	// numbers where the numbers are free.
	PutRegistered(ctx context.Context, m registry.Model, versions []registry.Version) (made int, err error)
	Shelf
}

// Shelf takes files of a run or logged model of a Target.
type Shelf interface {
	// Place gives the root of a run or logged model there.
	Place(ctx context.Context, model bool, id string) (Root, error)
	// Files lists what is there.
	Files(ctx context.Context, of Root, use func(File) error) error
	// Put writes a file of a size; open may be called again.
	Put(ctx context.Context, of Root, path string, size int64, open func() (io.ReadCloser, error)) error
}

// exporting is one export at work.
type exporting struct {
	*Transfer
	*ledger
	Options
	src    Source
	target Target

	known  map[string]map[string]tracking.Known
	there  map[string]string // experiment here → there
	runs   map[string]string // run here → there
	models map[string]string // logged model here → there
	places map[string]string // artifacts here → there
}

// Export brings what this workspace holds to a target, except what is there already. Options.Peer names the target.
func (t *Transfer) Export(ctx context.Context, target Target, o Options) (*Report, error) {
	if o.AtOnce <= 0 {
		o.AtOnce = 4
	}
	ex := &exporting{Transfer: t, ledger: newLedger(o), Options: o, src: ours{t}, target: target, known: map[string]map[string]tracking.Known{},
		there: map[string]string{}, runs: map[string]string{}, models: map[string]string{}, places: map[string]string{}}
	err := ex.all(ctx)
	return &ex.report, err
}

func (ex *exporting) all(ctx context.Context) error {
	for _, kind := range []string{kindExperiment, kindRun, kindModel, kindRegistered} {
		m, err := ex.tracking.KnownTo(ctx, ex.Peer, kind)
		if err != nil {
			return err
		}
		ex.known[kind] = m
	}
	list, err := ex.src.Experiments(ctx)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context, tracking.Experiment) error{ex.experiment, ex.ids, ex.modelIDs, ex.content, ex.gone} {
		for _, e := range list {
			if err := step(ctx, e); err != nil {
				return err
			}
		}
	}
	return ex.registered(ctx)
}

// experiment finds or makes the experiment there. One that is another than last time means another target: what was noted
// about it is not trusted.
func (ex *exporting) experiment(ctx context.Context, e tracking.Experiment) error {
	was := ex.known[kindExperiment][e.ID]
	here, mark := e.ID, markExperiment(e)
	e.Name = ex.Prefix + e.Name
	if ex.DryRun {
		ex.count(func(r *Report, _ *Progress) { tally(&r.Experiments, was.Mark, mark) })
		ex.there[here] = was.Other
		return nil
	}
	id, made, err := ex.target.Experiment(ctx, e)
	if err != nil {
		ex.count(func(r *Report, _ *Progress) { r.Experiments.Failed++ })
		return ex.problem("experiment "+e.Name+" with its runs", err)
	}
	if was.Other != id {
		for _, kind := range []string{kindRun, kindModel} {
			for ours, k := range ex.known[kind] {
				k.Mark, k.Other = "", ""
				ex.known[kind][ours] = k
			}
		}
		was.Mark = ""
	}
	ex.there[here] = id
	ex.count(func(r *Report, _ *Progress) {
		if !made && was.Mark == "" {
			r.Experiments.Changed++
			return
		}
		tally(&r.Experiments, was.Mark, mark)
	})
	return ex.tracking.NoteKnown(ctx, ex.Peer, tracking.Known{Kind: kindExperiment, ID: here, Other: id, Mark: mark})
}

// ids gives every run of an experiment an id there, so that the runs can name each other.
func (ex *exporting) ids(ctx context.Context, e tracking.Experiment) error {
	exp, ok := ex.there[e.ID]
	if !ok {
		return nil
	}
	return ex.src.Runs(ctx, e.ID, func(r tracking.Run) error {
		ex.count(func(rep *Report, p *Progress) {
			p.Total++
			p.Doing = "counting"
			if ex.DryRun {
				tally(&rep.Runs, ex.known[kindRun][r.ID].Mark, markRun(r))
			}
		})
		if ex.DryRun {
			return ex.countFiles(ctx, r)
		}
		id, err := ex.id(ctx, kindRun, exp, r.ID, func() (string, error) { return ex.target.New(ctx, exp, &r, nil) })
		if err != nil {
			return ex.problem("run "+r.ID, err)
		}
		ex.runs[r.ID] = id
		return nil
	})
}

func (ex *exporting) countFiles(ctx context.Context, r tracking.Run) error {
	if ex.NoFiles {
		return nil
	}
	return ex.problem("files of run "+r.ID, ex.src.Files(ctx, Root{ID: r.ID, URI: r.ArtifactURI}, func(f File) error {
		ex.count(func(rep *Report, _ *Progress) { rep.Files.New++; rep.Bytes += f.Size })
		return nil
	}))
}

// id gives the id there of one of ours, and makes the thing when it is new. The note that it is about to be made comes first:
// after a kill in between, it is looked for.
func (ex *exporting) id(ctx context.Context, kind, experiment, ours string, make func() (string, error)) (string, error) {
	k, noted := ex.known[kind][ours]
	if k.Other != "" {
		return k.Other, nil
	}
	k = tracking.Known{Kind: kind, ID: ours}
	if !noted {
		if err := ex.tracking.NoteKnown(ctx, ex.Peer, k); err != nil {
			return "", err
		}
	} else {
		id, err := ex.target.Find(ctx, kind == kindModel, experiment, ours)
		if err != nil {
			return "", err
		}
		k.Other = id
	}
	if k.Other == "" {
		id, err := make()
		if err != nil {
			return "", err
		}
		k.Other = id
	}
	ex.known[kind][ours] = k
	return k.Other, ex.tracking.NoteKnown(ctx, ex.Peer, k)
}

func (ex *exporting) modelIDs(ctx context.Context, e tracking.Experiment) error {
	exp, ok := ex.there[e.ID]
	if !ok {
		return nil
	}
	return ex.src.LoggedModels(ctx, e.ID, func(m tracking.LoggedModel) error {
		ex.count(func(r *Report, p *Progress) {
			p.Total++
			if ex.DryRun {
				tally(&r.Models, ex.known[kindModel][m.ID].Mark, markModel(m))
			}
		})
		if ex.DryRun {
			return nil
		}
		ours := m.ID
		m.SourceRunID = ex.runs[m.SourceRunID]
		id, err := ex.id(ctx, kindModel, exp, ours, func() (string, error) { return ex.target.New(ctx, exp, nil, &m) })
		if err != nil {
			return ex.problem("logged model "+ours, err)
		}
		ex.models[ours] = id
		return nil
	})
}

// content writes what was logged: models first, because the points of runs may be about them.
func (ex *exporting) content(ctx context.Context, e tracking.Experiment) error {
	if _, ok := ex.there[e.ID]; !ok || ex.DryRun {
		return nil
	}
	g, in := errgroup.WithContext(ctx)
	g.SetLimit(ex.AtOnce)
	err := ex.src.LoggedModels(in, e.ID, func(m tracking.LoggedModel) error {
		if _, ok := ex.models[m.ID]; !ok {
			return nil
		}
		g.Go(func() error { return ex.model(in, m) })
		return in.Err()
	})
	if err == nil {
		err = ex.src.Runs(in, e.ID, func(r tracking.Run) error {
			if _, ok := ex.runs[r.ID]; !ok {
				return nil
			}
			g.Go(func() error { return ex.run(in, r) })
			return in.Err()
		})
	}
	if first := g.Wait(); first != nil {
		return first
	}
	return err
}

func (ex *exporting) model(ctx context.Context, m tracking.LoggedModel) error {
	ours, mark, id := m.ID, markModel(m), ex.models[m.ID]
	was := ex.known[kindModel][ours].Mark
	root, all := Root{Model: true, ID: ours, URI: m.ArtifactURI}, false
	err := ex.onModel(ctx, id, m, was == mark && !ex.All)
	if err == nil {
		all, err = ex.files(ctx, root, id)
	}
	if err == nil && all && was != mark {
		if err = ex.target.Finish(ctx, id, nil, &m); err == nil {
			err = ex.tracking.NoteKnown(ctx, ex.Peer, tracking.Known{Kind: kindModel, ID: ours, Other: id, Mark: mark})
		}
	}
	ex.count(func(r *Report, p *Progress) {
		p.Done++
		p.Doing = root.String()
		if err != nil || !all {
			r.Models.Failed++
		} else {
			tally(&r.Models, was, mark)
		}
	})
	return ex.problem(root.String(), err)
}

func (ex *exporting) onModel(ctx context.Context, id string, m tracking.LoggedModel, same bool) error {
	if same {
		return nil
	}
	if err := ex.target.Write(ctx, id, nil, &m); err != nil {
		return err
	}
	byRun := map[string][]tracking.Metric{}
	for _, p := range m.Metrics {
		p.ModelID = id
		byRun[p.RunID] = append(byRun[p.RunID], p)
	}
	for run, points := range byRun {
		if there, ok := ex.runs[run]; ok {
			if err := ex.target.AddPoints(ctx, there, points); err != nil {
				return err
			}
		}
	}
	return nil
}

func (ex *exporting) run(ctx context.Context, r tracking.Run) error {
	ours, mark, id := r.ID, markRun(r), ex.runs[r.ID]
	was := ex.known[kindRun][ours].Mark
	root, all := Root{ID: ours, URI: r.ArtifactURI}, false
	err := ex.runData(ctx, id, &r, was == mark && !ex.All)
	if err == nil {
		all, err = ex.files(ctx, root, id)
	}
	if err == nil && all && was != mark {
		if err = ex.target.Finish(ctx, id, &r, nil); err == nil {
			err = ex.tracking.NoteKnown(ctx, ex.Peer, tracking.Known{Kind: kindRun, ID: ours, Other: id, Mark: mark})
		}
	}
	ex.count(func(rep *Report, p *Progress) {
		p.Done++
		p.Doing = root.String()
		if err != nil || !all {
			rep.Runs.Failed++
		} else {
			tally(&rep.Runs, was, mark)
		}
	})
	return ex.problem(root.String(), err)
}

func (ex *exporting) runData(ctx context.Context, id string, r *tracking.Run, same bool) error {
	if same {
		return nil
	}
	t := *r
	t.Tags, t.ModelInputs, t.ModelOutputs = nil, nil, nil
	for _, tag := range r.Tags {
		if tag.Key == tracking.TagParent {
			if parent, ok := ex.runs[tag.Value]; ok {
				tag.Value = parent
			}
		}
		t.Tags = append(t.Tags, tag)
	}
	for _, m := range r.ModelInputs {
		if there, ok := ex.models[m]; ok {
			t.ModelInputs = append(t.ModelInputs, there)
		}
	}
	for _, m := range r.ModelOutputs {
		if there, ok := ex.models[m.ModelID]; ok {
			t.ModelOutputs = append(t.ModelOutputs, tracking.ModelOutput{ModelID: there, Step: m.Step})
		}
	}
	if err := ex.target.Write(ctx, id, &t, nil); err != nil {
		return err
	}
	return ex.src.Points(ctx, *r, func(points []tracking.Metric) error {
		ex.count(func(rep *Report, _ *Progress) { rep.Points += int64(len(points)) })
		return ex.target.AddPoints(ctx, id, points)
	})
}

// files sends the files that are not there, or have another size.
func (ex *exporting) files(ctx context.Context, root Root, id string) (all bool, err error) {
	place, err := ex.target.Place(ctx, root.Model, id)
	if err != nil {
		return false, err
	}
	ex.count(func(*Report, *Progress) { ex.places[root.URI] = place.URI })
	if ex.NoFiles {
		return true, nil
	}
	there := map[string]int64{}
	if err := ex.target.Files(ctx, place, func(f File) error { there[f.Path] = max(f.Size, 0); return nil }); err != nil {
		return false, err
	}
	all = true
	err = ex.src.Files(ctx, root, func(f File) error {
		size, has := there[f.Path]
		if has && size == f.Size && !ex.All {
			ex.count(func(r *Report, _ *Progress) { r.Files.Same++ })
			return nil
		}
		err := ex.target.Put(ctx, place, f.Path, f.Size, func() (io.ReadCloser, error) { return ex.src.Open(ctx, root, f.Path) })
		ex.count(func(r *Report, _ *Progress) {
			switch {
			case err != nil:
				r.Files.Failed++
				all = false
				return
			case has:
				r.Files.Changed++
			default:
				r.Files.New++
			}
			r.Bytes += f.Size
		})
		return ex.problem("file "+f.Path+" of "+root.String(), err)
	})
	return all, err
}

// gone deletes there the experiments that are deleted here, when all of everything is there: a deleted one takes no new runs.
func (ex *exporting) gone(ctx context.Context, e tracking.Experiment) error {
	id, ok := ex.there[e.ID]
	if !ok || e.Stage != tracking.Deleted || ex.DryRun || len(ex.report.Problems) > 0 {
		return nil
	}
	return ex.problem("experiment "+e.Name, ex.target.Delete(ctx, id))
}

// registered brings the registry, with the places of files there.
func (ex *exporting) registered(ctx context.Context) error {
	ex.count(func(_ *Report, p *Progress) { p.Doing = "the registry" })
	return ex.src.Registered(ctx, func(m registry.Model, versions []registry.Version) error {
		parts := []any{markRegistered(m)}
		for _, v := range versions {
			parts = append(parts, markVersion(v))
		}
		mark, was := markOf(parts...), ex.known[kindRegistered][m.Name].Mark
		if ex.DryRun || was == mark && !ex.All {
			ex.count(func(r *Report, _ *Progress) {
				tally(&r.Registered, was, mark)
				if was == mark {
					r.Versions.Same += len(versions)
				}
			})
			return nil
		}
		name := m.Name
		for i := range versions {
			versions[i] = ex.moved(versions[i])
		}
		m.Name = ex.Prefix + name
		made, err := ex.target.PutRegistered(ctx, m, versions)
		ex.count(func(r *Report, _ *Progress) {
			r.Versions.New += made
			if err != nil {
				r.Registered.Failed++
				return
			}
			r.Versions.Same += len(versions) - made
			r.Aliases += len(m.Aliases)
			tally(&r.Registered, was, mark)
		})
		if err != nil {
			return ex.problem("registered model "+name, err)
		}
		return ex.tracking.NoteKnown(ctx, ex.Peer, tracking.Known{Kind: kindRegistered, ID: name, Other: m.Name, Mark: mark})
	})
}

// moved is a version with the ids and places of the target.
func (ex *exporting) moved(v registry.Version) registry.Version {
	v.Model = ex.Prefix + v.Model
	v.Tags = maps.Clone(v.Tags)
	if there, ok := ex.runs[v.RunID]; ok {
		v.RunID = there
	} else {
		v.RunID = ""
	}
	v.LoggedModel = ex.models[v.LoggedModel]
	if logged, ok := strings.CutPrefix(v.Source, "models:/m-"); ok {
		if there, ok := ex.models["m-"+logged]; ok {
			v.Source, v.LoggedModel = "models:/"+there, there
		}
		return v
	}
	if v.Package != "" {
		ex.note(versionID(v), "its package stays here: hand its bundle on, see `paraplu package`")
	}
	for at, rest := v.Source, ""; ; {
		if place, ok := ex.places[at]; ok {
			v.Source = place + rest
			return v
		}
		i := strings.LastIndexByte(at, '/')
		if i < 0 {
			return v
		}
		at, rest = at[:i], v.Source[i:]
	}
}
