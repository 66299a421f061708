package blob

import (
	"context"
	"sync"
)

// openPacks keeps some packs open.
type openPacks struct {
	shelf shelf
	mu    sync.Mutex
	open  map[string]*openPack
	tick  int64
}

type openPack struct {
	r     readerAt
	users int
	used  int64 // tick of the last use
}

const maxOpenPacks = 64

// use calls fn with an open pack.
func (o *openPacks) use(ctx context.Context, name string, fn func(readerAt) error) error {
	o.mu.Lock()
	k := o.open[name]
	if k == nil {
		o.mu.Unlock()
		r, err := o.shelf.open(ctx, name)
		if err != nil {
			return err
		}
		o.mu.Lock()
		if k = o.open[name]; k == nil {
			k = &openPack{r: r}
			o.open[name] = k
			o.shut()
		} else {
			defer r.Close()
		}
	}
	o.tick++
	k.used, k.users = o.tick, k.users+1
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		k.users--
		o.mu.Unlock()
	}()
	return fn(k.r)
}

// shut closes the pack that was not used for the longest time, when there are too many.
func (o *openPacks) shut() {
	if len(o.open) <= maxOpenPacks {
		return
	}
	oldest := ""
	for name, k := range o.open {
		if k.users == 0 && k.used > 0 && (oldest == "" || k.used < o.open[oldest].used) {
			oldest = name
		}
	}
	if oldest != "" {
		o.open[oldest].r.Close()
		delete(o.open, oldest)
	}
}

// close closes the packs that nobody reads, or the one of a name.
func (o *openPacks) close(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n, k := range o.open {
		if k.users == 0 && (name == "" || n == name) {
			k.r.Close()
			delete(o.open, n)
		}
	}
}
