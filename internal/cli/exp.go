package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/tracking"
)

func (s *session) expCommand() *cobra.Command {
	c := &cobra.Command{Use: "exp", GroupID: "look", Short: "Experiments: list, show, rename, delete, restore"}
	c.AddCommand(s.expListCommand(), s.expShowCommand(), s.expRenameCommand(),
		s.expStageCommand("delete", "Put an experiment and its runs aside; restore brings them back", "deleted", (*tracking.Room).DeleteExperiment),
		s.expStageCommand("restore", "Bring a deleted experiment and its runs back", "restored", (*tracking.Room).RestoreExperiment))
	return c
}

type expRow struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Stage     string            `json:"stage"`
	Runs      int64             `json:"runs"`
	CreatedMs int64             `json:"created_ms"`
	LastMs    *int64            `json:"last_ms,omitempty"`
	Artifacts string            `json:"artifact_location"`
	Tags      map[string]string `json:"tags"`
}

func expRowOf(l tracking.ExperimentLine) expRow {
	return expRow{l.ID, l.Name, string(l.Stage), l.Runs, l.CreatedMs, l.LastMs, l.ArtifactLocation, tagMap(l.Tags)}
}

func tagMap(list []tracking.KV) map[string]string {
	out := make(map[string]string, len(list))
	for _, kv := range list {
		out[kv.Key] = kv.Value
	}
	return out
}

func (s *session) expListCommand() *cobra.Command {
	var deleted bool
	c := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Args: cobra.NoArgs, Short: "All experiments",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.with(c.Context(), func(a *app.App) error {
				list, err := a.Tracking.Experiments(c.Context(), viewFlag(deleted))
				if err != nil {
					return err
				}
				out := make([]expRow, len(list))
				var rows [][]string
				for i, l := range list {
					out[i] = expRowOf(l)
					last := "–"
					if l.LastMs != nil {
						last = instant(*l.LastMs)
					}
					rows = append(rows, []string{l.ID, l.Name, fmt.Sprint(l.Runs), last})
				}
				s.show(out, func() { s.fitted([]string{"ID", "NAME", "RUNS", "LAST RUN (UTC)"}, rows, 2, "no experiments") })
				return nil
			})
		}}
	c.Flags().BoolVar(&deleted, "deleted", false, "those that were put aside")
	return c
}

func viewFlag(deleted bool) tracking.View {
	if deleted {
		return tracking.DeletedOnly
	}
	return tracking.ActiveOnly
}

func (s *session) expShowCommand() *cobra.Command {
	return &cobra.Command{Use: "show EXPERIMENT", Args: cobra.ExactArgs(1), Short: "An experiment by name or id, with what its runs log",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withExperiment(c.Context(), args[0], func(a *app.App, e tracking.ExperimentLine) error {
				uses, err := a.Tracking.Columns(c.Context(), []string{e.ID}, tracking.ActiveOnly)
				if err != nil {
					return err
				}
				columns := map[string]int64{}
				var rows [][]string
				for _, u := range uses {
					columns[u.Column.String()] = u.Runs
					rows = append(rows, []string{u.Column.String(), fmt.Sprint(u.Runs)})
				}
				s.show(map[string]any{"experiment": expRowOf(e), "columns": columns}, func() {
					s.printf("%s (experiment %s, %s)\n%s, made %s, artifacts in %s\n", e.Name, e.ID, e.Stage, count(int(e.Runs), "run"), instant(e.CreatedMs), e.ArtifactLocation)
					for _, t := range e.Tags {
						s.printf("tag %s = %s\n", t.Key, t.Value)
					}
					s.printf("\n")
					s.fitted([]string{"COLUMN", "RUNS"}, rows, 2, "its runs logged nothing yet")
				})
				return nil
			})
		}}
}

// withExperiment opens the workspace and finds an experiment.
func (s *session) withExperiment(ctx context.Context, word string, fn func(*app.App, tracking.ExperimentLine) error) error {
	return s.with(ctx, func(a *app.App) error {
		e, err := a.Tracking.FindExperiment(ctx, word)
		if err != nil {
			return err
		}
		l, err := a.Tracking.ExperimentLine(ctx, e.ID)
		if err != nil {
			return err
		}
		return fn(a, l)
	})
}

func (s *session) expRenameCommand() *cobra.Command {
	return &cobra.Command{Use: "rename EXPERIMENT NAME", Args: cobra.ExactArgs(2), Short: "Give an experiment another name",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withExperiment(c.Context(), args[0], func(a *app.App, e tracking.ExperimentLine) error {
				if err := a.Tracking.RenameExperiment(c.Context(), e.ID, args[1]); err != nil {
					return err
				}
				return s.saidExperiment(c.Context(), a, e.ID, fmt.Sprintf("%s is now %s", e.Name, args[1]))
			})
		}}
}

func (s *session) expStageCommand(verb, short, done string, change func(*tracking.Room, context.Context, string) error) *cobra.Command {
	return &cobra.Command{Use: verb + " EXPERIMENT", Args: cobra.ExactArgs(1), Short: short,
		RunE: func(c *cobra.Command, args []string) error {
			return s.withExperiment(c.Context(), args[0], func(a *app.App, e tracking.ExperimentLine) error {
				if err := change(a.Tracking, c.Context(), e.ID); err != nil {
					return err
				}
				return s.saidExperiment(c.Context(), a, e.ID, fmt.Sprintf("%s is %s", e.Name, done))
			})
		}}
}

func (s *session) saidExperiment(ctx context.Context, a *app.App, id, text string) error {
	l, err := a.Tracking.ExperimentLine(ctx, id)
	if err != nil {
		return err
	}
	s.show(expRowOf(l), func() { s.printf("%s, with %s\n", text, count(int(l.Runs), "run")) })
	return nil
}
