// Package app wires the rooms: Config → App, with Start and Stop. The same App serves `paraplu up`, runs under every
// command, and starts in tests on a free port. Nothing else in the module builds a room.
//
//	a, err := app.Open(ctx, app.Config{Home: dir})   // what commands need
//	defer a.Close()
//	err = a.Start(ctx)                                // and a server, with monitors
//	fmt.Println(a.URL())
package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/paraplu/paraplu/internal/adapter/duck"
	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/job"
	"github.com/paraplu/paraplu/internal/lineage"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/monitor"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/rollout"
	"github.com/paraplu/paraplu/internal/serving"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/steps"
	"github.com/paraplu/paraplu/internal/team"
	"github.com/paraplu/paraplu/internal/trace"
	"github.com/paraplu/paraplu/internal/tracking"
	"github.com/paraplu/paraplu/internal/transfer"
	"github.com/paraplu/paraplu/internal/webhook"
)

// App is an open workspace.
type App struct {
	*steps.Steps
	Serving  *serving.Room
	Lineage  *lineage.Room
	Traces   *trace.Room
	Transfer *transfer.Transfer

	cfg    Config
	lock   *workspaceLock
	engine *duck.Engine
	jobs   *job.Queue

	mu       sync.Mutex
	product  *spec.Product
	stamp    fileStamp
	synced   *spec.Product // what the rooms know
	server   *server
	address  *servedAt
	stopLoop func()
	closing  chan struct{} // closed before the server stops: it waits for every request, and streams end by this only
}

// Open opens the workspace: database, objects, rooms. It starts nothing.
func Open(ctx context.Context, cfg Config) (*App, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.path(), 0o755); err != nil {
		return nil, fault.Wrap(err, "making the workspace folder %s", cfg.path())
	}
	if err := keepOutOfGit(cfg.path(".gitignore")); err != nil {
		return nil, err
	}
	lock, err := lockShared(cfg.path("lock"))
	if err != nil {
		return nil, err
	}
	a := &App{cfg: cfg, lock: lock}
	if err := a.open(ctx); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// keepOutOfGit makes git pass over the workspace: it holds private keys, and what is in it can be made again or is backed up.
func keepOutOfGit(file string) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	return fault.Wrap(os.WriteFile(file, []byte("*\n"), 0o644), "writing %s", file)
}

// Sources are the migrations of all rooms.
func Sources() []db.Source {
	return []db.Source{event.Migrations(), job.Migrations(), team.Migrations(), dataset.Migrations(), quality.Migrations(), pipeline.Migrations(),
		tracking.Migrations(), modelpack.Migrations(), registry.Migrations(), serving.Migrations(), rollout.Migrations(), monitor.Migrations(),
		trace.Migrations(), webhook.Migrations()}
}

func (a *App) open(ctx context.Context) error {
	d, err := db.Open(ctx, a.cfg.DB)
	if err != nil {
		return err
	}
	r := steps.Rooms{DB: d, Clock: a.cfg.Clock}
	a.Steps = steps.New(r)
	if err := db.Migrate(ctx, d, Sources()...); err != nil {
		return err
	}
	if r.Blob, err = blob.Open(ctx, a.cfg.Store); err != nil {
		return err
	}
	engine := duck.New(duck.Config{TempDir: a.cfg.path("tmp", "duck"), MemoryLimit: a.cfg.Memory, Threads: a.cfg.Threads})
	r.Analytics, a.engine = engine, engine
	r.Parquet = engine.WriteParquet
	r.Team = team.New(d, a.cfg.Clock)
	r.Datasets = dataset.New(d, r.Blob, a.cfg.Clock)
	r.Datasets.IndexDir = a.cfg.path("index")
	r.Quality = quality.New(d, engine, a.cfg.Clock)
	r.Pipeline = pipeline.New(d, r.Blob, a.cfg.Clock)
	r.Tracking = tracking.New(d, r.Blob, a.cfg.Clock)
	r.Tracking.Links = tracking.OpenLinks(a.cfg.path("keys", "links"), a.cfg.Clock)
	if err := r.Tracking.Adopt(ctx); err != nil {
		return err
	}
	r.Packs = modelpack.New(d, r.Blob, modelpack.OpenKeys(a.cfg.path("keys", "packages")), a.cfg.Clock)
	r.Registry = registry.New(d, a.releasable, a.cfg.path("keys", "members"), a.cfg.Clock)
	r.Registry.ResolveLogged, r.Registry.ResolveRun = r.Tracking.ResolveLogged, r.Tracking.ResolveRun
	if a.jobs, err = job.New(d, job.Config{Log: a.cfg.Logger}); err != nil {
		return err
	}
	r.Webhooks = webhook.New(d, a.jobs, a.cfg.path("keys", "webhooks"),
		webhook.Config{AllowPrivate: a.cfg.AllowPrivateWebhooks, Log: a.cfg.Logger}, a.cfg.Clock)
	r.Registry.Changed = r.Webhooks.Notify
	r.Rollout = rollout.New(d, r.Registry, a.cfg.Clock)
	a.Serving = serving.New(d, r.Packs, a.placed, a.cfg.Clock)
	a.Lineage = lineage.New(d)
	a.Traces = trace.New(d, r.Tracking.Home, a.cfg.Clock)
	a.Transfer = transfer.New(r.Tracking, r.Registry)
	r.Monitor = monitor.New(d, engine, a.predictions, a.accountable, a.cfg.Clock)
	r.Monitor.Answered = a.Serving.AnsweredByDay
	a.Steps = steps.New(r)
	return nil
}

// Close stops what runs and releases the workspace. Closing twice does nothing.
func (a *App) Close() error {
	err := a.Stop(context.Background())
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lock == nil {
		return err
	}
	if a.Steps != nil {
		if a.Blob != nil {
			err = errors.Join(err, a.Blob.Close())
		}
		err = errors.Join(err, a.DB.Close())
	}
	a.lock.release()
	a.lock = nil
	return err
}

// releasable tells the registry what it needs to know of a package.
func (a *App) releasable(ctx context.Context, digest ref.Digest) (registry.Package, error) {
	p, err := a.Packs.Get(ctx, digest)
	if err != nil {
		return registry.Package{}, err
	}
	v, err := a.Packs.Verify(ctx, digest)
	out := registry.Package{Author: p.Actor, SelfTested: err == nil && v.OK}
	if e := p.Manifest.Lineage.Execution; e != "" {
		if exec, err := a.Pipeline.Execution(ctx, e); err == nil && exec.Actor != p.Actor {
			out.Authors = append(out.Authors, exec.Actor)
		}
	}
	return out, nil
}

// placed gives serving the open deployments.
func (a *App) placed(ctx context.Context) ([]serving.Placement, error) {
	open, err := a.Rollout.Current(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]serving.Placement, len(open))
	for i, d := range open {
		out[i] = serving.Placement{Product: d.Product, Environment: d.Environment, Endpoint: d.Endpoint, Model: d.Model, Package: d.Package, Deployment: d.ID}
		if v, err := a.Registry.GetByAlias(ctx, d.Model, d.Environment); err == nil && v.Package == d.Package {
			out[i].Version = strconv.Itoa(v.Number)
		}
	}
	return out, nil
}

// predictions gives monitors the answers of the log.
func (a *App) predictions(ctx context.Context, product string, from, to time.Time) ([]monitor.Prediction, error) {
	answers, err := a.Serving.Predictions(ctx, product, from, to)
	if err != nil {
		return nil, err
	}
	out := make([]monitor.Prediction, len(answers))
	for i, p := range answers {
		if out[i], err = monitored(p); err != nil {
			return nil, fmt.Errorf("prediction %s: %w", p.ID, err)
		}
	}
	return out, nil
}

func (a *App) accountable(ctx context.Context, product, activity string) (owner, backup string, err error) {
	m, b, err := a.Team.Accountable(ctx, product, activity)
	return m.Name, b.Name, err
}

// Home is the folder of the workspace.
func (a *App) Home() string { return a.cfg.Home }

// Alone runs fn while no other process has the workspace open; ok is false when there is another.
func (a *App) Alone(fn func() error) (ok bool, err error) { return a.lock.alone(fn) }

// Python is the interpreter of steps, "" when there is none.
func (a *App) Python() string {
	if a.cfg.Python != "" {
		return a.cfg.Python
	}
	return FindPython(a.cfg.Home)
}

// StepEnv is the environment of steps: the interpreter's folder first in PATH, the tracking address when this or another
// process serves the workspace, and nothing that makes runs differ.
func (a *App) StepEnv() []string {
	env := []string{"PYTHONDONTWRITEBYTECODE=1", "PYTHONHASHSEED=0", "MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=1"}
	if py := a.Python(); py != "" {
		env = append(env, "PATH="+filepath.Dir(py)+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	url := a.URL()
	if url == "" && os.Getenv("MLFLOW_TRACKING_URI") == "" { // what a person chose is not overruled by another process
		url = addressOf(a.cfg.path("served-at"))
	}
	if url != "" {
		env = append(env, "MLFLOW_TRACKING_URI="+url, "PARAPLU_URL="+url)
	}
	return env
}

// Handler is everything behind the port; tests use it without one.
func (a *App) Handler() http.Handler { return a.mux() }
