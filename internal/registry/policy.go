package registry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// canonical gives the one JSON form that is hashed and signed: no spaces, keys of objects sorted, text as UTF-8. All
// values are objects, lists and texts; texts hold letters, digits and punctuation of names, digests and times, for which
// this form is that of RFC 8785.
func canonical(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // maps, lists and texts always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func sortedGates(gates []GateResult) []GateResult {
	gates = slices.Clone(gates)
	slices.SortFunc(gates, func(a, b GateResult) int { return cmp.Compare(a.Name, b.Name) })
	return gates
}

// EvidenceDigest is the digest over the sorted list of (gate, status, result digest). A gate without a digest of its
// own counts with the digest of what it says.
func EvidenceDigest(gates []GateResult) ref.Digest {
	list := [][]string{}
	for _, g := range sortedGates(gates) {
		d := g.Digest
		if d == "" {
			d = ref.Sum(canonical([]string{g.Observed, g.Required, g.Detail}))
		}
		list = append(list, []string{g.Name, g.Status, string(d)})
	}
	return ref.Sum(canonical(list))
}

func (p Policy) digest() ref.Digest {
	gates := slices.Sorted(slices.Values(p.Gates))
	return ref.Sum(canonical(map[string]any{"gates": append([]string{}, gates...), "people": fmt.Sprint(p.People), "role": p.Role, "expires": p.Expires.String()}))
}

// Statement is the text that an approver signs: a fixed JSON form of what was agreed. Any change of package, evidence,
// target, policy, member or validity is another text.
func (r *Release) Statement(member, role string, notBefore, expires time.Time) []byte {
	return canonical(map[string]any{
		"type":     "paraplu/approval/v1",
		"package":  string(r.Package),
		"evidence": string(r.Evidence),
		"policy":   string(r.PolicyID),
		"target":   map[string]string{"product": r.Product, "environment": r.Environment, "role": "champion"},
		"member":   map[string]string{"name": member, "role": role},
		"validity": map[string]string{"not_before": stamp(notBefore), "expires": stamp(expires)},
	})
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// counted gives the approvals that hold: signature right, not by an author, not expired.
func (r *Release) counted(now time.Time) []Approval {
	var out []Approval
	for _, a := range r.Approvals {
		if r.void(a, now) == "" {
			out = append(out, a)
		}
	}
	return out
}

// void says why an approval does not count, "" when it does.
func (r *Release) void(a Approval, now time.Time) string {
	switch {
	case !a.verify(r.Statement(a.Member, a.Role, a.NotBefore, a.Expires)):
		return fmt.Sprintf("the signature of %s does not fit what is stored", a.Member)
	case among(r.Authors, a.Member):
		return fmt.Sprintf("%s wrote part of the evidence", a.Member)
	case !a.Expires.IsZero() && !now.Before(a.Expires):
		return fmt.Sprintf("the approval of %s expired on %s", a.Member, a.Expires.Format(time.DateOnly))
	}
	return ""
}

// lacking lists what the people part of the policy still misses, given the approvals that count.
func (p Policy) lacking(counted []Approval) []string {
	var out []string
	if n := p.People - len(counted); n > 0 {
		out = append(out, fmt.Sprintf("%d of %d approvals missing", n, p.People))
	}
	if p.People > 0 && p.Role != "" && !slices.ContainsFunc(counted, func(a Approval) bool { return a.Role == p.Role }) {
		out = append(out, fmt.Sprintf("one by a member with the role %q", p.Role))
	}
	return out
}

// missing lists everything that forbids a new placement now; empty means it is allowed.
func (r *Release) missing(now time.Time) []string {
	switch r.State {
	case Rejected:
		return []string{fmt.Sprintf("it was rejected by %s: %s", r.ClosedBy, r.Reason)}
	case Revoked:
		return []string{fmt.Sprintf("it was revoked by %s: %s", r.ClosedBy, r.Reason)}
	}
	out := r.Failed()
	if len(out) > 0 {
		return out
	}
	for _, a := range r.Approvals {
		if why := r.void(a, now); why != "" {
			out = append(out, why)
		}
	}
	lacking := r.Policy.lacking(r.counted(now))
	if len(lacking) == 0 && r.expired(now) {
		lacking = append(lacking, "the approval expired on "+r.ExpiresAt.Format(time.DateOnly))
	}
	if len(lacking) == 0 {
		return nil // what does not count was not needed
	}
	return append(out, lacking...)
}

func (r *Release) expired(now time.Time) bool {
	return !r.ApprovedAt.IsZero() && !r.ExpiresAt.IsZero() && !now.Before(r.ExpiresAt)
}

// refusal is the error for a package that may not be placed.
func (r *Release) refusal(missing []string) error {
	next := fmt.Sprintf("paraplu approve %s --as MEMBER", r.ID)
	switch {
	case len(r.Failed()) > 0:
		next = "mend what the gates found, then run paraplu release again"
	case r.State == Rejected || r.State == Revoked || r.State == Expired:
		next = "paraplu release asks again"
	}
	return fault.New(fault.Precondition, "package %s may not be placed in %s of %s: %s", r.Package.Short(), r.Environment, r.Product, strings.Join(missing, "; ")).
		WithHint("%s", next)
}

// Difference says in words what changed between an earlier request and this one.
func (r *Release) Difference(earlier *Release) []string {
	var out []string
	if r.Package != earlier.Package {
		out = append(out, fmt.Sprintf("package %s instead of %s", r.Package.Short(), earlier.Package.Short()))
	}
	if r.PolicyID != earlier.PolicyID {
		out = append(out, "another policy")
	}
	was := map[string]GateResult{}
	for _, g := range earlier.Gates {
		was[g.Name] = g
	}
	for _, g := range r.Gates {
		old, ok := was[g.Name]
		delete(was, g.Name)
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("new %s", g))
		case old.Status != g.Status || old.Observed != g.Observed:
			out = append(out, fmt.Sprintf("gate %s: %s (%s), was %s (%s)", g.Name, g.Status, orDash(g.Observed), old.Status, orDash(old.Observed)))
		case old.Digest != g.Digest:
			out = append(out, fmt.Sprintf("gate %s: other result with the same outcome", g.Name))
		}
	}
	for _, name := range sortedKeys(was) {
		out = append(out, fmt.Sprintf("gate %s is gone", name))
	}
	return out
}

// workingDays gives the instant n working days later; Saturday and Sunday (UTC) do not count.
func workingDays(from time.Time, n int) time.Time {
	for n > 0 {
		from = from.AddDate(0, 0, 1)
		if d := from.Weekday(); d != time.Saturday && d != time.Sunday {
			n--
		}
	}
	return from
}
