package blob

import (
	"context"
	"io"
	"sync"

	"github.com/paraplu/paraplu/internal/chunk"
	"github.com/paraplu/paraplu/internal/ref"
)

// A large body passes three stages at once: one reads and hashes it, one finds the cuts, and workers hash, compress and write
// the chunks. Few blocks go round, so memory stays constant.
const (
	blockSize = 1 << 20
	blocks    = 6 // of one body
	workers   = 2
)

// block is a piece of a body. Room before it takes what the block before left over, so that chunks lie in one piece.
type block struct {
	buf  []byte // chunk.Max of room, then blockSize
	n    int    // bytes of the body
	last bool
	rest []byte  // what stands in buf and is to be cut
	cuts []piece // of rest; a worker fills in the ids
}

var blockPool = sync.Pool{New: func() any { return &block{buf: make([]byte, chunk.Max+blockSize)} }}

func getBlock() *block {
	k := blockPool.Get().(*block)
	k.n, k.last, k.rest, k.cuts = 0, false, nil, nil
	return k
}

func (k *block) release() { blockPool.Put(k) }

// fresh are the bytes of the body.
func (k *block) fresh() []byte { return k.buf[chunk.Max : chunk.Max+k.n] }

// fill reads as much as fits; last is set at the end of the body.
func (k *block) fill(r io.Reader) (err error) {
	k.n, err = io.ReadFull(r, k.buf[chunk.Max:])
	if k.last = err == io.EOF || err == io.ErrUnexpectedEOF; k.last {
		return nil
	}
	return err
}

// cut finds the chunks of what the block before left over and the block itself, and gives what it leaves over.
func (k *block) cut(left []byte) []byte {
	begin := chunk.Max - len(left)
	copy(k.buf[begin:], left)
	all := k.buf[begin : chunk.Max+k.n]
	k.rest = all
	for len(all) >= chunk.Max || k.last && len(all) > 0 {
		n := chunk.Cut(all)
		k.cuts = append(k.cuts, piece{size: uint32(n)})
		all = all[n:]
	}
	return all
}

// stream is a body on its way into a batch.
type stream struct {
	b      *Batch
	ctx    context.Context
	cancel context.CancelCauseFunc
	free   chan *block
	read   chan *block
	found  chan *block
}

// stream stores a body that does not fit in its first block.
func (b *Batch) stream(ctx context.Context, first *block, r io.Reader) (ref.Digest, int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &stream{b: b, ctx: ctx, cancel: cancel, free: make(chan *block, blocks), read: make(chan *block, blocks), found: make(chan *block, blocks)}
	var own []*block
	for range blocks {
		own = append(own, getBlock())
		s.free <- own[len(own)-1]
	}
	var lists [][]piece
	var done sync.WaitGroup
	done.Go(func() { lists = s.cutAll() })
	for range workers {
		done.Go(s.store)
	}
	h := ref.NewHasher()
	n, err := s.readAll(first, r, h)
	if err != nil {
		cancel(err)
	}
	done.Wait()
	for _, k := range own {
		k.release()
	}
	if err := context.Cause(ctx); err != nil {
		return "", 0, failed(err, "an object")
	}
	d := h.Digest()
	return d, n, failed(b.putRecipe(ctx, d, lists, n), d.Short())
}

// putRecipe makes the chunks an object unless it is there.
func (b *Batch) putRecipe(ctx context.Context, d ref.Digest, lists [][]piece, size int64) error {
	i, err := idOf(d)
	if err != nil || !b.claim(objectEntry, i) {
		return err
	}
	if ok, err := b.hold(ctx, i); ok || err != nil {
		return err
	}
	var r recipe
	for _, list := range lists {
		r = append(r, list...)
	}
	return b.recipe(ctx, i, r, uint64(size))
}

// readAll reads and hashes the body, of which the first block is read already.
func (s *stream) readAll(first *block, r io.Reader, h ref.Hasher) (n int64, err error) {
	defer close(s.read)
	k := s.next()
	if k == nil {
		return 0, context.Cause(s.ctx)
	}
	k.n = copy(k.buf[chunk.Max:], first.fresh())
	for {
		h.Write(k.fresh())
		n += int64(k.n)
		s.read <- k
		if k.last {
			return n, nil
		}
		if k = s.next(); k == nil {
			return n, context.Cause(s.ctx)
		}
		if err := k.fill(r); err != nil {
			return n, err
		}
	}
}

// next gives a block to fill, nil when the body is given up.
func (s *stream) next() *block {
	select {
	case <-s.ctx.Done():
		return nil
	case k := <-s.free:
		k.n, k.last, k.cuts = 0, false, nil
		return k
	}
}

// cutAll gives the chunks of all blocks in order; the ids come when the workers are done.
func (s *stream) cutAll() (lists [][]piece) {
	defer close(s.found)
	room := make([]byte, chunk.Max)
	var left []byte
	for k := range s.read {
		left = k.cut(left)
		left = room[:copy(room, left)]
		lists = append(lists, k.cuts)
		s.found <- k
	}
	return lists
}

func (s *stream) store() {
	var buf []byte
	for k := range s.found {
		rest := k.rest
		for i := range k.cuts {
			if s.ctx.Err() != nil {
				break
			}
			n := k.cuts[i].size
			c, err := s.b.chunk(s.ctx, rest[:n], &buf)
			if err != nil {
				s.cancel(err)
				break
			}
			k.cuts[i].id = c.id
			rest = rest[n:]
		}
		s.free <- k
	}
}
