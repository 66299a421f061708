package dataset

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// lying is what lies at a path: every file with its digest.
type lying struct {
	there  bool
	folder bool
	tree   ref.Digest // of the canonical manifest
	files  []IndexEntry
	read   int // files that had to be read
}

// lies gives what lies at a path. Files are found by lstat; only those that the index does not know as they are now are
// opened. When something was read, the index is written again.
func (r *Room) lies(ctx context.Context, root string) (lying, error) {
	began := time.Now()
	l, err := list(root)
	if err != nil || !l.there {
		return l, err
	}
	x := OpenStatIndex(r.IndexDir, root)
	for i := range l.files {
		f := &l.files[i]
		if d, ok := x.Known(f.Path, f.Stat); ok {
			f.Digest = d
			continue
		}
		if err := r.reread(ctx, root, l.folder, f, began); err != nil {
			return l, err
		}
		l.read++
	}
	if l.read == 0 && x.Tree != "" && x.Len() == len(l.files) && x.Folder == l.folder {
		l.tree = x.Tree
		return l, nil
	}
	l.tree = ref.Sum(encode(l.version()))
	return l, x.Save(l.folder, l.tree, l.files)
}

func (r *Room) reread(ctx context.Context, root string, folder bool, f *IndexEntry, began time.Time) error {
	path := root
	if folder {
		path = filepath.Join(root, filepath.FromSlash(f.Path))
	}
	var read File
	if err := r.hash(ctx, path, &read); err != nil {
		return fault.Wrap(err, "reading %s", path)
	}
	*f = Indexed(f.Path, f.Stat, read.Digest, began)
	f.Stat.Size = read.Size // of what was read; another one is seen as a change by the next look
	return nil
}

// hash fills in size and digest of a file.
func (r *Room) hash(ctx context.Context, path string, f *File) error {
	in, err := r.open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	return (&meter{ctx: ctx, in: in, c: newCounter(path)}).hash(f)
}

// version is what would be added: only the parts that the manifest holds.
func (l *lying) version() Version {
	v := Version{Folder: l.folder, Files: make([]File, len(l.files))}
	for i, f := range l.files {
		v.Files[i] = File{f.Path, f.Stat.Size, f.Digest}
	}
	return v
}

// list finds the files at a path with lstat alone, sorted by path.
func list(root string) (l lying, err error) {
	info, err := os.Lstat(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, nil
	case err != nil:
		return l, fault.Wrap(err, "looking at %s", root)
	}
	l.there, l.folder = true, info.IsDir()
	if !l.folder {
		l.files = []IndexEntry{{Path: filepath.Base(root), Stat: StatOf(info)}}
		return l, regular(root, info.Mode())
	}
	if err := l.below(root, ""); err != nil {
		return l, fault.Wrap(err, "looking at %s", root)
	}
	return l, nil
}

// below adds the files of one folder. Folders sort as if their name ended with a slash: so whole paths come out sorted.
func (l *lying) below(root, rel string) error {
	entries, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(rel)))
	if err != nil {
		return err
	}
	key := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(key(a), key(b)) })
	for _, e := range entries {
		path := rel + key(e)
		switch {
		case e.IsDir():
			if err := l.below(root, path); err != nil {
				return err
			}
			continue
		case slices.Contains(litter, e.Name()), strings.HasPrefix(e.Name(), temporary):
			continue
		}
		if err := regular(filepath.Join(root, filepath.FromSlash(path)), e.Type()); err != nil {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it went meanwhile
		} else if err != nil {
			return err
		}
		l.files = append(l.files, IndexEntry{Path: path, Stat: StatOf(info)})
	}
	return nil
}
