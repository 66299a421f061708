package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
)

func (s *session) dataAsOf() *cobra.Command {
	in := quality.AsOfInput{}
	var on []string
	var out string
	var verify bool
	c := &cobra.Command{Use: "asof DECISIONS VALUES", Args: cobra.ExactArgs(2),
		Short: "Join to each decision the newest value that was known then (point in time)",
		Long: `DECISIONS has one row a decision, VALUES one row a vintage: a value, and since when it was known. Each decision gets the
newest vintage that was known at its moment; what came later is never used. Where nothing was known the fields stay empty.
With --verify, DECISIONS is a finished table: its columns must hold what was known then, or it is refused.`,
		RunE: func(c *cobra.Command, args []string) error {
			in.Decisions, in.Values = args[0], args[1]
			for _, p := range on {
				left, right, ok := strings.Cut(p, "=")
				if !ok {
					right = left
				}
				in.On = append(in.On, quality.Pair{Left: left, Right: right})
			}
			return s.with(c.Context(), func(a *app.App) error {
				if verify {
					done, err := a.Quality.VerifyAsOf(c.Context(), in)
					if err != nil {
						return err
					}
					s.show(done, func() {
						s.printf("%s: %s hold what was known at the decision\n", args[0], count(int(done.Rows), "row"))
					})
					return nil
				}
				return s.joinAsOf(c.Context(), a, in, out)
			})
		}}
	f := c.Flags()
	f.StringVar(&in.DecidedAt, "decided", "decided_at", "column of DECISIONS: the moment of the decision")
	f.StringVar(&in.KnownAt, "known", "known_at", "column of VALUES: since when the value was known")
	f.StringSliceVar(&on, "on", nil, "columns that must be equal: day, or day=valid_for; may be repeated")
	f.StringSliceVar(&in.Keep, "keep", nil, "columns of VALUES to take; default: all that are not joined on")
	f.StringVar(&in.Prefix, "prefix", "", "before the names of the taken columns and of known_at: forecast_")
	f.StringVarP(&out, "out", "o", "", "CSV file to write; default: the terminal")
	f.BoolVar(&verify, "verify", false, "compare the columns of DECISIONS with the join instead of writing it")
	return c
}

func (s *session) joinAsOf(ctx context.Context, a *app.App, in quality.AsOfInput, out string) error {
	if out == "" {
		_, err := a.Quality.AsOf(ctx, in, s.out)
		return err
	}
	var done *quality.AsOf
	err := replaced(out, func(w io.Writer) (err error) {
		done, err = a.Quality.AsOf(ctx, in, w)
		return err
	})
	if err != nil {
		return err
	}
	s.show(done, func() {
		s.printf("%s: %s, for %d of them something was known\n", out, count(int(done.Rows), "decision"), done.Matched)
	})
	return nil
}

// replaced writes a file whole or not at all.
func replaced(path string, fill func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fault.Wrap(err, "writing %s", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".paraplu-*")
	if err != nil {
		return fault.Wrap(err, "writing %s", path)
	}
	defer os.Remove(f.Name()) // gone after the rename
	if err := fill(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return fault.Wrap(err, "writing %s", path)
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return fault.Wrap(err, "writing %s", path)
	}
	return fault.Wrap(os.Rename(f.Name(), path), "writing %s", path)
}
