package app

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/httpapi"
	"github.com/paraplu/paraplu/internal/monitor"
	"github.com/paraplu/paraplu/internal/serving"
	"github.com/paraplu/paraplu/internal/spec"
)

// fileStamp tells whether a file changed.
type fileStamp struct {
	size int64
	mod  time.Time
}

// Product reads paraplu.yaml of the workspace; it is read again when the file changed. The error is fault.NotFound when the
// workspace has none yet.
func (a *App) Product() (*spec.Product, error) {
	info, err := os.Stat(filepath.Join(a.cfg.Home, "paraplu.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no paraplu.yaml in %s", a.cfg.Home).
			WithHint("paraplu init, or go to the folder of your product")
	} else if err != nil {
		return nil, fault.Wrap(err, "reading paraplu.yaml")
	}
	stamp := fileStamp{info.Size(), info.ModTime()}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.product != nil && a.stamp == stamp {
		return a.product, nil
	}
	p, err := spec.Load(a.cfg.Home)
	if err != nil {
		return nil, err
	}
	a.product, a.stamp = p, stamp
	return p, nil
}

// Synced is Product, with its team and canvas made known to the rooms.
func (a *App) Synced(ctx context.Context, actor string) (*spec.Product, error) {
	p, err := a.Product()
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	known := a.synced == p
	a.mu.Unlock()
	if known { // a page asks every two seconds
		return p, nil
	}
	if _, err := a.Team.Sync(ctx, p, actor); err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.synced = p
	a.mu.Unlock()
	return p, nil
}

// monitored turns an answer of the log into what monitors judge. Answers that are marked as probes do not count.
func monitored(p serving.Prediction) (monitor.Prediction, error) {
	out := monitor.Prediction{ID: p.ID, Product: p.Product, Model: p.Model, Package: string(p.Package), Deployment: p.Deployment,
		EventTime: p.EventTime, PredictedAt: p.PredictedAt, Value: p.Value, Role: "champion"}
	if len(p.Features) > 0 {
		if err := json.Unmarshal(p.Features, &out.Features); err != nil {
			return out, err
		}
	}
	return out, nil
}

// nativeDeps are what the native API reads.
func (a *App) nativeDeps() httpapi.Deps {
	return httpapi.Deps{Steps: a.Steps, Lineage: a.Lineage, Version: a.cfg.Version, Log: a.cfg.Logger, Closing: a.closing, Product: func(ctx context.Context) (*spec.Product, error) { return a.Synced(ctx, "system") }}
}

// Local gives the folder of a verified, read-only copy of a dataset version in the workspace; what is there is not copied again.
func (a *App) Local(ctx context.Context, v dataset.Version) (string, error) {
	return a.Datasets.Local(ctx, v, a.cfg.path("versions", v.Dataset))
}
