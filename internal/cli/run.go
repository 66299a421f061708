package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

func (s *session) runCommand() *cobra.Command {
	var set []string
	var force, dry bool
	var jobs int
	c := &cobra.Command{Use: "run [STEP…]", GroupID: "build", Short: "Run the pipeline; unchanged steps come from the cache",
		RunE: func(c *cobra.Command, args []string) error {
			values, err := pipeline.ParseSet(set)
			if err != nil {
				return err
			}
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				plan, err := a.Pipeline.Plan(c.Context(), pipeline.PlanInput{Product: p, Targets: args, Set: values, Force: force})
				if err != nil {
					return err
				}
				if dry {
					s.show(plan.Steps, func() {
						for _, st := range plan.Steps {
							s.printf("%-12s %-10s %s\n", st.Name, st.Action, st.Why)
						}
					})
					return nil
				}
				exec, err := a.Pipeline.Run(c.Context(), plan, pipeline.RunOptions{Actor: s.actor(p), Out: s.stepOut(), Env: a.StepEnv(), Jobs: jobs, Progress: s.stepLine})
				if err != nil {
					return err
				}
				s.show(exec, func() {
					s.printf("execution %s: %d ran, %d from the cache\n", exec.ID, exec.Count(pipeline.StepRan), exec.Count(pipeline.StepCached))
				})
				return nil
			})
		}}
	f := c.Flags()
	f.StringArrayVar(&set, "set", nil, "override a param for this execution: train.depth=4 (repeatable)")
	f.BoolVar(&force, "force", false, "run although nothing changed")
	f.BoolVar(&dry, "dry-run", false, "say what would run and why, and do nothing")
	f.BoolVar(&dry, "why", false, "the same as --dry-run")
	f.IntVarP(&jobs, "jobs", "j", 0, "steps at once; 0 = one for each processor")
	return c
}

// stepOut is where steps print. With --json nothing stands beside the JSON; the log of a step is kept all the same.
func (s *session) stepOut() io.Writer {
	if s.json {
		return io.Discard
	}
	return s.err
}

func (s *session) stepLine(e pipeline.StepEvent) {
	if s.json || e.Result == "" {
		return
	}
	s.printf("[%d/%d] %-12s %-8s %6.1fs  %s\n", e.Position+1, e.Total, e.Step, e.Result, e.Took.Seconds(), e.Why)
}

func (s *session) packageCommand() *cobra.Command {
	c := &cobra.Command{Use: "package", GroupID: "build", Args: cobra.NoArgs,
		Short: "Make a signed package of what the pipeline exported; also: ls, verify, export",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				made, err := a.Package(c.Context(), p, s.actor(p))
				if err != nil {
					return err
				}
				s.show(made, func() {
					verb := "is packaged as"
					if !made.Created {
						verb = "is packaged already as"
					}
					s.printf("%s v%d %s\n  %s\n  %d files, %s, %d parity rows\n", made.Version.Model, made.Version.Number, verb, made.Package.Digest,
						len(made.Package.Files), bytesText(made.Package.Size), made.Package.Manifest.Parity.Rows)
				})
				return nil
			})
		}}
	c.AddCommand(s.packageList(), s.packageVerify(), s.packageExport())
	return c
}

func (s *session) packageList() *cobra.Command {
	return &cobra.Command{Use: "ls", Args: cobra.NoArgs, Short: "All packages of the product",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				list, err := a.Packs.List(c.Context(), p.Name)
				if err != nil {
					return err
				}
				s.show(list, func() {
					var rows [][]string
					for _, k := range list {
						rows = append(rows, []string{k.Digest.Short(), k.Name, fmt.Sprint(k.Manifest.Parity.Rows), bytesText(k.Size), k.CreatedAt.Format("2006-01-02 15:04"), k.Actor})
					}
					s.table([]string{"package", "model", "parity rows", "size", "made", "by"}, rows, "no package yet: paraplu package")
				})
				return nil
			})
		}}
}

func (s *session) packageVerify() *cobra.Command {
	return &cobra.Command{Use: "verify PACKAGE", Args: cobra.ExactArgs(1), Short: "Check digests, signature, graph and all parity rows again",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				d, err := findPackage(c, a, p, args[0])
				if err != nil {
					return err
				}
				v, err := a.Packs.Verify(c.Context(), d)
				if err != nil {
					return err
				}
				s.show(v, func() {
					s.printf("package %s is sound: %d files, signature of key %s, %d parity rows\n", d.Short(), v.Files, v.SignedBy[:12], v.Parity.Rows)
					for _, o := range v.Parity.Outputs {
						s.printf("  %s: largest difference %.3g (%s, limit %g)\n", o.Output, o.Worst, o.Kind, o.Limit)
					}
				})
				return nil
			})
		}}
}

func (s *session) packageExport() *cobra.Command {
	return &cobra.Command{Use: "export PACKAGE DIR", Args: cobra.ExactArgs(2), Short: "Write the files of a package to a folder",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				d, err := findPackage(c, a, p, args[0])
				if err != nil {
					return err
				}
				if err := a.Packs.WriteDir(c.Context(), d, args[1]); err != nil {
					return err
				}
				s.show(map[string]string{"package": string(d), "dir": args[1]}, func() { s.printf("package %s is in %s\n", d.Short(), args[1]) })
				return nil
			})
		}}
}

// findPackage accepts a digest, its first digits, or "latest".
func findPackage(c *cobra.Command, a *app.App, p *spec.Product, text string) (ref.Digest, error) {
	list, err := a.Packs.List(c.Context(), p.Name)
	if err != nil {
		return "", err
	}
	var found []ref.Digest
	var newest int
	for i, k := range list {
		if k.BuiltAt.After(list[newest].BuiltAt) {
			newest = i
		}
		if strings.HasPrefix(k.Digest.Hex(), strings.TrimPrefix(text, "sha256:")) {
			found = append(found, k.Digest)
		}
	}
	switch {
	case len(list) == 0:
		return "", fault.New(fault.NotFound, "%s has no package yet", p.Name).WithHint("paraplu package")
	case text == "latest" || text == "":
		return list[newest].Digest, nil
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fault.New(fault.Invalid, "%d packages begin with %s; give more digits", len(found), text).WithHint("paraplu package ls")
	}
	return "", fault.New(fault.NotFound, "no package of %s begins with %s", p.Name, text).WithHint("paraplu package ls")
}
