package demo

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/paraplu/paraplu/examples/umbrella"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/whole"
)

// marker tells that a folder was made by the demo, so that --fresh never removes anything else.
const marker = ".paraplu-demo"

// prepare lays the example out. Files that are there already are kept: a user may have changed them.
func prepare(o Options) error {
	if err := claim(o); err != nil {
		return err
	}
	return fs.WalkDir(umbrella.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		dest := filepath.Join(o.Dir, filepath.FromSlash(path))
		if d.IsDir() {
			return os.MkdirAll(dest, 0o755)
		}
		if _, err := os.Stat(dest); err == nil {
			return nil
		}
		body, err := fs.ReadFile(umbrella.Files, path)
		if err != nil {
			return err
		}
		return writeFile(dest, body)
	})
}

// claim makes the folder, or recognises it as one of ours.
func claim(o Options) error {
	mark := filepath.Join(o.Dir, marker)
	entries, err := os.ReadDir(o.Dir)
	switch {
	case os.IsNotExist(err) || err == nil && len(entries) == 0:
	case err != nil:
		return fault.Wrap(err, "folder %s", o.Dir)
	default:
		if _, err := os.Stat(mark); err != nil {
			return fault.New(fault.Exists, "the folder %s is not empty and was not made by the demo", o.Dir).WithHint("choose another: paraplu demo --dir DIR")
		}
		if o.Fresh {
			if err := os.RemoveAll(o.Dir); err != nil {
				return fault.Wrap(err, "removing the earlier demo")
			}
		}
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return fault.Wrap(err, "making the folder of the demo")
	}
	return writeFile(mark, []byte("This folder was made by `paraplu demo`; `paraplu demo --fresh` removes it.\n"))
}

// writeFile writes all or nothing.
func writeFile(path string, body []byte) error {
	return fault.Wrap(whole.Replace(path, body, 0o644), "writing %s", path)
}

// checkPython makes sure that the interpreter has what the example needs, before anything begins.
func checkPython(ctx context.Context, py string) error {
	const hint = "`make demo` in a clone of the repository sets everything up; or: PARAPLU_PYTHON=/path/to/python paraplu demo"
	if py == "" {
		return fault.New(fault.Precondition, "no Python was found; the models of the story are trained in Python").WithHint(hint)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	const program = `import importlib.metadata as m
missing = []
for name in ("paraplu", "mlflow", "scikit-learn", "skl2onnx", "numpy", "pyyaml"):
    try: m.version(name)
    except m.PackageNotFoundError: missing.append(name)
print(" ".join(missing))`
	out, err := exec.CommandContext(ctx, py, "-c", program).CombinedOutput()
	if err != nil {
		return fault.New(fault.Precondition, "%s does not work: %s", py, bytes.TrimSpace(out)).WithHint(hint)
	}
	if missing := strings.TrimSpace(string(out)); missing != "" {
		return fault.New(fault.Precondition, "%s lacks %s", py, missing).WithHint(hint)
	}
	return nil
}

// python runs a script of the product. What it prints goes to the log; a failure shows the end of it.
func (s *story) python(args ...string) error {
	cmd := exec.CommandContext(s.ctx, s.a.Python(), args...)
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), s.a.StepEnv()...)
	var tail bytes.Buffer
	cmd.Stdout, cmd.Stderr = s.log, &tail
	err := cmd.Run()
	s.log.Write(tail.Bytes()) //nolint:errcheck // the log is a courtesy
	if err == nil {
		return nil
	}
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	lines := strings.Split(strings.TrimSpace(tail.String()), "\n")
	return fault.New(fault.StepFailed, "python %s failed (%v):\n%s", strings.Join(args, " "), err, strings.Join(lines[max(0, len(lines)-12):], "\n")).
		WithHint("the whole output is in %s", s.log.Name())
}
