package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/zeebo/blake3"

	"github.com/paraplu/paraplu/internal/chunk"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Batch stores many objects with one sync for each pack. Nothing that was put may be relied on before Commit; a batch that
// is not committed is aborted, and leaves nothing. Its methods but Commit and Abort may be called at the same time.
//
//	b := store.Batch()
//	defer b.Abort(ctx)
//	digest, size, err := b.Put(ctx, file)
//	…
//	err = b.Commit(ctx)
type Batch struct {
	s *Store

	mu      sync.Mutex
	begun   bool                // the packs were looked at
	seen    map[kindID]struct{} // what is stored or being stored in this batch, or held by it
	held    map[string]bool     // packs that were touched
	waiting [][]byte            // small objects, as long as they are few
	packing bool
	w       *packWriter
	done    bool

	slots  chan struct{} // one for each pack that is being placed
	placed sync.WaitGroup
	after  sync.Mutex // guards what follows
	packs  []shelved
	failed error
}

type kindID struct {
	kind kind
	id   id
}

const (
	// plainMax is the largest object that stays a file of its own when it is put alone, in bytes.
	plainMax = 1 << 20
	// plainCount is how many such objects a batch may hold before it makes a pack.
	plainCount = 2
	// placing is how many packs may wait for the disk while others are filled.
	placing = 2
)

// Batch begins a batch.
func (s *Store) Batch() *Batch {
	return &Batch{s: s, seen: map[kindID]struct{}{}, held: map[string]bool{}, slots: make(chan struct{}, placing)}
}

// begin learns once of what other processes stored, so that it is not stored again.
func (b *Batch) begin(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.begun {
		return nil
	}
	b.begun = true
	return b.s.packs.refresh(ctx)
}

// Put stores the bytes of r and gives their digest and size.
func (b *Batch) Put(ctx context.Context, r io.Reader) (ref.Digest, int64, error) {
	if err := b.begin(ctx); err != nil {
		return "", 0, err
	}
	first := getBlock()
	defer first.release()
	if err := first.fill(r); err != nil {
		return "", 0, failed(err, "an object")
	}
	if !first.last {
		return b.stream(ctx, first, r)
	}
	d := ref.Sum(first.fresh())
	return d, int64(len(first.fresh())), failed(b.put(ctx, d, first.fresh()), d.Short())
}

// PutBytes stores p.
func (b *Batch) PutBytes(ctx context.Context, p []byte) (ref.Digest, error) {
	d, _, err := b.Put(ctx, bytes.NewReader(p))
	return d, err
}

// Hold is Store.Hold for a batch: an object that it answers true for is kept as if the batch had put it.
func (b *Batch) Hold(ctx context.Context, d ref.Digest) (bool, error) {
	if err := b.begin(ctx); err != nil {
		return false, err
	}
	i, err := idOf(d)
	if err != nil {
		return false, err
	}
	return b.hold(ctx, i)
}

func (b *Batch) hold(ctx context.Context, i id) (bool, error) {
	if ok, err := b.s.holdPlain(ctx, i.digest()); ok || err != nil {
		return ok, err
	}
	return b.s.holdPacked(ctx, i, b.touch)
}

// put stores a small object unless it is there.
func (b *Batch) put(ctx context.Context, d ref.Digest, p []byte) error {
	i, err := idOf(d)
	if err != nil || !b.claim(objectEntry, i) {
		return err
	}
	if ok, err := b.hold(ctx, i); ok || err != nil {
		return err
	}
	b.mu.Lock()
	if !b.packing && len(b.waiting) < plainCount {
		b.waiting = append(b.waiting, bytes.Clone(p))
		b.mu.Unlock()
		return nil
	}
	waited := b.unpark()
	b.mu.Unlock()
	for _, q := range append(waited, p) {
		if err := b.pack(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// unpark gives the objects that may not become files of their own. The caller holds mu.
func (b *Batch) unpark() [][]byte {
	waited := b.waiting
	b.waiting, b.packing = nil, true
	return waited
}

// pack writes an object of at most plainMax bytes into a pack.
func (b *Batch) pack(ctx context.Context, p []byte) error {
	i, err := idOf(ref.Sum(p))
	if err != nil {
		return err
	}
	var buf []byte
	if len(p) <= chunk.Max {
		payload, how := shrink(p, &buf)
		return b.write(ctx, entry{kind: objectEntry, id: i, size: uint64(len(p)), raw: uint32(len(p)), scheme: how}, payload)
	}
	var r recipe
	for size := uint64(len(p)); len(p) > 0; {
		n := chunk.Cut(p)
		c, err := b.chunk(ctx, p[:n], &buf)
		if err != nil {
			return err
		}
		r, p = append(r, c), p[n:]
		if len(p) == 0 {
			return b.recipe(ctx, i, r, size)
		}
	}
	return nil
}

// chunk stores a chunk unless it is there.
func (b *Batch) chunk(ctx context.Context, raw []byte, buf *[]byte) (piece, error) {
	p := piece{blake3.Sum256(raw), uint32(len(raw))}
	if !b.claim(chunkEntry, p.id) {
		return p, nil
	}
	if where, _, ok, err := b.s.packs.find(ctx, chunkEntry, &p.id); err != nil {
		return p, err
	} else if ok {
		if ok, err := b.touch(ctx, where.name); ok || err != nil {
			return p, err
		}
	}
	payload, how := shrink(raw, buf)
	return p, b.write(ctx, entry{kind: chunkEntry, id: p.id, size: uint64(len(raw)), raw: uint32(len(raw)), scheme: how}, payload)
}

func (b *Batch) recipe(ctx context.Context, i id, r recipe, size uint64) error {
	text, err := r.encode()
	if err != nil {
		return err
	}
	return b.write(ctx, entry{kind: recipeEntry, id: i, size: size, raw: uint32(len(text)), scheme: rawScheme}, text)
}

// claim is true for the first who asks: that one stores it.
func (b *Batch) claim(k kind, i id) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := kindID{k, i}
	if _, taken := b.seen[key]; taken {
		return false
	}
	b.seen[key] = struct{}{}
	return true
}

// touch makes a pack stay, once in a batch.
func (b *Batch) touch(ctx context.Context, name string) (bool, error) {
	b.mu.Lock()
	held := b.held[name]
	b.mu.Unlock()
	if held {
		return true, nil
	}
	ok, err := b.s.packs.shelf.touch(ctx, name)
	if ok && err == nil {
		b.mu.Lock()
		b.held[name] = true
		b.mu.Unlock()
	}
	return ok, err
}

// write appends to the open pack, and places it when it is full.
func (b *Batch) write(ctx context.Context, e entry, payload []byte) (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return fault.New(fault.Internal, "a batch was used after its end")
	}
	if b.w == nil {
		if b.w, err = newPackWriter(b.s.tmp); err != nil {
			return err
		}
	}
	if err := b.w.add(e, payload); err != nil {
		return err
	}
	if !b.w.full(b.s.packSize) {
		return nil
	}
	b.place(ctx)
	return b.failure()
}

// place lets the open pack be synced and named while the next one is filled. The caller holds mu.
func (b *Batch) place(ctx context.Context) {
	w := b.w
	b.w = nil
	ctx = context.WithoutCancel(ctx) // that of one body must not end a pack of many
	b.slots <- struct{}{}
	b.placed.Go(func() {
		defer func() { <-b.slots }()
		s, err := w.place(ctx, b.s.packs.shelf)
		b.after.Lock()
		defer b.after.Unlock()
		if err != nil {
			b.failed = errors.Join(b.failed, err)
			return
		}
		b.packs = append(b.packs, s)
		b.s.packs.learn(s, w.entries)
	})
}

func (b *Batch) failure() error {
	b.after.Lock()
	defer b.after.Unlock()
	return b.failed
}

// Commit makes everything that was put durable.
func (b *Batch) Commit(ctx context.Context) error {
	return failed(b.commit(ctx), "a batch of objects")
}

func (b *Batch) commit(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.w != nil {
		b.place(ctx)
	}
	b.placed.Wait()
	if err := b.failure(); err != nil {
		return err
	}
	for _, p := range b.waiting {
		if err := b.s.putPlain(ctx, ref.Sum(p), p); err != nil {
			return err
		}
	}
	b.waiting = nil
	for name := range b.held { // again, in case that the batch took longer than the grace period of a sweep
		if ok, err := b.s.packs.shelf.touch(ctx, name); err != nil {
			return err
		} else if !ok {
			return fault.New(fault.Conflict, "a sweep removed what was to be used again").WithHint("run the same command again")
		}
	}
	b.done = true
	if len(b.held)+len(b.packs) == 0 {
		return nil
	}
	return b.s.packs.shelf.settle()
}

// Abort gives up what was put since the batch began; after Commit it does nothing. A pack that somebody else uses already
// stays until a sweep.
func (b *Batch) Abort(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return
	}
	b.done, b.waiting = true, nil
	if b.w != nil {
		b.w.drop()
	}
	b.placed.Wait()
	for _, p := range b.packs {
		b.s.packs.remove(context.WithoutCancel(ctx), p.name, p.touched.Equal) //nolint:errcheck // a sweep removes it
	}
}
