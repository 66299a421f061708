package pipeline

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
)

func TestWhoIsDead(t *testing.T) {
	now := time.Date(2015, 4, 1, 12, 0, 0, 0, time.UTC)
	r := New(nil, nil, func() time.Time { return now })
	r.active["mine"] = true
	child := exec.Command("cat")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*owner)) owner {
		o := r.self
		change(&o)
		return o
	}
	other := with(func(o *owner) { o.PID, o.Start = child.Process.Pid, startOf(child.Process.Pid) })
	cases := []struct {
		name string
		open open
		dead bool
	}{
		{"another machine that speaks", open{"x", db.Millis(now.Add(-lease)), with(func(o *owner) { o.Host = "other" })}, false},
		{"another machine that is silent", open{"x", db.Millis(now.Add(-lease - time.Millisecond)), with(func(o *owner) { o.Host = "other" })}, true},
		{"before this machine started", open{"x", db.Millis(now), with(func(o *owner) { o.Boot = "earlier" })}, true},
		{"this process, under way", open{"mine", 0, r.self}, false},
		{"this process, lost", open{"x", db.Millis(now), r.self}, true},
		{"another process with the number", open{"x", db.Millis(now), with(func(o *owner) { o.Start += "1" })}, true},
		{"another process that lives", open{"x", 0, other}, false},
	}
	for _, c := range cases {
		if got := r.dead(c.open, now); got != c.dead {
			t.Errorf("%s: dead %v", c.name, got)
		}
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	if !r.dead(open{"x", db.Millis(now), other}, now) {
		t.Error("a process that ended is dead")
	}
}

func TestRecoverClosesOnlyTheDead(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		now := time.Date(2015, 4, 1, 12, 0, 0, 0, time.UTC)
		r := New(d, nil, func() time.Time { return now })
		ctx := context.Background()
		far := owner{Host: "far"}
		err := d.Update(ctx, func(tx *db.Tx) error {
			for id, beatAt := range map[string]time.Time{"silent": now.Add(-time.Hour), "alive": now} {
				e := &Execution{ID: id, Product: "shop", Actor: "daisy", Started: now}
				for range 2 { // repeatable
					if err := insertExecution(tx, e, far, db.Millis(beatAt)); err != nil {
						return err
					}
				}
			}
			return beat(tx, "silent", db.Millis(now.Add(-time.Minute*30)))
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := r.recover(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for id, want := range map[string]State{"silent": Abandoned, "alive": Running} {
			if e, err := r.Execution(ctx, id); err != nil || e.State != want {
				t.Errorf("%s: %+v, %v", id, e, err)
			}
		}
	}, event.Migrations(), Migrations())
}
