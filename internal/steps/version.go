package steps

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/spec"
)

// Thing gives the lineage name of what a person means: a dataset version by any of its names, else the text as it is.
func (s *Steps) Thing(ctx context.Context, product, text string) (string, error) {
	base, _, ok := strings.Cut(text, "@")
	if !ok {
		return text, nil
	}
	names, err := s.Datasets.Names(ctx, product)
	if err != nil || !slices.Contains(names, base) {
		return text, err
	}
	v, err := s.Datasets.Resolve(ctx, product, text)
	if err != nil {
		return "", err
	}
	return v.Ref(), nil
}

// CheckVersion holds a stored version, by any of its names, against the contract as it is now, in an environment (CheckFor).
func (s *Steps) CheckVersion(ctx context.Context, p *spec.Product, text, actor, env string) (*quality.Report, error) {
	v, err := s.Datasets.Resolve(ctx, p.Name, text)
	if err != nil {
		return nil, err
	}
	if v.Folder {
		return nil, fault.New(fault.Unsupported, "%s is a folder; one file is checked at a time", v).
			WithHint("paraplu data get %s --to DIR, then paraplu check %s FILE", v, v.Dataset)
	}
	path, done, err := s.copyOf(ctx, v)
	if err != nil {
		return nil, err
	}
	defer done()
	return s.CheckFor(ctx, p, v.Dataset, path, actor, env)
}

// copyOf lays a version out in a temporary folder, under its own name; done removes it.
func (s *Steps) copyOf(ctx context.Context, v dataset.Version) (path string, done func(), err error) {
	dir, err := os.MkdirTemp("", "paraplu-version-")
	if err != nil {
		return "", nil, fault.Wrap(err, "copying %s", v)
	}
	done = func() { os.RemoveAll(dir) }
	path = filepath.Join(dir, v.Dataset)
	if !v.Folder {
		path = filepath.Join(dir, filepath.FromSlash(v.Files[0].Path))
	}
	if err := s.Datasets.Replace(ctx, v, path); err != nil {
		done()
		return "", nil, err
	}
	return path, done, nil
}
