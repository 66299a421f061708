package steps

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/spec"
)

// Profile describes a dataset by its name: "weather" is its newest version, or the file at its path when there is none yet;
// "weather@v3" is that version, wherever another one lies. title names what was described.
func (s *Steps) Profile(ctx context.Context, p *spec.Product, name string) (out *quality.Profile, title string, err error) {
	base, _, versioned := strings.Cut(name, "@")
	d, err := declared(p, base)
	if err != nil {
		return nil, "", err
	}
	v, err := s.Datasets.Resolve(ctx, p.Name, name)
	if fault.Is(err, fault.NotFound) && !versioned {
		out, err = s.Quality.Profile(ctx, p.Path(d.Path))
		return out, d.Path, err
	} else if err != nil {
		return nil, "", err
	}
	if v.Folder {
		return nil, "", fault.New(fault.Unsupported, "%s is a folder; one file is profiled at a time", v).WithHint("paraplu data checkout %s, then name a file of it", v)
	}
	path, done, err := s.laidOut(ctx, v, p.Path(d.Path))
	if err != nil {
		return nil, "", err
	}
	defer done()
	out, err = s.Quality.Profile(ctx, path)
	return out, v.String(), err
}

// laidOut gives a file that holds the version: the one at the dataset's path if it does, else a copy until done.
func (s *Steps) laidOut(ctx context.Context, v dataset.Version, path string) (file string, done func(), err error) {
	if info, err := os.Stat(path); err == nil && info.Size() == v.Bytes {
		if digest, err := quality.Digest(ctx, path); err == nil && digest == v.Files[0].Digest {
			return path, func() {}, nil
		}
	}
	dir, done, err := s.Quality.Scratch()
	if err != nil {
		return "", nil, err
	}
	file = filepath.Join(dir, v.Files[0].Path)
	if err := s.Datasets.Checkout(ctx, v, file); err != nil {
		done()
		return "", nil, err
	}
	return file, done, nil
}
