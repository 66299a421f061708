package team_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/team"
)

type house struct {
	*team.Room
	t   *testing.T
	ctx context.Context
	d   *db.DB
	now time.Time
}

func run(t *testing.T, fn func(h *house)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := &house{t: t, ctx: context.Background(), d: d, now: time.Date(2015, 1, 1, 18, 0, 0, 0, time.UTC)}
		h.Room = team.New(d, func() time.Time { return h.now })
		fn(h)
	}, event.Migrations(), team.Migrations())
}

// product reads the test product after replacing pieces of text, in pairs.
func product(t testing.TB, replace ...string) *spec.Product {
	t.Helper()
	text, err := os.ReadFile("testdata/paraplu.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(string(text), replace[i]) {
			t.Fatalf("the test product does not say %q", replace[i])
		}
	}
	p, err := spec.Parse("paraplu.yaml", []byte(strings.NewReplacer(replace...).Replace(string(text))))
	if err != nil {
		t.Fatal(err)
	}
	return p
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

func (h *house) sync(p *spec.Product) bool {
	h.t.Helper()
	changed, err := h.Sync(h.ctx, p, "daisy")
	h.ok(err)
	return changed
}

func (h *house) tell(f event.Fact) {
	h.t.Helper()
	f.Time, f.Product = h.now, "umbrella"
	if f.Actor == "" {
		f.Actor = "daisy"
	}
	h.ok(h.d.Update(h.ctx, func(tx *db.Tx) error { return event.Append(tx, f) }))
}

func (h *house) facts(verb string) (out []event.Fact) {
	h.t.Helper()
	h.ok(h.d.View(h.ctx, func(tx *db.Tx) (err error) {
		out, err = event.List(tx, event.Filter{Verbs: []string{verb}})
		return err
	}))
	return out
}

// golden compares with a file; UPDATE_GOLDEN=1 writes it anew.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s changed:\n%s", file, got)
	}
}

func TestSyncStoresWhatTheFileSays(t *testing.T) {
	run(t, func(h *house) {
		_, err := h.Members(h.ctx, "umbrella")
		h.refused(err, fault.NotFound, `no product "umbrella"`, "paraplu status")
		_, err = h.Sync(h.ctx, product(t), "")
		h.refused(err, fault.Invalid, "--as")
		p := product(t)
		changed := product(t, "Umbrella orders", "Umbrellas")
		for i, want := range []bool{true, false} {
			if got := h.sync(p); got != want {
				t.Errorf("sync %d: changed = %v", i, got)
			}
		}
		h.sync(changed)
		if !h.sync(p) { // and back again
			t.Error("the way back is a change")
		}
		if n := len(h.facts(event.ProductSynced)); n != 3 {
			t.Errorf("%d facts, want 3", n)
		}
		stored, err := h.Product(h.ctx, "umbrella")
		h.ok(err)
		if stored.Digest() != p.Digest() {
			t.Error("the stored product is not the one of the file")
		}
		ms, err := h.Members(h.ctx, "umbrella")
		h.ok(err)
		if len(ms) != 3 || ms[0].Name != "daisy" || ms[2].Role != "business" {
			t.Errorf("members %+v", ms)
		}
		rows, err := h.Products(h.ctx)
		h.ok(err)
		if len(rows) != 1 || rows[0].Name != "umbrella" || rows[0].Stage != "ideate" || rows[0].Owner != "bo" || rows[0].Risk != "medium" {
			t.Errorf("products %+v", rows)
		}
	})
}

func table(rs []team.Responsibility, members ...string) string {
	var b strings.Builder
	for _, r := range rs {
		fmt.Fprintf(&b, "%-34s", r.Activity)
		for _, m := range members {
			fmt.Fprintf(&b, " %s:%-3s", m, r.Letters[m])
		}
		fmt.Fprintf(&b, " → %s, backup %s", r.Accountable, r.Backup)
		if !r.Preset {
			b.WriteString(" (paraplu.yaml)")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestResponsibilitiesGolden(t *testing.T) {
	var b strings.Builder
	b.WriteString("# three people, one of each role\n")
	b.WriteString(table(team.Resolve(product(t)), "daisy", "eddy", "bo"))
	b.WriteString("\n# two data scientists: one of them answers\n")
	b.WriteString(table(team.Resolve(product(t, "role: ml engineer", "role: data scientist")), "daisy", "eddy", "bo"))
	golden(t, "testdata/responsibilities.golden", b.String())
}

// Every activity of the preset has exactly one A, and a backup that is another person.
func TestExactlyOneAnswers(t *testing.T) {
	for _, p := range []*spec.Product{product(t), product(t, "role: ml engineer", "role: data scientist"), product(t, "role: business", "role: ml engineer")} {
		rs := team.Resolve(p)
		if len(rs) != len(spec.Activities)+1 {
			t.Errorf("%d activities", len(rs))
		}
		for _, r := range rs {
			answers := 0
			for m, letters := range r.Letters {
				if strings.Contains(letters, "A") {
					answers++
					if m != r.Accountable {
						t.Errorf("%s: A of %s, accountable %s", r.Activity, m, r.Accountable)
					}
				}
			}
			if answers > 1 || (answers == 1) != (r.Accountable != "") || r.Backup == r.Accountable && r.Backup != "" {
				t.Errorf("%s: %+v", r.Activity, r)
			}
		}
	}
}

func TestAccountable(t *testing.T) {
	run(t, func(h *house) {
		h.sync(product(t))
		who, backup, err := h.Accountable(h.ctx, "umbrella", "watch model issues")
		h.ok(err)
		if who.Title != "Daisy" || backup.Name != "eddy" {
			t.Errorf("%+v, %+v", who, backup)
		}
		_, _, err = h.Accountable(h.ctx, "umbrella", "make coffee")
		h.refused(err, fault.NotFound, `no activity "make coffee"`)
		h.sync(product(t, "role: business", "role: viewer", "people: 1, role: business", "people: 1"))
		_, _, err = h.Accountable(h.ctx, "umbrella", "decide go-live")
		h.refused(err, fault.Precondition, `nobody of umbrella answers for "decide go-live"`, "team.responsibilities.decide go-live.accountable")
	})
}

func TestGapsGolden(t *testing.T) {
	run(t, func(h *house) {
		p := product(t, "role: business", "role: auditor", "people: 1, role: business", "people: 1")
		p.Team.Responsibilities = []spec.Responsibility{
			{Activity: "watch model issues", Accountable: "zoe", Backup: "eddy"},
			{Activity: "retrain", Accountable: "daisy", Backup: "daisy"},
			{Activity: "roll back", Accountable: "bo", Backup: "yan"},
		}
		h.sync(p)
		for _, who := range []string{"daisy", "system", "Daisy"} {
			h.tell(event.Fact{Actor: who, Verb: event.DatasetPublished, Object: "weather@v1"})
			h.tell(event.Fact{Actor: who, Verb: event.PackageBuilt, Object: "umbrella"})
		}
		h.tell(event.Fact{Actor: "eddy", Verb: event.PackageBuilt, Object: "umbrella"})
		gaps, err := h.Gaps(h.ctx, "umbrella")
		h.ok(err)
		var b strings.Builder
		for _, g := range gaps {
			fmt.Fprintf(&b, "%s: %s\n  %s\n", g.Kind, g.Text, g.Hint)
		}
		golden(t, "testdata/gaps.golden", b.String())
		h.now = h.now.AddDate(0, 0, 91)
		gaps, err = h.Gaps(h.ctx, "umbrella")
		h.ok(err)
		if slices.ContainsFunc(gaps, func(g team.Gap) bool { return g.Kind == team.GapBusFactor }) {
			t.Error("work of long ago still counts")
		}
		h.sync(product(t))
		if gaps, err = h.Gaps(h.ctx, "umbrella"); err != nil || len(gaps) != 0 {
			t.Errorf("a whole team has the gaps %+v, %v", gaps, err)
		}
	})
}

func TestSignCanvas(t *testing.T) {
	run(t, func(h *house) {
		h.sync(product(t, "  baseline: seasonal-naive\n", "", "  fallback: order what was sold on the same weekday last week\n", ""))
		h.refused(h.SignCanvas(h.ctx, "umbrella", "bo"), fault.Precondition, "canvas.baseline, canvas.fallback", "fill in canvas.baseline")
		h.sync(product(t))
		h.refused(h.SignCanvas(h.ctx, "umbrella", "zoe"), fault.Denied, `"zoe" is not a member`, "daisy, eddy, bo")
		h.refused(h.SignCanvas(h.ctx, "umbrella", "eddy"), fault.Denied, "eddy does not answer", "--as bo")
		for range 2 {
			h.ok(h.SignCanvas(h.ctx, "umbrella", "bo"))
			h.now = h.now.Add(time.Hour)
		}
		s, err := h.Signatures(h.ctx, "umbrella")
		h.ok(err)
		if len(s) != 1 || s[0].Member != "bo" || !s[0].Current || len(h.facts(event.CanvasSigned)) != 1 {
			t.Errorf("signatures %+v", s)
		}
		h.sync(product(t, "too_few: 7.0", "too_few: 8.0"))
		if s, err = h.Signatures(h.ctx, "umbrella"); err != nil || s[0].Current {
			t.Errorf("the signature still counts for another canvas: %+v, %v", s, err)
		}
		h.ok(h.SignCanvas(h.ctx, "umbrella", "bo"))
		if n := len(h.facts(event.CanvasSigned)); n != 2 {
			t.Errorf("%d facts", n)
		}
	})
}
