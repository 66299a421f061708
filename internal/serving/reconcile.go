package serving

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
)

// errLater says that a load failed for a reason that may pass, and will be tried again.
var errLater = errors.New("some packages will be tried again")

// state is what is known about a name that should answer.
type state struct {
	want     Placement
	phase    string // loading, ready, failed
	reason   string
	kind     fault.Kind
	steps    []modelpack.Step
	attempts int
	next     time.Time // when a failed load is tried again; zero = not before something changes
}

type states struct {
	sync.Mutex
	byKey map[string]*state
}

func (s *states) set(key string, change func(*state)) {
	s.Lock()
	defer s.Unlock()
	st := s.byKey[key]
	if st == nil {
		st = &state{}
		s.byKey[key] = st
	}
	change(st)
}

func (s *states) get(key string) (state, bool) {
	s.Lock()
	defer s.Unlock()
	st := s.byKey[key]
	if st == nil {
		return state{}, false
	}
	return *st, true
}

// Reconcile makes the endpoints what the deployments say, now, and tries packages again that failed before. The error
// names every package that is not served and why; the others are.
func (r *Room) Reconcile(ctx context.Context) error { return r.reconcile(ctx, true) }

func (r *Room) reconcile(ctx context.Context, again bool) error {
	r.reconciling.Lock() // first: what is read inside is at least as new as what an earlier reconciliation saw
	defer r.reconciling.Unlock()
	placed, err := r.placed(ctx)
	if err != nil {
		return fault.Wrap(err, "reading the deployments")
	}
	defer r.settled.Store(true)
	want := choose(placed)
	r.withdraw(want)
	var failed []error
	later := false
	for _, key := range slices.Sorted(maps.Keys(want)) {
		p := want[key]
		if ep := (*r.live.Load())[key]; ep != nil && ep.Placement == p {
			continue
		}
		if st, ok := r.states.get(key); ok && !again && st.phase == "failed" && st.want == p && (st.next.IsZero() || r.clock().Before(st.next)) {
			later = later || !st.next.IsZero()
			continue
		}
		if err := r.bring(ctx, key, p); err != nil {
			failed = append(failed, err)
			st, _ := r.states.get(key)
			later = later || !st.next.IsZero()
		}
	}
	switch {
	case again && len(failed) == 1:
		return failed[0]
	case again && len(failed) > 1:
		return fault.Wrap(failed[0], "%d packages are not served; the first: ", len(failed))
	case later:
		return errLater
	}
	return nil
}

// choose gives each name one placement: production before other environments, then the later one.
func choose(placed []Placement) map[string]Placement {
	want := map[string]Placement{}
	for _, p := range placed {
		if old, ok := want[p.key()]; !ok || old.Environment != "production" || p.Environment == "production" {
			want[p.key()] = p
		}
	}
	return want
}

// withdraw ends endpoints that are placed nowhere.
func (r *Room) withdraw(want map[string]Placement) {
	next := maps.Clone(*r.live.Load())
	var gone []*endpoint
	for key, ep := range next {
		if _, ok := want[key]; !ok {
			delete(next, key)
			gone = append(gone, ep)
		}
	}
	r.live.Store(&next)
	for _, ep := range gone {
		ep.retire()
	}
	r.states.Lock()
	defer r.states.Unlock()
	maps.DeleteFunc(r.states.byKey, func(key string, _ *state) bool { _, ok := want[key]; return !ok })
}

// bring loads a package and puts it in the place of the old one. On failure the old one stays.
func (r *Room) bring(ctx context.Context, key string, p Placement) error {
	r.states.set(key, func(st *state) {
		if st.want != p {
			*st = state{want: p}
		}
		st.phase, st.steps = "loading", nil
	})
	ep, err := r.admit(ctx, p, func(s modelpack.Step) {
		r.states.set(key, func(st *state) { st.steps = append(st.steps, s) })
	})
	if err != nil {
		err = fault.Wrap(err, "endpoint %s does not get its new package", key)
		r.states.set(key, func(st *state) { st.fail(err, r.clock()) })
		slog.Warn("package is not served", "endpoint", key, "package", p.Package.Short(), "error", err)
		return err
	}
	st, _ := r.states.get(key)
	ep.steps = st.steps
	next := maps.Clone(*r.live.Load())
	old := next[key]
	next[key] = ep
	r.live.Store(&next)
	r.states.set(key, func(st *state) { st.phase, st.reason, st.attempts = "ready", "", 0 })
	if old != nil {
		old.retire()
	}
	slog.Info("package is served", "endpoint", key, "package", p.Package.Short(), "deployment", p.Deployment)
	return nil
}

// fail notes a failure. What the package itself is to blame for is not tried again until something changes; for other
// reasons the wait doubles from one second to a minute.
func (st *state) fail(err error, now time.Time) {
	st.phase, st.reason, st.kind = "failed", err.Error(), fault.KindOf(err)
	st.attempts++
	st.next = time.Time{}
	switch st.kind {
	case fault.Precondition, fault.Unsupported, fault.Invalid:
	default:
		st.next = now.Add(min(time.Second<<min(st.attempts-1, 6), time.Minute))
	}
}

// The stages that serving adds to those of modelpack.
const (
	stepLoad   = "load"
	stepParity = modelpack.StepParity
	stepWarm   = "warm-up"
)

const warmUps = 20

// admit runs the whole sequence for one package. Only what it returns gets requests.
func (r *Room) admit(ctx context.Context, p Placement, done func(modelpack.Step)) (ep *endpoint, err error) {
	defer func() {
		if c := recover(); c != nil {
			ep, err = nil, fault.New(fault.Precondition, "loading the package crashed: %v\n%s", c, debug.Stack())
		}
	}()
	l, err := r.packs.Load(ctx, p.Package, done)
	if err != nil {
		return nil, err
	}
	if l.Manifest.Product != p.Product {
		return nil, fault.New(fault.Precondition, "package %s was built for the product %q, not for %q", p.Package.Short(), l.Manifest.Product, p.Product)
	}
	var m Model
	step := func(name string, fn func() error) error {
		start := time.Now()
		err := fn()
		done(modelpack.Step{Name: name, Took: time.Since(start), Err: err})
		return err
	}
	if err := step(stepLoad, func() (err error) { m, err = r.engine.Load(ctx, l); return err }); err != nil {
		return nil, err
	}
	if err := step(stepParity, func() error { _, err := l.CheckParity(ctx, m.Run); return err }); err != nil {
		m.Close() //nolint:errcheck // the refusal is what matters
		return nil, fault.Wrap(err, "package %s", p.Package.Short())
	}
	if err := step(stepWarm, func() error { return warm(ctx, m, l.Parity.In) }); err != nil {
		m.Close() //nolint:errcheck // as above
		return nil, err
	}
	return newEndpoint(p, l, m, r.clock()), nil
}

func warm(ctx context.Context, m Model, rows *modelpack.Frame) error {
	for i := range warmUps {
		at := i % rows.Rows
		if _, err := m.Run(ctx, rows.Slice(at, at+1)); err != nil {
			return fmt.Errorf("warm-up: %w", err)
		}
	}
	return nil
}
