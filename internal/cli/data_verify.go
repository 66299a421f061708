package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
)

func (s *session) dataVerify() *cobra.Command {
	return &cobra.Command{Use: "verify [NAME[@VERSION]]", Args: cobra.MaximumNArgs(1),
		Short: "Read every byte of stored versions and compare it with its digest",
		Long: `Read every byte of stored versions and compare it with its digest: of all datasets, of all versions of NAME, or of one version.
Damaged files are named with the versions that hold them. To read everything that is stored: paraplu doctor --deep`,
		Example: `  paraplu data verify
  paraplu data verify sales@v1`,
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				versions, err := chosen(c, a, p, args)
				if err != nil {
					return err
				}
				list, err := a.Datasets.Verify(c.Context(), versions)
				if err != nil {
					return err
				}
				s.show(list, func() { s.printVerified(list) })
				bad := slices.DeleteFunc(list, func(v dataset.Verified) bool { return len(v.Damaged) == 0 })
				if len(bad) > 0 {
					return fault.New(fault.Precondition, "%s cannot be read as added", count(len(bad), "version")).
						WithHint("restore .paraplu/objects from a backup")
				}
				return nil
			})
		}}
}

// chosen gives the versions that a command is about, oldest first.
func chosen(c *cobra.Command, a *app.App, p *spec.Product, args []string) (out []dataset.Version, err error) {
	ctx := c.Context()
	if len(args) == 1 && strings.Contains(args[0], "@") {
		v, err := a.Datasets.Resolve(ctx, p.Name, args[0])
		return []dataset.Version{v}, err
	}
	names := args
	if len(names) == 0 {
		if names, err = a.Datasets.Names(ctx, p.Name); err != nil {
			return nil, err
		}
	} else if _, err := a.Datasets.Latest(ctx, p.Name, names[0]); err != nil {
		return nil, err
	}
	for _, name := range names {
		versions, err := a.Datasets.Versions(ctx, p.Name, name)
		if err != nil {
			return nil, err
		}
		slices.Reverse(versions)
		out = append(out, versions...)
	}
	return out, nil
}

func (s *session) printVerified(list []dataset.Verified) {
	var rows [][]string
	for _, v := range list {
		outcome := "sound"
		if len(v.Damaged) > 0 {
			outcome = count(len(v.Damaged), "damaged file")
		}
		rows = append(rows, []string{v.Version, v.Digest.Short(), fmt.Sprint(v.Files), bytesText(v.Bytes), outcome})
	}
	s.table([]string{"version", "digest", "files", "size", "outcome"}, rows, "no data yet; add some: paraplu data add NAME PATH")
	for _, v := range list {
		for _, d := range v.Damaged {
			what := d.Path
			if what == "" {
				what = "the list of files"
			}
			s.printf("%s: %s: %s\n", v.Version, what, d.Why)
		}
	}
}
