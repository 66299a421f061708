package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/spec"
)

func (s *session) contractCommand() *cobra.Command {
	c := &cobra.Command{Use: "contract", GroupID: "build", Short: "Contracts of data: infer, validate, diff"}
	c.AddCommand(s.contractInfer(), s.contractValidate(), s.contractDiff())
	return c
}

func (s *session) contractInfer() *cobra.Command {
	var in quality.InferInput
	var out string
	c := &cobra.Command{Use: "infer NAME|PATH", Args: cobra.ExactArgs(1),
		Short: "Propose a contract from what a file holds, each rule with its evidence; a person reviews it",
		Long: `Reads a file and writes an ODCS contract with types, keys, ranges, vocabularies, emptiness and frequency, each with what was
seen as a comment above it. It is a draft: as long as its status is draft, what it finds are notices and nothing is refused.`,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := spec.Load(s.home)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			if err := aimed(p, args[0], &in); err != nil {
				return err
			}
			return s.with(c.Context(), func(a *app.App) error {
				proposal, err := a.Quality.Infer(c.Context(), in)
				if err != nil {
					return err
				}
				return s.proposed(proposal, out)
			})
		}}
	c.Flags().StringVarP(&out, "out", "o", "", "write the contract to this file, which must not exist")
	c.Flags().StringVar(&in.Timezone, "timezone", "", "zone of times without an offset, such as America/Los_Angeles")
	return c
}

// aimed says which file is meant: that of a dataset, or a path.
func aimed(p *spec.Product, arg string, in *quality.InferInput) error {
	in.Path, in.Lies, in.Dataset = arg, arg, strings.TrimSuffix(filepath.Base(arg), filepath.Ext(arg))
	if p != nil {
		in.Product = p.Name
		if d, ok := p.Dataset(arg); ok {
			in.Dataset, in.Path, in.Lies, in.Owner = d.Name, p.Path(d.Path), d.Path, d.Owner
		}
	}
	if _, err := os.Stat(in.Path); errors.Is(err, fs.ErrNotExist) {
		known := ""
		if p != nil {
			known = "; declared datasets: " + datasets(p)
		}
		return fault.New(fault.NotFound, "%s is neither a file nor a dataset with data%s", arg, known)
	}
	return nil
}

func (s *session) proposed(p *quality.Proposal, out string) error {
	if out != "" {
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			return fault.Wrap(err, "writing %s", out)
		}
		f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return fault.New(fault.Exists, "%s exists, and somebody may have edited it", out).WithHint("write elsewhere and compare: paraplu contract diff %s NEW", out)
		} else if err != nil {
			return fault.Wrap(err, "writing %s", out)
		}
		if _, err = f.WriteString(p.Text); err == nil {
			err = f.Close()
		}
		if err != nil {
			return fault.Wrap(err, "writing %s", out)
		}
	}
	s.show(p, func() {
		if out == "" {
			s.printf("%s", p.Text)
			return
		}
		s.printf("%s: %s from %s of %s\n", out, count(len(p.Rules), "proposal"), count(int(p.Rows), "row"), filepath.Base(p.Path))
		s.printf("review it, name it under data.%s.contract in paraplu.yaml, and set status: active when it shall refuse\n", p.Dataset)
	})
	return nil
}

func readContract(path string) (*quality.Contract, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "the contract %s does not exist", path)
	} else if err != nil {
		return nil, fault.Wrap(err, "reading the contract %s", path)
	}
	return quality.ParseContract(path, text)
}

func (s *session) contractValidate() *cobra.Command {
	return &cobra.Command{Use: "validate FILE…", Args: cobra.MinimumNArgs(1), Short: "Read contracts strictly; every problem with line, column and suggestion",
		RunE: func(_ *cobra.Command, args []string) error {
			var all []map[string]any
			var problems []error
			for _, path := range args {
				c, err := readContract(path)
				if err != nil {
					problems = append(problems, err)
					continue
				}
				all = append(all, map[string]any{"file": path, "id": c.ID, "version": c.Version, "status": c.Status, "api_version": c.APIVersion, "columns": c.Columns(), "rules": c.Count()})
			}
			if len(problems) == 1 {
				return problems[0]
			} else if len(problems) > 1 {
				return fault.New(fault.Invalid, "%w", errors.Join(problems...))
			}
			s.show(all, func() {
				for _, m := range all {
					s.printf("%s: %s %s (%s, %s), %s, %s\n", m["file"], m["id"], m["version"], m["api_version"], m["status"], count(m["columns"].(int), "column"), count(m["rules"].(int), "rule"))
				}
			})
			return nil
		}}
}

func (s *session) contractDiff() *cobra.Command {
	var strict bool
	c := &cobra.Command{Use: "diff OLD NEW", Args: cobra.ExactArgs(2), Short: "What changed between two contracts, and what of it breaks a delivery or a reader",
		RunE: func(_ *cobra.Command, args []string) error {
			before, err := readContract(args[0])
			if err != nil {
				return err
			}
			after, err := readContract(args[1])
			if err != nil {
				return err
			}
			changes := quality.DiffContracts(before, after)
			s.show(changes, func() { s.printChanges(changes) })
			if n := quality.Breaking(changes); strict && n > 0 {
				return fault.New(fault.Precondition, "%s between %s and %s", count(n, "breaking change"), args[0], args[1]).
					WithHint("raise the first number of version in %s, and tell those who read the data", args[1])
			}
			return nil
		}}
	c.Flags().BoolVar(&strict, "strict", false, "end with exit code 3 if a change is breaking")
	return c
}

func (s *session) printChanges(changes []quality.ContractChange) {
	if len(changes) == 0 {
		s.printf("the contracts ask for the same\n")
	}
	var rows [][]string
	for _, c := range changes {
		rows = append(rows, []string{map[bool]string{true: "breaking", false: "ok"}[c.Breaking], c.Where, c.What, c.Why})
	}
	if len(rows) > 0 {
		s.table([]string{"", "where", "change", "why"}, rows, "")
	}
}
