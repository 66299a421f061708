package httpapi

import (
	"context"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/api"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/monitor"
	"github.com/paraplu/paraplu/internal/spec"
)

func (g *page) monitors(ctx context.Context) (err error) {
	m := g.p.Monitor
	g.Watch = api.Watch{Window: m.Window.String()}
	if r := m.Performance; r != nil {
		g.Watch.Metric = r.Metric
		g.Watch.Performance = g.rule(api.Rule{K: r.K, Of: r.Of, Activity: r.Activity, Runbook: r.Runbook, Severity: r.Severity})
	}
	if r := m.Value; r != nil {
		g.Watch.Value = g.rule(api.Rule{K: r.K, Of: r.Of, Activity: r.Activity, Runbook: r.Runbook, Severity: r.Severity})
	}
	if g.Windows, err = g.Steps.Monitor.Windows(ctx, g.p.Name); err != nil {
		return err
	}
	if g.Incidents, err = g.newest(ctx, g.p.Name); err != nil {
		return err
	}
	g.Drift, err = g.Steps.Monitor.Drift(ctx, g.p)
	return err
}

// rule adds who is called.
func (g *page) rule(r api.Rule) *api.Rule {
	for _, resp := range g.Responsibilities {
		if resp.Activity == r.Activity {
			r.Owner, r.Backup = resp.Accountable, resp.Backup
		}
	}
	return &r
}

// money counts over all days with an answer.
func (g *page) money(ctx context.Context) error {
	from, to, err := g.period(ctx, g.p.Name, g.Windows)
	if err != nil {
		return err
	}
	if g.p.Canvas.Value.Unit == "" || !to.After(from) {
		return nil
	}
	b, err := g.Steps.Monitor.Bill(ctx, g.p, from, to)
	if err != nil {
		return err
	}
	g.Value = valueOf(g.p, b)
	return nil
}

// period is from the first day with an answer and truth until the end of the last day with an answer.
func (s *server) period(ctx context.Context, product string, windows []monitor.Window) (from, to time.Time, err error) {
	if len(windows) == 0 {
		return from, to, nil
	}
	received, err := s.Steps.Monitor.Received(ctx, product)
	if err != nil {
		return from, to, err
	}
	from = windows[0].Start
	if first, err := time.Parse(time.DateOnly, received.First); err == nil && first.After(from) {
		from = first
	}
	last := windows[len(windows)-1]
	for _, p := range last.Packages {
		if end := p.Last.Truncate(24*time.Hour).AddDate(0, 0, 1); end.After(to) {
			to = end
		}
	}
	if to.IsZero() || to.After(last.End) {
		to = last.End
	}
	return from, to, nil
}

func valueOf(p *spec.Product, b *monitor.Bill) *api.Value {
	days := b.To.Sub(b.From).Hours() / 24
	out := &api.Value{Unit: b.Unit, From: b.From, To: b.To, Days: days, Total: b.Total, Packages: b.Packages, Months: b.Months,
		Target: p.Canvas.Value.TargetPerYear, Expression: b.How.Value.Expression, Interval: b.How.Interval}
	if b.Total.Saving != nil {
		rate := monitor.Number(b.Total.Saving.Float() / days * 365.25)
		out.YearlyRate = &rate
	}
	return out
}

func (s *server) windows(ctx context.Context, in *ofProduct) ([]monitor.Window, error) {
	if _, err := s.here(ctx, in.Product); err != nil {
		return nil, err
	}
	return s.Steps.Monitor.Windows(ctx, in.Product)
}

func (s *server) incidents(ctx context.Context, in *ofProduct) ([]monitor.Incident, error) {
	if _, err := s.here(ctx, in.Product); err != nil {
		return nil, err
	}
	return s.newest(ctx, in.Product)
}

func (s *server) newest(ctx context.Context, product string) ([]monitor.Incident, error) {
	all, err := s.Steps.Monitor.Incidents(ctx, product)
	slices.Reverse(all)
	return all, err
}

type acknowledgeInput struct {
	ID   string `path:"id" maxLength:"200" doc:"Of the incident, such as umbrella-1"`
	Body api.Acknowledge
}

func (s *server) acknowledge(ctx context.Context, in *acknowledgeInput) (monitor.Incident, error) {
	if err := s.mayHandle(ctx, in.ID, in.Body.Member); err != nil {
		return monitor.Incident{}, err
	}
	return s.Steps.Monitor.Acknowledge(ctx, in.ID, in.Body.Member)
}

type resolveInput struct {
	ID   string `path:"id" maxLength:"200" doc:"Of the incident, such as umbrella-1"`
	Body api.Resolve
}

func (s *server) resolve(ctx context.Context, in *resolveInput) (monitor.Incident, error) {
	if err := s.mayHandle(ctx, in.ID, in.Body.Member); err != nil {
		return monitor.Incident{}, err
	}
	return s.Steps.Monitor.Resolve(ctx, in.ID, in.Body.Member, in.Body.Verdict, in.Body.Reason)
}

func (s *server) mayHandle(ctx context.Context, incident, who string) error {
	i, err := s.Steps.Monitor.Incident(ctx, incident)
	if err != nil {
		return err
	}
	p, err := s.here(ctx, i.Product)
	if err != nil {
		return err
	}
	return member(p, who)
}

type billInput struct {
	Product string `path:"product" maxLength:"100" doc:"Name"`
	From    string `query:"from" format:"date" doc:"First day; default the first with an answer and truth"`
	To      string `query:"to" format:"date" doc:"Last day, not included; default the day after the last answer"`
}

func (s *server) bill(ctx context.Context, in *billInput) (*monitor.Bill, error) {
	p, err := s.here(ctx, in.Product)
	if err != nil {
		return nil, err
	}
	windows, err := s.Steps.Monitor.Windows(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	from, to, err := s.period(ctx, p.Name, windows)
	if err != nil {
		return nil, err
	}
	if err := day(in.From, &from); err != nil {
		return nil, err
	}
	if err := day(in.To, &to); err != nil {
		return nil, err
	}
	if !to.After(from) {
		return nil, fault.New(fault.Invalid, "the period from %s to %s has no day", from.Format(time.DateOnly), to.Format(time.DateOnly)).
			WithHint("?from=2015-01-01&to=2016-01-01; without windows there is nothing to count yet")
	}
	return s.Steps.Monitor.Bill(ctx, p, from, to)
}

// day reads YYYY-MM-DD into t; "" leaves it.
func day(text string, t *time.Time) error {
	if text == "" {
		return nil
	}
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return fault.New(fault.Invalid, "%q is not a day", text).WithHint("write YYYY-MM-DD, such as 2015-03-02")
	}
	*t = d
	return nil
}
