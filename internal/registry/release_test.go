package registry_test

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
)

const prod = "production"

func green() []registry.GateResult {
	return []registry.GateResult{
		{Name: "parity", Status: registry.Pass, Observed: "max error 1e-7", Required: "≤ 1e-5", Digest: ref.Sum([]byte("parity report"))},
		{Name: "contract", Status: registry.Pass},
		{Name: "beats-baseline", Status: registry.Warn, Observed: "1200 EUR", Required: "> 0 EUR"},
	}
}

func red() []registry.GateResult {
	g := green()
	g[0].Status, g[0].Observed, g[0].Detail = registry.Fail, "max error 0.3", "row 17 differs; export the model again"
	return g
}

func onePerson() registry.Policy {
	return registry.Policy{Gates: []string{"contract", "parity"}, People: 1, Role: "business", Expires: 180 * 24 * time.Hour}
}

func req(p string, gates []registry.GateResult, policy registry.Policy) registry.ReleaseRequest {
	return registry.ReleaseRequest{Product: "umbrella", Environment: prod, Package: pkg(p), Model: "umbrella", Gates: gates, Author: "eddy", Policy: policy}
}

func (h *house) request(r registry.ReleaseRequest) *registry.Release {
	h.t.Helper()
	rel, err := h.Request(h.ctx, r)
	h.ok(err)
	return rel
}

func (h *house) approve(rel *registry.Release, member, role string) error {
	_, err := h.Approve(h.ctx, rel.ID, member, role, "fine")
	return err
}

func (h *house) allowed(p string) error {
	_, err := h.Authorize(h.ctx, "umbrella", prod, pkg(p))
	return err
}

func TestFromRequestToApproval(t *testing.T) {
	run(t, func(h *house) {
		h.refused(h.allowed("a"), fault.Precondition, "nobody asked for its release", "paraplu release")
		rel := h.request(req("a", green(), onePerson()))
		if rel.State != registry.InReview || !slices.Equal(rel.Authors, []string{"daisy", "eddy"}) {
			t.Fatalf("state %q, authors %v", rel.State, rel.Authors)
		}
		h.refused(h.allowed("a"), fault.Precondition, pkg("a").Short(), "1 of 1 approvals", `role "business"`, "paraplu approve "+rel.ID)
		if again := h.request(req("a", green(), onePerson())); again.ID != rel.ID {
			t.Error("the same request made another release")
		}
		h.refused(h.approve(rel, "daisy", "data scientist"), fault.Denied, "daisy wrote part of the evidence", "daisy, eddy")
		h.refused(h.approve(rel, "EDDY", "business"), fault.Denied, "an author never approves")
		h.refused(h.approve(rel, "kim", "ml engineer"), fault.Denied, `must come from a member with the role "business"`)
		h.refused(h.approve(rel, "kim", "viewer"), fault.Denied, "reads and does not approve")
		h.refused(h.approve(rel, "kim", ""), fault.Denied, "not a member", "team.members")
		h.refused(h.approve(rel, "../x", "business"), fault.Invalid)
		h.ok(h.approve(rel, "bo", "business"))
		h.ok(h.approve(rel, "bo", "business"))
		got, err := h.Release(h.ctx, rel.ID[:20])
		h.ok(err)
		if got.State != registry.Approved || len(got.Approvals) != 1 || got.ExpiresAt.Sub(got.ApprovedAt) != 180*24*time.Hour {
			t.Errorf("release = %+v", got)
		}
		h.ok(h.allowed("a"))
		if again := h.request(req("a", green(), onePerson())); again.ID != rel.ID || again.State != registry.Approved {
			t.Error("asking again must answer the approved release")
		}
		if g, a := h.facts(event.GatesEvaluated), h.facts(event.ApprovalGiven); len(g) != 1 || len(a) != 1 ||
			g[0].Inputs[0] != "package:"+string(pkg("a")) || a[0].Inputs[0] != g[0].Outputs[0] || a[0].Actor != "bo" {
			t.Errorf("facts: %+v %+v", g, a)
		}
		h.now = h.now.Add(180 * 24 * time.Hour)
		h.refused(h.allowed("a"), fault.Precondition, "expired on 2015-06-30", "paraplu release asks again")
		got, err = h.Release(h.ctx, rel.ID)
		h.ok(err)
		if got.State != registry.Expired {
			t.Errorf("state %q after the expiry", got.State)
		}
		if next := h.request(req("a", green(), onePerson())); next.ID == rel.ID || next.State != registry.InReview || next.Previous != rel.ID {
			t.Error("an expired release must be asked for anew")
		}
	})
}

func TestChangedEvidenceVoidsTheApproval(t *testing.T) {
	run(t, func(h *house) {
		first := h.request(req("a", green(), onePerson()))
		h.ok(h.approve(first, "bo", "business"))
		gates := green()
		gates[0].Digest = ref.Sum([]byte("another report"))
		second := h.request(req("a", gates, onePerson()))
		h.refused(h.allowed("a"), fault.Precondition, "1 of 1 approvals")
		h.refused(h.approve(first, "kim", "business"), fault.Conflict, "stands in its place", second.ID)
		if d := second.Difference(first); !slices.Equal(d, []string{"gate parity: other result with the same outcome"}) {
			t.Errorf("difference: %q", d)
		}
		policy := onePerson()
		policy.People = 2
		third := h.request(req("a", gates, policy))
		if third.ID == second.ID {
			t.Error("another policy is another request")
		}
		h.ok(h.approve(third, "kim", "ml engineer"))
		h.refused(h.allowed("a"), fault.Precondition, "1 of 2 approvals", "business")
		h.refused(h.approve(third, "pat", "ml engineer"), fault.Denied, "the last approval must come from")
		h.ok(h.approve(third, "bo", "business"))
		h.ok(h.allowed("a"))
		// who wrote part of it turns out later
		r := req("a", gates, policy)
		r.Authors = []string{"Kim"}
		h.request(r)
		h.refused(h.allowed("a"), fault.Precondition, "kim wrote part of the evidence", "1 of 2 approvals")
	})
}

func TestRedGatesCannotBeApproved(t *testing.T) {
	run(t, func(h *house) {
		rel := h.request(req("a", red(), onePerson()))
		if rel.State != registry.Draft {
			t.Fatalf("state %q", rel.State)
		}
		const why = "gate parity: fail (observed max error 0.3, required ≤ 1e-5): row 17 differs; export the model again"
		h.refused(h.approve(rel, "bo", "business"), fault.Precondition, why, "mend what the gates found")
		h.refused(h.allowed("a"), fault.Precondition, why)
		policy := onePerson()
		policy.Gates = append(policy.Gates, "leakage")
		h.request(req("a", green(), policy))
		h.refused(h.allowed("a"), fault.Precondition, "gate leakage has no result")
	})
}

func TestNobodyHasToApproveWhenThePolicySaysSo(t *testing.T) {
	run(t, func(h *house) {
		rel := h.request(req("a", green(), registry.Policy{}))
		if rel.State != registry.Approved {
			t.Fatalf("state %q", rel.State)
		}
		h.ok(h.allowed("a"))
		h.request(req("b", red(), registry.Policy{}))
		h.refused(h.allowed("b"), fault.Precondition, "gate parity: fail")
	})
}

func TestRejectAndRevoke(t *testing.T) {
	run(t, func(h *house) {
		rel := h.request(req("a", green(), onePerson()))
		_, err := h.Reject(h.ctx, rel.ID, "bo", " ")
		h.refused(err, fault.Invalid, "without a reason")
		h.ok(h.approve(rel, "bo", "business"))
		for range 2 {
			_, err = h.Reject(h.ctx, rel.ID, "bo", "the price changed")
			h.ok(err)
		}
		h.refused(h.allowed("a"), fault.Precondition, "rejected by bo: the price changed")
		h.refused(h.approve(rel, "kim", "business"), fault.Conflict, "is rejected")
		h.request(req("a", red(), onePerson()))
		next := h.request(req("a", green(), onePerson()))
		if next.ID == rel.ID || next.State != registry.InReview || next.Previous == "" {
			t.Errorf("next = %+v", next)
		}
		h.ok(h.approve(next, "bo", "business"))
		_, err = h.Revoke(h.ctx, next.ID, "bo", "supplier is gone")
		h.ok(err)
		h.refused(h.allowed("a"), fault.Precondition, "revoked by bo: supplier is gone")
		if n := len(h.facts(event.ApprovalRejected)); n != 2 {
			t.Errorf("%d facts, want a rejection and a revocation", n)
		}
		_, err = h.Release(h.ctx, "nothing")
		h.refused(err, fault.NotFound, "paraplu release ls")
	})
}

func TestEveryStoredByteOfAnApprovalCounts(t *testing.T) {
	run(t, func(h *house) {
		rel := h.request(req("a", green(), onePerson()))
		h.ok(h.approve(rel, "bo", "business"))
		h.ok(h.allowed("a"))
		for _, change := range [][2]string{
			{`UPDATE registry_release SET package = '` + string(pkg("b")) + `'`, `UPDATE registry_release SET package = '` + string(pkg("a")) + `'`},
			{`UPDATE registry_release SET evidence = 'x'`, `UPDATE registry_release SET evidence = '` + string(rel.Evidence) + `'`},
			{`UPDATE registry_release SET policy_digest = 'x'`, `UPDATE registry_release SET policy_digest = '` + string(rel.PolicyID) + `'`},
			{`UPDATE registry_approval SET member = 'pat'`, `UPDATE registry_approval SET member = 'bo'`},
			{`UPDATE registry_approval SET role = 'approver'`, `UPDATE registry_approval SET role = 'business'`},
			{`UPDATE registry_approval SET expires_ms = expires_ms + 1`, `UPDATE registry_approval SET expires_ms = expires_ms - 1`},
			{`UPDATE registry_approval SET not_before_ms = not_before_ms - 1`, `UPDATE registry_approval SET not_before_ms = not_before_ms + 1`},
			{`UPDATE registry_approval SET statement = 'x' || statement`, `UPDATE registry_approval SET statement = substr(statement, 2)`},
		} {
			h.exec(change[0])
			p := "a"
			if strings.Contains(change[0], "SET package") {
				p = "b"
			}
			h.refused(h.allowed(p), fault.Precondition, "does not fit what is stored")
			h.exec(change[1])
			h.ok(h.allowed("a"))
		}
		h.exec(`UPDATE registry_approval SET signature = public_key`)
		h.refused(h.allowed("a"), fault.Precondition, "the signature of bo")
	})
}

func TestEmergency(t *testing.T) {
	run(t, func(h *house) {
		rel := h.request(req("a", red(), onePerson()))
		h.ok(h.d.Update(h.ctx, func(tx *db.Tx) error {
			_, err := h.Forced(tx, "umbrella", prod, "umbrella", pkg("a"), "eddy", "")
			h.refused(err, fault.Invalid, "needs a reason")
			got, err := h.Forced(tx, "umbrella", prod, "umbrella", pkg("a"), "pat", "shop is empty")
			if err == nil {
				err = h.Placed(tx, registry.Placement{Release: got, Actor: "pat"})
			}
			return err
		}))
		got, err := h.Release(h.ctx, rel.ID)
		h.ok(err)
		e := got.Emergency
		// Thursday evening; Friday and Monday are the next two working days
		if got.State != registry.Deployed || !got.Live || e == nil || e.Reason != "shop is empty" || e.ReviewDue.Format(time.DateOnly) != "2015-01-05" {
			t.Fatalf("release %+v, emergency %+v", got, e)
		}
		h.refused(h.approve(rel, "pat", "business"), fault.Denied, "another person reviews it")
		h.now = h.now.AddDate(0, 0, 7)
		late, err := h.OverdueReviews(h.ctx)
		h.ok(err)
		if len(late) != 1 || late[0].ID != rel.ID {
			t.Errorf("overdue: %+v", late)
		}
		h.ok(h.approve(rel, "bo", "business"))
		if late, err = h.OverdueReviews(h.ctx); err != nil || len(late) != 0 {
			t.Errorf("still overdue: %+v, %v", late, err)
		}
	})
}

func TestAliasFollowsTheDeployment(t *testing.T) {
	run(t, func(h *house) {
		place := func(p string) {
			t.Helper()
			h.request(req(p, green(), registry.Policy{}))
			h.ok(h.d.Update(h.ctx, func(tx *db.Tx) error {
				rel, err := h.AuthorizeTx(tx, "umbrella", prod, pkg(p))
				if err != nil {
					return err
				}
				return h.Placed(tx, registry.Placement{Release: rel, Actor: "eddy"})
			}))
		}
		place("a")
		place("b")
		v, err := h.GetByAlias(h.ctx, "umbrella", prod)
		h.ok(err)
		if v.Number != 2 || v.Package != pkg("b") {
			t.Errorf("%s is %+v", prod, v)
		}
		h.refused(h.SetAlias(h.ctx, "umbrella", prod, 1, "daisy"), fault.Precondition, "follows what is deployed", "paraplu rollback")
		h.refused(h.DeleteAlias(h.ctx, "umbrella", prod), fault.Precondition)
		h.refused(h.DeleteVersion(h.ctx, "umbrella", 2), fault.Precondition, "live in production")
		h.refused(h.DeleteModel(h.ctx, "umbrella"), fault.Precondition, "live in production")
		h.ok(h.SetAlias(h.ctx, "umbrella", prod, 2, "daisy"))
		h.ok(h.DeleteVersion(h.ctx, "umbrella", 1))
		place("a") // its version was deleted: another number, never the old one
		if v, err = h.GetByAlias(h.ctx, "umbrella", prod); err != nil || v.Number != 3 {
			t.Errorf("version %d, %v", v.Number, err)
		}
		all, err := h.Releases(h.ctx, "umbrella")
		h.ok(err)
		for _, r := range all {
			if want := r.Package == pkg("a"); r.Live != want {
				t.Errorf("release of %s: %s, live %v", r.Package.Short(), r.State, r.Live)
			}
		}
	})
}

func TestKeysAreMadeOnceAndPrivate(t *testing.T) {
	run(t, func(h *house) {
		h.pkgs[pkg("c")] = registry.Package{Author: "x"}
		policy := registry.Policy{People: 1}
		var wg sync.WaitGroup
		for _, p := range []string{"a", "b", "c"} {
			rel := h.request(req(p, green(), policy))
			wg.Go(func() {
				if _, err := h.Approve(h.ctx, rel.ID, "bo", "business", ""); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, p := range []string{"a", "b", "c"} {
			h.ok(h.allowed(p))
		}
		files, err := os.ReadDir(h.keys)
		h.ok(err)
		if len(files) != 1 || files[0].Name() != "bo.pem" {
			t.Fatalf("keys: %v", files)
		}
		if info, err := files[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		h.ok(os.WriteFile(h.keys+"/kim.pem", []byte("nonsense"), 0o600))
		rel := h.request(req("a", red(), policy))
		h.refused(h.approve(rel, "kim", "business"), fault.Invalid, "kim.pem is not an Ed25519 key")
	})
}

// TestTheSameThingAtOnce does everything from many goroutines: one row and one fact each.
func TestTheSameThingAtOnce(t *testing.T) {
	run(t, func(h *house) {
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				rel, err := h.Request(h.ctx, req("a", green(), onePerson()))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := h.Approve(h.ctx, rel.ID, "bo", "business", "fine"); err != nil {
					t.Error(err)
				}
				if v, err := h.RegisterPackage(h.ctx, "umbrella", "umbrella", pkg("a"), "", "daisy"); err != nil || v.Number != 1 {
					t.Errorf("version %d, %v", v.Number, err)
				}
			})
		}
		wg.Wait()
		all, err := h.Releases(h.ctx, "umbrella")
		h.ok(err)
		if len(all) != 1 || len(all[0].Approvals) != 1 || all[0].State != registry.Approved {
			t.Errorf("releases: %+v", all)
		}
		for _, verb := range []string{event.GatesEvaluated, event.ApprovalGiven, event.ModelVersioned} {
			if n := len(h.facts(verb)); n != 1 {
				t.Errorf("%d facts %s", n, verb)
			}
		}
	})
}
