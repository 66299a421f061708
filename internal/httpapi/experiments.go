package httpapi

import (
	"context"

	"github.com/paraplu/paraplu/internal/api"
	"github.com/paraplu/paraplu/internal/tracking"
)

var viewOf = map[string]tracking.View{"": tracking.ActiveOnly, "active": tracking.ActiveOnly, "deleted": tracking.DeletedOnly, "all": tracking.All}

type viewInput struct {
	View string `query:"view" enum:"active,deleted,all" default:"active"`
}

func (s *server) experiments(ctx context.Context, in *viewInput) ([]api.Experiment, error) {
	list, err := s.Steps.Tracking.Experiments(ctx, viewOf[in.View])
	out := make([]api.Experiment, len(list))
	for i, l := range list {
		out[i] = experimentOf(l)
	}
	return out, err
}

func experimentOf(l tracking.ExperimentLine) api.Experiment {
	return api.Experiment{ID: l.ID, Name: l.Name, ArtifactLocation: l.ArtifactLocation, Stage: string(l.Stage), CreatedMs: l.CreatedMs,
		UpdatedMs: l.UpdatedMs, Runs: l.Runs, LastMs: l.LastMs, Tags: mapOf(l.Tags)}
}

func mapOf(list []tracking.KV) map[string]string {
	out := make(map[string]string, len(list))
	for _, kv := range list {
		out[kv.Key] = kv.Value
	}
	return out
}

type newExperimentInput struct{ Body api.NewExperiment }

func (s *server) newExperiment(ctx context.Context, in *newExperimentInput) (api.Experiment, error) {
	e, err := s.Steps.Tracking.CreateExperiment(ctx, in.Body.Name, in.Body.ArtifactLocation, nil)
	return experimentOf(tracking.ExperimentLine{Experiment: e}), err
}

type experimentInput struct {
	ID string `path:"id" maxLength:"20" doc:"Decimal number"`
}

func (s *server) experiment(ctx context.Context, in *experimentInput) (api.Experiment, error) {
	l, err := s.Steps.Tracking.ExperimentLine(ctx, in.ID)
	return experimentOf(l), err
}

type renameInput struct {
	ID   string `path:"id" maxLength:"20" doc:"Decimal number"`
	Body api.Rename
}

func (s *server) renameExperiment(ctx context.Context, in *renameInput) (api.Experiment, error) {
	if err := s.Steps.Tracking.RenameExperiment(ctx, in.ID, in.Body.Name); err != nil {
		return api.Experiment{}, err
	}
	return s.experiment(ctx, &experimentInput{in.ID})
}

func (s *server) deleteExperiment(ctx context.Context, in *experimentInput) (api.Experiment, error) {
	if err := s.Steps.Tracking.DeleteExperiment(ctx, in.ID); err != nil {
		return api.Experiment{}, err
	}
	return s.experiment(ctx, in)
}

func (s *server) restoreExperiment(ctx context.Context, in *experimentInput) (api.Experiment, error) {
	if err := s.Steps.Tracking.RestoreExperiment(ctx, in.ID); err != nil {
		return api.Experiment{}, err
	}
	return s.experiment(ctx, in)
}

type viewsInput struct {
	Product string `query:"product" maxLength:"100" doc:"Also the views of this product"`
}

func (s *server) views(ctx context.Context, in *viewsInput) ([]api.SavedView, error) {
	list, err := s.Steps.Tracking.Views(ctx, in.Product)
	out := make([]api.SavedView, len(list))
	for i, v := range list {
		out[i] = savedViewOf(v)
	}
	return out, err
}

func savedViewOf(v tracking.SavedView) api.SavedView {
	return api.SavedView{ID: v.ID, Product: v.Product, Name: v.Name, Filter: v.Filter, Order: v.Order, Columns: v.Columns, UpdatedMs: v.UpdatedMs}
}

type newViewInput struct{ Body api.ViewBody }

func (s *server) newView(ctx context.Context, in *newViewInput) (api.SavedView, error) {
	return s.keepView(ctx, "", in.Body)
}

type oneView struct {
	ID string `path:"id" maxLength:"40"`
}

type changeViewInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body api.ViewBody
}

func (s *server) changeView(ctx context.Context, in *changeViewInput) (api.SavedView, error) {
	return s.keepView(ctx, in.ID, in.Body)
}

func (s *server) keepView(ctx context.Context, id string, b api.ViewBody) (api.SavedView, error) {
	v, err := s.Steps.Tracking.SaveView(ctx, tracking.SavedView{ID: id, Product: b.Product, Name: b.Name, Filter: b.Filter, Order: b.Order, Columns: b.Columns})
	return savedViewOf(v), err
}

func (s *server) deleteView(ctx context.Context, in *oneView) (api.Done, error) {
	return api.Done{OK: true}, s.Steps.Tracking.DeleteView(ctx, in.ID)
}
