package httpapi

import (
	"context"
	"math"
	"strconv"

	"github.com/paraplu/paraplu/internal/api"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/series"
	"github.com/paraplu/paraplu/internal/tracking"
)

type runsInput struct{ Body api.RunsQuery }

func (s *server) runs(ctx context.Context, in *runsInput) (api.RunsTable, error) {
	b := in.Body
	t, err := s.Steps.Tracking.Table(ctx, tracking.TableQuery{Experiments: b.Experiments, Filter: b.Filter, Order: b.Order, View: viewOf[b.View],
		Columns: b.Columns, Limit: b.Limit, Page: b.Page, NoTotal: b.NoTotal})
	if err != nil {
		return api.RunsTable{}, err
	}
	return tableOf(t), nil
}

func tableOf(t tracking.Table) api.RunsTable {
	out := api.RunsTable{More: t.More, Total: t.Total, Next: t.Next, Rows: make([]api.RunRow, len(t.Rows))}
	names := map[tracking.ColumnKind]*[]string{tracking.MetricColumn: &out.Metrics, tracking.ParamColumn: &out.Params, tracking.TagColumn: &out.Tags}
	for _, c := range t.Columns {
		*names[c.Kind] = append(*names[c.Kind], c.String())
	}
	metrics, params := len(out.Metrics), len(out.Params)
	for i := range t.Rows {
		row := &t.Rows[i]
		r := api.RunRow{RunState: stateOf(row.Run), Experiment: row.Experiment}
		r.Metrics, r.NaN = numbersOf(row.Cells[:metrics])
		r.Params, r.Tags = textsOf(row.Cells[metrics:metrics+params]), textsOf(row.Cells[metrics+params:])
		out.Rows[i] = r
	}
	return out
}

func stateOf(r tracking.Run) api.RunState {
	return api.RunState{ID: r.ID, Name: r.Name, ExperimentID: r.ExperimentID, User: r.UserID, Status: r.Status, Stage: string(r.Stage), StartMs: r.StartMs, EndMs: r.EndMs}
}

// numbersOf gives numbers with the places of those that are NaN, which JSON cannot say.
func numbersOf(cells []tracking.Cell) (out []*float64, nan []int) {
	out = make([]*float64, len(cells))
	for i := range cells {
		if c := &cells[i]; c.Set && !math.IsNaN(c.Number) {
			out[i] = &c.Number
		} else if c.Set {
			nan = append(nan, i)
		}
	}
	return out, nan
}

func textsOf(cells []tracking.Cell) []*string {
	out := make([]*string, len(cells))
	for i := range cells {
		if cells[i].Set {
			out[i] = &cells[i].Text
		}
	}
	return out
}

// number gives null for NaN and what is beyond all numbers.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

type columnsInput struct {
	Experiments []string `query:"experiment,explode" maxItems:"1000" doc:"Ids; none = all"`
	View        string   `query:"view" enum:"active,deleted,all" default:"active"`
}

func (s *server) columns(ctx context.Context, in *columnsInput) ([]api.RunColumn, error) {
	list, err := s.Steps.Tracking.Columns(ctx, in.Experiments, viewOf[in.View])
	out := make([]api.RunColumn, len(list))
	for i, u := range list {
		out[i] = api.RunColumn{Name: u.Column.String(), Kind: string(u.Column.Kind), Key: u.Column.Key, Runs: u.Runs}
	}
	return out, err
}

type runInput struct {
	ID string `path:"id" maxLength:"64" doc:"32 hex digits"`
}

func (s *server) run(ctx context.Context, in *runInput) (api.RunDetail, error) {
	r, err := s.Steps.Tracking.Run(ctx, in.ID)
	if err != nil {
		return api.RunDetail{}, err
	}
	e, err := s.Steps.Tracking.Experiment(ctx, r.ExperimentID)
	out := api.RunDetail{RunState: stateOf(r), Experiment: e.Name, ArtifactURI: r.ArtifactURI, Params: mapOf(r.Params), Tags: mapOf(r.Tags), ModelsIn: r.ModelInputs}
	for _, m := range r.Metrics {
		out.Metrics = append(out.Metrics, api.RunMetric{Key: m.Key, Value: number(m.Value), Step: m.Step, TimestampMs: m.TimestampMs})
	}
	for _, d := range r.Datasets {
		out.Datasets = append(out.Datasets, api.RunDataset{Name: d.Dataset.Name, Digest: d.Dataset.Digest, Context: mapOf(d.Tags)[tracking.TagContext]})
	}
	for _, m := range r.ModelOutputs {
		out.ModelsOut = append(out.ModelsOut, m.ModelID)
	}
	return out, err
}

func (s *server) deleteRun(ctx context.Context, in *runInput) (api.RunDetail, error) {
	if err := s.Steps.Tracking.DeleteRun(ctx, in.ID); err != nil {
		return api.RunDetail{}, err
	}
	return s.run(ctx, in)
}

func (s *server) restoreRun(ctx context.Context, in *runInput) (api.RunDetail, error) {
	if err := s.Steps.Tracking.RestoreRun(ctx, in.ID); err != nil {
		return api.RunDetail{}, err
	}
	return s.run(ctx, in)
}

type chartInput struct {
	ID   string `path:"id" maxLength:"64" doc:"32 hex digits"`
	Key  string `path:"key" maxLength:"250" doc:"Of the metric; a slash is written %2F"`
	By   string `query:"by" enum:"step,time" default:"step" doc:"What from and to are, and the order of the points"`
	From string `query:"from" maxLength:"20" pattern:"^-?[0-9]+$" doc:"First step, or Unix milliseconds"`
	To   string `query:"to" maxLength:"20" pattern:"^-?[0-9]+$" doc:"Last step, or Unix milliseconds"`
	Max  int    `query:"max" minimum:"4" maximum:"10000" default:"1000" doc:"At most so many points"`
}

func (s *server) chart(ctx context.Context, in *chartInput) (api.Chart, error) {
	q := tracking.ChartQuery{Run: in.ID, Key: in.Key, ByTime: in.By == "time", Max: in.Max}
	var err error
	if q.From, err = integer("from", in.From); err != nil {
		return api.Chart{}, err
	}
	if q.To, err = integer("to", in.To); err != nil {
		return api.Chart{}, err
	}
	c, err := s.Steps.Tracking.Chart(ctx, q)
	if err != nil {
		return api.Chart{}, err
	}
	out := api.Chart{Run: in.ID, Key: in.Key, Exact: c.Exact, Summary: summaryOf(c.Summary)}
	out.Steps, out.Times, out.Values = lists(c.Points)
	return out, nil
}

func integer(name, text string) (*int64, error) {
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fault.New(fault.Invalid, "query.%s: %s is no whole number of 64 bits", name, text)
	}
	return &n, nil
}

func lists(points []series.Point) (steps, times []int64, values []*float64) {
	steps, times, values = make([]int64, len(points)), make([]int64, len(points)), make([]*float64, len(points))
	for i, p := range points {
		steps[i], times[i], values[i] = p.Step, p.Timestamp, number(p.Value)
	}
	return steps, times, values
}

func summaryOf(s series.Summary) api.SeriesSummary {
	out := api.SeriesSummary{Points: s.Count, NaNs: s.NaNs, First: number(s.First.Value), Last: number(s.Last.Value)}
	if s.Numbers() > 0 {
		out.Min, out.Max, out.Mean = number(s.Low.Value), number(s.High.Value), number(s.Mean())
	}
	return out
}

type compareInput struct {
	Runs []string `query:"run,explode" required:"true" minItems:"2" maxItems:"50" doc:"Ids"`
}

func (s *server) compare(ctx context.Context, in *compareInput) (api.Comparison, error) {
	c, err := s.Steps.Tracking.Compare(ctx, in.Runs)
	if err != nil {
		return api.Comparison{}, err
	}
	var out api.Comparison
	for _, r := range c.Runs {
		out.Runs = append(out.Runs, stateOf(r))
	}
	for _, row := range c.Rows {
		line := api.Compared{Kind: row.Kind, Name: row.Name, Differs: row.Differs}
		if row.Kind == "metric" {
			line.Numbers, _ = numbersOf(row.Cells)
		} else {
			line.Texts = textsOf(row.Cells)
		}
		out.Rows = append(out.Rows, line)
	}
	return out, nil
}
