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
	"sync/atomic"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
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
	seen    []seen // beside files
	stats   *stats // what was known before
}

// seen is what is known of a file.
type seen struct {
	counted
	known bool // it was not read
	now   stat
}

// uncounted are the rows of a file that nobody counted.
const uncounted = -2

// counted is what a counter found; ok is false when the file is not a countable table.
type counted struct {
	rows    int64
	columns []string
	ok      bool
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

// scan lists a file or folder and hashes what is there; into a batch, when there is one, it also stores what it reads. Files
// that are known by their stat are not read.
func (r *Room) scan(ctx context.Context, root string, into *blob.Batch) (*tree, error) {
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
	for _, f := range t.files {
		if why := badPath(f.Path); why != "" {
			return nil, refuse(t.place(f), why)
		}
	}
	t.stats = r.knownFiles(root)
	t.seen = make([]seen, len(t.files))
	if err := each(ctx, len(t.files), func(ctx context.Context, i int) error { return r.look(ctx, t, i, into) }); err != nil {
		return nil, err
	}
	t.sum()
	return t, nil
}

// look fills in one file: from what is known of it, else by reading it.
func (r *Room) look(ctx context.Context, t *tree, i int, into *blob.Batch) error {
	f, s := &t.files[i], &t.seen[i]
	path := t.place(*f)
	info, err := os.Lstat(path)
	if err != nil {
		return fault.Wrap(err, "reading %s", path)
	}
	s.now = statOf(info)
	if old, ok := t.stats.trusted(f.Path, s.now); ok && (into == nil || old.rows != uncounted || newCounter(path).kind == "") {
		s.known, s.counted = true, old.counted
		s.now.digest, s.now.looked = old.digest, old.looked
		f.Size, f.Digest = s.now.size, old.digest
		return nil
	}
	return r.read(ctx, t, i, into)
}

// read hashes, counts and stores one file in one pass.
func (r *Room) read(ctx context.Context, t *tree, i int, into *blob.Batch) error {
	f, s := &t.files[i], &t.seen[i]
	path := t.place(*f)
	s.known, s.now.looked = false, time.Now().UnixNano()
	in, err := r.open(path)
	if err != nil {
		return fault.Wrap(err, "reading %s", path)
	}
	defer in.Close()
	m := &meter{ctx: ctx, in: in, c: newCounter(path)}
	if into != nil {
		f.Digest, f.Size, err = into.Put(ctx, m)
	} else {
		err = m.hash(f)
	}
	if err != nil {
		return fault.Wrap(err, "reading %s", path)
	}
	after, err := os.Lstat(path)
	if now := statOf(after); err != nil || now.size != s.now.size || now.mtime != s.now.mtime || f.Size != s.now.size {
		return fault.New(fault.Conflict, "%s changed while it was being read", path).
			WithHint("wait until the file is complete, then run the same command again")
	}
	s.now.digest = f.Digest
	s.counted.rows, s.counted.columns, s.counted.ok = m.c.result()
	return nil
}

// meter counts the rows of what passes.
type meter struct {
	ctx context.Context
	in  io.Reader
	c   *counter
}

func (m *meter) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.in.Read(p)
	m.c.write(p[:n])
	return n, err
}

// hash fills in size and digest.
func (m *meter) hash(f *File) (err error) {
	h := ref.NewHasher()
	f.Size, err = io.CopyBuffer(h, m, make([]byte, 256<<10))
	f.Digest = h.Digest()
	return err
}

// each calls fn for 0 … n-1, some of them at once, and gives the first error.
func each(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, 2) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := fn(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
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

// sum adds the rows of all tables when every file is one of the same columns.
func (t *tree) sum() {
	var rows int64
	var columns []string
	for i, s := range t.seen {
		if !s.ok || i > 0 && !slices.Equal(columns, s.columns) {
			return
		}
		rows, columns = rows+s.rows, s.columns
	}
	t.rows, t.columns = rows, columns
}
