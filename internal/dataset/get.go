package dataset

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Select gives the files of a version that a pattern names, in order. A pattern is a path, a folder (everything below it),
// or has * and ? within a name, [a-z] for one of some letters, ** for any number of folders. No pattern means all files;
// one that names nothing is fault.NotFound.
func Select(v Version, patterns []string) ([]File, error) {
	if len(patterns) == 0 {
		return v.Files, nil
	}
	used := make([]bool, len(patterns))
	var out []File
	for _, f := range v.Files {
		chosen := false
		for i, p := range patterns {
			ok, err := globbed(strings.Split(strings.Trim(p, "/"), "/"), strings.Split(f.Path, "/"))
			if err != nil {
				return nil, fault.New(fault.Invalid, "the pattern %q cannot be read: %w", p, err)
			}
			used[i], chosen = used[i] || ok, chosen || ok
		}
		if chosen {
			out = append(out, f)
		}
	}
	for i, ok := range used {
		if !ok {
			return nil, fault.New(fault.NotFound, "%s has no file %q; it has %d, the first is %q", v, patterns[i], len(v.Files), v.Files[0].Path).
				WithHint("paraplu data get %s --json lists its files", v.Dataset)
		}
	}
	return out, nil
}

// globbed matches a path name by name; a pattern that ends early names a folder.
func globbed(pattern, names []string) (bool, error) {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for i := range len(names) + 1 {
				if ok, err := globbed(pattern[1:], names[i:]); ok || err != nil {
					return ok, err
				}
			}
			return false, nil
		}
		if len(names) == 0 {
			return false, nil
		}
		if ok, err := path.Match(pattern[0], names[0]); !ok || err != nil {
			return false, err
		}
		pattern, names = pattern[1:], names[1:]
	}
	return true, nil
}

// Extract writes files of a version below dir and gives how many it had to write: what is equal already stays. What else
// lies in dir is left alone, and content that no version holds is not overwritten (fault.Conflict). Each file appears
// whole and verified, or not at all.
func (r *Room) Extract(ctx context.Context, v Version, files []File, dir string) (written int, err error) {
	for _, f := range files {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return written, fault.New(fault.Invalid, "%s: the path %q leads outside the dataset", v, f.Path)
		}
		to := filepath.Join(dir, filepath.FromSlash(f.Path))
		same, err := r.holds(ctx, v, f, to)
		if err != nil {
			return written, err
		}
		if same {
			continue
		}
		if err := r.write(ctx, f, to, 0o644); err != nil {
			return written, fault.Wrap(err, "getting %s of %s", f.Path, v)
		}
		written++
	}
	return written, nil
}

// holds tells whether a file is there already, and refuses to lose what is in no version.
func (r *Room) holds(ctx context.Context, v Version, f File, to string) (bool, error) {
	info, err := os.Lstat(to)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, fault.Wrap(err, "looking at %s", to)
	}
	if err := regular(to, info.Mode()); err != nil {
		return false, err
	}
	var here File
	if err := r.hash(ctx, to, &here); err != nil || here.Digest == f.Digest {
		return err == nil, fault.Wrap(err, "reading %s", to)
	}
	found, err := r.Find(ctx, v.Product, here.Digest)
	if err == nil && len(found) == 0 {
		err = fault.New(fault.Conflict, "%s would be lost: no version holds its present content", to).WithHint("move it away, or choose another folder")
	}
	return false, err
}

// Stream writes one file to w, verified: an error at the end means that what was written is not to be trusted.
func (r *Room) Stream(ctx context.Context, f File, w io.Writer) error {
	in, err := r.blobs.Get(ctx, f.Digest)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(w, in)
	return err
}

// write puts one file in place, whole or not at all.
func (r *Room) write(ctx context.Context, f File, to string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(to), temporary+"*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name()) // it is gone when it is whole
	err = r.Stream(ctx, f, out)
	if err == nil {
		err = out.Chmod(mode)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), to)
}

// Local gives the folder of a read-only copy of a version below base, made when it is not there. Every byte of it is that
// of the version: what the index does not know to be unchanged is read again, and what differs is written again.
func (r *Room) Local(ctx context.Context, v Version, base string) (dir string, err error) {
	dir = filepath.Join(base, v.Digest.Hex()[:32])
	l, err := r.lies(ctx, dir)
	if err != nil {
		return "", err
	}
	have := make(map[string]ref.Digest, len(l.files))
	for _, f := range l.files {
		have[f.Path] = f.Digest
	}
	for _, f := range v.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return "", fault.New(fault.Invalid, "%s: the path %q leads outside the dataset", v, f.Path)
		}
		to := filepath.Join(dir, filepath.FromSlash(f.Path))
		if have[f.Path] == f.Digest {
			delete(have, f.Path)
			continue
		}
		delete(have, f.Path)
		if err := r.write(ctx, f, to, 0o444); err != nil {
			return "", fault.Wrap(err, "copying %s of %s", f.Path, v)
		}
	}
	for path := range have { // nobody but us writes here
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(path))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fault.Wrap(err, "copying %s", v)
		}
	}
	return dir, nil
}
