package blob

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// survey is what a sweep knows of the packs: which entries are needed. Needed are the objects that are referred to, all of
// packs that were placed or touched since before, and every chunk that a needed recipe lists.
type survey struct {
	s          *Store
	referenced map[ref.Digest]bool
	before     time.Time
	packs      []*surveyed
	chunks     map[uint64]struct{} // starts of the ids that are needed; two ids with one start are both kept
}

type surveyed struct {
	*pack
	entries []entry
	old     bool
	dead    int64 // bytes
	orphans int   // objects that are dead
	recipes int   // of them, those that list chunks
}

// survey reads the index of every pack, and the recipes that are needed. When a pack cannot be read it fails: what that
// pack would need is not known, so nothing may go.
func (s *Store) survey(ctx context.Context, referenced map[ref.Digest]bool, before time.Time) (*survey, error) {
	v := &survey{s: s, referenced: referenced, before: before, chunks: map[uint64]struct{}{}}
	err := s.packs.each(ctx, func(k *pack, entries []entry) error {
		p := &surveyed{pack: k, entries: entries, old: k.touched.Before(before)}
		v.packs = append(v.packs, p)
		return v.mark(ctx, p)
	})
	if err == nil {
		err = s.packs.intact()
	}
	if err != nil {
		return nil, fault.Wrap(err, "looking for what is needed")
	}
	for _, p := range v.packs {
		for i := range p.entries {
			if e := &p.entries[i]; v.dead(p, e) {
				p.dead += int64(e.stored) + recordSize
				if e.kind != chunkEntry {
					p.orphans++
				}
				if e.kind == recipeEntry {
					p.recipes++
				}
			}
		}
	}
	return v, nil
}

// mark notes the chunks that the recipes of a pack need.
func (v *survey) mark(ctx context.Context, p *surveyed) error {
	var buf buffers
	for i := range p.entries {
		e := &p.entries[i]
		if e.kind != recipeEntry || v.dead(p, e) {
			continue
		}
		b, err := v.s.packs.read(ctx, p.pack, e, &buf)
		if err != nil {
			return err
		}
		list, err := parseRecipe(b)
		if err != nil {
			return err
		}
		for _, c := range list {
			v.chunks[binary.LittleEndian.Uint64(c.id[:])] = struct{}{}
		}
	}
	return nil
}

// dead tells that nothing needs an entry; of chunks only after all recipes were marked.
func (v *survey) dead(p *surveyed, e *entry) bool {
	if !p.old {
		return false
	}
	if e.kind == chunkEntry {
		_, needed := v.chunks[binary.LittleEndian.Uint64(e.id[:])]
		return !needed
	}
	return !v.referenced[e.id.digest()]
}

// count adds the objects of all packs, each once.
func (v *survey) count(counted map[id]bool, out *Swept) {
	for _, p := range v.packs {
		for i := range p.entries {
			e := &p.entries[i]
			if e.kind == chunkEntry || counted[e.id] {
				continue
			}
			counted[e.id] = true
			out.Objects++
			out.Bytes += int64(e.size)
			if !v.referenced[e.id.digest()] {
				out.Orphans++
			}
		}
	}
}

// manyPacks is how many small packs are worth joining.
const manyPacks = 16

// worn gives the packs to write anew. A recipe that nothing needs goes in any case: it would be an object without its
// chunks. Small packs cost little to write, and many of them cost time whenever a process begins.
func (v *survey) worn() (out []*surveyed) {
	var small []*surveyed
	isSmall := v.s.packSize / 8
	for _, p := range v.packs {
		switch {
		case !p.old:
		case p.recipes > 0, 2*p.dead > p.size, p.dead > 0 && p.size < isSmall:
			out = append(out, p)
		case p.size < isSmall:
			small = append(small, p)
		}
	}
	if len(small) >= manyPacks {
		out = append(out, small...)
	}
	return out
}

// sweep writes what is needed of worn packs into new ones, and takes the worn ones away when the new ones are on the shelf.
// A pack that was touched since it was looked at stays.
func (v *survey) sweep(ctx context.Context, out *Swept) error {
	worn := v.worn()
	if len(worn) == 0 {
		return nil
	}
	made, err := v.s.rewrite(ctx, worn, func(p *surveyed, e *entry) bool { return !v.dead(p, e) })
	if err != nil {
		return fault.Wrap(err, "writing packs anew")
	}
	for _, size := range made {
		out.Freed -= size
	}
	for _, p := range worn {
		if _, again := made[p.name]; again {
			out.Freed += p.size // it is what it should be: nothing was written for it
			continue
		}
		removed, err := v.s.packs.remove(ctx, p.name, func(touched time.Time) bool { return touched.Before(v.before) })
		if err != nil {
			return err
		}
		if removed {
			out.Removed += p.orphans
			out.Freed += p.size
		}
	}
	return nil
}
