package serving

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// With the database locked the callers go on; what does not fit into the queue is counted, nothing else is lost.
func TestLogBackPressure(t *testing.T) {
	f := sqlite(t)
	ctx := context.Background()
	f.serve(t, "umbrella")
	f.log.limit = 50
	locked, release := make(chan struct{}), make(chan struct{})
	var holder sync.WaitGroup
	holder.Go(func() {
		err := f.db.Update(ctx, func(*db.Tx) error { close(locked); <-release; return nil })
		if err != nil {
			t.Error(err)
		}
	})
	<-locked
	const asked = 120
	for range asked {
		if _, err := f.Infer(ctx, rain(2)); err != nil {
			t.Fatal(err)
		}
	}
	if s := f.Status().Log; s.Dropped != asked-50 || s.Waiting != 50 {
		t.Errorf("%+v", s)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := f.Flush(short); err == nil {
		t.Error("a flush against a locked database succeeded")
	}
	close(release)
	holder.Wait()
	if err := f.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if s := f.Status().Log; s.Written != 50 || s.Waiting != 0 || s.Error != "" {
		t.Errorf("%+v", s)
	}
}

// A name whose first package is refused does not take the others down; before the first look nothing is ready.
func TestReady(t *testing.T) {
	f := sqlite(t)
	if f.Ready() {
		t.Error("ready before the deployments were read")
	}
	f.place(t, placement("umbrella", "1", f.build(t, exported("umbrella"))), placement("other", "1", ref.Sum([]byte("no such package"))))
	if err := f.Reconcile(context.Background()); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown package: %v", err)
	}
	if !f.Ready() {
		t.Error("not ready although one model answers and the other was refused")
	}
	f.place(t)
	if err := f.Reconcile(context.Background()); err != nil || !f.Ready() || len(f.Models()) != 0 {
		t.Errorf("without models: %v %v", f.Models(), err)
	}
}

// Of two placements at one name production answers, in whatever order they come.
func TestProductionComesFirst(t *testing.T) {
	a, b := placement("umbrella", "1", "sha256:a"), placement("umbrella", "2", "sha256:b")
	b.Environment = "staging"
	for _, placed := range [][]Placement{{a, b}, {b, a}} {
		if got := choose(placed)["umbrella"]; got != a {
			t.Errorf("%+v", got)
		}
	}
	c := a
	c.Version = "3"
	if got := choose([]Placement{a, c})["umbrella"]; got != c {
		t.Errorf("the later of two: %+v", got)
	}
}

// What may pass is tried again, later and later; what the package is to blame for waits for a change.
func TestFailuresAreTriedAgainWithReason(t *testing.T) {
	var st state
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		st.fail(fault.New(fault.Unavailable, "the store does not answer"), noon)
		if got := st.next.Sub(noon); got != want*time.Second {
			t.Errorf("attempt %d: again in %v, want %ds", i+1, got, want)
		}
	}
	st.fail(fault.New(fault.Precondition, "damaged"), noon)
	if !st.next.IsZero() || st.phase != "failed" || st.reason != "damaged" {
		t.Errorf("%+v", st)
	}
}

func TestStartFollowsFactsAndStopLeavesNothing(t *testing.T) {
	run(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		d := f.build(t, exported("umbrella"))
		f.Start(ctx)
		f.Start(ctx)
		f.place(t, placement("umbrella", "1", d))
		deadline := time.Now().Add(20 * time.Second)
		for len(f.Models()) == 0 || !f.Models()[0].Ready {
			if time.Now().After(deadline) {
				t.Fatal("the placement was not followed")
			}
			runtime.Gosched()
		}
		for range 10 {
			if _, err := f.Infer(ctx, rain(4)); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := f.Stop(); err != nil {
				t.Fatal(err)
			}
		}
		ps, err := f.Predictions(ctx, "umbrella", time.Time{}, time.Time{})
		if err != nil || len(ps) != 10 {
			t.Errorf("%d predictions after Stop, want 10 (%v)", len(ps), err)
		}
		if _, err := f.Infer(ctx, rain(4)); err == nil {
			t.Error("a stopped room answers")
		}
		stacks := make([]byte, 1<<20)
		if text := string(stacks[:runtime.Stack(stacks, true)]); strings.Contains(text, "serving.(*Room).Start") || strings.Contains(text, "serving.(*journal)") {
			t.Errorf("goroutines are left:\n%s", text)
		}
		f.Start(ctx) // and again
	})
}
