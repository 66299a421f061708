package cli

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/tracking"
)

func (s *session) runsExportCommand() *cobra.Command {
	var f selection
	var toCSV, toParquet string
	var histories bool
	c := &cobra.Command{Use: "export", Args: cobra.NoArgs, Short: "Write runs, or with --metrics every point, to a CSV or Parquet file",
		RunE: func(c *cobra.Command, _ []string) error {
			if (toCSV == "") == (toParquet == "") {
				return fault.New(fault.Invalid, "say where to, by either --csv or --parquet").WithHint("paraplu runs export --csv runs.csv")
			}
			return s.with(c.Context(), func(a *app.App) error {
				q, err := f.query(c.Context(), a)
				if err != nil {
					return err
				}
				e := &export{a: a, q: q, histories: histories}
				if err := e.write(c.Context(), toCSV, toParquet, s.out); err != nil {
					return s.pointed(err, f.filter)
				}
				if toCSV == "-" {
					return nil
				}
				file := toCSV + toParquet
				s.show(map[string]any{"file": file, "rows": e.rows, "columns": len(e.columns())}, func() {
					s.printf("%s, %s to %s\n", count(e.rows, "row"), count(len(e.columns()), "column"), file)
				})
				return nil
			})
		}}
	f.add(c)
	c.Flags().StringVar(&toCSV, "csv", "", "file; - is the standard output")
	c.Flags().StringVar(&toParquet, "parquet", "", "file")
	c.Flags().BoolVar(&histories, "metrics", false, "one row for every point of the metrics, instead of one for every run")
	return c
}

// export writes a selection of runs: a row a run, or a row a point.
type export struct {
	a         *app.App
	q         tracking.TableQuery
	histories bool
	logged    []tracking.Column
	rows      int
}

// write writes to one of two kinds of files.
func (e *export) write(ctx context.Context, toCSV, toParquet string, out io.Writer) error {
	if err := e.prepare(ctx); err != nil {
		return err
	}
	if toCSV != "" {
		return e.csv(ctx, toCSV, out)
	}
	return e.a.WriteParquet(ctx, toParquet, e.columns(), func(add func([]any) error) error { return e.each(ctx, add) })
}

// prepare finds the columns: those that were named, or all that the runs of these experiments have.
func (e *export) prepare(ctx context.Context) error {
	names := e.q.Columns
	if len(names) == 0 {
		uses, err := e.a.Tracking.Columns(ctx, e.q.Experiments, e.q.View)
		if err != nil {
			return err
		}
		for _, u := range uses {
			names = append(names, u.Column.String())
		}
	}
	if len(names) > tracking.MaxTableColumns && !e.histories {
		return fault.New(fault.Exhausted, "the runs have %d columns, more than %d", len(names), tracking.MaxTableColumns).WithHint("choose with --columns")
	}
	e.q.Columns = []string{"id"} // so that none is not all
	for _, name := range names {
		c, err := tracking.ParseColumn(name)
		if err != nil {
			return err
		}
		if c.Kind == tracking.AttributeColumn { // every file has them all
			continue
		}
		if e.histories && c.Kind != tracking.MetricColumn {
			continue
		}
		e.logged = append(e.logged, c)
		if !e.histories {
			e.q.Columns = append(e.q.Columns, name)
		}
	}
	return nil
}

func (e *export) columns() []quality.Column {
	if e.histories {
		return []quality.Column{{Name: "run", Type: "VARCHAR"}, {Name: "metric", Type: "VARCHAR"}, {Name: "step", Type: "BIGINT"},
			{Name: "time", Type: "TIMESTAMP"}, {Name: "value", Type: "DOUBLE"}}
	}
	out := []quality.Column{{Name: "id", Type: "VARCHAR"}, {Name: "name", Type: "VARCHAR"}, {Name: "experiment", Type: "VARCHAR"}, {Name: "status", Type: "VARCHAR"},
		{Name: "user", Type: "VARCHAR"}, {Name: "start_time", Type: "TIMESTAMP"}, {Name: "end_time", Type: "TIMESTAMP"}}
	for _, c := range e.logged {
		kind := "VARCHAR"
		if c.Kind == tracking.MetricColumn {
			kind = "DOUBLE"
		}
		out = append(out, quality.Column{Name: c.String(), Type: kind})
	}
	return out
}

// each gives the rows.
func (e *export) each(ctx context.Context, add func([]any) error) error {
	return pages(ctx, e.a, e.q, 0, func(t tracking.Table) error {
		place := map[tracking.Column]int{}
		for i, c := range t.Columns {
			place[c] = i
		}
		for _, row := range t.Rows {
			var err error
			if e.histories {
				err = e.points(ctx, row.Run.ID, add)
			} else {
				err = e.run(row, place, add)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *export) run(row tracking.TableRow, place map[tracking.Column]int, add func([]any) error) error {
	r := row.Run
	line := []any{r.ID, r.Name, row.Experiment, r.Status, r.UserID, time.UnixMilli(r.StartMs), nil}
	if r.EndMs != nil {
		line[6] = time.UnixMilli(*r.EndMs)
	}
	for _, c := range e.logged {
		switch cell := row.Cells[place[c]]; {
		case !cell.Set:
			line = append(line, nil)
		case c.Kind == tracking.MetricColumn:
			line = append(line, cell.Number)
		default:
			line = append(line, cell.Text)
		}
	}
	e.rows++
	return add(line)
}

// pointsAtOnce is how many points are in memory.
const pointsAtOnce = 20000

func (e *export) points(ctx context.Context, run string, add func([]any) error) error {
	seen := map[string]bool{}
	for _, c := range e.logged {
		if seen[c.Key] {
			continue
		}
		seen[c.Key] = true
		for page := ""; ; {
			part, err := e.a.Tracking.MetricHistory(ctx, run, c.Key, pointsAtOnce, page)
			if err != nil {
				return err
			}
			for _, p := range part.Items {
				e.rows++
				if err := add([]any{run, c.Key, p.Step, time.UnixMilli(p.TimestampMs), p.Value}); err != nil {
					return err
				}
			}
			if page = part.Next; page == "" {
				break
			}
		}
	}
	return nil
}

// csv writes to a file, whole or not at all, or to the standard output. What a run does not have is empty, NaN is nan.
func (e *export) csv(ctx context.Context, path string, out io.Writer) error {
	if path == "-" {
		return e.writeCSV(ctx, out)
	}
	half, err := os.CreateTemp(filepath.Dir(path), ".half-*")
	if err != nil {
		return fault.New(fault.NotFound, "cannot write to %s: %w", filepath.Dir(path), err)
	}
	defer os.Remove(half.Name()) //nolint:errcheck // it is gone when it is whole
	if err := e.writeCSV(ctx, half); err != nil {
		half.Close()
		return err
	}
	if err = half.Close(); err == nil {
		err = os.Chmod(half.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(half.Name(), path)
	}
	return fault.Wrap(err, "writing %s", path)
}

func (e *export) writeCSV(ctx context.Context, out io.Writer) error {
	w := csv.NewWriter(out)
	columns := e.columns()
	line := make([]string, len(columns))
	for i, c := range columns {
		line[i] = c.Name
	}
	if err := w.Write(line); err != nil {
		return err
	}
	if err := e.each(ctx, func(row []any) error {
		for i, v := range row {
			line[i] = csvCell(v)
		}
		return w.Write(line)
	}); err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

func csvCell(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case time.Time:
		return x.UTC().Format("2006-01-02T15:04:05.000Z")
	case float64:
		if math.IsNaN(x) {
			return "nan"
		}
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}
