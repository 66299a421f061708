package registry

import (
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

const releaseColumns = `id, product, environment, model, package, evidence, policy_digest, attempt, previous, policy, gates, author, authors,
	state, live, reason, closed_by, emergency_by, emergency_reason, emergency_ms, review_due_ms, created_ms, approved_ms, expires_ms`

// releases reads releases with their approvals, newest first.
func releases(tx *db.Tx, now time.Time, where string, args ...any) ([]Release, error) {
	var out []Release
	if err := tx.Each(func(rows *sql.Rows) error {
		r, err := scanRelease(rows)
		out = append(out, r)
		return err
	}, `SELECT `+releaseColumns+` FROM registry_release WHERE `+where+` ORDER BY created_ms DESC, id DESC`, args...); err != nil {
		return nil, err
	}
	for i := range out {
		r := &out[i]
		if err := tx.Each(func(rows *sql.Rows) error {
			a := Approval{Release: r.ID}
			var from, to int64
			err := rows.Scan(&a.ID, &a.Member, &a.Role, &a.Reason, &a.Statement, &a.Signature, &a.PublicKey, &from, &to)
			a.NotBefore, a.Expires = db.Time(from), db.Time(to)
			r.Approvals = append(r.Approvals, a)
			return err
		}, `SELECT id, member, role, reason, statement, signature, public_key, not_before_ms, expires_ms FROM registry_approval
			WHERE release_id = ? ORDER BY not_before_ms, id`, r.ID); err != nil {
			return nil, err
		}
		r.judge(now)
	}
	return out, nil
}

// judge shows the state as of now: an approval may have run out, or lost a signer who turned out to be an author.
func (r *Release) judge(now time.Time) {
	lacking := len(r.Policy.lacking(r.counted(now))) > 0
	if r.State == Approved && (r.expired(now) || lacking) {
		r.State = InReview
		if r.expired(now) {
			r.State = Expired
		}
	}
	if r.Emergency != nil {
		r.Emergency.Reviewed = !lacking && len(r.Approvals) > 0
	}
}

func scanRelease(rows *sql.Rows) (Release, error) {
	var r Release
	var policy, gates, authors string
	var live, emergency, due, created, approved, expires int64
	var e Emergency
	if err := rows.Scan(&r.ID, &r.Product, &r.Environment, &r.Model, &r.Package, &r.Evidence, &r.PolicyID, &r.attempt, &r.Previous, &policy, &gates,
		&r.Author, &authors, &r.State, &live, &r.Reason, &r.ClosedBy, &e.By, &e.Reason, &emergency, &due, &created, &approved, &expires); err != nil {
		return r, err
	}
	r.Live, r.CreatedAt, r.ApprovedAt, r.ExpiresAt = live == 1, db.Time(created), db.Time(approved), db.Time(expires)
	if emergency != 0 {
		e.At, e.ReviewDue = db.Time(emergency), db.Time(due)
		r.Emergency = &e
	}
	if err := errors.Join(json.Unmarshal([]byte(policy), &r.Policy), json.Unmarshal([]byte(gates), &r.Gates), json.Unmarshal([]byte(authors), &r.Authors)); err != nil {
		return r, fault.New(fault.Internal, "release %s is damaged: %w", r.ID, err)
	}
	return r, nil
}

// latestRelease is the newest request for a package in an environment, nil when there is none.
func latestRelease(tx *db.Tx, product, env string, pkg ref.Digest, now time.Time) (*Release, error) {
	all, err := releases(tx, now, `product = ? AND environment = ? AND package = ? AND attempt =
		(SELECT max(attempt) FROM registry_release WHERE product = ? AND environment = ? AND package = ?)`,
		product, env, string(pkg), product, env, string(pkg))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

func previousRelease(tx *db.Tx, product, env string) (id string, err error) {
	_, err = db.Found(tx.QueryRow(`SELECT id FROM registry_release WHERE product = ? AND environment = ? ORDER BY created_ms DESC, id DESC LIMIT 1`, product, env).Scan(&id))
	return id, err
}

// getRelease finds a release by its id or by a unique beginning of six characters or more.
func getRelease(tx *db.Tx, id string, now time.Time) (*Release, error) {
	all, err := releases(tx, now, `id = ?`, id)
	if err == nil && len(all) == 0 && len(id) >= 6 {
		all, err = releases(tx, now, `substr(id, 1, ?) = ?`, len(id), id)
	}
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, fault.New(fault.NotFound, "there is no release %q", id).WithHint("paraplu release ls lists them")
	case len(all) > 1:
		return nil, fault.New(fault.Invalid, "%d releases begin with %q; write more of the id", len(all), id).WithHint("paraplu release ls lists them")
	}
	return &all[0], nil
}

func insertRelease(tx *db.Tx, r *Release) error {
	gates := r.Gates
	if gates == nil {
		gates = []GateResult{}
	}
	e := r.emergency()
	_, err := tx.Exec(`INSERT INTO registry_release (`+releaseColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Product, r.Environment, r.Model, string(r.Package), string(r.Evidence), string(r.PolicyID), r.attempt, r.Previous,
		string(canonical(r.Policy)), string(canonical(gates)), r.Author, string(canonical(r.Authors)), string(r.State), r.Reason, r.ClosedBy,
		e.By, e.Reason, db.Millis(e.At), db.Millis(e.ReviewDue), db.Millis(r.CreatedAt), db.Millis(r.ApprovedAt), db.Millis(r.ExpiresAt))
	return err
}

func (r *Release) emergency() Emergency {
	if r.Emergency == nil {
		return Emergency{}
	}
	return *r.Emergency
}

// updateRelease stores what may change: never package, evidence, policy or target.
func updateRelease(tx *db.Tx, r *Release) error {
	live := 0
	if r.Live {
		live = 1
	}
	stored := r.State
	if stored == Expired {
		stored = Approved
	}
	e := r.emergency()
	_, err := tx.Exec(`UPDATE registry_release SET state = ?, live = ?, reason = ?, closed_by = ?, authors = ?, emergency_by = ?, emergency_reason = ?,
		emergency_ms = ?, review_due_ms = ?, approved_ms = ?, expires_ms = ? WHERE id = ?`,
		string(stored), live, r.Reason, r.ClosedBy, string(canonical(r.Authors)), e.By, e.Reason, db.Millis(e.At), db.Millis(e.ReviewDue),
		db.Millis(r.ApprovedAt), db.Millis(r.ExpiresAt), r.ID)
	return err
}

// addAuthors remembers authors that only became known with a later, otherwise equal request.
func addAuthors(tx *db.Tx, r *Release, more []string) error {
	all := people(slices.Concat(r.Authors, more))
	if len(all) == len(r.Authors) {
		return nil
	}
	r.Authors = all
	return updateRelease(tx, r)
}

func insertApproval(tx *db.Tx, a Approval) error {
	_, err := tx.Exec(`INSERT INTO registry_approval (id, release_id, member, role, reason, statement, signature, public_key, not_before_ms, expires_ms)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (release_id, member) DO UPDATE SET id = excluded.id, role = excluded.role, reason = excluded.reason,
		statement = excluded.statement, signature = excluded.signature, public_key = excluded.public_key,
		not_before_ms = excluded.not_before_ms, expires_ms = excluded.expires_ms`,
		a.ID, a.Release, a.Member, a.Role, a.Reason, a.Statement, a.Signature, a.PublicKey, db.Millis(a.NotBefore), db.Millis(a.Expires))
	return err
}
