package httpapi

import (
	"cmp"
	"context"
	"slices"

	"github.com/paraplu/paraplu/internal/api"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/monitor"
	"github.com/paraplu/paraplu/internal/spec"
)

const (
	pageFacts      = 100
	pageExecutions = 10
)

// page gathers the parts of a product's page; each part fills its own fields.
type page struct {
	*server
	p        *spec.Product
	versions map[string]int // package digest → version of the registered model
	api.ProductPage
}

func (s *server) product(ctx context.Context, in *ofProduct) (*api.ProductPage, error) {
	p, err := s.here(ctx, in.Product)
	if err != nil {
		return nil, err
	}
	g := &page{server: s, p: p}
	g.head()
	for _, part := range []func(context.Context) error{g.history, g.people, g.lifecycle, g.models, g.placements, g.packages, g.releases, g.data, g.pipeline, g.monitors, g.money} {
		if err := part(ctx); err != nil {
			return nil, err
		}
	}
	return &g.ProductPage, nil
}

func (g *page) head() {
	p, c := g.p, g.p.Canvas
	g.Name, g.Title, g.Description, g.Risk, g.Environment = p.Name, p.Title, p.Description, p.Risk, p.Release.Environment
	if g.Title == "" {
		g.Title = p.Name
	}
	g.Canvas = api.Canvas{Problem: c.Problem, Decision: c.Decision, DecidedBy: c.DecidedBy, Decided: c.Decided, Outcome: c.Outcome.What,
		Baseline: c.Baseline, Fallback: c.Fallback, Never: c.Never, Kill: c.Kill.Criterion, KillDate: string(c.Kill.Date)}
}

// told are the facts that people decided or must know; they are not crowded out by those of machines.
var told = []string{event.ProductSynced, event.CanvasSigned, event.DatasetPublished, event.DeliveryRefused, event.PackageBuilt, event.GatesEvaluated,
	event.ApprovalGiven, event.ApprovalRejected, event.DeploymentPlaced, event.DeploymentRolledBack, event.AlertFired, event.IncidentOpened,
	event.IncidentAcknowledged, monitor.IncidentMitigated, event.IncidentResolved, event.RetrainDecided}

// history is read first: whatever is newer than Seq is perhaps not in the answer, and is asked for again.
func (g *page) history(ctx context.Context) error {
	return g.Steps.DB.View(ctx, func(tx *db.Tx) (err error) {
		if g.Seq, err = event.LastSeq(tx); err != nil {
			return err
		}
		latest, err := event.List(tx, event.Filter{Product: g.p.Name, Newest: true, Limit: pageFacts})
		if err != nil {
			return err
		}
		weighty, err := event.List(tx, event.Filter{Product: g.p.Name, Verbs: told, Newest: true, Limit: pageFacts})
		if err != nil {
			return err
		}
		all := append(latest, weighty...)
		slices.SortFunc(all, func(a, b event.Fact) int { return cmp.Compare(b.Seq, a.Seq) })
		g.Facts = factsOf(slices.CompactFunc(all, func(a, b event.Fact) bool { return a.Seq == b.Seq }))
		return nil
	})
}

func (g *page) people(ctx context.Context) error {
	team := g.Steps.Team
	members, err := team.Members(ctx, g.p.Name)
	if err != nil {
		return err
	}
	for _, m := range members {
		g.Members = append(g.Members, api.Member{Name: m.Name, Title: m.Title, Role: m.Role})
	}
	all, err := team.Responsibilities(ctx, g.p.Name)
	if err != nil {
		return err
	}
	for _, r := range all {
		g.Responsibilities = append(g.Responsibilities, api.Responsibility(r))
	}
	gaps, err := team.Gaps(ctx, g.p.Name)
	for _, gap := range gaps {
		g.Gaps = append(g.Gaps, api.Gap(gap))
	}
	return err
}

func (g *page) lifecycle(ctx context.Context) error {
	stages, err := g.Steps.Team.Stages(ctx, g.p.Name)
	if err != nil {
		return err
	}
	for _, st := range stages {
		out := api.Stage{Name: st.Stage, Status: string(st.Status), Accountable: st.Accountable, Backup: st.Backup}
		for _, c := range st.Checks {
			out.Checks = append(out.Checks, api.Check{Text: c.Text, Status: string(c.Status), Detail: c.Detail, Who: c.Who, Command: c.Command})
		}
		g.Stages = append(g.Stages, out)
	}
	next, err := g.Steps.Team.Next(ctx, g.p.Name)
	if err != nil {
		return err
	}
	g.Next = &api.Next{Stage: next.Stage, Text: next.Text, Why: next.Why, Who: next.Who, Command: next.Command}
	rows, err := g.Steps.Team.Products(ctx)
	for _, r := range rows {
		if r.Name == g.p.Name {
			g.Stage = r.Stage
		}
	}
	return err
}

func (g *page) pipeline(ctx context.Context) error {
	list, err := g.Steps.Pipeline.Executions(ctx, g.p.Name, pageExecutions)
	for _, e := range list {
		out := api.Execution{ID: e.ID, State: string(e.State), Actor: e.Actor, Error: e.Error, Started: e.Started, Finished: e.Finished}
		for _, st := range e.Steps {
			out.Steps = append(out.Steps, api.Step{Name: st.Name, Result: string(st.Result), Why: st.Why})
		}
		g.Executions = append(g.Executions, out)
	}
	return err
}

// data joins what is declared with what is stored.
func (g *page) data(ctx context.Context) error {
	refused, err := g.read(ctx, event.Filter{Product: g.p.Name, Verbs: []string{event.DeliveryRefused}, Newest: true})
	if err != nil {
		return err
	}
	for _, d := range g.p.Data {
		out := api.Dataset{Name: d.Name, Description: d.Description, Owner: d.Owner, Source: d.Source, Licence: d.Licence,
			Simulated: d.Simulated, Contract: d.Contract, Rows: -1}
		if err := g.versionOf(ctx, &out); err != nil {
			return err
		}
		for _, f := range refused {
			if f.Object == d.Name {
				out.Refused = append(out.Refused, api.Refused{At: f.Time, Actor: f.Actor, Reason: f.Reason})
			}
		}
		g.Datasets = append(g.Datasets, out)
	}
	return nil
}

func (g *page) versionOf(ctx context.Context, d *api.Dataset) error {
	versions, err := g.Steps.Datasets.Versions(ctx, g.p.Name, d.Name)
	if err != nil || len(versions) == 0 {
		return err
	}
	v := versions[0]
	d.Version, d.Digest, d.Rows, d.Bytes, d.Versions, d.At, d.Actor = v.Number, string(v.Digest), v.Rows, v.Bytes, len(versions), v.CreatedAt, v.Actor
	d.Simulated = d.Simulated || v.Simulated
	if v.ReportID == "" {
		return nil
	}
	rep, err := g.Steps.Quality.Report(ctx, v.ReportID)
	if fault.Is(err, fault.NotFound) {
		return nil
	} else if err != nil {
		return err
	}
	d.Report, d.ReportID, d.Checks = string(rep.Status), rep.ID, len(rep.Checks)
	return nil
}
