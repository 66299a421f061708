package blob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Damage is something that is not as it was written.
type Damage struct {
	Object ref.Digest // the object that cannot be read, "" when it is not known which
	Pack   string     // the pack that is damaged, "" when none is
	Err    error      // a sentence for people
}

// Verified is what Verify read.
type Verified struct {
	Objects int   `json:"objects"`
	Packs   int   `json:"packs"`
	Bytes   int64 `json:"bytes"` // on the disk
}

// Verify reads every stored byte and calls found for all damage: packs with a wrong bit anywhere, and objects that cannot be
// read for it, or because something of them is missing. An error is that of found or of the disk, not damage. An object that
// nothing refers to may miss chunks: its sweep was cut off, and the next one completes it.
func (s *Store) Verify(ctx context.Context, found func(Damage) error) (Verified, error) {
	v := &verification{s: s, ctx: ctx, found: found, bad: map[kindID]bool{}, seen: map[id]bool{}}
	if err := s.packs.refresh(ctx); err != nil {
		return v.out, err
	}
	s.packs.mu.RLock()
	list, broken := slices.Clone(s.packs.list), s.packs.broken
	s.packs.mu.RUnlock()
	for _, b := range broken {
		if err := found(Damage{Pack: b.name, Err: b.err}); err != nil {
			return v.out, err
		}
	}
	for _, step := range []func(*pack, []entry) error{v.pack, v.objects} { // all chunks first
		for _, k := range list {
			entries, err := s.packs.index(ctx, shelved{name: k.name, size: k.size})
			if fault.Is(err, fault.NotFound) {
				continue // swept meanwhile, or written anew
			} else if err == nil {
				err = step(k, entries)
			}
			if err != nil {
				return v.out, err
			}
		}
	}
	return v.out, s.listPlain(ctx, v.plain)
}

type verification struct {
	s     *Store
	ctx   context.Context
	found func(Damage) error
	out   Verified
	bad   map[kindID]bool
	seen  map[id]bool // objects that were looked at
}

// pack reads a pack from its first byte to its last.
func (v *verification) pack(k *pack, entries []entry) error {
	v.out.Packs++
	v.out.Bytes += k.size
	return v.s.packs.files.use(v.ctx, k.name, func(r readerAt) error {
		if err := gapless(r, k, entries); err != nil {
			if err := v.found(Damage{Pack: k.name, Err: err}); err != nil {
				return err
			}
		}
		var buf buffers
		for i := range entries {
			if err := v.ctx.Err(); err != nil {
				return err
			}
			e := &entries[i]
			if _, err := e.load(r, &buf); err == nil {
				continue
			}
			v.bad[kindID{e.kind, e.id}] = true
			if err := v.found(Damage{Pack: k.name, Err: damaged(k.name, e)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// gapless holds what is not an entry against what it must be.
func gapless(r readerAt, k *pack, entries []entry) error {
	head := make([]byte, len(packHeader))
	if _, err := r.ReadAt(head, 0); err != nil || string(head) != packHeader {
		return fault.New(fault.Internal, "pack %s is damaged: its first bytes are not those of a pack", k.name[:12])
	}
	next := int64(len(packHeader))
	for _, e := range slices.SortedFunc(slices.Values(entries), func(a, b entry) int { return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.stored, b.stored)) }) {
		if int64(e.offset) != next {
			return fault.New(fault.Internal, "pack %s is damaged: there is a gap at byte %d", k.name[:12], next)
		}
		next += int64(e.stored)
	}
	if next != k.size-footerSize-int64(len(entries))*recordSize {
		return fault.New(fault.Internal, "pack %s is damaged: there is a gap at byte %d", k.name[:12], next)
	}
	return nil
}

// objects tells which objects of a pack cannot be read.
func (v *verification) objects(k *pack, entries []entry) error {
	for i := range entries {
		e := &entries[i]
		if e.kind == chunkEntry || v.seen[e.id] {
			continue
		}
		v.seen[e.id] = true
		v.out.Objects++
		if err := v.object(k, e); err != nil {
			d := e.id.digest()
			if err := v.found(Damage{Object: d, Pack: k.name, Err: fmt.Errorf("object %s is damaged: %w", d, err)}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *verification) object(k *pack, e *entry) error {
	if v.bad[kindID{e.kind, e.id}] {
		return damaged(k.name, e)
	}
	if e.kind == objectEntry {
		return nil
	}
	b, err := v.s.packs.read(v.ctx, k, e, new(buffers))
	if err != nil {
		return err
	}
	list, err := parseRecipe(b)
	if err != nil {
		return err
	}
	if list.size() != int64(e.size) {
		return errDamaged
	}
	for _, c := range list {
		where, at, ok, err := v.s.packs.find(v.ctx, chunkEntry, &c.id)
		switch {
		case err != nil:
			return err
		case !ok:
			return v.s.packs.missing("a chunk of it is in no pack")
		case at.raw != c.size, v.bad[kindID{chunkEntry, c.id}]:
			return damaged(where.name, &at)
		}
	}
	return nil
}

// plain reads an object that is a file of its own.
func (v *verification) plain(o Object) error {
	r, ok, err := v.s.getPlain(v.ctx, o.Digest, 0)
	if err != nil || !ok {
		return err // swept meanwhile
	}
	defer r.Close()
	i, err := idOf(o.Digest)
	if err != nil {
		return err
	}
	if !v.seen[i] {
		v.seen[i] = true
		v.out.Objects++
	}
	v.out.Bytes += o.Size
	if _, err := io.Copy(io.Discard, r); err != nil {
		if ctxErr := v.ctx.Err(); ctxErr != nil {
			return errors.Join(ctxErr, err)
		}
		return v.found(Damage{Object: o.Digest, Err: err})
	}
	return nil
}
