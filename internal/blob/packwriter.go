package blob

import (
	"bufio"
	"context"
	"hash/crc32"
	"os"

	"github.com/paraplu/paraplu/internal/fault"
)

// packWriter writes one pack into a temporary file. It is not safe for concurrent use.
type packWriter struct {
	f       *os.File
	w       *bufio.Writer
	offset  int64
	entries []entry
}

func newPackWriter(tmp string) (*packWriter, error) {
	f, err := os.CreateTemp(tmp, "pack-*")
	if err != nil {
		return nil, fault.Wrap(err, "beginning a pack")
	}
	p := &packWriter{f: f, w: bufio.NewWriterSize(f, 256<<10)}
	_, err = p.w.WriteString(packHeader)
	p.offset = int64(len(packHeader))
	return p, err
}

// add appends a payload. The entry gets its place in the pack.
func (p *packWriter) add(e entry, payload []byte) error {
	e.offset, e.stored, e.crc = uint32(p.offset), uint32(len(payload)), crc32.Checksum(payload, castagnoli)
	if _, err := p.w.Write(payload); err != nil {
		return err
	}
	p.offset += int64(len(payload))
	p.entries = append(p.entries, e)
	return nil
}

func (p *packWriter) full(size int64) bool { return p.offset >= size || len(p.entries) >= 1<<20 }

// place completes the pack and puts it on the shelf. The temporary file is gone in any case.
func (p *packWriter) place(ctx context.Context, on shelf) (s shelved, err error) {
	defer p.drop()
	text, name := tail(p.entries, p.offset)
	if _, err := p.w.Write(text); err != nil {
		return s, err
	}
	if err := p.w.Flush(); err != nil {
		return s, err
	}
	at, err := on.place(ctx, name, p.f)
	return shelved{name, p.offset + int64(len(text)), at}, err
}

// drop gives the pack up; after place it changes nothing.
func (p *packWriter) drop() {
	p.f.Close()
	os.Remove(p.f.Name()) //nolint:errcheck // a sweep removes it later
}
