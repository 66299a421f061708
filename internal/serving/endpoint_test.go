package serving

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
)

// slowEngine lets a request wait inside the model and notes when the model is closed.
type slowEngine struct {
	inside, proceed chan struct{}
	armed           bool
	closed          []string
	mu              sync.Mutex
}

func (*slowEngine) Name() string { return "slow" }

func (e *slowEngine) Load(ctx context.Context, p *modelpack.Loaded) (Model, error) {
	m, err := GoEngine{}.Load(ctx, p)
	return &slowModel{m, e, p.Digest.Short()}, err
}

type slowModel struct {
	Model
	e    *slowEngine
	name string
}

func (m *slowModel) Run(ctx context.Context, in *modelpack.Frame) (*modelpack.Frame, error) {
	m.e.mu.Lock()
	wait := m.e.armed
	m.e.armed = false
	m.e.mu.Unlock()
	if wait {
		m.e.inside <- struct{}{}
		<-m.e.proceed
	}
	return m.Model.Run(ctx, in)
}

func (m *slowModel) Close() error {
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	m.e.closed = append(m.e.closed, m.name)
	return nil
}

func (e *slowEngine) closings() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.closed)
}

// A model that was replaced is closed once, and only after the last request has left it.
func TestReplacedModelIsClosedAfterItsLastRequest(t *testing.T) {
	f := sqlite(t)
	e := &slowEngine{inside: make(chan struct{}), proceed: make(chan struct{})}
	f.engine = e
	ctx := context.Background()
	one, two := f.build(t, exported("umbrella")), f.build(t, exported("umbrella2"))
	f.place(t, placement("umbrella", "1", one))
	if err := f.Reconcile(ctx); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	e.armed = true
	e.mu.Unlock()
	var caller sync.WaitGroup
	caller.Go(func() {
		resp, err := f.Infer(ctx, rain(3))
		if err != nil || resp.Package != one {
			t.Errorf("%+v %v", resp, err)
		}
	})
	<-e.inside
	f.place(t, placement("umbrella", "2", two))
	if err := f.Reconcile(ctx); err != nil {
		t.Fatal(err)
	}
	if resp, err := f.Infer(ctx, rain(3)); err != nil || resp.Package != two {
		t.Fatalf("%+v %v", resp, err)
	}
	if e.closings() != 0 {
		t.Error("the old model was closed while a request was inside")
	}
	close(e.proceed)
	caller.Wait()
	if e.closings() != 1 {
		t.Errorf("the old model was closed %d times", e.closings())
	}
}

// Who comes late gets the newer endpoint: one that was closed cannot be entered again.
func TestClosedEndpointCannotBeEntered(t *testing.T) {
	e := &slowEngine{}
	ep := &endpoint{model: &slowModel{e: e}, closed: make(chan struct{})}
	ep.users.Store(1)
	if !ep.enter() {
		t.Fatal("a live endpoint cannot be entered")
	}
	ep.retire()
	if !ep.enter() {
		t.Error("an endpoint with a request inside is still open")
	}
	ep.leave()
	ep.leave()
	if ep.enter() || e.closings() != 1 {
		t.Errorf("a closed endpoint was entered, or closed %d times", e.closings())
	}
}

// One computes, one waits, the third is sent away, and a caller that gives up leaves its place.
func TestOverloadIsToldAtOnce(t *testing.T) {
	f := sqlite(t)
	e := &slowEngine{inside: make(chan struct{}), proceed: make(chan struct{})}
	f.engine = e
	f.serve(t, "umbrella")
	f.slots = &slots{free: make(chan struct{}, 1), most: 1}
	e.armed = true
	var callers sync.WaitGroup
	ask := func(ctx context.Context, want fault.Kind) {
		callers.Go(func() {
			if _, err := f.Infer(ctx, rain(1)); err != nil && fault.KindOf(err) != want || err == nil && want != 0 {
				t.Errorf("%v, want %v", err, want)
			}
		})
	}
	ask(t.Context(), 0)
	<-e.inside
	patience, giveUp := context.WithCancel(t.Context())
	ask(patience, fault.Canceled)
	for f.slots.waiting.Load() != 1 {
		runtime.Gosched()
	}
	if _, err := f.Infer(t.Context(), rain(1)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a third caller: %v", err)
	}
	giveUp()
	for f.slots.waiting.Load() != 0 {
		runtime.Gosched()
	}
	ask(t.Context(), 0)
	close(e.proceed)
	callers.Wait()
}

func TestPanicOfTheEngineIsOneFailedRequest(t *testing.T) {
	m := &goModel{run: func(context.Context, *modelpack.Frame) (*modelpack.Frame, error) { panic("defect") }}
	if _, err := m.Run(context.Background(), nil); !fault.Is(err, fault.Internal) {
		t.Errorf("%v", err)
	}
}
