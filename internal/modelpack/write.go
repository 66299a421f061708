package modelpack

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// WriteDir writes all files of a package and model.sig into a new folder, complete or not at all. A folder that already
// holds exactly this package is left as it is; any other existing path is refused.
func (r *Room) WriteDir(ctx context.Context, digest ref.Digest, dest string) error {
	p, err := r.Get(ctx, digest)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(dest); err == nil {
		if r.holds(dest, p) {
			return nil
		}
		return fault.New(fault.Exists, "%s exists already", dest).WithHint("choose another folder, or remove it")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fault.Wrap(err, "looking at %s", dest)
	}
	parent := filepath.Dir(dest)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fault.Wrap(err, "making %s", parent)
	}
	tmp, err := os.MkdirTemp(parent, "."+filepath.Base(dest)+".new-*")
	if err != nil {
		return fault.Wrap(err, "making a folder in %s", parent)
	}
	defer os.RemoveAll(tmp)
	if err := r.fill(ctx, tmp, p); err != nil {
		return fault.Wrap(err, "writing package %s to %s", digest.Short(), dest)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	return fault.Wrap(os.Rename(tmp, dest), "writing package %s to %s", digest.Short(), dest)
}

// contents lists what a folder of the package holds.
func (p *Package) contents() []File {
	out := append([]File(nil), p.Files...)
	if len(p.Signatures) > 0 {
		out = append(out, File{Path: signaturePath, Digest: p.Signatures[0].Digest})
	}
	return out
}

func (r *Room) fill(ctx context.Context, dir string, p *Package) error {
	for _, f := range p.contents() {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		data, err := r.read(ctx, f.Digest, "file "+f.Path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (r *Room) holds(dir string, p *Package) bool {
	for _, f := range p.contents() {
		file, err := os.Open(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err != nil {
			return false
		}
		h := ref.NewHasher()
		_, err = io.Copy(h, file)
		file.Close()
		if err != nil || h.Digest() != f.Digest {
			return false
		}
	}
	return true
}
