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
	"sync"
	"time"

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
	have, there, err := r.lying(ctx, dest)
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
	var done placing
	err = each(ctx, len(p.write), func(ctx context.Context, i int) error {
		return r.place(ctx, p.write[i], target(v, dest, p.write[i]), &done)
	})
	if err != nil {
		return fault.Wrap(err, "checking out %s to %s", v, dest)
	}
	for _, path := range p.remove {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.Wrap(err, "checking out %s to %s", v, dest)
		}
	}
	there.written(v, p.write, &done)
	return nil
}

func target(v Version, dest string, f File) string {
	if !v.Folder {
		return dest
	}
	return filepath.Join(dest, filepath.FromSlash(f.Path))
}

// lying gives the digest of every file at dest, and what was seen there; nothing there is no error.
func (r *Room) lying(ctx context.Context, dest string) (map[string]ref.Digest, *tree, error) {
	have := map[string]ref.Digest{}
	t := &tree{root: dest, stats: r.knownFiles(dest)}
	err := filepath.WalkDir(dest, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if path == dest && err == nil {
			t.folder = d.IsDir()
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
		rel, err := filepath.Rel(dest, path)
		if !t.folder {
			rel = filepath.Base(dest)
		}
		t.files = append(t.files, File{Path: filepath.ToSlash(rel)})
		return err
	})
	if err != nil {
		return have, t, err
	}
	t.seen = make([]seen, len(t.files))
	if err := each(ctx, len(t.files), func(ctx context.Context, i int) error { return r.look(ctx, t, i, nil) }); err != nil {
		return have, t, err
	}
	for _, f := range t.files {
		have[t.place(f)] = f.Digest
	}
	return have, t, nil
}

// placing is what a checkout has done so far.
type placing struct {
	dirs  sync.Map // that are known to be there
	files sync.Map // path → stat before it got its name
}

// written remembers what a checkout has made, so that the next look at the place reads nothing. What was written is looked
// at once the clock of the file system has moved on; a file that is not as it was written is somebody's work.
func (t *tree) written(v Version, fresh []File, done *placing) {
	made := &tree{root: t.root, folder: v.Folder, files: v.Files, stats: t.stats, seen: make([]seen, len(v.Files))}
	if made.bytes() < worthwhileBytes && len(v.Files) < worthwhileFiles {
		return
	}
	old := make(map[string]seen, len(t.seen))
	for i, f := range t.files {
		old[f.Path] = t.seen[i]
	}
	for _, f := range fresh {
		delete(old, f.Path)
	}
	if len(fresh) > 0 {
		time.Sleep(time.Duration(racyFine) + 10*time.Millisecond)
	}
	looked := time.Now().UnixNano()
	for i, f := range v.Files {
		s, same := old[f.Path]
		if !same {
			info, err := os.Lstat(made.place(f))
			was, _ := done.files.Load(made.place(f))
			s.now = statOf(info)
			if was, ok := was.(stat); err != nil || !ok || s.now.size != f.Size || was.mtime != s.now.mtime || was.inode != s.now.inode {
				return
			}
			s.now.looked, s.rows = looked, uncounted
		}
		made.seen[i] = s
	}
	made.remember()
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

// place writes one file beside its place, verified, and renames it. It is not synced: what a power cut takes from a checkout is
// in the store.
func (r *Room) place(ctx context.Context, f File, path string, done *placing) (err error) {
	dir := filepath.Dir(path)
	if _, there := done.dirs.Load(dir); !there {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		done.dirs.Store(dir, true)
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
		err = out.Chmod(0o644)
	}
	if info, err := out.Stat(); err == nil {
		done.files.Store(path, statOf(info))
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), path)
}
