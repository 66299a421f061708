package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
)

// shownPaths bounds how many changed files of a dataset people see.
const shownPaths = 20

func (s *session) dataStatus() *cobra.Command {
	return &cobra.Command{Use: "status [NAME]", Args: cobra.MaximumNArgs(1),
		Short: "What lies at the paths of paraplu.yaml, against the newest versions",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				list := p.Data
				if len(args) == 1 {
					d, ok := p.Dataset(args[0])
					if !ok {
						return fault.New(fault.NotFound, "there is no dataset %q; paraplu.yaml declares: %s", args[0], datasets(p)).WithHint("paraplu data ls")
					}
					list = []spec.Data{d}
				}
				var out []dataset.Status
				for _, d := range list {
					st, err := a.Datasets.Status(c.Context(), p.Name, d.Name, p.Path(d.Path))
					if err != nil {
						return err
					}
					st.Path = d.Path
					out = append(out, st)
				}
				s.show(out, func() { s.printStatus(out) })
				return nil
			})
		}}
}

func (s *session) printStatus(list []dataset.Status) {
	var rows [][]string
	for _, st := range list {
		rows = append(rows, []string{st.Dataset, st.State, statusWords(st), st.Path})
	}
	s.table([]string{"dataset", "state", "detail", "path"}, rows, "paraplu.yaml declares no data")
	for _, st := range list {
		var lines []string
		for _, part := range []struct {
			word  string
			paths []string
		}{{"modified", st.Modified}, {"added", st.Added}, {"deleted", st.Deleted}} {
			for _, path := range part.paths {
				lines = append(lines, fmt.Sprintf("  %-8s  %s\n", part.word, oneLine(path)))
			}
		}
		if len(lines) == 0 || st.State == dataset.Older {
			continue
		}
		s.printf("\n%s, against %s@v%d:\n%s", st.Dataset, st.Dataset, st.Newest, strings.Join(lines[:min(len(lines), shownPaths)], ""))
		if more := len(lines) - shownPaths; more > 0 {
			s.printf("  and %d more; --json lists all\n", more)
		}
	}
}

// statusWords says in a few words what the state means here.
func statusWords(st dataset.Status) string {
	newest := fmt.Sprintf("v%d", st.Newest)
	switch st.State {
	case dataset.Same:
		return newest
	case dataset.Older:
		return fmt.Sprintf("v%d, the newest is %s", st.Holds, newest)
	case dataset.Missing:
		return newest + " is not laid out: paraplu data checkout " + st.Dataset
	case dataset.Fresh:
		return count(st.Files, "file") + ", " + bytesText(st.Bytes) + ", no version yet"
	case dataset.Absent:
		return "no data, no version"
	}
	return fmt.Sprintf("%d modified, %d added, %d deleted since %s", len(st.Modified), len(st.Added), len(st.Deleted), newest)
}
