package blob

import (
	"context"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

// each calls fn with every pack that can be read and its index.
func (p *packs) each(ctx context.Context, fn func(k *pack, entries []entry) error) error {
	if err := p.refresh(ctx); err != nil {
		return err
	}
	p.mu.RLock()
	list := slices.Clone(p.list)
	p.mu.RUnlock()
	for _, k := range list {
		p.mu.RLock()
		gone := k.gone
		p.mu.RUnlock()
		if gone {
			continue
		}
		entries, err := p.index(ctx, shelved{name: k.name, size: k.size})
		if fault.Is(err, fault.NotFound) {
			continue
		} else if err != nil {
			return err
		}
		if err := fn(k, entries); err != nil {
			return err
		}
	}
	return nil
}

// listPacked calls fn for every object in the packs, once, and gives which they are.
func (s *Store) listPacked(ctx context.Context, fn func(Object) error) (map[id]bool, error) {
	seen := map[id]bool{}
	err := s.packs.each(ctx, func(k *pack, entries []entry) error {
		for i := range entries {
			e := &entries[i]
			if e.kind == chunkEntry || seen[e.id] {
				continue
			}
			seen[e.id] = true
			if err := fn(Object{Digest: e.id.digest(), Size: int64(e.size), ModTime: k.touched, Packed: true}); err != nil {
				return err
			}
		}
		return nil
	})
	return seen, err
}

// rewrite copies the entries that keep answers for into new packs, each verified, and gives their names and sizes. The old
// ones stay. When it fails, new packs that are complete stay too: they hold nothing that was not there.
func (s *Store) rewrite(ctx context.Context, from []*surveyed, keep func(*surveyed, *entry) bool) (made map[string]int64, err error) {
	made = map[string]int64{}
	var w *packWriter
	defer func() {
		if w != nil {
			w.drop()
		}
	}()
	place := func() error {
		k, err := w.place(ctx, s.packs.shelf)
		if err == nil {
			s.packs.learn(k, w.entries)
			made[k.name], w = k.size, nil
		}
		return err
	}
	var buf buffers
	written := map[kindID]bool{}
	for _, old := range from {
		for i := range old.entries {
			e := old.entries[i]
			if key := (kindID{e.kind, e.id}); !keep(old, &e) || written[key] {
				continue
			} else {
				written[key] = true
			}
			if w == nil {
				if w, err = newPackWriter(s.tmp); err != nil {
					return nil, err
				}
			}
			if err := s.packs.copy(ctx, old.name, &e, &buf, w); err != nil {
				return nil, err
			}
			if w.full(s.packSize) {
				if err := place(); err != nil {
					return nil, err
				}
			}
		}
	}
	if w != nil {
		if err := place(); err != nil {
			return nil, err
		}
	}
	if len(made) == 0 {
		return made, nil
	}
	return made, s.packs.shelf.settle()
}

// copy appends an entry as it is stored, after its bytes were verified.
func (p *packs) copy(ctx context.Context, pack string, e *entry, buf *buffers, to *packWriter) error {
	return p.files.use(ctx, pack, func(r readerAt) error {
		stored, err := e.payload(r, buf)
		if err == nil {
			_, err = e.open(stored, buf)
		}
		if err == errDamaged {
			return damaged(pack, e)
		} else if err != nil {
			return err
		}
		return to.add(*e, stored)
	})
}

// remove takes a pack off the shelf if it is as old as old allows.
func (p *packs) remove(ctx context.Context, name string, old func(time.Time) bool) (bool, error) {
	removed, err := p.shelf.remove(ctx, name, old)
	if removed && err == nil {
		p.mu.Lock()
		if k := p.byName[name]; k != nil {
			p.lose(k)
		}
		p.mu.Unlock()
	}
	return removed, err
}

// without writes the packs that hold an object anew, without it.
func (s *Store) without(ctx context.Context, gone id) error {
	holds := func(e *entry) bool { return e.kind != chunkEntry && e.id == gone }
	var from []*surveyed
	err := s.packs.each(ctx, func(k *pack, entries []entry) error {
		for i := range entries {
			if holds(&entries[i]) {
				from = append(from, &surveyed{pack: k, entries: entries})
				break
			}
		}
		return nil
	})
	if err != nil || len(from) == 0 {
		return err
	}
	if _, err := s.rewrite(ctx, from, func(_ *surveyed, e *entry) bool { return !holds(e) }); err != nil {
		return err
	}
	for _, old := range from {
		if _, err := s.packs.remove(ctx, old.name, func(time.Time) bool { return true }); err != nil {
			return err
		}
	}
	return nil
}
