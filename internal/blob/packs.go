package blob

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

// packs is what this process knows of the packs of a store: where each entry is. It is read from the packs themselves, when
// an entry is first asked for and again when one is not found, so several processes need no index in common and none can
// be damaged. It keeps 16 bytes an entry (the start of the id and a place) and reads the rest of a record when it is asked for.
type packs struct {
	shelf shelf

	reading sync.Mutex // one refresh at a time
	mu      sync.RWMutex
	list    []*pack
	byName  map[string]*pack
	first   map[uint64]place
	more    map[uint64][]place // ids whose start is taken in first, among them those in several packs
	broken  []brokenPack
	loaded  bool

	files openPacks
}

// place is the number of a pack and of a record in it.
type place struct{ pack, record uint32 }

type pack struct {
	name    string
	number  uint32
	size    int64
	touched time.Time // when it was listed
	entries []entry   // only of a remote shelf, where reading a record is slow
	count   int
	gone    bool // guarded by packs.mu
}

// brokenPack cannot be read.
type brokenPack struct {
	name string
	err  error
}

func newPacks(s shelf) *packs {
	p := &packs{shelf: s, files: openPacks{shelf: s, open: map[string]*openPack{}}}
	p.reset()
	return p
}

func (p *packs) reset() {
	p.list, p.byName = nil, map[string]*pack{}
	p.first, p.more = map[uint64]place{}, map[uint64][]place{}
}

func start(k kind, i *id) uint64 { return binary.LittleEndian.Uint64(i[:]) + uint64(k) }

// refresh learns of packs that came and went.
func (p *packs) refresh(ctx context.Context) error {
	p.reading.Lock()
	defer p.reading.Unlock()
	there, err := p.shelf.list(ctx)
	if err != nil {
		return err
	}
	p.forget(there)
	var broken []brokenPack
	for _, s := range there {
		p.mu.Lock()
		known := p.byName[s.name]
		if known != nil {
			known.touched = s.touched
		}
		p.mu.Unlock()
		if known != nil {
			continue
		}
		entries, err := p.index(ctx, s)
		switch {
		case fault.Is(err, fault.NotFound): // went since it was listed
		case fault.Is(err, fault.Canceled):
			return err
		case err != nil:
			broken = append(broken, brokenPack{s.name, err})
		default:
			p.learn(s, entries)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken, p.loaded = broken, true
	return nil
}

// load reads the packs unless that was done before.
func (p *packs) load(ctx context.Context) error {
	p.mu.RLock()
	loaded := p.loaded
	p.mu.RUnlock()
	if loaded {
		return nil
	}
	return p.refresh(ctx)
}

// forget marks packs that are not there any more; when most are, it starts anew to give their memory back.
func (p *packs) forget(there []shelved) {
	names := make(map[string]bool, len(there))
	for _, s := range there {
		names[s.name] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := 0
	for _, k := range p.list {
		if !names[k.name] {
			p.lose(k)
		}
		if k.gone {
			gone++
		}
	}
	if gone > 8 && gone > len(p.list)/2 {
		p.reset()
	}
}

func (p *packs) lose(k *pack) {
	k.gone = true
	if p.byName[k.name] == k {
		delete(p.byName, k.name)
		p.files.close(k.name)
	}
}

func (p *packs) index(ctx context.Context, s shelved) ([]entry, error) {
	r, err := p.shelf.open(ctx, s.name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	entries, err := readIndex(r, s.size, s.name)
	if err != nil && !fault.Is(err, fault.Canceled) {
		return nil, fault.New(fault.Internal, "pack %s is damaged: %w", s.name[:12], err).WithHint("restore it from a backup of the object store")
	}
	return entries, err
}

// learn adds a pack that is on the shelf.
func (p *packs) learn(s shelved, entries []entry) *pack {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.byName[s.name]; k != nil {
		k.touched = s.touched
		return k
	}
	k := &pack{name: s.name, number: uint32(len(p.list)), size: s.size, touched: s.touched, count: len(entries)}
	if _, local := p.shelf.(folder); !local {
		k.entries = entries
	}
	p.list, p.byName[s.name] = append(p.list, k), k
	for i := range entries {
		key, at := start(entries[i].kind, &entries[i].id), place{k.number, uint32(i)}
		if _, taken := p.first[key]; taken {
			p.more[key] = append(p.more[key], at)
		} else {
			p.first[key] = at
		}
	}
	return k
}

// find looks an entry up in what is known; ok is false when it is not.
func (p *packs) find(ctx context.Context, k kind, i *id) (where *pack, e entry, ok bool, err error) {
	key := start(k, i)
	p.mu.RLock()
	var places [4]place
	list := places[:0]
	if at, there := p.first[key]; there {
		list = append(append(list, at), p.more[key]...)
	}
	known := p.list
	p.mu.RUnlock()
	for _, at := range list {
		if int(at.pack) >= len(known) {
			continue // everything was forgotten meanwhile
		}
		where = known[at.pack]
		e, err = p.record(ctx, where, int(at.record))
		if fault.Is(err, fault.NotFound) {
			continue
		} else if err != nil {
			return nil, e, false, err
		}
		if e.kind == k && e.id == *i {
			return where, e, true, nil
		}
	}
	return nil, e, false, nil
}

// record reads one record of an index.
func (p *packs) record(ctx context.Context, k *pack, n int) (e entry, err error) {
	if k.entries != nil {
		return k.entries[n], nil
	}
	p.mu.RLock()
	gone := k.gone
	p.mu.RUnlock()
	if gone {
		return e, fault.New(fault.NotFound, "pack %s is gone", k.name[:12])
	}
	var text [recordSize]byte
	at := k.size - footerSize - int64(k.count-n)*recordSize
	err = p.files.use(ctx, k.name, func(r readerAt) error {
		_, err := r.ReadAt(text[:], at)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		p.mu.Lock()
		p.lose(k)
		p.mu.Unlock()
	}
	return parseEntry(text[:]), err
}

// read gives the bytes of an entry, verified. They stand in buf.
func (p *packs) read(ctx context.Context, k *pack, e *entry, buf *buffers) (b []byte, err error) {
	if !e.sane(k.size) {
		return nil, damaged(k.name, e)
	}
	err = p.files.use(ctx, k.name, func(r readerAt) error {
		b, err = e.load(r, buf)
		if err == errDamaged {
			return damaged(k.name, e)
		}
		return err
	})
	return b, err
}

func damaged(pack string, e *entry) error {
	return fault.New(fault.Internal, "pack %s is damaged at byte %d", pack[:12], e.offset).WithHint("restore it from a backup of the object store")
}

// get finds an entry among the packs that are known and reads it into buf, also when its pack was written anew meanwhile. ok
// is false when it is in none of them.
func (p *packs) get(ctx context.Context, k kind, i *id, buf *buffers) (b []byte, ok bool, err error) {
	for try := 0; ; try++ {
		where, e, ok, err := p.find(ctx, k, i)
		if err != nil || !ok && try == 0 {
			return nil, false, err
		}
		if ok {
			if b, err = p.read(ctx, where, &e, buf); !fault.Is(err, fault.NotFound) {
				return b, true, err
			}
		}
		if try == 3 {
			return nil, false, nil
		}
		if err := p.refresh(ctx); err != nil {
			return nil, false, err
		}
	}
}

// chunk is get for a chunk that a recipe lists, so it must be there.
func (p *packs) chunk(ctx context.Context, c piece, buf *buffers) ([]byte, error) {
	b, ok, err := p.get(ctx, chunkEntry, &c.id, buf)
	if err == nil && !ok {
		if err = p.refresh(ctx); err == nil {
			b, ok, err = p.get(ctx, chunkEntry, &c.id, buf)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, p.missing("a chunk of it is in no pack")
	case len(b) != int(c.size):
		return nil, errDamaged
	}
	return b, nil
}

// intact fails when a pack could not be read at the last refresh.
func (p *packs) intact() error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if len(p.broken) > 0 {
		return p.broken[0].err
	}
	return nil
}

// missing is the error for what is in no pack that can be read.
func (p *packs) missing(what string) error {
	if err := p.intact(); err != nil {
		return fault.New(fault.Internal, "%s; %w", what, err)
	}
	return fault.New(fault.Internal, "%s", what).WithHint("restore the object store from a backup")
}
