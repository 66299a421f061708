package tracking

import "sync"

// turns lets one caller a name go ahead at a time. The zero value is ready.
type turns struct {
	mu   sync.Mutex
	held map[string]*turn
}

type turn struct {
	sync.Mutex
	waiting int
}

// lock waits for the turn and gives what ends it.
func (t *turns) lock(name string) (unlock func()) {
	t.mu.Lock()
	if t.held == nil {
		t.held = map[string]*turn{}
	}
	own := t.held[name]
	if own == nil {
		own = &turn{}
		t.held[name] = own
	}
	own.waiting++
	t.mu.Unlock()
	own.Lock()
	return func() {
		own.Unlock()
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.waiting--; own.waiting == 0 {
			delete(t.held, name)
		}
	}
}
