package blob

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/zeebo/blake3"

	"github.com/paraplu/paraplu/internal/chunk"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// A pack is a file of many entries: chunks of large objects, whole small objects, and recipes, which list the chunks of a
// large object. It is written once, under the name of its digest, and never changed:
//
//	header    8 bytes
//	payloads  one after the other, without gaps
//	index     one record of 64 bytes for each entry, sorted by kind and id
//	footer    16 bytes: entries, start of the index, 8 bytes that end a pack
//
// The digest is the BLAKE3 of the index. The index holds for each entry its id, which is the digest of what it means, and the
// CRC-32C of its payload as it lies there, so no bit of a pack can flip unseen. All numbers are little-endian.
const (
	packHeader = "PRPLPAK1"
	packFooter = "1KAPLPRP"
	recordSize = 64
	footerSize = 16
	// defaultPackSize is where a pack is full, in bytes: large enough that a sync a pack costs little, small enough to be
	// written again when most of it is not needed any more.
	defaultPackSize = 32 << 20
)

// kind says what an entry is, and with it what its id means.
type kind uint8

const (
	chunkEntry  kind = 1 // id: BLAKE3 of the bytes
	objectEntry kind = 2 // id: SHA-256 of the bytes, a whole object
	recipeEntry kind = 3 // id: SHA-256 of the object that the payload lists the chunks of
)

// id is a digest without its algorithm.
type id [32]byte

func (i id) digest() ref.Digest { return ref.Digest("sha256:" + hex.EncodeToString(i[:])) }

// idOf gives the id of an object.
func idOf(d ref.Digest) (i id, err error) {
	if _, err := ref.ParseDigest(string(d)); err != nil {
		return i, fault.New(fault.Invalid, "%w", err)
	}
	_, err = hex.Decode(i[:], []byte(d.Hex()))
	return i, err
}

// entry is one record of an index.
type entry struct {
	id     id
	size   uint64 // of what the id names, in bytes
	offset uint32 // of the payload in the pack
	stored uint32 // bytes of the payload
	raw    uint32 // bytes of the payload before compression
	crc    uint32 // CRC-32C of the payload
	kind   kind
	scheme scheme
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (e *entry) append(b []byte) []byte {
	b = append(b, e.id[:]...)
	b = binary.LittleEndian.AppendUint64(b, e.size)
	for _, n := range []uint32{e.offset, e.stored, e.raw, e.crc} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return append(b, byte(e.kind), byte(e.scheme), 0, 0, 0, 0, 0, 0)
}

func parseEntry(b []byte) (e entry) {
	copy(e.id[:], b)
	e.size = binary.LittleEndian.Uint64(b[32:])
	e.offset, e.stored = binary.LittleEndian.Uint32(b[40:]), binary.LittleEndian.Uint32(b[44:])
	e.raw, e.crc = binary.LittleEndian.Uint32(b[48:]), binary.LittleEndian.Uint32(b[52:])
	e.kind, e.scheme = kind(b[56]), scheme(b[57])
	return e
}

// sane tells that the lengths of an entry of a pack of this size can be true.
func (e *entry) sane(size int64) bool {
	return int64(e.offset)+int64(e.stored) <= size && e.stored <= e.raw && (e.kind == recipeEntry || e.raw <= chunk.Max)
}

// compare is the order of an index.
func (e *entry) compare(o *entry) int {
	if e.kind != o.kind {
		return int(e.kind) - int(o.kind)
	}
	return bytes.Compare(e.id[:], o.id[:])
}

// tail gives index and footer of a pack and its name. The entries are sorted in place.
func tail(entries []entry, indexStart int64) (text []byte, name string) {
	slices.SortFunc(entries, func(a, b entry) int { return a.compare(&b) })
	text = make([]byte, 0, len(entries)*recordSize+footerSize)
	for i := range entries {
		text = entries[i].append(text)
	}
	sum := blake3.Sum256(text)
	text = binary.LittleEndian.AppendUint32(text, uint32(len(entries)))
	text = binary.LittleEndian.AppendUint32(text, uint32(indexStart))
	return append(text, packFooter...), hex.EncodeToString(sum[:])
}

// readIndex reads the index of a pack and holds it against the name.
func readIndex(r readerAt, size int64, name string) ([]entry, error) {
	var foot [footerSize]byte
	if size < int64(len(packHeader)+footerSize) {
		return nil, fmt.Errorf("it is too short")
	}
	if _, err := r.ReadAt(foot[:], size-footerSize); err != nil {
		return nil, err
	}
	n, start := int64(binary.LittleEndian.Uint32(foot[:])), int64(binary.LittleEndian.Uint32(foot[4:]))
	if string(foot[8:]) != packFooter || start+n*recordSize+footerSize != size {
		return nil, fmt.Errorf("its last bytes are not those of a pack")
	}
	text := make([]byte, n*recordSize)
	if _, err := r.ReadAt(text, start); err != nil {
		return nil, err
	}
	if sum := blake3.Sum256(text); hex.EncodeToString(sum[:]) != name {
		return nil, fmt.Errorf("its index is not the one it is named by")
	}
	entries := make([]entry, n)
	for i := range entries {
		entries[i] = parseEntry(text[i*recordSize:])
		if e := &entries[i]; int64(e.offset)+int64(e.stored) > start {
			return nil, fmt.Errorf("an entry leads outside")
		}
	}
	return entries, nil
}

// readerAt reads at an offset; ReadAt fills p or fails.
type readerAt interface {
	ReadAt(p []byte, offset int64) (int, error)
	Close() error
}

// load gives the bytes of an entry, verified: those that its id names, or the checked text of a recipe. buf is used when it
// is large enough.
func (e *entry) load(r readerAt, buf *buffers) ([]byte, error) {
	stored, err := e.payload(r, buf)
	if err != nil {
		return nil, err
	}
	return e.open(stored, buf)
}

// payload gives an entry as it lies in the pack, with its CRC verified.
func (e *entry) payload(r readerAt, buf *buffers) ([]byte, error) {
	stored := sized(&buf.stored, int(e.stored))
	if _, err := r.ReadAt(stored, int64(e.offset)); err != nil {
		return nil, err
	}
	if crc32.Checksum(stored, castagnoli) != e.crc {
		return nil, errDamaged
	}
	return stored, nil
}

// open turns a payload into the bytes that it means.
func (e *entry) open(stored []byte, buf *buffers) ([]byte, error) {
	raw, err := e.scheme.expand(stored, int(e.raw), buf)
	if err != nil {
		return nil, err
	}
	switch e.kind {
	case chunkEntry:
		if blake3.Sum256(raw) != e.id {
			return nil, errDamaged
		}
	case objectEntry:
		if ref.Sum(raw) != e.id.digest() {
			return nil, errDamaged
		}
	case recipeEntry:
		if _, err := parseRecipe(raw); err != nil {
			return nil, err
		}
	default:
		return nil, errDamaged
	}
	return raw, nil
}

// buffers are used again from entry to entry; what load gave is valid until the next one.
type buffers struct{ stored, raw []byte }

func sized(b *[]byte, n int) []byte {
	if cap(*b) < n {
		*b = make([]byte, n)
	}
	return (*b)[:n]
}

var errDamaged = fault.New(fault.Internal, "stored bytes are not those that were written").
	WithHint("restore the object store from a backup; `paraplu data verify` names what is damaged")
