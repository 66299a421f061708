package rollout_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/rollout"
)

const prod = "production"

type house struct {
	*rollout.Room
	reg    *registry.Room
	t      *testing.T
	ctx    context.Context
	d      *db.DB
	mu     sync.Mutex
	now    time.Time
	broken map[ref.Digest]bool // the self-test fails
}

func pkg(s string) ref.Digest { return ref.Sum([]byte(s)) }

func newHouse(t *testing.T, d *db.DB) *house {
	h := &house{t: t, ctx: context.Background(), d: d, now: time.Date(2015, 1, 1, 18, 0, 0, 0, time.UTC), broken: map[ref.Digest]bool{}}
	clock := func() time.Time {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.now = h.now.Add(20 * time.Millisecond)
		return h.now
	}
	h.reg = registry.New(d, func(_ context.Context, digest ref.Digest) (registry.Package, error) {
		if digest == pkg("missing") {
			return registry.Package{}, fault.New(fault.NotFound, "package %s does not exist", digest.Short())
		}
		return registry.Package{Author: "daisy", SelfTested: !h.broken[digest]}, nil
	}, t.TempDir(), clock)
	h.Room = rollout.New(d, h.reg, clock)
	return h
}

func run(t *testing.T, fn func(h *house)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, d *db.DB) { fn(newHouse(t, d)) }, event.Migrations(), registry.Migrations(), rollout.Migrations())
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) refused(err error, kind fault.Kind, words ...string) {
	h.t.Helper()
	if !fault.Is(err, kind) {
		h.t.Fatalf("error %v is of kind %v, want %v", err, fault.KindOf(err), kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error()+" → "+fault.HintOf(err), w) {
			h.t.Errorf("%q (hint %q) does not say %q", err, fault.HintOf(err), w)
		}
	}
}

// release asks for a release that needs nobody.
func (h *house) release(p string) *registry.Release {
	h.t.Helper()
	rel, err := h.reg.Request(h.ctx, registry.ReleaseRequest{Product: "umbrella", Environment: prod, Package: pkg(p), Model: "umbrella", Author: "daisy",
		Gates: []registry.GateResult{{Name: "contract", Status: registry.Pass}}})
	h.ok(err)
	return rel
}

func (h *house) place(p string) (*rollout.Deployment, error) {
	return h.Place(h.ctx, rollout.PlaceInput{Product: "umbrella", Environment: prod, Package: pkg(p), Actor: "eddy"})
}

func (h *house) mustPlace(p string) *rollout.Deployment {
	h.t.Helper()
	h.release(p)
	d, err := h.place(p)
	h.ok(err)
	h.tick()
	return d
}

// tick moves the clock so that the next rollback is a new one.
func (h *house) tick() { h.now = h.now.Add(time.Hour) }

func (h *house) back() (*rollout.Deployment, error) {
	defer h.tick()
	return h.Rollback(h.ctx, "umbrella", prod, "eddy", "orders too many")
}

func (h *house) sound() {
	h.t.Helper()
	problems, err := h.Verify(h.ctx)
	h.ok(err)
	if len(problems) > 0 {
		h.t.Errorf("the history is not sound:\n%s", strings.Join(problems, "\n"))
	}
}

func TestPlaceAndTheHistory(t *testing.T) {
	run(t, func(h *house) {
		_, err := h.place("a")
		h.refused(err, fault.Precondition, "nobody asked for its release", "paraplu release")
		_, err = h.place("missing")
		h.refused(err, fault.NotFound, "placing package "+pkg("missing").Short())
		a := h.mustPlace("a")
		b := h.mustPlace("b")
		if again, err := h.place("b"); err != nil || again.ID != b.ID {
			t.Errorf("the same package again: %+v, %v", again, err)
		}
		hist, err := h.History(h.ctx, "umbrella", prod)
		h.ok(err)
		if len(hist) != 2 || hist[1].ID != a.ID || !hist[1].To.Equal(hist[0].From) || hist[0].Previous != a.ID || !hist[0].Open() || hist[0].Model != "umbrella" || hist[0].Endpoint != "umbrella" {
			t.Errorf("history: %+v", hist)
		}
		for at, want := range map[time.Time]string{a.From: a.ID, b.From.Add(-1): a.ID, b.From: b.ID, b.From.Add(time.Hour): b.ID} {
			if got, err := h.At(h.ctx, "umbrella", prod, at); err != nil || got.ID != want {
				t.Errorf("at %s ran %s, %v; want %s", at, got.ID, err, want)
			}
		}
		_, err = h.At(h.ctx, "umbrella", prod, a.From.Add(-time.Millisecond))
		h.refused(err, fault.NotFound, "nothing was deployed in production of umbrella at 2015-01-01T18:00:00Z")
		both, err := h.Between(h.ctx, "umbrella", prod, b.From.Add(-time.Second), b.From.Add(time.Second))
		h.ok(err)
		one, err := h.Between(h.ctx, "umbrella", prod, b.From, b.From.Add(time.Second))
		h.ok(err)
		if len(both) != 2 || len(one) != 1 {
			t.Errorf("between: %d and %d", len(both), len(one))
		}
		h.ok(h.MarkEffective(h.ctx, b.ID, b.From.Add(time.Second)))
		h.ok(h.MarkEffective(h.ctx, b.ID, b.From.Add(time.Minute)))
		now, err := h.Current(h.ctx)
		h.ok(err)
		if len(now) != 1 || now[0].Package != pkg("b") || !now[0].EffectiveAt.Equal(b.From.Add(time.Second)) {
			t.Errorf("current: %+v", now)
		}
		h.sound()
		facts := h.facts(event.DeploymentPlaced)
		if len(facts) != 2 || facts[1].Inputs[0] != "package:"+string(pkg("b")) || facts[1].Outputs[0] != "deployment:"+b.ID {
			t.Errorf("facts: %+v", facts)
		}
	})
}

func (h *house) facts(verb string) (out []event.Fact) {
	h.ok(h.d.View(h.ctx, func(tx *db.Tx) (err error) {
		out, err = event.List(tx, event.Filter{Verbs: []string{verb}})
		return err
	}))
	return out
}

func TestRollback(t *testing.T) {
	run(t, func(h *house) {
		_, err := h.back()
		h.refused(err, fault.Precondition, "nothing is deployed in production of umbrella", "paraplu release")
		h.mustPlace("a")
		_, err = h.back()
		h.refused(err, fault.Precondition, "cannot be rolled back", "the only package that was ever there", "fallback")
		h.mustPlace("b")
		c := h.mustPlace("c")
		d, err := h.Rollback(h.ctx, "umbrella", prod, "eddy", "orders too many")
		h.ok(err)
		if d.Package != pkg("b") || d.Cause != rollout.CauseRollback || d.Previous != c.ID || d.Took <= 0 || d.Took > time.Second {
			t.Errorf("rolled back to %+v", d)
		}
		// the command was cut off and is given again
		if again, err := h.Rollback(h.ctx, "umbrella", prod, "eddy", "orders too many"); err != nil || again.ID != d.ID {
			t.Errorf("the same rollback again: %+v, %v", again, err)
		}
		h.tick()
		d, err = h.back()
		h.ok(err)
		if d.Package != pkg("a") {
			t.Errorf("the second rollback went to %s, want a", d.Package.Short())
		}
		_, err = h.back()
		h.refused(err, fault.Precondition, pkg("b").Short()+" was rolled back", pkg("c").Short()+" was rolled back")
		h.mustPlace("c") // mended by hand: an explicit placement makes it a candidate again
		h.mustPlace("d")
		if d, err = h.back(); err != nil || d.Package != pkg("c") {
			t.Errorf("rolled back to %+v, %v; want c", d, err)
		}
		h.sound()
		if f := h.facts(event.DeploymentRolledBack); len(f) != 3 || f[0].Reason != "orders too many" || f[0].Inputs[2] != "deployment:"+c.ID {
			t.Errorf("facts: %+v", f)
		}
		if v, err := h.reg.GetByAlias(h.ctx, "umbrella", prod); err != nil || v.Package != pkg("c") {
			t.Errorf("the alias says %+v, %v", v, err)
		}
	})
}

func TestRollbackNeedsNoApprovalButSkipsRevoked(t *testing.T) {
	run(t, func(h *house) {
		a := h.release("a")
		_, err := h.place("a")
		h.ok(err)
		b := h.release("b")
		_, err = h.place("b")
		h.ok(err)
		h.mustPlace("c")
		_, err = h.reg.Revoke(h.ctx, b.ID, "bo", "wrong licence")
		h.ok(err)
		// a newer, red request for a must not stand in the way
		_, err = h.reg.Request(h.ctx, registry.ReleaseRequest{Product: "umbrella", Environment: prod, Package: pkg("a"), Model: "umbrella", Author: "daisy",
			Gates: []registry.GateResult{{Name: "contract", Status: registry.Fail}}, Policy: registry.Policy{People: 2}})
		h.ok(err)
		d, err := h.back()
		h.ok(err)
		if d.Package != pkg("a") || d.Release != a.ID {
			t.Errorf("rolled back to %+v", d)
		}
		h.mustPlace("c")
		_, err = h.reg.Revoke(h.ctx, a.ID, "bo", "no")
		h.ok(err)
		_, err = h.back()
		h.refused(err, fault.Precondition, pkg("b").Short()+" was revoked by bo: wrong licence", "--force")
		h.sound()
	})
}

func TestEmergency(t *testing.T) {
	run(t, func(h *house) {
		in := rollout.PlaceInput{Product: "umbrella", Environment: prod, Package: pkg("a"), Actor: "eddy", Force: true}
		_, err := h.Place(h.ctx, in)
		h.refused(err, fault.Invalid, "needs a reason")
		in.Reason = "shop is empty"
		h.broken[pkg("a")] = true
		_, err = h.Place(h.ctx, in)
		h.refused(err, fault.Precondition, "self-test", "paraplu package verify "+pkg("a").Short())
		h.broken[pkg("a")] = false
		d, err := h.Place(h.ctx, in)
		h.ok(err)
		if d.Cause != rollout.CauseEmergency || d.Reason != "shop is empty" {
			t.Errorf("deployment %+v", d)
		}
		rel, err := h.reg.Release(h.ctx, d.Release)
		h.ok(err)
		if rel.Emergency == nil || rel.Emergency.By != "eddy" || rel.State != registry.Deployed {
			t.Errorf("release %+v", rel)
		}
		h.refused(second(h.Place(h.ctx, rollout.PlaceInput{Product: "umbrella", Environment: prod, Package: pkg("b"), Actor: "eddy", Cause: rollout.CauseEmergency})),
			fault.Invalid, "--force")
		h.refused(second(h.Place(h.ctx, rollout.PlaceInput{Product: "umbrella", Environment: prod, Package: pkg("b"), Actor: "eddy", Steps: []string{"canary", "full"}})),
			fault.Unsupported, "[full]")
		h.refused(second(h.Place(h.ctx, rollout.PlaceInput{Product: "um brella", Environment: prod, Package: pkg("b"), Actor: "eddy"})), fault.Invalid, "product")
	})
}

func second(_ any, err error) error { return err }

// TestOneChampionUnderRace places and rolls back from many goroutines at once.
func TestOneChampionUnderRace(t *testing.T) {
	run(t, func(h *house) {
		for i := range 6 {
			h.release(fmt.Sprint(i))
		}
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				if _, err := h.place(fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
				if _, err := h.Rollback(h.ctx, "umbrella", prod, fmt.Sprintf("m%d", i), "race"); err != nil && !fault.Is(err, fault.Precondition) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if now, err := h.Current(h.ctx); err != nil || len(now) != 1 {
			t.Errorf("%d champions, %v", len(now), err)
		}
		h.sound()
	})
}

// TestHistoryStaysSound walks at random, also with a clock that goes back.
func TestHistoryStaysSound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := dbtest.SQLite(t, event.Migrations(), registry.Migrations(), rollout.Migrations())
		defer d.Close()
		h := newHouse(t, d)
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			h.now = h.now.Add(time.Duration(rapid.IntRange(-100, 100).Draw(rt, "seconds")) * time.Second)
			before, err := h.Current(h.ctx)
			h.ok(err)
			p := rapid.SampledFrom([]string{"back", "a", "b", "c", "d"}).Draw(rt, "step")
			if p != "back" {
				h.mustPlace(p)
				continue
			}
			after, err := h.back()
			if err == nil && after.Package == before[0].Package && after.ID != before[0].ID {
				rt.Fatalf("rolled back from %s to itself", after.Package.Short())
			}
			if err != nil && !fault.Is(err, fault.Precondition) {
				rt.Fatal(err)
			}
		}
		h.sound()
	})
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2015, 1, 1, hour, 0, 0, 0, time.UTC) }
	row := func(id, previous string, from, to int) rollout.Deployment {
		d := rollout.Deployment{ID: id, Product: "p", Environment: "e", Previous: previous, Share: 1, From: at(from)}
		if to > 0 {
			d.To = at(to)
		}
		return d
	}
	for want, ds := range map[string][]rollout.Deployment{
		"": {row("a", "", 1, 2), row("b", "a", 2, 0)},
		"b in e of p: begins at 2015-01-01T01:00:00.000Z while a still runs": {row("a", "", 1, 2), row("b", "a", 1, 0)},
		"b in e of p: begins at 2015-01-01T02:00:00.000Z while a still runs": {row("a", "", 1, 0), row("b", "a", 2, 0)},
		"b in e of p: leaves a gap of 1h0m0s after a":                        {row("a", "", 1, 2), row("b", "a", 3, 0)},
		`b in e of p: names "x" as the one before, not a`:                    {row("a", "", 1, 2), row("b", "x", 2, 0)},
		"a in e of p: ends at 2015-01-01T01:00:00.000Z, not after it begins": {row("a", "", 1, 1)},
		"a in e of p: has the share 0 of the traffic":                        {{ID: "a", Product: "p", Environment: "e", From: at(1)}},
	} {
		if got := strings.Join(rollout.Check(ds), "\n"); got != want {
			t.Errorf("Check = %q, want %q", got, want)
		}
	}
}
