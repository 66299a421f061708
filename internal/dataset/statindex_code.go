package dataset

import (
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/paraplu/paraplu/internal/ref"
)

// indexMagic changes with the encoding: an index of another one is made anew.
const indexMagic = "paraplu/index/1\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeIndex gives magic, root, folder, tree, entries, and a CRC-32C over all of it. Texts are preceded by their length.
func encodeIndex(x *StatIndex) []byte {
	b := make([]byte, 0, 256+len(x.entries)*160)
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	b = append(b, indexMagic...)
	text(x.Root)
	b = append(b, byte(flag(x.Folder)))
	text(string(x.Tree))
	b = binary.AppendUvarint(b, uint64(len(x.entries)))
	for _, e := range x.entries {
		text(e.Path)
		text(string(e.Digest))
		b = append(b, byte(flag(e.Racy)))
		b = binary.AppendUvarint(b, e.Stat.Inode)
		b = binary.AppendVarint(b, e.Stat.Size)
		b = binary.AppendVarint(b, e.Stat.MTime)
		b = binary.AppendVarint(b, e.Stat.CTime)
		b = binary.AppendUvarint(b, uint64(e.Stat.Mode))
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeIndex is the inverse; ok is false for anything else.
func decodeIndex(b []byte) (x *StatIndex, ok bool) {
	n := len(b) - 4
	if n < len(indexMagic) || string(b[:len(indexMagic)]) != indexMagic || binary.BigEndian.Uint32(b[n:]) != crc32.Checksum(b[:n], castagnoli) {
		return nil, false
	}
	r := indexReader{rest: string(b[len(indexMagic):n])} // one text: the paths and digests are parts of it
	x = &StatIndex{Root: r.text(), Folder: r.byte() == 1, Tree: ref.Digest(r.text())}
	count := r.uvarint()
	if count > uint64(len(r.rest)) {
		return nil, false
	}
	x.entries = make([]IndexEntry, count)
	for i := range x.entries {
		e := &x.entries[i]
		e.Path, e.Digest, e.Racy = r.text(), ref.Digest(r.text()), r.byte() == 1
		e.Stat = Stat{Inode: r.uvarint(), Size: r.varint(), MTime: r.varint(), CTime: r.varint(), Mode: uint32(r.uvarint())}
		if i > 0 && strings.Compare(x.entries[i-1].Path, e.Path) >= 0 {
			return nil, false
		}
	}
	return x, !r.short && r.rest == ""
}

type indexReader struct {
	rest  string
	short bool // something was missing
}

func (r *indexReader) take(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.short, r.rest = true, ""
		return ""
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *indexReader) text() string { return r.take(r.uvarint()) }

func (r *indexReader) byte() byte {
	if s := r.take(1); s != "" {
		return s[0]
	}
	return 0
}

func (r *indexReader) uvarint() (v uint64) {
	for shift := 0; shift < 64; shift += 7 {
		c := r.byte()
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.short = true
	return 0
}

func (r *indexReader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}
