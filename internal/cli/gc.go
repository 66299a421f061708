package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/steps"
	"github.com/paraplu/paraplu/internal/tracking"
)

// collection is what `paraplu gc` is asked for.
type collection struct {
	dry, now, deleted bool
	grace             time.Duration
	olderThan         string
	experiment        string
}

func (s *session) gcCommand() *cobra.Command {
	var o collection
	c := &cobra.Command{Use: "gc", GroupID: "look", Args: cobra.NoArgs,
		Short: "Remove objects that nothing refers to; with --deleted also runs and experiments that were deleted",
		Example: `  paraplu gc
  paraplu gc --deleted --older-than 30d --dry-run`,
		RunE: func(c *cobra.Command, _ []string) error {
			return s.with(c.Context(), func(a *app.App) error { return s.collect(c, a, o) })
		}}
	c.Flags().BoolVar(&o.dry, "dry-run", false, "only tell what would go")
	c.Flags().DurationVar(&o.grace, "grace", 24*time.Hour, "keep objects younger than this")
	c.Flags().BoolVar(&o.now, "now", false, "no grace period; needs the workspace alone")
	c.Flags().BoolVar(&o.deleted, "deleted", false, "delete for good the runs, logged models and experiments that were deleted")
	c.Flags().StringVar(&o.olderThan, "older-than", "30d", "with --deleted: only what was deleted that long ago, such as 12h or 30d")
	c.Flags().StringVar(&o.experiment, "experiment", "", "with --deleted: only this experiment and what is in it")
	return c
}

// collected is the answer of `paraplu gc --deleted --json`.
type collected struct {
	steps.Purged
	Objects blob.Swept `json:"objects"`
}

func (s *session) collect(c *cobra.Command, a *app.App, o collection) error {
	ctx := c.Context()
	older, err := spec.ParseDuration(o.olderThan)
	if err != nil {
		return fault.New(fault.Invalid, "--older-than: %w", err).WithHint("--older-than 30d")
	}
	if !o.deleted && (c.Flags().Changed("older-than") || c.Flags().Changed("experiment")) {
		return fault.New(fault.Invalid, "--older-than and --experiment select among what was deleted").WithHint("say --deleted too")
	}
	sweep := func(grace time.Duration) error {
		var out collected
		var err error
		if o.deleted {
			out.Purged, err = a.Purge(ctx, steps.PurgeOptions{OlderThan: older.Std(), Experiment: o.experiment, Actor: s.actor(nil), DryRun: o.dry})
			if err != nil {
				return err
			}
		}
		if out.Objects, err = a.Sweep(ctx, grace, o.dry); err != nil {
			return err
		}
		if o.deleted {
			s.show(out, func() { s.printPurged(out.Purged, o.dry); s.printSwept(out.Objects) })
		} else {
			s.show(out.Objects, func() { s.printSwept(out.Objects) })
		}
		return nil
	}
	if !o.now {
		return sweep(o.grace)
	}
	ok, err := a.Alone(func() error { return sweep(0) })
	if err == nil && !ok {
		return fault.New(fault.Conflict, "another process has this workspace open, so young objects may be in use").WithHint("stop it, or leave out --now")
	}
	return err
}

func (s *session) printSwept(b blob.Swept) {
	s.printf("%d objects, %s; %d not referred to, %d removed, %s freed\n", b.Objects, bytesText(b.Bytes), b.Orphans, b.Removed, bytesText(b.Freed))
}

func (s *session) printPurged(p steps.Purged, dry bool) {
	var rows [][]string
	for _, list := range [][]tracking.Discarded{p.Deleted, p.Kept} {
		for _, d := range list {
			why := "deleted for good"
			switch {
			case d.Kept != "":
				why = "stays: " + d.Kept
			case dry:
				why = "would be deleted"
			}
			if d.Left != "" && d.Kept == "" && d.Kind != "experiment" {
				why += "; its files stay at " + d.Left
			}
			rows = append(rows, []string{d.Kind, d.ID, d.Name, d.Experiment, fmt.Sprint(d.Files), bytesText(d.Bytes), why})
		}
	}
	s.table([]string{"what", "id", "name", "experiment", "files", "size", "outcome"}, rows, "nothing was deleted that long ago")
	if len(rows) == 0 {
		return
	}
	verb := "deleted for good"
	if dry {
		verb = "would be deleted for good"
	}
	s.printf("%d %s, %d kept; %s of objects are not needed then\n", len(p.Deleted), verb, len(p.Kept), bytesText(p.Frees))
}
