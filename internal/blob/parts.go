package blob

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Part is a piece of a file that arrives in pieces. Parts stand beside the objects, under the upload that they belong to, so
// that they can go at once when the file is whole: nothing else can refer to them.
type Part struct {
	Name   string // unique
	Digest ref.Digest
	Size   int64
}

const partsPrefix = "uploads/"

func partKey(upload, name string) string { return partsPrefix + upload + "/" + name }

// PutPart stores a piece. Memory stays constant, and a broken body leaves nothing.
func (s *Store) PutPart(ctx context.Context, upload string, body io.Reader) (Part, error) {
	h := ref.NewHasher()
	n := &counter{r: io.TeeReader(body, h)}
	p := Part{Name: ref.NewID()}
	if err := s.write(ctx, partKey(upload, p.Name), "a part", n); err != nil {
		return p, err
	}
	p.Digest, p.Size = h.Digest(), n.n
	return p, nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// Join stores the bytes of the parts, one after the other, as one object. Each part is verified while it is read; one that
// is not there is fault.NotFound.
func (s *Store) Join(ctx context.Context, upload string, parts []Part) (ref.Digest, int64, error) {
	j := &joiner{store: s, ctx: ctx, upload: upload, rest: parts}
	defer j.close()
	return s.PutPlain(ctx, j)
}

type joiner struct {
	store  *Store
	ctx    context.Context
	upload string
	rest   []Part
	open   io.ReadCloser
}

func (j *joiner) Read(p []byte) (int, error) {
	for {
		if j.open == nil {
			if len(j.rest) == 0 {
				return 0, io.EOF
			}
			part := j.rest[0]
			r, err := j.store.bucket.NewReader(j.ctx, partKey(j.upload, part.Name), nil)
			if gcerrors.Code(err) == gcerrors.NotFound {
				return 0, fault.New(fault.NotFound, "a part of the upload is not in the store any more")
			} else if err != nil {
				return 0, fault.Wrap(err, "reading a part")
			}
			j.open, j.rest = &verifier{r: r, want: part.Digest, h: ref.NewHasher()}, j.rest[1:]
		}
		n, err := j.open.Read(p)
		if err == io.EOF {
			j.close()
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (j *joiner) close() {
	if j.open != nil {
		j.open.Close()
		j.open = nil
	}
}

// DropPart removes a part; one that is absent is no error.
func (s *Store) DropPart(ctx context.Context, upload, name string) error {
	if err := s.bucket.Delete(ctx, partKey(upload, name)); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fault.Wrap(err, "deleting a part")
	}
	return nil
}

// DropParts removes all parts of an upload.
func (s *Store) DropParts(ctx context.Context, upload string) error {
	return s.dropParts(ctx, partsPrefix+upload+"/", func(string, time.Time) bool { return true })
}

// SweepParts removes the parts of uploads that are not open and were written before the given instant. The caller reads
// which are open after that instant.
func (s *Store) SweepParts(ctx context.Context, open map[string]bool, before time.Time) error {
	return s.dropParts(ctx, partsPrefix, func(upload string, written time.Time) bool { return !open[upload] && written.Before(before) })
}

func (s *Store) dropParts(ctx context.Context, prefix string, doomed func(upload string, written time.Time) bool) error {
	it := s.bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fault.Wrap(err, "listing parts")
		}
		upload, name, _ := strings.Cut(strings.TrimPrefix(o.Key, partsPrefix), "/")
		if !doomed(upload, o.ModTime) {
			continue
		}
		if err := s.DropPart(ctx, upload, name); err != nil {
			return err
		}
		if s.tmp != "" {
			os.Remove(path.Join(path.Dir(s.tmp), partsPrefix, upload)) //nolint:errcheck // it stays until its last part is gone
		}
	}
}
