package blob

import (
	"bytes"
	"context"
	"io"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// getPacked opens an object that is in the packs; ok is false when it is in none that is known.
func (s *Store) getPacked(ctx context.Context, i id, offset int64) (r io.ReadCloser, ok bool, err error) {
	if err := s.packs.load(ctx); err != nil {
		return nil, false, err
	}
	b, ok, err := s.packs.get(ctx, objectEntry, &i, new(buffers))
	if ok && err == nil {
		return io.NopCloser(bytes.NewReader(b[min(offset, int64(len(b))):])), true, nil
	}
	if err != nil {
		return nil, false, fault.Wrap(err, "object %s is damaged", i.digest())
	}
	b, ok, err = s.packs.get(ctx, recipeEntry, &i, new(buffers))
	if !ok || err != nil {
		return nil, false, fault.Wrap(err, "object %s is damaged", i.digest())
	}
	list, err := parseRecipe(b)
	if err != nil {
		return nil, false, err
	}
	return newChunks(ctx, s.packs, i, list, offset), true, nil
}

// chunks reads an object chunk by chunk, some of them ahead. Each is verified; from the first byte to the last the whole is.
type chunks struct {
	packs  *packs
	want   id
	h      ref.Hasher
	whole  bool // read from the first byte
	skip   int  // bytes of the first chunk
	ctx    context.Context
	cancel context.CancelFunc
	ready  chan loaded
	spare  chan *buffers
	all    bool // everything was read; to be looked at when ready is closed

	now  []byte // rest of the current chunk
	from *buffers
	err  error
}

type loaded struct {
	b   []byte
	buf *buffers
	err error
}

// ahead is how many chunks are read before they are asked for. A client that reads a file in parts has ten such readers, and each
// keeps up to 256 KiB for each chunk.
const ahead = 3

func newChunks(ctx context.Context, p *packs, want id, list recipe, offset int64) *chunks {
	c := &chunks{packs: p, want: want, whole: offset == 0, ready: make(chan loaded, ahead), spare: make(chan *buffers, ahead+1)}
	if c.whole {
		c.h = ref.NewHasher()
	}
	for len(list) > 0 && offset >= int64(list[0].size) {
		offset -= int64(list[0].size)
		list = list[1:]
	}
	if c.skip = int(offset); len(list) == 0 {
		c.skip = 0
	}
	for range cap(c.spare) {
		c.spare <- new(buffers)
	}
	c.ctx, c.cancel = context.WithCancel(ctx)
	go c.load(list)
	return c
}

func (c *chunks) load(list recipe) {
	defer close(c.ready)
	for _, p := range list {
		var got loaded
		select {
		case <-c.ctx.Done():
			return
		case got.buf = <-c.spare:
		}
		got.b, got.err = c.packs.chunk(c.ctx, p, got.buf)
		select {
		case <-c.ctx.Done():
			return
		case c.ready <- got:
		}
		if got.err != nil {
			return
		}
	}
	c.all = true
}

// next makes the next chunk the current one. At the end it is io.EOF, if the whole is what it should be.
func (c *chunks) next() error {
	if c.err != nil {
		return c.err
	}
	if c.from != nil {
		c.spare <- c.from
		c.from = nil
	}
	got, ok := <-c.ready
	switch {
	case ok && got.err != nil:
		c.err = fault.Wrap(got.err, "object %s is damaged", c.want.digest())
	case ok:
		c.now, c.from = got.b[c.skip:], got.buf
		c.skip = 0
		if c.whole {
			c.h.Write(c.now)
		}
	case !c.all:
		c.err = fault.Wrap(c.ctx.Err(), "reading %s", c.want.digest().Short())
	case c.whole && c.h.Digest() != c.want.digest():
		c.err = fault.New(fault.Internal, "object %s is damaged: its chunks are not those that were written", c.want.digest()).
			WithHint("restore it from a backup of the object store")
	default:
		c.err = io.EOF
	}
	return c.err
}

func (c *chunks) Read(p []byte) (int, error) {
	for len(c.now) == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.now)
	c.now = c.now[n:]
	return n, nil
}

// WriteTo spares io.Copy a copy.
func (c *chunks) WriteTo(w io.Writer) (n int64, err error) {
	for {
		m, err := w.Write(c.now)
		n += int64(m)
		c.now = c.now[m:]
		if err != nil {
			return n, err
		}
		if err := c.next(); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}

// Close stops reading ahead. What is left of it ends by itself.
func (c *chunks) Close() error {
	c.cancel()
	if c.err == nil {
		c.err = fault.New(fault.Internal, "an object was read after it was closed")
	}
	return nil
}
