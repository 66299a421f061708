package mlflowdb

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/transfer"
)

func unescape(path string) string {
	if p, err := url.PathUnescape(path); err == nil {
		return p
	}
	return path
}

// Files walks the folder of a root. One that does not exist is empty, as MLflow makes it with the first file; not so that of
// a logged model that is ready, and not when the folder of all artifacts is missing.
func (s *Store) Files(ctx context.Context, of transfer.Root, use func(transfer.File) error) error {
	dir, err := s.folder(of)
	if err != nil {
		return err
	}
	if err := there(dir, of); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return unreadable(err)
		case ctx.Err() != nil:
			return ctx.Err()
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return unreadable(err)
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return fault.Wrap(err, "the path of a file")
		}
		return use(transfer.File{Path: filepath.ToSlash(rel), Size: info.Size()})
	})
}

// folder gives where the files of a root are: where the store says or, when they were moved, below the named folder.
func (s *Store) folder(of transfer.Root) (string, error) {
	dir, err := s.resolve(of.URI)
	if err != nil || s.artifacts == "" || exists(dir) {
		return dir, err
	}
	parts := strings.Split(filepath.ToSlash(dir), "/") // …/experiment/run/artifacts, …/experiment/models/model/artifacts
	n := 3
	if of.Model {
		n = 4
	}
	return filepath.Join(s.artifacts, filepath.Join(parts[max(0, len(parts)-n):]...)), nil
}

func there(dir string, of transfer.Root) error {
	if exists(dir) {
		return nil
	}
	root := filepath.Dir(filepath.Dir(filepath.Dir(dir)))
	if of.Model {
		root = filepath.Dir(root)
	}
	if of.Model && exists(root) {
		return fault.New(fault.NotFound, "the folder of its files is missing: %s", dir)
	}
	if !exists(root) {
		return fault.New(fault.NotFound, "the folder of artifacts %s does not exist", root).
			WithHint("name the folder where the artifacts are now: --artifacts DIR, or leave them out: --no-artifacts")
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Open opens a file below a root.
func (s *Store) Open(_ context.Context, of transfer.Root, path string) (io.ReadCloser, error) {
	dir, err := s.folder(of)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(path)))
	if err != nil {
		return nil, unreadable(err)
	}
	return f, nil
}

func unreadable(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Denied, "%w", err)
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.NotFound, "%w", err)
	}
	return fault.New(fault.Precondition, "%w", err)
}
