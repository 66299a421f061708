package cli

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/steps"
)

func (s *session) dataImport() *cobra.Command {
	var in steps.ImportInput
	var limit string
	c := &cobra.Command{Use: "import NAME [SOURCE]", Args: cobra.RangeArgs(1, 2),
		Short: "Deliver data from a URL, a SQL query or DVC, and remember where they come from",
		RunE: func(c *cobra.Command, args []string) error {
			in.Dataset = args[0]
			if len(args) == 2 {
				in.Source = args[1]
			}
			if err := oneSource(in); err != nil {
				return err
			}
			var err error
			if in.Max, err = parseBytes(limit); err != nil {
				return err
			}
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				in.Actor = s.actor(p)
				var done func()
				in.Progress, done = s.meter(in.Dataset)
				out, err := a.Import(c.Context(), p, in)
				done()
				return s.imported(p, out, err)
			})
		}}
	f := c.Flags()
	f.StringVar(&in.SQL, "sql", "", "query whose rows are the data, as Parquet (as CSV for a dataset that is declared as a .csv file)")
	f.StringVar(&in.From, "from", "", "database of --sql: postgres://user@host/name (the password may stand in PGPASSWORD) or a SQLite file")
	f.BoolVar(&in.Update, "update", false, "fetch again what the newest version was imported from, if it changed")
	f.StringVar(&limit, "max-size", "100GB", "refuse a file larger than this")
	return c
}

func oneSource(in steps.ImportInput) error {
	given := 0
	for _, there := range []bool{in.Source != "", in.SQL != "", in.Update} {
		if there {
			given++
		}
	}
	if given == 1 {
		return nil
	}
	return fault.New(fault.Invalid, "say one of SOURCE, --sql with --from, or --update").WithHint("paraplu data import %s https://example.org/data.csv", in.Dataset)
}

func (s *session) imported(p *spec.Product, out *steps.Imported, err error) error {
	if out != nil && out.Report != nil && !s.json {
		if err := out.Report.Text(s.out); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	s.show(out, func() {
		switch v := out.Version; {
		case out.Unchanged:
			s.printf("nothing changed at %s: it is %s\n", out.Source, v)
		case v.Rows < 0:
			s.printf("%s: %s from %s, laid out at %s\n", v, bytesText(v.Bytes), out.Source, relative(p.Dir, mustPath(p, v.Dataset)))
		default:
			s.printf("%s: %d rows, %s from %s, laid out at %s\n", v, v.Rows, bytesText(v.Bytes), out.Source, relative(p.Dir, mustPath(p, v.Dataset)))
		}
	})
	return nil
}

// meter shows how far a transfer is, on a terminal only; done clears the line.
func (s *session) meter(what string) (show func(done, total int64), done func()) {
	f, ok := s.err.(*os.File)
	if !ok || s.json || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	var last time.Time
	return func(n, total int64) {
			if time.Since(last) < 100*time.Millisecond {
				return
			}
			last = time.Now()
			of := ""
			if total > 0 {
				of = fmt.Sprintf(" of %s, %d %%", bytesText(total), 100*n/total)
			}
			fmt.Fprintf(s.err, "\r%s: %s%s\x1b[K", what, bytesText(n), of)
		}, func() {
			if !last.IsZero() {
				fmt.Fprint(s.err, "\r\x1b[K")
			}
		}
}

// parseBytes reads 1500, 10MB or 2GB (of 1024).
func parseBytes(text string) (int64, error) {
	number, unit := strings.TrimSpace(strings.ToUpper(text)), int64(1)
	for suffix, size := range map[string]int64{"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40} {
		if rest, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = rest, size
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(number, "B")), 10, 64)
	if err != nil || n <= 0 || n > 1<<53/unit*unit && unit > 1 || n > (1<<62)/unit {
		return 0, fault.New(fault.Invalid, "--max-size %q is no size", text).WithHint("--max-size 10GB")
	}
	return n * unit, nil
}
