package steps

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/spec"
)

// gitPatience bounds how long git is asked; a repository that answers later leaves no trace in the version.
const gitPatience = 5 * time.Second

// origin finds out what can be known of data that are about to be added: the git commit around the product, the execution
// and step in which this process runs or whose output the file is, and the run that is active.
func (s *Steps) origin(ctx context.Context, p *spec.Product, path string) *dataset.Origin {
	o := &dataset.Origin{Execution: os.Getenv("PARAPLU_EXECUTION"), Step: os.Getenv("PARAPLU_STEP"), Run: os.Getenv("MLFLOW_RUN_ID")}
	o.Commit, o.Dirty = commit(ctx, p.Dir)
	s.output(ctx, p, path, o)
	return o
}

// output fills in the execution whose recorded output the file is. A file that a step declares and that was changed by hand
// since is not its output.
func (s *Steps) output(ctx context.Context, p *spec.Product, path string, o *dataset.Origin) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return
	}
	rel := filepath.ToSlash(relative(p, abs))
	if _, ok := p.Pipeline.Producer(rel); !ok {
		return
	}
	v, err := s.Datasets.Lying(ctx, p.Name, "output", abs)
	if err != nil || v.Folder {
		return
	}
	if made, ok, err := s.Pipeline.Made(ctx, p.Name, rel, v.Files[0].Digest); err == nil && ok {
		o.Execution, o.Step, o.File = made.Execution, made.Step, "file:"+rel+"@"+string(v.Files[0].Digest)
	}
}

// commit asks git for the commit of a folder, "" when it is in no repository or git is not there.
func commit(ctx context.Context, dir string) (id string, dirty bool) {
	ctx, cancel := context.WithTimeout(ctx, gitPatience)
	defer cancel()
	git := func(args ...string) (string, bool) {
		c := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
		c.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0")
		out, err := c.Output()
		return strings.TrimSpace(string(out)), err == nil
	}
	id, ok := git("rev-parse", "HEAD")
	if !ok {
		return "", false
	}
	changes, ok := git("status", "--porcelain", "--untracked-files=no")
	return id, ok && changes != ""
}
