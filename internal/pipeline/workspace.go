package pipeline

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// private is the folder of Paraplu in a workspace.
const private = ".paraplu"

// ignored names are no content: tools write them beside code while it runs.
var ignored = map[string]bool{
	private: true, ".git": true, "__pycache__": true, ".ipynb_checkpoints": true, ".DS_Store": true,
}

// workspace is the folder of a product. It digests files and remembers the digests by size, times and inode.
type workspace struct {
	dir string

	mu      sync.Mutex
	known   map[string]stamp
	touched map[string]bool
	dirty   bool
}

// stamp says what a file looked like when it was digested.
type stamp struct {
	size, mtime, ctime int64
	inode              uint64
	digest             ref.Digest
}

// line is the form in the file of digests; parseStamp reads it. What does not parse is forgotten.
func (s stamp) line(name string) string {
	return fmt.Sprintf("%s %d %d %d %d %q\n", s.digest, s.size, s.mtime, s.ctime, s.inode, name)
}

func parseStamp(line string) (name string, s stamp, ok bool) {
	f := strings.SplitN(line, " ", 6)
	if len(f) != 6 {
		return "", s, false
	}
	var errs [6]error
	s.digest, errs[0] = ref.ParseDigest(f[0])
	s.size, errs[1] = strconv.ParseInt(f[1], 10, 64)
	s.mtime, errs[2] = strconv.ParseInt(f[2], 10, 64)
	s.ctime, errs[3] = strconv.ParseInt(f[3], 10, 64)
	s.inode, errs[4] = strconv.ParseUint(f[4], 10, 64)
	name, errs[5] = strconv.Unquote(f[5])
	return name, s, errs == [6]error{}
}

func openWorkspace(dir string) *workspace {
	w := &workspace{dir: dir, known: map[string]stamp{}, touched: map[string]bool{}}
	f, err := os.Open(w.abs(private, "hashes"))
	if err != nil {
		return w
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, s, ok := parseStamp(lines.Text()); ok {
			w.known[name] = s
		}
	}
	return w
}

func (w *workspace) abs(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

// tmp makes the folder for half-made files.
func (w *workspace) tmp() (string, error) {
	dir := w.abs(private, "tmp")
	return dir, os.MkdirAll(dir, 0o755)
}

// save keeps the digests for the next time. It is only a cache: a failure costs time, nothing else.
func (w *workspace) save() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.dirty {
		return
	}
	dir, err := w.tmp()
	if err != nil {
		return
	}
	f, err := os.CreateTemp(dir, "hashes-*")
	if err != nil {
		return
	}
	defer os.Remove(f.Name())
	syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:errcheck // see abandoned
	out := bufio.NewWriter(f)
	prune := len(w.known) > 1000 && len(w.known) > 4*len(w.touched)
	for name, s := range w.known {
		if !prune || w.touched[name] {
			out.WriteString(s.line(name)) //nolint:errcheck // Flush tells
		}
	}
	if errors.Join(out.Flush(), f.Close()) == nil && os.Rename(f.Name(), w.abs(private, "hashes")) == nil {
		w.dirty = false
	}
}

// abandoned tells that nobody writes a half-made file any more: its writer held a lock on it, which the kernel released.
func abandoned(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// state digests a file or folder of the workspace. The error of a missing one is fs.ErrNotExist.
func (w *workspace) state(name string) (Out, error) {
	info, err := os.Stat(w.abs(name))
	switch {
	case err != nil:
		return Out{}, err
	case info.IsDir():
		m, err := w.manifest(name)
		if err != nil {
			return Out{}, err
		}
		return m.out(name), nil
	case !info.Mode().IsRegular():
		return Out{}, fault.New(fault.Invalid, "%s is neither a file nor a folder", name)
	}
	d, err := w.file(name, info)
	return Out{Path: name, Digest: d, Size: info.Size(), Exec: info.Mode()&0o111 != 0}, err
}

// file digests a regular file, from memory if it looks as it did.
func (w *workspace) file(name string, info fs.FileInfo) (ref.Digest, error) {
	now := look(info)
	w.mu.Lock()
	was, ok := w.known[name]
	w.touched[name] = true
	w.mu.Unlock()
	if now.digest = was.digest; ok && now == was {
		return was.digest, nil
	}
	f, err := os.Open(w.abs(name))
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := ref.NewHasher()
	if _, err := io.Copy(h, f); err != nil {
		return "", fault.Wrap(err, "reading %s", name)
	}
	now.digest = h.Digest()
	w.remember(name, now)
	return now.digest, nil
}

// remember keeps a digest, unless the file is so young that another change could leave the same times.
func (w *workspace) remember(name string, s stamp) {
	newest := max(s.mtime, s.ctime)
	grain := 50 * time.Millisecond
	if newest%int64(time.Second) == 0 {
		grain = 2 * time.Second // a file system that keeps whole seconds
	}
	if time.Now().UnixNano()-newest < int64(grain) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known[name], w.dirty = s, true
}

// manifest is the content of a folder: all files below it, sorted by path. Empty folders are no content.
type manifest []entry

type entry struct {
	Path   string     `json:"path"` // slash path below the folder
	Digest ref.Digest `json:"digest,omitempty"`
	Size   int64      `json:"size,omitempty"`
	Exec   bool       `json:"exec,omitempty"`
	Link   string     `json:"link,omitempty"` // target of a symbolic link to a folder or to nothing
}

func (m manifest) bytes() []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic("pipeline: a manifest is always JSON: " + err.Error())
	}
	return b
}

func (m manifest) out(name string) Out {
	out := Out{Path: name, Digest: ref.Sum(m.bytes()), Dir: true, Files: len(m)}
	for _, e := range m {
		out.Size += e.Size
	}
	return out
}

func (w *workspace) manifest(name string) (manifest, error) {
	return w.walk(name, func(file string, info fs.FileInfo) (ref.Digest, error) { return w.file(file, info) })
}

// walk lists a folder; digest is called for every regular file with its path in the workspace.
func (w *workspace) walk(name string, digest func(string, fs.FileInfo) (ref.Digest, error)) (manifest, error) {
	m := manifest{}
	top := w.abs(name)
	if real, err := filepath.EvalSymlinks(top); err == nil {
		top = real // WalkDir does not enter a link
	}
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ignored[d.Name()] && p != top {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		below, err := filepath.Rel(top, p)
		if err != nil {
			return err
		}
		e := entry{Path: filepath.ToSlash(below)}
		info, err := os.Stat(p)
		if d.Type()&fs.ModeSymlink != 0 && (err != nil || info.IsDir()) {
			e.Link, err = os.Readlink(p)
			m = append(m, e)
			return err
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fault.New(fault.Invalid, "%s is neither a file nor a folder", path.Join(name, e.Path))
		}
		e.Size, e.Exec = info.Size(), info.Mode()&0o111 != 0
		e.Digest, err = digest(path.Join(name, e.Path), info)
		m = append(m, e)
		return err
	})
	slices.SortFunc(m, func(a, b entry) int { return strings.Compare(a.Path, b.Path) })
	return m, err
}
