package transfer

import (
	"context"
	"maps"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/tracking"
)

// Kinds of what is noted with a peer.
const (
	kindExperiment = "experiment"
	kindRun        = "run"
	kindModel      = "logged model"
	kindRegistered = "registered model"
	kindVersion    = "version"
)

// importing is one import at work.
type importing struct {
	*Transfer
	*ledger
	Options
	src Source

	known   map[string]map[string]tracking.Known // kind → id → what an earlier import noted
	local   map[string]string                    // experiment there → here
	places  map[string]Root                      // where files were → whose they are
	broken  map[string]bool                      // logged models that did not come over
	release chan struct{}                        // as many as files at once
}

// Import brings over what src holds and this workspace lacks. The report is also there when an error ends it.
func (t *Transfer) Import(ctx context.Context, src Source, o Options) (*Report, error) {
	if o.AtOnce <= 0 {
		o.AtOnce = 4
	}
	im := &importing{Transfer: t, ledger: newLedger(o), Options: o, src: src, known: map[string]map[string]tracking.Known{},
		local: map[string]string{}, places: map[string]Root{}, broken: map[string]bool{}, release: make(chan struct{}, o.AtOnce)}
	err := im.all(ctx)
	return &im.report, err
}

func (im *importing) all(ctx context.Context) error {
	for _, kind := range []string{kindExperiment, kindRun, kindModel, kindRegistered, kindVersion} {
		m, err := im.tracking.KnownTo(ctx, im.Peer, kind)
		if err != nil {
			return err
		}
		im.known[kind] = m
	}
	list, err := im.src.Experiments(ctx)
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := im.scan(ctx, e); err != nil {
			return err
		}
	}
	if !im.DryRun {
		if err := im.tracked(ctx, list); err != nil {
			return err
		}
	}
	return im.registered(ctx)
}

// scan counts what there is to do in an experiment.
func (im *importing) scan(ctx context.Context, e tracking.Experiment) error {
	was := im.known[kindExperiment][e.ID].Mark
	if _, err := im.tracking.ExperimentByName(ctx, im.Prefix+e.Name); err == nil && was == "" || e.ID == "0" && im.Prefix == "" && was == "" {
		was = merged
	}
	is := markExperiment(e)
	if was == merged+is {
		was = is
	}
	im.count(func(r *Report, p *Progress) {
		p.Doing = "counting"
		if im.DryRun {
			tally(&r.Experiments, was, is)
		}
	})
	err := im.src.LoggedModels(ctx, e.ID, func(m tracking.LoggedModel) error {
		root := Root{Model: true, ID: m.ID, URI: m.ArtifactURI}
		return im.scanOne(ctx, root, im.known[kindModel][m.ID].Mark, markModel(m), func(r *Report) *Tally { return &r.Models })
	})
	if err != nil {
		return err
	}
	return im.src.Runs(ctx, e.ID, func(run tracking.Run) error {
		root := Root{ID: run.ID, URI: run.ArtifactURI}
		return im.scanOne(ctx, root, im.known[kindRun][run.ID].Mark, markRun(run), func(r *Report) *Tally { return &r.Runs })
	})
}

func (im *importing) scanOne(ctx context.Context, root Root, was, is string, of func(*Report) *Tally) error {
	if root.URI != "" {
		im.places[root.URI] = root
	}
	im.count(func(r *Report, p *Progress) {
		p.Total++
		if im.DryRun {
			tally(of(r), was, is)
		}
	})
	if !im.DryRun || im.NoFiles {
		return nil
	}
	return im.problem("files of "+root.String(), im.countFiles(ctx, root, was == is))
}

func (im *importing) countFiles(ctx context.Context, root Root, here bool) error {
	dir, _ := im.placeOf(ctx, root)
	return im.src.Files(ctx, root, func(f File) error {
		there := false
		if here && dir != "" {
			a, err := im.tracking.StatArtifact(ctx, dir+"/"+f.Path)
			there = err == nil && (f.Size < 0 || a.Size == f.Size)
		}
		im.count(func(r *Report, _ *Progress) {
			if there {
				r.Files.Same++
				return
			}
			r.Files.New++
			r.Bytes += max(f.Size, 0)
		})
		return nil
	})
}

// tally counts a thing by its marks, earlier and now.
func tally(t *Tally, was, is string) {
	switch was {
	case "":
		t.New++
	case is:
		t.Same++
	default:
		t.Changed++
	}
}

// tracked brings experiments, logged models and runs. The models come first because runs name them, their metrics last
// because they name runs.
func (im *importing) tracked(ctx context.Context, list []tracking.Experiment) error {
	for _, e := range list {
		if err := im.experiment(ctx, e); err != nil {
			return err
		}
	}
	for _, e := range list {
		if err := im.each(ctx, e, func(ctx context.Context, g *errgroup.Group, id string) error {
			return im.src.LoggedModels(ctx, e.ID, func(m tracking.LoggedModel) error {
				mark := markModel(m)
				m.ExperimentID = id
				g.Go(func() error { return im.model(ctx, m, mark) })
				return ctx.Err()
			})
		}); err != nil {
			return err
		}
	}
	for _, e := range list {
		if err := im.each(ctx, e, func(ctx context.Context, g *errgroup.Group, id string) error {
			return im.src.Runs(ctx, e.ID, func(run tracking.Run) error {
				mark := markRun(run)
				run.ExperimentID = id
				g.Go(func() error { return im.run(ctx, run, mark) })
				return ctx.Err()
			})
		}); err != nil {
			return err
		}
	}
	for _, e := range list {
		if err := im.modelMetrics(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// each calls walk for an experiment that has a place here, with a group of workers.
func (im *importing) each(ctx context.Context, e tracking.Experiment, walk func(context.Context, *errgroup.Group, string) error) error {
	id, ok := im.local[e.ID]
	if !ok {
		return nil
	}
	g, in := errgroup.WithContext(ctx)
	g.SetLimit(im.AtOnce)
	err := walk(in, g, id)
	if first := g.Wait(); first != nil {
		return first
	}
	return err
}

// merged stands before the mark of an experiment that was here before: it keeps what it has.
const merged = "merged "

// experiment finds the place of an experiment here: where an earlier import put it, the default one, one with its name, or a
// new one.
func (im *importing) experiment(ctx context.Context, e tracking.Experiment) error {
	mark, there := markExperiment(e), e.ID
	im.count(func(_ *Report, p *Progress) { p.Doing = "experiment " + e.Name })
	was, noted := im.known[kindExperiment][there]
	if _, err := im.tracking.Experiment(ctx, was.Other); fault.Is(err, fault.NotFound) { // purged here
		was, noted = tracking.Known{}, false
	}
	if noted && strings.TrimPrefix(was.Mark, merged) == mark {
		im.count(func(r *Report, _ *Progress) { r.Experiments.Same++ })
		im.local[there] = was.Other
		return nil
	}
	e.Name = im.Prefix + e.Name
	if e.ArtifactLocation != tracking.ArtifactRoot+there {
		e.Tags = append(e.Tags, tracking.KV{Key: tracking.TagSourceURI, Value: e.ArtifactLocation})
	}
	id, made, err := im.placeExperiment(ctx, e, was)
	if err != nil {
		return im.failedExperiment(e.Name, err)
	}
	im.local[there] = id
	if !made && (!noted || strings.HasPrefix(was.Mark, merged)) {
		mark = merged + mark
	}
	im.count(func(r *Report, _ *Progress) {
		if made {
			r.Experiments.New++
		} else {
			r.Experiments.Changed++
		}
	})
	return im.tracking.NoteKnown(ctx, im.Peer, tracking.Known{Kind: kindExperiment, ID: there, Other: id, Mark: mark})
}

func (im *importing) placeExperiment(ctx context.Context, e tracking.Experiment, was tracking.Known) (id string, made bool, err error) {
	id = was.Other
	switch {
	case id == "" && e.ID == tracking.DefaultExperiment && im.Prefix == "":
		id = tracking.DefaultExperiment
	case id != "" && !strings.HasPrefix(was.Mark, merged):
		e.ID = id
		return id, false, im.tracking.UpdateImported(ctx, e)
	}
	if id != "" { // whatever its name is now
		here, err := im.tracking.Experiment(ctx, id)
		if err != nil {
			return "", false, err
		}
		e.Name = here.Name
	}
	here, made, err := im.tracking.ImportExperiment(ctx, e)
	return here.ID, made, err
}

func (im *importing) failedExperiment(name string, err error) error {
	im.count(func(r *Report, _ *Progress) { r.Experiments.Failed++ })
	return im.problem("experiment "+name+" with its runs", err)
}

// run brings a run: first what is known of it, then its points and files, then the note that all of it is here.
func (im *importing) run(ctx context.Context, run tracking.Run, mark string) error {
	was := im.known[kindRun][run.ID].Mark
	root := Root{ID: run.ID, URI: run.ArtifactURI}
	err := im.runData(ctx, run, was == mark && !im.All)
	if err == nil {
		var all bool
		if all, err = im.files(ctx, root); err == nil && all && (was != mark || im.All) {
			err = im.tracking.FinishImport(ctx, im.Peer, tracking.Known{Kind: kindRun, ID: run.ID, Other: run.ID, Mark: mark}, im.Actor)
		}
	}
	im.count(func(r *Report, p *Progress) {
		p.Done++
		p.Doing = root.String()
		if err != nil {
			r.Runs.Failed++
		} else {
			tally(&r.Runs, was, mark)
		}
	})
	return im.problem("run "+run.ID, err)
}

func (im *importing) runData(ctx context.Context, run tracking.Run, same bool) error {
	if same {
		return nil
	}
	_, missing, err := im.tracking.ImportRun(ctx, run)
	if err != nil {
		return err
	}
	for _, id := range missing {
		im.note("run "+run.ID, "it names the logged model "+id+", which the source does not show: it was deleted there")
	}
	err = im.src.Points(ctx, run, func(points []tracking.Metric) error {
		im.count(func(r *Report, _ *Progress) { r.Points += int64(len(points)) })
		return im.tracking.ImportPoints(ctx, run.ID, points)
	})
	return fault.Wrap(err, "its metrics")
}

func (im *importing) model(ctx context.Context, m tracking.LoggedModel, mark string) (err error) {
	root := Root{Model: true, ID: m.ID, URI: m.ArtifactURI}
	if im.known[kindModel][m.ID].Mark != mark || im.All {
		_, err = im.tracking.ImportModel(ctx, m)
	}
	all := false
	if err == nil {
		all, err = im.files(ctx, root)
	}
	im.count(func(r *Report, p *Progress) {
		p.Done++
		p.Doing = root.String()
		if err != nil || !all {
			r.Models.Failed++
			im.broken[m.ID] = true
		}
	})
	return im.problem(root.String(), err)
}

// modelMetrics brings the metrics of logged models and notes that they are here.
func (im *importing) modelMetrics(ctx context.Context, e tracking.Experiment) error {
	if _, ok := im.local[e.ID]; !ok {
		return nil
	}
	return im.src.LoggedModels(ctx, e.ID, func(m tracking.LoggedModel) error {
		if im.broken[m.ID] {
			return nil
		}
		missing, err := im.tracking.ImportModelMetrics(ctx, m.ID, m.Metrics)
		if fault.Is(err, fault.NotFound) && im.known[kindModel][m.ID].Mark == markModel(m) { // purged here
			err = nil
		}
		if err != nil {
			return im.problem("metrics of logged model "+m.ID, err)
		}
		for _, id := range missing {
			im.note("logged model "+m.ID, "it has a metric of run "+id+", which is not in the source any more")
		}
		was, mark := im.known[kindModel][m.ID].Mark, markModel(m)
		im.count(func(r *Report, _ *Progress) { tally(&r.Models, was, mark) })
		return im.tracking.NoteKnown(ctx, im.Peer, tracking.Known{Kind: kindModel, ID: m.ID, Other: m.ID, Mark: mark})
	})
}

// placeOf gives the folder where the files of a run or logged model are kept here, "" when it is not here.
func (im *importing) placeOf(ctx context.Context, root Root) (string, error) {
	uri := ""
	if root.Model {
		m, err := im.tracking.Model(ctx, root.ID, true)
		if err != nil {
			return "", err
		}
		uri = m.ArtifactURI
	} else {
		run, err := im.tracking.Run(ctx, root.ID)
		if err != nil {
			return "", err
		}
		uri = run.ArtifactURI
	}
	return tracking.ArtifactPath(uri)
}

// tagged gives tags with one more.
func tagged(tags map[string]string, key, value string) map[string]string {
	out := maps.Clone(tags)
	if out == nil {
		out = map[string]string{}
	}
	out[key] = value
	return out
}
