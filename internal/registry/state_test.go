package registry_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/registry"
)

// TestNoPathAllowsAnUnapprovedPackage walks at random through requests, approvals, rejections, revocations and time, and
// compares Authorize after each step with a model that knows the rules and nothing of the code.
func TestNoPathAllowsAnUnapprovedPackage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := dbtest.SQLite(t, event.Migrations(), registry.Migrations())
		defer d.Close()
		h := newHouse(t, d)
		policy := registry.Policy{People: rapid.IntRange(0, 2).Draw(rt, "people"), Expires: 24 * time.Hour}
		var rel *registry.Release
		var isRed, closed bool
		var at time.Time
		signed := map[string]time.Time{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"green", "red", "bo", "kim", "daisy", "reject", "revoke", "wait"}).Draw(rt, "step") {
			case "green", "red":
				isRed = rapid.Bool().Draw(rt, "isRed")
				gates := green()
				if isRed {
					gates = red()
				}
				next := h.request(req("a", gates, policy))
				if rel == nil || next.ID != rel.ID {
					signed, closed, at = map[string]time.Time{}, false, h.now
				}
				rel = next
			case "bo", "kim", "daisy":
				who := rapid.SampledFrom([]string{"bo", "kim", "daisy"}).Draw(rt, "who")
				if rel != nil && h.approve(rel, who, "business") == nil {
					if old, ok := signed[who]; !ok || !h.now.Before(old.Add(24*time.Hour)) {
						signed[who] = h.now
					}
				}
			case "reject":
				if rel != nil {
					_, err := h.Reject(h.ctx, rel.ID, "bo", "no")
					closed = closed || err == nil
				}
			case "revoke":
				if rel != nil {
					_, err := h.Revoke(h.ctx, rel.ID, "bo", "no")
					closed = closed || err == nil
				}
			case "wait":
				h.now = h.now.Add(13 * time.Hour)
			}
			err := h.allowed("a")
			valid := 0
			for who, t := range signed {
				if who != "daisy" && h.now.Before(t.Add(24*time.Hour)) {
					valid++
				}
			}
			want := rel != nil && !isRed && !closed && valid >= policy.People
			if policy.People == 0 && rel != nil {
				want = want && h.now.Before(at.Add(24*time.Hour))
			}
			if (err == nil) != want {
				rt.Fatalf("Authorize = %v, the rules say %v (release %+v)", err, want, rel)
			}
		}
	})
}

func TestStatesListsAll(t *testing.T) {
	s := registry.States()
	if len(s) != 8 || !slices.Contains(s, registry.Expired) || s[0] != registry.Draft {
		t.Errorf("states %v", s)
	}
}

func TestEvidenceDigestIsOfTheSortedGates(t *testing.T) {
	g := green()
	want := registry.EvidenceDigest(g)
	slices.Reverse(g)
	if registry.EvidenceDigest(g) != want {
		t.Error("the order of the gates must not matter")
	}
	for i := range g {
		for _, change := range []func(*registry.GateResult){
			func(r *registry.GateResult) { r.Name += "x" },
			func(r *registry.GateResult) { r.Status += "x" },
			func(r *registry.GateResult) { r.Digest += "x" },
		} {
			c := slices.Clone(g)
			change(&c[i])
			if registry.EvidenceDigest(c) == want {
				t.Errorf("a change of gate %s does not show", g[i].Name)
			}
		}
	}
}
