package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/tracking"
)

func (s *session) runsPlotCommand() *cobra.Command {
	var p picture
	var by string
	c := &cobra.Command{Use: "plot METRIC RUN…", Args: cobra.MinimumNArgs(2), Short: "Draw a metric of runs in the terminal",
		RunE: func(c *cobra.Command, args []string) error {
			if by != "step" && by != "time" {
				return fault.New(fault.Invalid, "the axis is step or time, not %q", by).WithHint("--by time")
			}
			if p.height < 3 || p.height > 100 {
				return fault.New(fault.Invalid, "a picture is 3 to 100 lines high, not %d", p.height)
			}
			p.byTime = by == "time"
			return s.withRuns(c.Context(), args[1:], func(a *app.App, ids []string) error {
				if p.width = s.width(); p.width == 0 {
					p.width = 80
				}
				p.width = max(p.width, 30)
				for _, id := range ids {
					if err := p.read(c.Context(), a, id, args[0]); err != nil {
						return err
					}
				}
				p.title, p.colour = args[0], s.terminal()
				s.show(p.points(), func() { s.printf("%s", p.draw()) })
				return nil
			})
		}}
	c.Flags().BoolVar(&p.log, "log", false, "logarithmic values; those that are not positive are left out")
	c.Flags().StringVar(&by, "by", "step", "what goes to the right: step, or time since the first point of each run")
	c.Flags().IntVar(&p.height, "height", 16, "lines of the picture")
	return c
}

// read adds the line of a run.
func (p *picture) read(ctx context.Context, a *app.App, id, metric string) error {
	run, err := a.Tracking.Run(ctx, id)
	if err != nil {
		return err
	}
	chart, err := a.Tracking.Chart(ctx, tracking.ChartQuery{Run: id, Key: metric, ByTime: p.byTime, Max: min(4*p.width, tracking.MaxChartPoints)})
	if fault.Is(err, fault.NotFound) {
		short := id[:min(12, len(id))]
		return fault.New(fault.NotFound, "run %s (%s) has no metric %s", short, run.Name, metric).WithHint("paraplu runs show %s", short)
	}
	p.lines = append(p.lines, plotLine{run: run, chart: chart})
	return err
}

// plotted is a line as JSON.
type plotted struct {
	Run    string  `json:"run"`
	Name   string  `json:"name"`
	Exact  bool    `json:"exact"`
	Steps  []int64 `json:"steps"`
	Times  []int64 `json:"times"`
	Values []any   `json:"values"`
}

func (p *picture) points() []plotted {
	out := make([]plotted, len(p.lines))
	for i, l := range p.lines {
		out[i] = plotted{Run: l.run.ID, Name: l.run.Name, Exact: l.chart.Exact}
		for _, q := range l.chart.Points {
			out[i].Steps, out[i].Times, out[i].Values = append(out[i].Steps, q.Step), append(out[i].Times, q.Timestamp), append(out[i].Values, plainNumber(q.Value))
		}
	}
	return out
}

// legend tells which line is which run.
func (p *picture) legend() string {
	var b strings.Builder
	for i, l := range p.lines {
		mark := "⠒"
		if p.letters() {
			mark = letter(i)
		}
		last := "nan"
		if n := len(l.chart.Points); n > 0 {
			last = figure(l.chart.Summary.Last.Value)
		}
		fmt.Fprintf(&b, "%s %s  %s  last %s of %s\n", p.paint(i, mark), l.run.ID[:min(12, len(l.run.ID))], l.run.Name, last, count(int(l.chart.Summary.Count), "point"))
	}
	return b.String()
}
