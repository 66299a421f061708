package registry

import (
	"context"
	"crypto/ed25519"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Approval is a member's signature under a release.
type Approval struct {
	ID        string    `json:"id"`
	Release   string    `json:"release"`
	Member    string    `json:"member"`
	Role      string    `json:"role"`
	Reason    string    `json:"reason"`
	Statement string    `json:"statement"` // the signed text
	Signature []byte    `json:"signature"` // Ed25519 over Statement
	PublicKey []byte    `json:"public_key"`
	NotBefore time.Time `json:"not_before"`       // when it was given
	Expires   time.Time `json:"expires,omitzero"` // zero = never
}

// Ref is the lineage name, "approval:<id>".
func (a Approval) Ref() string { return "approval:" + a.ID }

// verify tells whether the signature is right and the signed text is the expected one.
func (a Approval) verify(statement []byte) bool {
	return a.Statement == string(statement) && len(a.PublicKey) == ed25519.PublicKeySize && ed25519.Verify(a.PublicKey, statement, a.Signature)
}

// mayNotApprove are the roles that only read.
var mayNotApprove = map[string]bool{"viewer": true, "auditor": true}

// Approve signs a release in the name of a member; role is the role that the team gives the member. The last person
// that the policy asks for makes it approved. Approving twice answers the first approval. Errors: fault.Denied for an
// author or a role that may not, fault.Precondition while gates are red, fault.Conflict when the release is closed or a
// newer request stands in its place.
func (r *Room) Approve(ctx context.Context, releaseID, member, role, reason string) (*Approval, error) {
	member, role = strings.TrimSpace(member), strings.TrimSpace(role)
	key, err := r.keys.key(member)
	if err != nil {
		return nil, err
	}
	return db.Change(ctx, r.db, func(tx *db.Tx) (*Approval, error) {
		now := r.now()
		rel, err := getRelease(tx, releaseID, now)
		if err != nil {
			return nil, err
		}
		for _, a := range rel.Approvals {
			if strings.EqualFold(a.Member, member) && rel.void(a, now) == "" {
				return &a, nil
			}
		}
		if err := r.mayApprove(tx, rel, member, role, now); err != nil {
			return nil, err
		}
		return sign(tx, rel, key, Approval{Member: member, Role: role, Reason: reason, NotBefore: now, Expires: until(now, rel.Policy.Expires)}, now)
	})
}

func (r *Room) mayApprove(tx *db.Tx, rel *Release, member, role string, now time.Time) error {
	newest, err := latestRelease(tx, rel.Product, rel.Environment, rel.Package, now)
	if err != nil {
		return err
	}
	switch {
	case newest.ID != rel.ID:
		return fault.New(fault.Conflict, "the evidence or policy changed since release %s was requested; release %s stands in its place", rel.ID, newest.ID).
			WithHint("paraplu approve %s --as %s", newest.ID, member)
	case role == "":
		return fault.New(fault.Denied, "%s is not a member of the team of %s, so they cannot approve", member, rel.Product).
			WithHint("add %s under team.members in paraplu.yaml", member)
	case mayNotApprove[role]:
		return fault.New(fault.Denied, "%s has the role %q, which reads and does not approve", member, role).WithHint("ask a member with another role")
	case among(rel.Authors, member):
		return fault.New(fault.Denied, "%s wrote part of the evidence of this release (authors: %s), and an author never approves",
			member, strings.Join(rel.Authors, ", ")).WithHint("ask somebody else: paraplu approve %s --as MEMBER", rel.ID)
	}
	if failed := rel.Failed(); len(failed) > 0 && rel.Emergency == nil {
		return rel.refusal(failed)
	}
	if rel.Emergency != nil && strings.EqualFold(rel.Emergency.By, member) {
		return fault.New(fault.Denied, "%s placed this package in an emergency; another person reviews it", member).
			WithHint("ask somebody else: paraplu approve %s --as MEMBER", rel.ID)
	}
	counted := rel.counted(now)
	left := rel.Policy.People - len(counted)
	if lacking := rel.Policy.lacking(counted); left == 1 && len(lacking) > 1 && role != rel.Policy.Role {
		return fault.New(fault.Denied, "the last approval must come from a member with the role %q; %s has the role %q", rel.Policy.Role, member, role).
			WithHint("ask a member with the role %s: paraplu approve %s --as MEMBER", rel.Policy.Role, rel.ID)
	}
	if _, err := rel.State.next(approve); err != nil {
		return fault.New(fault.Conflict, "release %s is %s and cannot be approved", rel.ID, rel.State).WithHint("paraplu release asks again")
	}
	return nil
}

func sign(tx *db.Tx, rel *Release, key ed25519.PrivateKey, a Approval, now time.Time) (*Approval, error) {
	statement := rel.Statement(a.Member, a.Role, a.NotBefore, a.Expires)
	a.ID, a.Release, a.Statement = ref.NewID(), rel.ID, string(statement)
	a.Signature, a.PublicKey = ed25519.Sign(key, statement), key.Public().(ed25519.PublicKey)
	if err := insertApproval(tx, a); err != nil {
		return nil, fault.Wrap(err, "storing the approval of %s", a.Member)
	}
	rel.Approvals = append(rel.Approvals, a)
	if counted := rel.counted(now); rel.Policy.People > 0 && len(rel.Policy.lacking(counted)) == 0 { // a voluntary one extends nothing
		to, err := rel.State.next(approve)
		if err != nil {
			return nil, err
		}
		rel.State, rel.ApprovedAt, rel.ExpiresAt = to, now, earliest(counted)
		if err := updateRelease(tx, rel); err != nil {
			return nil, err
		}
	}
	return &a, event.Append(tx, event.Fact{Time: now, Actor: a.Member, Product: rel.Product, Verb: event.ApprovalGiven, Object: rel.ID,
		Digest: string(rel.Evidence), Reason: a.Reason, Key: "approval.given:" + a.ID, Inputs: []string{rel.Ref()}, Outputs: []string{a.Ref()},
		Data: map[string]any{"release": rel.ID, "environment": rel.Environment, "package": rel.Package, "role": a.Role, "state": rel.State,
			"expires": stamp(a.Expires)}})
}

// earliest is the first end of the approvals, zero when none ends.
func earliest(as []Approval) (t time.Time) {
	for _, a := range as {
		if !a.Expires.IsZero() && (t.IsZero() || a.Expires.Before(t)) {
			t = a.Expires
		}
	}
	return t
}

// Reject closes a release that is not deployed, with a reason. A member who approved it may reject it: that withdraws the
// approval. Rejecting again changes nothing.
func (r *Room) Reject(ctx context.Context, releaseID, member, reason string) (*Release, error) {
	return r.close(ctx, releaseID, member, reason, reject, Rejected)
}

// Revoke forbids new placements of a release that was approved or deployed. What runs goes on: roll back to stop it.
func (r *Room) Revoke(ctx context.Context, releaseID, member, reason string) (*Release, error) {
	return r.close(ctx, releaseID, member, reason, revoke, Revoked)
}

func (r *Room) close(ctx context.Context, releaseID, member, reason string, by step, to State) (*Release, error) {
	if strings.TrimSpace(reason) == "" {
		return nil, fault.New(fault.Invalid, "a release is not %s without a reason: the next request has to answer it", to).WithHint(`add --reason "…"`)
	}
	if err := ref.CheckName(member); err != nil {
		return nil, fault.New(fault.Invalid, "member: %w", err)
	}
	return db.Change(ctx, r.db, func(tx *db.Tx) (*Release, error) {
		now := r.now()
		rel, err := getRelease(tx, releaseID, now)
		if err != nil || rel.State == to {
			return rel, err
		}
		if rel.State, err = rel.State.next(by); err != nil {
			hint := fault.HintOf(err)
			if rel.Live {
				hint = "it runs in " + rel.Environment + "; paraplu rollback takes it out"
			}
			return nil, fault.New(fault.Conflict, "release %s: %w", rel.ID, err).WithHint("%s", hint)
		}
		rel.Reason, rel.ClosedBy = reason, member
		if err := updateRelease(tx, rel); err != nil {
			return nil, err
		}
		return rel, event.Append(tx, event.Fact{Time: now, Actor: member, Product: rel.Product, Verb: event.ApprovalRejected, Object: rel.ID,
			Digest: string(rel.Evidence), Reason: reason, Key: "approval.rejected:" + rel.ID + ":" + string(to), Inputs: []string{rel.Ref()},
			Data: map[string]any{"release": rel.ID, "environment": rel.Environment, "package": rel.Package, "state": rel.State}})
	})
}
