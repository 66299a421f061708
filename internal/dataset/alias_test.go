package dataset

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
)

// grown is a dataset with one version for each of the instants.
func grown(t *testing.T, d *db.DB, at ...time.Time) *Room {
	t.Helper()
	r := newRoom(t, d)
	path := filepath.Join(t.TempDir(), "w.csv")
	for i, now := range at {
		r.clock = func() time.Time { return now }
		must(t, os.WriteFile(path, []byte("x\n"+itoa(i)+"\n"), 0o644))
		add(t, r, "weather", path)
	}
	return r
}

func TestAsOf(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		day := time.Date(2015, 6, 1, 0, 0, 0, 0, time.UTC)
		r := grown(t, d, day.Add(10*time.Hour), day.Add(24*time.Hour-time.Millisecond), day.Add(24*time.Hour))
		for text, want := range map[string]int{
			"2015-06-01": 2, "2015-06-02": 3, "2030-01-01": 3, "2015-06-01T10:00:00Z": 1, "2015-06-01T12:00:00Z": 1, "2015-06-01T23:59:59.999Z": 2,
			"2015-06-02T00:00:00Z": 3, "2015-06-02T02:00:00+02:00": 3, "2015-06-02T01:59:59+02:00": 1, "latest": 3,
		} {
			if v, err := r.Resolve(context.Background(), "umbrella", "weather@"+text); err != nil || v.Number != want || len(v.Files) != 1 {
				t.Errorf("%s is %v, %v; want v%d", text, v, err, want)
			}
		}
		for _, text := range []string{"2015-05-31", "2015-06-01T09:59:59.999Z"} {
			if _, err := r.Resolve(context.Background(), "umbrella", "weather@"+text); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", text, err)
			}
		}
	}, sources...)
}

func TestAlias(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		r := grown(t, d, noon, noon.Add(time.Hour))
		set := func(to int, from ...int) (Alias, error) {
			in := AliasChange{Product: "umbrella", Dataset: "weather", Alias: "gold", To: to, Actor: "daisy"}
			if len(from) > 0 {
				in.From = &from[0]
			}
			return r.SetAlias(ctx, in)
		}
		if _, err := r.Resolve(ctx, "umbrella", "weather@gold"); !fault.Is(err, fault.NotFound) {
			t.Errorf("an alias that is not there: %v", err)
		}
		before := len(facts(t, d))
		if a, err := set(1, 0); err != nil || a.Number != 1 || a.Was != 0 {
			t.Fatalf("set: %+v, %v", a, err)
		}
		if a, err := set(1); err != nil || a.Was != 1 {
			t.Errorf("set again: %+v, %v", a, err)
		}
		if _, err := set(2, 0); !fault.Is(err, fault.Conflict) {
			t.Errorf("moved although it was expected to be absent: %v", err)
		}
		if a, err := set(2, 1); err != nil || a.Was != 1 {
			t.Errorf("moved: %+v, %v", a, err)
		}
		if v, err := r.Resolve(ctx, "umbrella", "weather@gold"); err != nil || v.Number != 2 {
			t.Errorf("it means %v, %v", v, err)
		}
		if list, err := r.Aliases(ctx, "umbrella", "weather"); err != nil || len(list) != 1 || list[0].Number != 2 {
			t.Errorf("list: %+v, %v", list, err)
		}
		if _, err := set(7); !fault.Is(err, fault.NotFound) {
			t.Errorf("to a version that is not there: %v", err)
		}
		if _, err := set(0, 2); err != nil {
			t.Errorf("removed: %v", err)
		}
		if _, err := set(0); !fault.Is(err, fault.NotFound) {
			t.Errorf("removed twice: %v", err)
		}
		told := facts(t, d)[before:]
		if len(told) != 3 || told[0].Verb != event.DatasetAliased || told[1].Object != "weather@gold" || told[2].Verb != event.DatasetUnaliased {
			t.Errorf("facts: %+v", told)
		}
	}, sources...)
}

func TestNamesThatCannotBeAliases(t *testing.T) {
	r := grown(t, dbtest.SQLite(t, sources...), noon)
	for _, alias := range []string{"", "v3", "latest", "2015-06-01", "2015-06-01T00:00:00Z", "facade", "0845078a", "a/b", "../x"} {
		if _, err := r.SetAlias(context.Background(), AliasChange{Product: "umbrella", Dataset: "weather", Alias: alias, To: 1, Actor: "daisy"}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", alias, err)
		}
	}
}

// TestOneOfManyMovesTheAlias: all expect the same, one wins, the others are told.
func TestOneOfManyMovesTheAlias(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := grown(t, d, noon, noon.Add(time.Hour))
		var wg sync.WaitGroup
		var won atomic.Int32
		none := 0
		for i := range 8 {
			wg.Go(func() {
				_, err := r.SetAlias(context.Background(), AliasChange{Product: "umbrella", Dataset: "weather", Alias: "gold", To: 1 + i%2, From: &none, Actor: "daisy"})
				if err == nil {
					won.Add(1)
				} else if !fault.Is(err, fault.Conflict) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	}, sources...)
}
