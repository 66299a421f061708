package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
)

// finding is one line of the doctor.
type finding struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
	Needed bool   `json:"needed"` // false: only some things need it
}

func (s *session) doctorCommand() *cobra.Command {
	var workspace, deep bool
	c := &cobra.Command{Use: "doctor", GroupID: "look", Args: cobra.NoArgs, Short: "What is missing or damaged, and how to mend it",
		RunE: func(c *cobra.Command, _ []string) error {
			var list []finding
			if !workspace {
				list = machine(c.Context(), s.home)
			}
			ws, err := s.workspaceFindings(c.Context(), deep)
			if err != nil {
				return err
			}
			list = append(list, ws...)
			bad := 0
			for _, f := range list {
				if !f.OK && f.Needed {
					bad++
				}
			}
			s.show(list, func() { s.printFindings(list) })
			if bad > 0 {
				return fault.New(fault.Precondition, "%s to mend", count(bad, "finding"))
			}
			return nil
		}}
	c.Flags().BoolVar(&workspace, "workspace", false, "look at the workspace only, not at the machine")
	c.Flags().BoolVar(&deep, "deep", false, "read every stored byte and compare it with its digest")
	return c
}

func (s *session) printFindings(list []finding) {
	for _, f := range list {
		mark := "✓"
		if !f.OK {
			mark = map[bool]string{true: "✗", false: "–"}[f.Needed]
		}
		s.printf("%s %-12s %s\n", mark, f.Name, short(f.Detail))
		if !f.OK && f.Remedy != "" {
			s.printf("               %s\n", f.Remedy)
		}
	}
}

// machine looks at what steps need outside of this binary.
func machine(ctx context.Context, home string) []finding {
	py := app.FindPython(home)
	out := []finding{{Name: "python", OK: py != "", Detail: py, Remedy: "apt-get install python3 python3-venv; only training needs it"}}
	if py == "" {
		out[0].Detail = "not found"
		return out
	}
	for _, pkg := range []struct{ name, why string }{
		{"paraplu", "export of models and dataset access: pip install -e python"},
		{"mlflow", "logging of runs: pip install mlflow"},
		{"sklearn", "the umbrella example: pip install scikit-learn"},
		{"skl2onnx", "export to ONNX: pip install skl2onnx"},
	} {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		text, err := exec.CommandContext(ctx, py, "-c", "import importlib.metadata as m; print(m.version('"+strings.Replace(pkg.name, "sklearn", "scikit-learn", 1)+"'))").CombinedOutput()
		cancel()
		f := finding{Name: pkg.name, OK: err == nil, Detail: strings.TrimSpace(string(text)), Remedy: pkg.why}
		if err != nil {
			f.Detail = "not installed in " + py
		}
		out = append(out, f)
	}
	return out
}

// workspaceFindings looks at paraplu.yaml and at what is stored; a folder without a workspace is left as it is.
func (s *session) workspaceFindings(ctx context.Context, deep bool) ([]finding, error) {
	var out []finding
	p, err := spec.Load(s.home)
	switch {
	case err == nil:
		out = append(out, finding{Name: "paraplu.yaml", OK: true, Needed: true, Detail: fmt.Sprintf("product %s, %s, %s", p.Name, count(len(p.Data), "dataset"), count(len(p.Pipeline.Steps), "step"))})
	case fault.Is(err, fault.NotFound):
		out = append(out, finding{Name: "paraplu.yaml", Detail: err.Error(), Remedy: fault.HintOf(err)})
	default:
		out = append(out, finding{Name: "paraplu.yaml", Needed: true, Detail: err.Error(), Remedy: fault.HintOf(err)})
	}
	if _, err := os.Stat(s.home + "/.paraplu"); err != nil && s.db == "" {
		return append(out, finding{Name: "workspace", OK: true, Detail: "not made yet; the first command makes .paraplu"}), nil
	}
	err = s.with(ctx, func(a *app.App) error {
		start := time.Now()
		damage, err := a.Inspect(ctx, deep)
		if err != nil {
			return err
		}
		for _, d := range damage {
			out = append(out, finding{Name: "workspace", Needed: true, Detail: d})
		}
		if len(damage) == 0 {
			out = append(out, finding{Name: "workspace", OK: true, Needed: true, Detail: fmt.Sprintf("%s; facts, deployments and objects agree (%s)", a.DB, time.Since(start).Round(time.Millisecond))})
		}
		return nil
	})
	return out, err
}
