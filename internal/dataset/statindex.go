package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/whole"
)

// racy is how close to the moment of a look a change may be that its times do not show: a file system counts time in ticks
// of the kernel (4 to 10 ms), and its clock need not be ours.
const racy = 100 * time.Millisecond

// Stat is what lstat says about a file. It changes whenever the content may have changed.
type Stat struct {
	Inode uint64
	Size  int64 // bytes
	MTime int64 // ns since 1970
	CTime int64 // ns since 1970; nobody can set it back
	Mode  uint32
}

// StatOf reads what fs.FileInfo of lstat holds.
func StatOf(info fs.FileInfo) Stat {
	s := Stat{Size: info.Size(), MTime: info.ModTime().UnixNano(), Mode: uint32(info.Mode())}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Inode, s.CTime = sys.Ino, changed(sys)
	}
	return s
}

// IndexEntry is one file as it was when it was last read.
type IndexEntry struct {
	Path   string // inside the root, with slashes; of a single file its base name
	Stat   Stat
	Digest ref.Digest // of the content
	Racy   bool       // it may have changed since without a trace: read it again
}

// Indexed gives the entry of a file: stat was taken at the moment look or later, and the content was read after stat.
func Indexed(path string, stat Stat, d ref.Digest, look time.Time) IndexEntry {
	return IndexEntry{path, stat, d, stat.CTime >= look.Add(-racy).UnixNano()}
}

// StatIndex remembers the digests of the files below one root, so that what lstat shows unchanged is not read again. It is
// a cache: one that is lost, damaged or of another root costs time only. Many may read one; it is replaced as a whole.
type StatIndex struct {
	Root   string     // absolute
	Folder bool       // false: the root is one file
	Tree   ref.Digest // of the canonical manifest of exactly these files; "" = not known

	file    string // "" = kept nowhere
	entries []IndexEntry
}

// OpenStatIndex reads the index of a root from the folder of indexes; with no folder ("") nothing is remembered.
func OpenStatIndex(dir, root string) *StatIndex {
	abs, err := filepath.Abs(root)
	if err != nil || dir == "" {
		return &StatIndex{Root: root}
	}
	sum := sha256.Sum256([]byte(abs))
	x := &StatIndex{Root: abs, file: filepath.Join(dir, hex.EncodeToString(sum[:16]))}
	body, err := os.ReadFile(x.file)
	if err != nil {
		return x
	}
	if y, ok := decodeIndex(body); ok && y.Root == abs {
		y.file = x.file
		return y
	}
	return x
}

// Len is how many files are known.
func (x *StatIndex) Len() int { return len(x.entries) }

// Known gives the digest of a file, when it was read before and nothing about it changed.
func (x *StatIndex) Known(path string, now Stat) (ref.Digest, bool) {
	i, ok := sort.Find(len(x.entries), func(i int) int { return strings.Compare(path, x.entries[i].Path) })
	if !ok || x.entries[i].Racy || x.entries[i].Stat != now {
		return "", false
	}
	return x.entries[i].Digest, true
}

// Save replaces the index. Entries are sorted by path; tree is "" when it is not known.
func (x *StatIndex) Save(folder bool, tree ref.Digest, entries []IndexEntry) error {
	x.Folder, x.Tree, x.entries = folder, tree, entries
	if x.file == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(x.file), 0o755); err != nil {
		return fault.Wrap(err, "remembering the files of %s", x.Root)
	}
	return fault.Wrap(whole.Replace(x.file, encodeIndex(x), 0o644), "remembering the files of %s", x.Root)
}
