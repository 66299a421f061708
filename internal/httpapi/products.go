package httpapi

import (
	"context"
	"slices"

	"github.com/paraplu/paraplu/internal/api"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
)

type none struct{}

func (s *server) info(ctx context.Context, _ *none) (api.Info, error) {
	out := api.Info{Version: s.Version, Database: string(s.Steps.DB.Dialect())}
	lines, err := s.products(ctx, nil)
	for _, l := range lines {
		out.Products = append(out.Products, l.Name)
		if l.Here {
			out.Here = l.Name
		}
	}
	return out, err
}

func (s *server) products(ctx context.Context, _ *none) ([]api.ProductLine, error) {
	p, err := s.workspace(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.Steps.Team.Products(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]api.ProductLine, len(rows))
	for i, r := range rows {
		out[i] = api.ProductLine{Name: r.Name, Title: r.Title, Description: r.Description, Risk: r.Risk, Stage: r.Stage, Owner: r.Owner,
			Here: p != nil && p.Name == r.Name}
	}
	slices.SortStableFunc(out, func(a, b api.ProductLine) int {
		switch {
		case a.Here == b.Here:
			return 0
		case a.Here:
			return -1
		}
		return 1
	})
	return out, nil
}

type ofProduct struct {
	Product string `path:"product" maxLength:"100" doc:"Name"`
}

type factsInput struct {
	Product string `path:"product" maxLength:"100" doc:"Name"`
	After   int64  `query:"after" minimum:"0" doc:"Only facts with a greater number"`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"200"`
}

func (s *server) facts(ctx context.Context, in *factsInput) ([]api.Fact, error) {
	if _, err := s.here(ctx, in.Product); err != nil {
		return nil, err
	}
	facts, err := s.read(ctx, event.Filter{Product: in.Product, After: in.After, Limit: in.Limit})
	return factsOf(facts), err
}

// read reads facts.
func (s *server) read(ctx context.Context, f event.Filter) (out []event.Fact, err error) {
	err = s.Steps.DB.View(ctx, func(tx *db.Tx) error {
		out, err = event.List(tx, f)
		return err
	})
	return out, err
}

func factsOf(facts []event.Fact) []api.Fact {
	out := make([]api.Fact, len(facts))
	for i, f := range facts {
		out[i] = api.Fact{Seq: f.Seq, At: f.Time, Actor: f.Actor, Source: f.Source, Verb: f.Verb, Kind: f.Kind, Object: f.Object,
			Digest: f.Digest, Reason: f.Reason, Inputs: f.Inputs, Outputs: f.Outputs}
	}
	return out
}
