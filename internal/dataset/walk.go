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

// tree is what lies at a path: hashed and counted, not stored yet.
type tree struct {
	root    string
	folder  bool
	files   []File
	rows    int64
	columns []string
}

func (t *tree) bytes() (n int64) {
	for _, f := range t.files {
		n += f.Size
	}
	return n
}

// place gives where a file lies on this disk.
func (t *tree) place(f File) string {
	if !t.folder {
		return t.root
	}
	return filepath.Join(t.root, filepath.FromSlash(f.Path))
}

// litter is left in folders by file managers and is never data.
var litter = []string{".DS_Store", "Thumbs.db", "desktop.ini"}

// walk lists a file or folder and hashes what is there.
func (r *Room) walk(ctx context.Context, root string) (*tree, error) {
	info, err := os.Lstat(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.NotFound, "%s does not exist", root).WithHint("check the path in the data section of paraplu.yaml")
	case err != nil:
		return nil, fault.Wrap(err, "looking at %s", root)
	}
	t := &tree{root: root, folder: info.IsDir(), rows: -1}
	if !t.folder {
		if err := regular(root, info.Mode()); err != nil {
			return nil, err
		}
		t.files = []File{{Path: filepath.Base(root)}}
	} else if err := t.list(); err != nil {
		return nil, err
	}
	counts := make([]*counter, len(t.files))
	for i := range t.files {
		f := &t.files[i]
		if why := badPath(f.Path); why != "" {
			return nil, refuse(t.place(*f), why)
		}
		if counts[i], err = r.hash(ctx, t.place(*f), f); err != nil {
			return nil, fault.Wrap(err, "reading %s", t.place(*f))
		}
	}
	t.sum(counts)
	return t, nil
}

func (t *tree) list() error {
	err := filepath.WalkDir(t.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || slices.Contains(litter, d.Name()) {
			return err
		}
		if err := regular(path, d.Type()); err != nil {
			return err
		}
		rel, err := filepath.Rel(t.root, path)
		t.files = append(t.files, File{Path: filepath.ToSlash(rel)})
		return err
	})
	if err != nil {
		return fault.Wrap(err, "listing %s", t.root)
	}
	if len(t.files) == 0 {
		return fault.New(fault.Invalid, "the folder %s holds no files", t.root)
	}
	slices.SortFunc(t.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

func regular(path string, mode fs.FileMode) error {
	switch {
	case mode&fs.ModeSymlink != 0:
		return refuse(path, "it is a symbolic link, and a version must not depend on what lies outside").WithHint("copy the file to its place instead")
	case !mode.IsRegular():
		return refuse(path, "it is not an ordinary file")
	}
	return nil
}

// hash fills size and digest, and counts rows on the way.
func (r *Room) hash(ctx context.Context, path string, f *File) (*counter, error) {
	in, err := r.open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	h, c := ref.NewHasher(), newCounter(path)
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := in.Read(buf)
		h.Write(buf[:n])
		c.write(buf[:n])
		f.Size += int64(n)
		if err == io.EOF {
			f.Digest = h.Digest()
			return c, nil
		} else if err != nil {
			return nil, err
		}
	}
}

// sum adds the rows of all tables when every file is one of the same columns.
func (t *tree) sum(counts []*counter) {
	var rows int64
	var columns []string
	for i, c := range counts {
		n, header, ok := c.result()
		if !ok || i > 0 && !slices.Equal(columns, header) {
			return
		}
		rows, columns = rows+n, header
	}
	t.rows, t.columns = rows, columns
}
