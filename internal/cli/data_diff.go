package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/steps"
)

func (s *session) dataDiff() *cobra.Command {
	var o steps.DiffOptions
	c := &cobra.Command{Use: "diff NAME[@VERSION] [NAME[@VERSION]]", Args: cobra.RangeArgs(1, 2),
		Short: "What changed from one version to another, or to what lies at the path: files, columns, rows, statistics",
		RunE: func(c *cobra.Command, args []string) error {
			if o.Samples < 0 {
				return fault.New(fault.Invalid, "--samples %d: it must be 0 or more", o.Samples)
			}
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				after := ""
				if len(args) == 2 {
					after = args[1]
				}
				d, err := a.Diff(c.Context(), p, args[0], after, o)
				if err != nil {
					return err
				}
				s.show(d, func() { err = s.printDiff(d) })
				return err
			})
		}}
	c.Flags().StringSliceVar(&o.Key, "key", nil, "columns that identify a row; default: the key of the contract (primaryKey, else unique)")
	c.Flags().BoolVar(&o.FilesOnly, "files", false, "compare files only")
	c.Flags().IntVar(&o.Samples, "samples", 3, "rows and values to show of each kind")
	return c
}

func (s *session) printDiff(d *steps.Difference) error {
	s.printf("%s → %s\n", d.Before, d.After)
	if d.Empty() {
		s.printf("the same content\n")
		return nil
	}
	s.printf("files: %s\n", d.Files.Summary())
	var lines []string
	for _, f := range d.Files.Added {
		lines = append(lines, fmt.Sprintf("  + %s (%s)\n", oneLine(f.Path), bytesText(f.Size)))
	}
	for _, f := range d.Files.Removed {
		lines = append(lines, fmt.Sprintf("  - %s (%s)\n", oneLine(f.Path), bytesText(f.Size)))
	}
	for _, c := range d.Files.Changed {
		lines = append(lines, fmt.Sprintf("  ~ %s (%s → %s)\n", oneLine(c.After.Path), bytesText(c.Before.Size), bytesText(c.After.Size)))
	}
	for _, line := range lines[:min(len(lines), shownPaths)] {
		s.printf("%s", line)
	}
	if more := len(lines) - shownPaths; more > 0 {
		s.printf("  and %d more; --json lists all\n", more)
	}
	if d.Note != "" {
		s.printf("%s\n", d.Note)
	}
	if d.Table == nil {
		return nil
	}
	return d.Table.Text(s.out)
}
