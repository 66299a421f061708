package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/paraplu/paraplu/internal/ref"
)

// stats remembers the digest of files by what lstat tells of them, so that what did not change is not read again. It is a
// file for each place that was added or checked out, beside the objects: a cache, which may be lost at any time.
type stats struct {
	path string // "" = nothing is remembered
	rows map[string]known
}

// stat is what a file looked like. Times are nanoseconds since 1970.
type stat struct {
	size, mtime, ctime int64
	inode              uint64
	looked             int64 // when its bytes began to be read
	digest             ref.Digest
}

type known struct {
	stat
	counted
}

const (
	statsMagic = "PRPLSTA1"
	// worthwhile is from how many bytes, or files, on remembering is cheaper than reading.
	worthwhileBytes = 4 << 20
	worthwhileFiles = 64
	// racyFine is how long after its last change the bytes of a file must have been read to be trusted: within one tick of the
	// file system's clock a file can change twice and look the same.
	racyFine   = int64(50e6)
	racyCoarse = int64(2e9) // where file times are whole seconds
)

// knownFiles reads what is remembered of a place.
func (r *Room) knownFiles(root string) *stats {
	s := &stats{rows: map[string]known{}}
	dir := r.blobs.Folder()
	abs, err := filepath.Abs(root)
	if dir == "" || err != nil {
		return s
	}
	name := sha256.Sum256([]byte(abs))
	s.path = filepath.Join(dir, "stat", hex.EncodeToString(name[:16]))
	if text, err := os.ReadFile(s.path); err == nil && !s.parse(text) {
		s.rows = map[string]known{} // damaged: nothing is known
	}
	return s
}

// trusted gives what is known of a file if it looks as it did then.
func (s *stats) trusted(path string, now stat) (known, bool) {
	k, ok := s.rows[path]
	if !ok || now.ctime == 0 || k.size != now.size || k.mtime != now.mtime || k.ctime != now.ctime || k.inode != now.inode {
		return k, false
	}
	margin := racyFine
	if now.ctime%1e9 == 0 {
		margin = racyCoarse
	}
	return k, max(now.mtime, now.ctime)+margin <= k.looked
}

// remember replaces what is known of a place by what was just seen there.
func (t *tree) remember() {
	if t.stats.path == "" || len(t.files) < worthwhileFiles && t.bytes() < worthwhileBytes {
		return
	}
	same := len(t.stats.rows) == len(t.files)
	for _, s := range t.seen {
		same = same && s.known
	}
	if !same {
		writeStats(t.stats.path, t.encodeStats()) //nolint:errcheck // a cache
	}
}

// writeStats puts the file there whole or not at all as far as processes see; a power cut may damage it, which parse notices.
func writeStats(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func (t *tree) encodeStats() []byte {
	numbers := map[string]uint64{} // column lists, each written once
	lists := [][]string{}
	for _, s := range t.seen {
		if text := columnsKey(s.columns); s.ok && numbers[text] == 0 {
			lists = append(lists, s.columns)
			numbers[text] = uint64(len(lists))
		}
	}
	head, err := json.Marshal(lists)
	if err != nil {
		panic(err) // strings always encode
	}
	b := append([]byte(statsMagic), binary.AppendUvarint(nil, uint64(len(head)))...)
	b = append(b, head...)
	for i, f := range t.files {
		s := &t.seen[i]
		b = append(binary.AppendUvarint(b, uint64(len(f.Path))), f.Path...)
		for _, n := range []uint64{uint64(s.now.size), uint64(s.now.mtime), uint64(s.now.ctime), s.now.inode, uint64(s.now.looked), uint64(s.rows)} {
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		raw, _ := hex.DecodeString(f.Digest.Hex()) //nolint:errcheck // a digest
		b = append(b, raw...)
		number := uint64(0)
		if s.ok {
			number = numbers[columnsKey(s.columns)]
		}
		b = binary.AppendUvarint(b, number)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func columnsKey(columns []string) string {
	text, _ := json.Marshal(columns) //nolint:errcheck // strings always encode
	return string(text)
}

// parse is false when the text is not whole.
func (s *stats) parse(text []byte) bool {
	end := len(text) - sha256.Size
	if end < len(statsMagic) || sha256.Sum256(text[:end]) != [32]byte(text[end:]) || !bytes.HasPrefix(text, []byte(statsMagic)) {
		return false
	}
	b := text[len(statsMagic):end]
	field := func() []byte {
		n, size := binary.Uvarint(b)
		if size <= 0 || uint64(len(b)-size) < n {
			b = nil
			return nil
		}
		out := b[size : size+int(n)]
		b = b[size+int(n):]
		return out
	}
	var lists [][]string
	if json.Unmarshal(field(), &lists) != nil {
		return false
	}
	for len(b) > 0 {
		path := string(field())
		if len(b) < 6*8+32+1 {
			return false
		}
		n := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[8*i:])) }
		k := known{stat: stat{size: n(0), mtime: n(1), ctime: n(2), inode: uint64(n(3)), looked: n(4)}, counted: counted{rows: n(5)}}
		k.digest = ref.Digest("sha256:" + hex.EncodeToString(b[48:80]))
		number, size := binary.Uvarint(b[80:])
		if size <= 0 || number > uint64(len(lists)) {
			return false
		}
		if number > 0 {
			k.columns, k.ok = lists[number-1], true
		}
		s.rows[path], b = k, b[80+size:]
	}
	return true
}
