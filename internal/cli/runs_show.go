package cli

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/tracking"
)

// metricRow is what is known of a metric without reading its points.
type metricRow struct {
	Key    string `json:"key"`
	Last   any    `json:"last"`
	Min    any    `json:"min"`
	Max    any    `json:"max"`
	Points int64  `json:"points"`
}

func (s *session) runsShowCommand() *cobra.Command {
	return &cobra.Command{Use: "show RUN", Args: cobra.ExactArgs(1), Short: "A run with everything that was logged; by id, its beginning, or name",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withRuns(c.Context(), args, func(a *app.App, ids []string) error {
				run, err := a.Tracking.Run(c.Context(), ids[0])
				if err != nil {
					return err
				}
				e, err := a.Tracking.Experiment(c.Context(), run.ExperimentID)
				if err != nil {
					return err
				}
				metrics := []metricRow{}
				var rows [][]string
				for _, m := range run.Metrics {
					chart, err := a.Tracking.Chart(c.Context(), tracking.ChartQuery{Run: run.ID, Key: m.Key, Max: 4})
					if err != nil {
						return err
					}
					sum, low, high := chart.Summary, math.NaN(), math.NaN()
					if sum.Numbers() > 0 {
						low, high = sum.Low.Value, sum.High.Value
					}
					metrics = append(metrics, metricRow{m.Key, plainNumber(m.Value), plainNumber(low), plainNumber(high), sum.Count})
					rows = append(rows, []string{m.Key, figure(m.Value), fmt.Sprint(m.Step), figure(low), figure(high), fmt.Sprint(sum.Count)})
				}
				s.show(struct {
					runHead
					Metrics   []metricRow       `json:"metrics"`
					Params    map[string]string `json:"params"`
					Tags      map[string]string `json:"tags"`
					Artifacts string            `json:"artifact_uri"`
				}{headOf(run, e.Name), metrics, tagMap(run.Params), tagMap(run.Tags), run.ArtifactURI},
					func() { s.runPage(run, e.Name, rows) })
				return nil
			})
		}}
}

func (s *session) runPage(run tracking.Run, experiment string, metrics [][]string) {
	s.printf("run %s\n%s of %s, %s", run.ID, run.Name, experiment, strings.ToLower(run.Status))
	if run.Stage == tracking.Deleted {
		s.printf(", deleted")
	}
	s.printf("\nstarted %s by %s", instant(run.StartMs), run.UserID)
	if run.EndMs != nil {
		s.printf(", took %s", span(*run.EndMs-run.StartMs))
	}
	s.printf("\n")
	if len(metrics) > 0 {
		s.printf("\n")
		s.fitted([]string{"METRIC", "LAST", "STEP", "MIN", "MAX", "POINTS"}, metrics, 2, "")
	}
	for _, part := range []struct {
		name string
		list []tracking.KV
	}{{"PARAM", run.Params}, {"TAG", run.Tags}} {
		var rows [][]string
		for _, kv := range part.list {
			if kv.Key != tracking.TagRunName && kv.Key != tracking.TagUser {
				rows = append(rows, []string{kv.Key, kv.Value})
			}
		}
		if len(rows) > 0 {
			s.printf("\n")
			s.fitted([]string{part.name, "VALUE"}, rows, 2, "")
		}
	}
	var rows [][]string
	for _, d := range run.Datasets {
		rows = append(rows, []string{d.Dataset.Name, d.Dataset.Digest, tagMap(d.Tags)[tracking.TagContext]})
	}
	if len(rows) > 0 {
		s.printf("\n")
		s.fitted([]string{"DATASET", "DIGEST", "USED FOR"}, rows, 2, "")
	}
}

type comparedRow struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Values  []any  `json:"values"`
	Differs bool   `json:"differs"`
}

func (s *session) runsCompareCommand() *cobra.Command {
	var only bool
	c := &cobra.Command{Use: "compare RUN RUN…", Args: cobra.MinimumNArgs(2), Short: "Params, metrics, code and data of runs side by side",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withRuns(c.Context(), args, func(a *app.App, ids []string) error {
				cmp, err := a.Tracking.Compare(c.Context(), ids)
				if err != nil {
					return err
				}
				if only {
					cmp.Rows = slices.DeleteFunc(cmp.Rows, func(r tracking.Compared) bool { return !r.Differs })
				}
				out := make([]comparedRow, len(cmp.Rows))
				for i, r := range cmp.Rows {
					out[i] = comparedRow{Kind: r.Kind, Name: r.Name, Differs: r.Differs, Values: make([]any, len(r.Cells))}
					for j, cell := range r.Cells {
						switch {
						case cell.Set && r.Kind == "metric":
							out[i].Values[j] = plainNumber(cell.Number)
						case cell.Set:
							out[i].Values[j] = cell.Text
						}
					}
				}
				s.show(map[string]any{"runs": ids, "rows": out}, func() { s.sideBySide(cmp) })
				return nil
			})
		}}
	c.Flags().BoolVar(&only, "differences", false, "only what is not the same in all of them")
	return c
}

// sideBySide prints a comparison; ≠ marks what differs.
func (s *session) sideBySide(c tracking.Comparison) {
	head := []string{" ", "KIND", "NAME"}
	about := [][]string{{" ", "run", "name"}, {" ", "run", "status"}, {" ", "run", "started (UTC)"}}
	for _, r := range c.Runs {
		head = append(head, r.ID[:min(12, len(r.ID))])
		about[0], about[1], about[2] = append(about[0], r.Name), append(about[1], strings.ToLower(r.Status)), append(about[2], instant(r.StartMs))
	}
	rows := about
	for _, r := range c.Rows {
		line := []string{" ", r.Kind, r.Name}
		if r.Differs {
			line[0] = "≠"
		}
		for _, cell := range r.Cells {
			switch {
			case !cell.Set:
				line = append(line, "–")
			case r.Kind == "metric":
				line = append(line, figure(cell.Number))
			default:
				line = append(line, cell.Text)
			}
		}
		rows = append(rows, line)
	}
	if shown := s.fitted(head, rows, 4, ""); shown < len(head) {
		s.printf("%s did not fit: %s\n", count(len(head)-shown, "run"), andMore(head[shown:]))
	}
}
