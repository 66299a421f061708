package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/steps"
)

func (s *session) dataCommand() *cobra.Command {
	c := &cobra.Command{Use: "data", GroupID: "build", Short: "Dataset versions: add, import, ls, log, status, verify, alias, diff, checkout, get, asof"}
	c.AddCommand(s.dataAdd(), s.dataImport(), s.dataList(), s.dataLog(), s.dataStatus(), s.dataVerify(), s.dataAlias(), s.dataDiff(), s.dataCheckout(), s.dataGet(), s.dataAsOf())
	return c
}

func (s *session) dataAdd() *cobra.Command {
	return &cobra.Command{Use: "add NAME PATH", Args: cobra.ExactArgs(2),
		Short: "Deliver data: checked against its contract, then the newest version, or refused",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				d, err := a.Deliver(c.Context(), p, args[0], args[1], s.actor(p))
				if d != nil && d.Report != nil && !s.json {
					rep := d.Report
					if d.Whole != nil {
						rep = d.Whole
					}
					if err := rep.Text(s.out); err != nil {
						return err
					}
				}
				if err != nil {
					return err
				}
				s.show(d, func() {
					if d.Created {
						s.printf("%s: %d rows, %s, laid out at %s\n", d.Version, d.Version.Rows, bytesText(d.Version.Bytes), relative(p.Dir, mustPath(p, args[0])))
					} else {
						s.printf("%s holds exactly this already\n", d.Version)
					}
					if q := d.Quarantine; q != nil {
						s.printf("%s: %s set aside, each with the checks that it failed: paraplu data checkout %s\n", q, count(int(q.Rows), "row"), q.Dataset)
					}
				})
				return nil
			})
		}}
}

func (s *session) dataList() *cobra.Command {
	return &cobra.Command{Use: "ls", Args: cobra.NoArgs, Short: "Newest version of every dataset",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				list, err := a.Datasets.List(c.Context(), p.Name)
				if err != nil {
					return err
				}
				s.show(list, func() {
					var rows [][]string
					for _, v := range list {
						note := ""
						if v.Simulated {
							note = "simulated"
						}
						rows = append(rows, []string{v.Dataset, fmt.Sprintf("v%d", v.Number), v.Digest.Short(), strconv.FormatInt(v.Rows, 10), bytesText(v.Bytes), ago(v.CreatedAt), v.Actor, note})
					}
					s.table([]string{"dataset", "version", "digest", "rows", "size", "added", "by", "note"}, rows, "no data yet; add some: paraplu data add NAME PATH")
				})
				return nil
			})
		}}
}

func (s *session) dataLog() *cobra.Command {
	return &cobra.Command{Use: "log NAME", Args: cobra.ExactArgs(1), Short: "All versions of a dataset, newest first",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				list, err := a.Datasets.Versions(c.Context(), p.Name, args[0])
				if err != nil {
					return err
				}
				if _, ok := p.Dataset(args[0]); !ok && len(list) == 0 {
					return fault.New(fault.NotFound, "there is no dataset %q; paraplu.yaml declares: %s", args[0], datasets(p)).WithHint("paraplu data ls")
				}
				s.show(list, func() {
					var rows [][]string
					for _, v := range list {
						rows = append(rows, []string{fmt.Sprintf("v%d", v.Number), v.Digest.Short(), strconv.FormatInt(v.Rows, 10), bytesText(v.Bytes), ago(v.CreatedAt), v.Actor, commitText(v.Origin), v.Origin.Words(), v.Message})
					}
					s.table([]string{"version", "digest", "rows", "size", "added", "by", "commit", "from", "message"}, rows, "no version of "+args[0]+" yet: paraplu data add "+args[0]+" PATH")
				})
				return nil
			})
		}}
}

// commitText gives the short id of the git commit, with + when files differed from it.
func commitText(o *dataset.Origin) string {
	switch {
	case o == nil || o.Commit == "":
		return ""
	case o.Dirty:
		return o.Commit[:min(12, len(o.Commit))] + "+"
	}
	return o.Commit[:min(12, len(o.Commit))]
}

func (s *session) dataCheckout() *cobra.Command {
	var to string
	c := &cobra.Command{Use: "checkout NAME[@VERSION]", Args: cobra.ExactArgs(1), Short: "Lay a version out at its path, or elsewhere",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				v, err := a.Datasets.Resolve(c.Context(), p.Name, args[0])
				if err != nil {
					return err
				}
				dest := to
				if dest == "" {
					dest = mustPath(p, v.Dataset)
				}
				if err := a.Datasets.Checkout(c.Context(), v, dest); err != nil {
					return err
				}
				s.show(v, func() { s.printf("%s is at %s\n", v, relative(p.Dir, dest)) })
				return nil
			})
		}}
	c.Flags().StringVar(&to, "to", "", "file or folder to write; default: the dataset's path")
	return c
}

func (s *session) checkCommand() *cobra.Command {
	var junit, markdown, leakage, env string
	c := &cobra.Command{Use: "check [NAME[@VERSION]] [PATH]", GroupID: "build", Args: cobra.MaximumNArgs(2),
		Short: "Hold data against its contract, or features against the moment of decision",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				reports, err := s.reports(c, a, p, args, leakage, env)
				if err != nil {
					return err
				}
				return s.showReports(reports, junit, markdown)
			})
		}}
	c.Flags().StringVar(&junit, "junit", "", "also write JUnit XML to this file")
	c.Flags().StringVar(&markdown, "markdown", "", "also write Markdown to this file")
	c.Flags().StringVar(&env, "env", "", "environment whose rules count: train (default) or serve")
	c.Flags().StringVar(&leakage, "leakage", "", "feature table to check for leakage")
	s.limits(c)
	return c
}

func (s *session) reports(c *cobra.Command, a *app.App, p *spec.Product, args []string, leakage, env string) ([]*quality.Report, error) {
	if leakage != "" {
		rep, err := a.Leakage(c.Context(), p, leakage, s.actor(p))
		return []*quality.Report{rep}, err
	}
	names, path := args, ""
	switch len(args) {
	case 0:
		for _, d := range p.Data {
			if d.Contract != "" {
				names = append(names, d.Name)
			}
		}
	case 2:
		names, path = args[:1], args[1]
	}
	if len(names) == 0 {
		return nil, fault.New(fault.Precondition, "no dataset is under contract").WithHint("add contract: FILE to a dataset in paraplu.yaml")
	}
	var out []*quality.Report
	for _, name := range names {
		if strings.Contains(name, "@") && path == "" {
			rep, err := a.CheckVersion(c.Context(), p, name, s.actor(p), env)
			if err != nil {
				return nil, err
			}
			out = append(out, rep)
			continue
		}
		rep, err := a.CheckFor(c.Context(), p, name, path, s.actor(p), env)
		if err != nil {
			return nil, err
		}
		out = append(out, rep)
	}
	return out, nil
}

func (s *session) showReports(reports []*quality.Report, junit, markdown string) error {
	if s.json {
		writeJSON(s.out, reports)
	} else if err := render(s.out, reports, (*quality.Report).Text); err != nil {
		return err
	}
	for file, write := range map[string]func(io.Writer) error{
		junit:    func(w io.Writer) error { return quality.JUnit(w, reports...) },
		markdown: func(w io.Writer) error { return render(w, reports, (*quality.Report).Markdown) },
	} {
		if file == "" {
			continue
		}
		var text bytes.Buffer
		if err := write(&text); err != nil {
			return err
		}
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil { // it may be /dev/stdout
			return fault.Wrap(err, "writing %s", file)
		}
	}
	for _, r := range reports {
		if err := r.Err(); err != nil {
			return err
		}
	}
	return nil
}

func render(w io.Writer, reports []*quality.Report, form func(*quality.Report, io.Writer) error) error {
	for _, r := range reports {
		if err := form(r, w); err != nil {
			return err
		}
	}
	return nil
}

func datasets(p *spec.Product) string {
	names := make([]string, len(p.Data))
	for i, d := range p.Data {
		names[i] = d.Name
	}
	return orNone(names)
}

func mustPath(p *spec.Product, name string) string {
	d, ok := p.Dataset(name)
	if of, aside := strings.CutSuffix(name, steps.QuarantineOf("")); !ok && aside { // beside the data that it was taken from
		if d, ok = p.Dataset(of); ok {
			ext := filepath.Ext(d.Path)
			return p.Path(strings.TrimSuffix(d.Path, ext) + steps.QuarantineOf("") + ext)
		}
	}
	return p.Path(d.Path)
}

func relative(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
