package dataset

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// temporary marks files that are being written; one that was left behind by a killed process is removed by the next checkout.
const temporary = ".paraplu-checkout-"

// Checkout writes a version to dest: a file for a single file, else a folder. Each file appears at once or not at all, and
// what is equal already is not touched. A folder then holds exactly the files of the version. What would be lost, because
// no version of the product holds it, is a Conflict; nothing is changed then.
func (r *Room) Checkout(ctx context.Context, v Version, dest string) error {
	return r.checkout(ctx, v, dest, true)
}

// Replace is Checkout without that care: what lies at dest is overwritten.
func (r *Room) Replace(ctx context.Context, v Version, dest string) error {
	return r.checkout(ctx, v, dest, false)
}

func (r *Room) checkout(ctx context.Context, v Version, dest string, careful bool) error {
	if len(v.Files) == 0 {
		return fault.New(fault.Invalid, "%s holds no files", v)
	}
	have, err := r.present(ctx, dest)
	if err != nil {
		return err
	}
	p, err := compare(v, dest, have)
	if err != nil {
		return err
	}
	if careful {
		if err := r.known(ctx, v, have, p.lose); err != nil {
			return err
		}
	}
	for _, f := range p.write {
		if err := r.place(ctx, f, target(v, dest, f)); err != nil {
			return fault.Wrap(err, "checking out %s to %s", v, dest)
		}
	}
	for _, path := range p.remove {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.Wrap(err, "checking out %s to %s", v, dest)
		}
	}
	return nil
}

func target(v Version, dest string, f File) string {
	if !v.Folder {
		return dest
	}
	return filepath.Join(dest, filepath.FromSlash(f.Path))
}

// present gives the digest of every file at dest; nothing there is no error.
func (r *Room) present(ctx context.Context, dest string) (map[string]ref.Digest, error) {
	have := map[string]ref.Digest{}
	err := filepath.WalkDir(dest, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() || slices.Contains(litter, d.Name()) {
			return err
		}
		if strings.HasPrefix(d.Name(), temporary) {
			return os.Remove(path)
		}
		if err := regular(path, d.Type()); err != nil {
			return err
		}
		var f File
		if _, err := r.hash(ctx, path, &f); err != nil {
			return fault.Wrap(err, "reading %s", path)
		}
		have[path] = f.Digest
		return nil
	})
	return have, err
}

// plan is what makes dest become a version.
type plan struct {
	write  []File
	remove []string // paths that are not in the version
	lose   []string // paths whose present content disappears
}

func compare(v Version, dest string, have map[string]ref.Digest) (p plan, err error) {
	info, err := os.Lstat(dest)
	if err == nil && info.IsDir() != v.Folder {
		return p, fault.New(fault.Conflict, "%s is %s and %s is %s", dest, form(info.IsDir()), v, form(v.Folder)).
			WithHint("choose another place, or move what is there away")
	}
	want := map[string]ref.Digest{}
	for _, f := range v.Files {
		if why := badPath(f.Path); why != "" || !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return p, fault.New(fault.Invalid, "%s: the path %q leads outside the dataset", v, f.Path)
		}
		path := target(v, dest, f)
		want[path] = f.Digest
		if have[path] != f.Digest {
			p.write = append(p.write, f)
		}
	}
	for path, digest := range have {
		if _, keep := want[path]; !keep {
			p.remove = append(p.remove, path)
		}
		if want[path] != digest {
			p.lose = append(p.lose, path)
		}
	}
	slices.Sort(p.remove)
	slices.Sort(p.lose)
	return p, nil
}

func form(folder bool) string {
	if folder {
		return "a folder"
	}
	return "a file"
}

// known refuses to lose content that is in no version.
func (r *Room) known(ctx context.Context, v Version, have map[string]ref.Digest, lose []string) error {
	for _, path := range lose {
		found, err := r.Find(ctx, v.Product, have[path])
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.New(fault.Conflict, "%s would be lost: no version holds its present content", path).
				WithHint("keep it with: paraplu data add %s; or overwrite it with --force", v.Dataset)
		}
	}
	return nil
}

// place writes one file beside its place, verified and synced, and renames it.
func (r *Room) place(ctx context.Context, f File, path string) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	in, err := r.blobs.Get(ctx, f.Digest)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(dir, temporary+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(out.Name())
		}
	}()
	if _, err = io.Copy(out, in); err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err = os.Chmod(out.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(out.Name(), path)
}
