package cli

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/tracking"
)

func (s *session) runsCommand() *cobra.Command {
	c := &cobra.Command{Use: "runs", GroupID: "look", Short: "Runs: list, show, compare, plot, export, delete, restore"}
	c.AddCommand(s.runsListCommand(), s.runsShowCommand(), s.runsCompareCommand(), s.runsPlotCommand(), s.runsExportCommand(),
		s.runsStageCommand("delete", "Put runs aside; restore brings them back", "deleted", (*tracking.Room).DeleteRun),
		s.runsStageCommand("restore", "Bring deleted runs back", "restored", (*tracking.Room).RestoreRun))
	return c
}

// selection are the flags that choose runs.
type selection struct {
	experiments, order, columns []string
	filter                      string
	deleted                     bool
}

func (f *selection) add(c *cobra.Command) {
	c.Flags().StringArrayVarP(&f.experiments, "experiment", "e", nil, "only of this experiment, by name or id; may be repeated")
	c.Flags().StringVar(&f.filter, "filter", "", `condition, such as "min(metrics.loss) < 0.2 AND NOT params.depth > 6"`)
	c.Flags().StringArrayVar(&f.order, "order", nil, `sort by this, such as "metrics.loss" or "max(metrics.acc) DESC"; may be repeated`)
	c.Flags().StringSliceVar(&f.columns, "columns", nil, "columns with commas, such as name,metrics.loss,params.depth")
	c.Flags().BoolVar(&f.deleted, "deleted", false, "those that were put aside")
}

// query gives the flags as a query for all columns or those that are named.
func (f *selection) query(ctx context.Context, a *app.App) (tracking.TableQuery, error) {
	q := tracking.TableQuery{Filter: f.filter, Order: f.order, Columns: f.columns, View: viewFlag(f.deleted)}
	for _, word := range f.experiments {
		e, err := a.Tracking.FindExperiment(ctx, word)
		if err != nil {
			return q, err
		}
		q.Experiments = append(q.Experiments, e.ID)
	}
	return q, nil
}

// pages reads a table page by page until n rows are there (0 = all), and calls use for each page.
func pages(ctx context.Context, a *app.App, q tracking.TableQuery, n int, use func(tracking.Table) error) error {
	for {
		q.Limit = tracking.MaxTableRows
		if n > 0 {
			q.Limit = min(n, q.Limit)
		}
		t, err := a.Tracking.Table(ctx, q)
		if err != nil {
			return err
		}
		if err := use(t); err != nil {
			return err
		}
		if n -= len(t.Rows); t.Next == "" || n == 0 {
			return nil
		}
		q.Page, q.NoTotal = t.Next, true
	}
}

// pointed adds to a mistake in a filter the filter with a mark under the place.
func (s *session) pointed(err error, filter string) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.File != "filter" || f.Line == 0 || s.json {
		return err
	}
	line := strings.Split(filter, "\n")[f.Line-1]
	mark := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string([]rune(line)[:f.Col-1])) + "^"
	out := fault.New(f.Kind, "%s\n    %s\n    %s", f.Msg, line, mark).At(f.File, f.Line, f.Col)
	if f.Hint != "" {
		return out.WithHint("%s", f.Hint)
	}
	return out
}

func (s *session) runsListCommand() *cobra.Command {
	var f selection
	var n int
	c := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Args: cobra.NoArgs, Short: "Runs in a table: filter, order, columns",
		Long: `Runs in a table, the latest start first.

A filter joins comparisons with AND, OR, NOT and parentheses:
  metrics.loss, and first, min, max, mean, count of it     min(metrics.loss) < 0.2
  params.KEY and tags.KEY, as text or as number            params.depth > 4    tags.note LIKE '%old%'
  attributes: ` + strings.Join(tracking.Attributes, ", ") + `
  datasets.name, datasets.digest, datasets.context         datasets.name = 'sales'
A comparison with what a run does not have is false. IS NULL finds those.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return s.with(c.Context(), func(a *app.App) error {
				q, err := f.query(c.Context(), a)
				if err != nil {
					return err
				}
				l := &runList{named: f.columns}
				total := int64(0)
				if err := pages(c.Context(), a, q, n, func(t tracking.Table) error {
					total = max(total, t.Total)
					return l.take(t)
				}); err != nil {
					return s.pointed(err, f.filter)
				}
				s.show(l.objects(), func() { s.runTable(l, total) })
				return nil
			})
		}}
	f.add(c)
	c.Flags().IntVarP(&n, "limit", "n", 20, "at most so many; 0 = all")
	return c
}

// runList collects rows of several pages, which may have different columns.
type runList struct {
	named   []string // columns that were asked for
	columns []tracking.Column
	at      map[tracking.Column]int
	rows    []tracking.TableRow
	seen    map[string]bool // experiments
}

func (l *runList) take(t tracking.Table) error {
	if l.at == nil {
		l.at, l.seen = map[tracking.Column]int{}, map[string]bool{}
	}
	to := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		if _, ok := l.at[c]; !ok {
			l.at[c] = len(l.columns)
			l.columns = append(l.columns, c)
		}
		to[i] = l.at[c]
	}
	for _, row := range t.Rows {
		cells := make([]tracking.Cell, len(l.columns))
		for i, cell := range row.Cells {
			cells[to[i]] = cell
		}
		row.Cells = cells
		l.rows, l.seen[row.Experiment] = append(l.rows, row), true
	}
	return nil
}

// cell gives a value of a row for people, "" when it has none.
func (l *runList) cell(row tracking.TableRow, c tracking.Column) string {
	if c.Kind == tracking.AttributeColumn {
		return attributeText(row, c.Key)
	}
	i, ok := l.at[c]
	if !ok || i >= len(row.Cells) || !row.Cells[i].Set {
		return ""
	}
	if c.Kind == tracking.MetricColumn {
		return figure(row.Cells[i].Number)
	}
	return row.Cells[i].Text
}

func attributeText(row tracking.TableRow, key string) string {
	r := row.Run
	switch key {
	case "id":
		return r.ID
	case "name":
		return r.Name
	case "experiment":
		return row.Experiment
	case "experiment_id":
		return r.ExperimentID
	case "status":
		return strings.ToLower(r.Status)
	case "user":
		return r.UserID
	case "start_time":
		return instant(r.StartMs)
	case "artifact_uri":
		return r.ArtifactURI
	}
	if r.EndMs == nil {
		return ""
	}
	if key == "duration" {
		return span(*r.EndMs - r.StartMs)
	}
	return instant(*r.EndMs)
}

// runHead is a run as JSON, without what was logged.
type runHead struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Experiment string `json:"experiment"`
	Status     string `json:"status"`
	Stage      string `json:"stage"`
	User       string `json:"user"`
	StartMs    int64  `json:"start_ms"`
	EndMs      *int64 `json:"end_ms,omitempty"`
}

// runObject adds values by the name of their column; NaN is null.
type runObject struct {
	runHead
	Values map[string]any `json:"values"`
}

func (l *runList) objects() []runObject {
	out := make([]runObject, len(l.rows))
	for i, row := range l.rows {
		out[i] = runObject{headOf(row.Run, row.Experiment), map[string]any{}}
		for j, cell := range row.Cells {
			switch c := l.columns[j]; {
			case !cell.Set:
			case c.Kind != tracking.MetricColumn:
				out[i].Values[c.String()] = cell.Text
			default:
				out[i].Values[c.String()] = plainNumber(cell.Number)
			}
		}
	}
	return out
}

func headOf(r tracking.Run, experiment string) runHead {
	return runHead{r.ID, r.Name, experiment, r.Status, string(r.Stage), r.UserID, r.StartMs, r.EndMs}
}

// plainNumber is a number for JSON, which has no NaN.
func plainNumber(x float64) any {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return x
}

// shown are the columns of the table for people: those that were named, or the usual ones and what was logged but tags.
func (l *runList) shown() (out []tracking.Column) {
	usual := []string{"name", "status", "start_time", "duration"}
	if len(l.seen) > 1 {
		usual = []string{"name", "experiment", "status", "start_time", "duration"}
	}
	if len(l.named) > 0 {
		usual = l.named
	}
	for _, name := range usual {
		if c, err := tracking.ParseColumn(name); err == nil && c.String() != "id" { // the query refused others
			out = append(out, c)
		}
	}
	if len(l.named) > 0 {
		return out
	}
	for _, kind := range []tracking.ColumnKind{tracking.MetricColumn, tracking.ParamColumn} {
		for _, c := range l.columns {
			if c.Kind == kind {
				out = append(out, c)
			}
		}
	}
	return out
}

// headings are the names of columns, short where that is clear.
func headings(columns []tracking.Column) []string {
	keys := map[string]int{}
	for _, c := range columns {
		keys[c.Key]++
	}
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.String()
		short, ok := map[string]string{"start_time": "STARTED (UTC)", "end_time": "ENDED (UTC)", "duration": "TOOK"}[c.Key]
		switch {
		case c.Kind == tracking.AttributeColumn && ok:
			out[i] = short
		case c.Kind == tracking.AttributeColumn:
			out[i] = strings.ToUpper(c.Key)
		case keys[c.Key] == 1 && (c.Func == "" || c.Func == "last"):
			out[i] = c.Key
		}
	}
	return out
}

func (s *session) runTable(l *runList, total int64) {
	columns := l.shown()
	head := append([]string{"ID"}, headings(columns)...)
	var rows [][]string
	for _, row := range l.rows {
		line := []string{row.Run.ID[:min(12, len(row.Run.ID))]}
		for _, c := range columns {
			line = append(line, l.cell(row, c))
		}
		rows = append(rows, line)
	}
	shown := s.fitted(head, rows, 2, "no runs match")
	if int64(len(rows)) < total {
		s.printf("%d of %s; -n 0 shows all\n", len(rows), count(int(total), "run"))
	}
	if shown < len(head) {
		var left []string
		for _, c := range columns[shown-1:] {
			left = append(left, c.String())
		}
		s.printf("%s did not fit: %s; choose with --columns\n", count(len(left), "column"), andMore(left))
	}
}

// withRuns opens the workspace and finds the runs that words name.
func (s *session) withRuns(ctx context.Context, words []string, fn func(a *app.App, ids []string) error) error {
	return s.with(ctx, func(a *app.App) error {
		ids := make([]string, len(words))
		for i, word := range words {
			id, err := a.Tracking.FindRun(ctx, word)
			if err != nil {
				return err
			}
			ids[i] = id
		}
		return fn(a, ids)
	})
}

func (s *session) runsStageCommand(verb, short, done string, change func(*tracking.Room, context.Context, string) error) *cobra.Command {
	return &cobra.Command{Use: verb + " RUN…", Args: cobra.MinimumNArgs(1), Short: short,
		RunE: func(c *cobra.Command, args []string) error {
			return s.withRuns(c.Context(), args, func(a *app.App, ids []string) error {
				out := make([]runHead, len(ids))
				for i, id := range ids {
					if err := change(a.Tracking, c.Context(), id); err != nil {
						return err
					}
					run, err := a.Tracking.Run(c.Context(), id)
					if err != nil {
						return err
					}
					e, err := a.Tracking.Experiment(c.Context(), run.ExperimentID)
					if err != nil {
						return err
					}
					out[i] = headOf(run, e.Name)
				}
				s.show(out, func() {
					for _, r := range out {
						s.printf("run %s (%s) is %s\n", r.ID[:min(12, len(r.ID))], r.Name, done)
					}
				})
				return nil
			})
		}}
}
