package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// The status of a gate.
const (
	Pass = "pass"
	Fail = "fail"
	Warn = "warn" // does not stop a release
)

// GateResult is the outcome of one gate.
type GateResult struct {
	Name     string     `json:"name"`
	Status   string     `json:"status"`             // pass, fail, warn
	Observed string     `json:"observed,omitempty"` // with unit, such as "WAPE 0.21"
	Required string     `json:"required,omitempty"` // such as "WAPE < 0.34 (seasonal-naive)"
	Digest   ref.Digest `json:"digest,omitempty"`   // of the full result: report, evaluation; "" = what is written here is all
	Detail   string     `json:"detail,omitempty"`   // one sentence for people: what failed and what to do
}

// Policy is what must hold before a package is placed.
type Policy struct {
	Gates   []string      `json:"gates"`   // that must have a result; none may fail
	People  int           `json:"people"`  // different people who approve; 0 = no second pair of eyes
	Role    string        `json:"role"`    // that at least one of them has; "" = any that may approve
	Expires time.Duration `json:"expires"` // how long an approval allows new placements, nanoseconds; 0 = for ever
}

// ReleaseRequest asks to bring a package to an environment.
type ReleaseRequest struct {
	Product     string
	Environment string
	Package     ref.Digest
	Model       string
	Gates       []GateResult
	Author      string   // who asks
	Authors     []string // who wrote a commit, a run or evidence of the package; they never approve it
	Policy      Policy
}

// Release is a stored request with what became of it.
type Release struct {
	ID          string       `json:"id"`
	Product     string       `json:"product"`
	Environment string       `json:"environment"`
	Model       string       `json:"model"`
	Package     ref.Digest   `json:"package"`
	Evidence    ref.Digest   `json:"evidence"`      // over the sorted gates
	PolicyID    ref.Digest   `json:"policy_digest"` // of the policy
	Policy      Policy       `json:"policy"`
	Gates       []GateResult `json:"gates"`
	Author      string       `json:"author"`
	Authors     []string     `json:"authors"` // sorted, with Author
	State       State        `json:"state"`
	Live        bool         `json:"live"`      // runs in its environment now
	Reason      string       `json:"reason"`    // of a rejection or revocation
	ClosedBy    string       `json:"closed_by"` // who rejected or revoked it
	Previous    string       `json:"previous"`  // id of the request before this one for the same product and environment
	Approvals   []Approval   `json:"approvals"`
	Emergency   *Emergency   `json:"emergency,omitempty"`
	CreatedAt   time.Time    `json:"created_at"`
	ApprovedAt  time.Time    `json:"approved_at,omitzero"` // zero until enough people approved
	ExpiresAt   time.Time    `json:"expires_at,omitzero"`  // of the approval; zero = never

	attempt int
}

// Ref is the lineage name, "release:<id>".
func (r Release) Ref() string { return "release:" + r.ID }

// Emergency is a placement that did not wait for gates and people.
type Emergency struct {
	By        string    `json:"by"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
	ReviewDue time.Time `json:"review_due,omitzero"` // two working days later: another person looks at it
	Reviewed  bool      `json:"reviewed"`            // as many people as the policy asks have approved it since
}

// Failed lists the gates that stop the release, with why.
func (r Release) Failed() []string {
	var out []string
	have := map[string]bool{}
	for _, g := range r.Gates {
		have[g.Name] = true
		if g.Status == Fail {
			out = append(out, g.String())
		}
	}
	for _, name := range r.Policy.Gates {
		if !have[name] {
			out = append(out, fmt.Sprintf("gate %s has no result", name))
		}
	}
	return out
}

// String gives one line for people.
func (g GateResult) String() string {
	s := fmt.Sprintf("gate %s: %s", g.Name, g.Status)
	if g.Observed != "" || g.Required != "" {
		s += fmt.Sprintf(" (observed %s, required %s)", orDash(g.Observed), orDash(g.Required))
	}
	if g.Detail != "" {
		s += ": " + g.Detail
	}
	return s
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// Request stores a release with its evidence digest. The same request again answers the same release, unless that was
// rejected, revoked or has expired: then a new one is made. With red gates it is a draft that nobody can approve; with
// People 0 it is approved at once.
func (r *Room) Request(ctx context.Context, req ReleaseRequest) (*Release, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	pkg, err := r.packages(ctx, req.Package)
	if err != nil {
		return nil, fault.Wrap(err, "requesting a release of package %s", req.Package.Short())
	}
	wrote := people(slices.Concat(req.Authors, pkg.Authors, []string{pkg.Author}))
	return db.Change(ctx, r.db, func(tx *db.Tx) (*Release, error) { return request(tx, req, wrote, r.now()) })
}

func request(tx *db.Tx, req ReleaseRequest, wrote []string, now time.Time) (*Release, error) {
	rel := &Release{ID: ref.NewID(), Product: req.Product, Environment: req.Environment, Model: req.Model, Package: req.Package,
		Evidence: EvidenceDigest(req.Gates), PolicyID: req.Policy.digest(), Policy: req.Policy, Gates: sortedGates(req.Gates),
		Author: req.Author, Authors: people(append([]string{req.Author}, wrote...)), State: Draft, CreatedAt: now, attempt: 1}
	old, err := latestRelease(tx, req.Product, req.Environment, req.Package, now)
	if err != nil {
		return nil, err
	}
	if old != nil {
		if same(old, rel) && old.State != Rejected && old.State != Revoked && !old.expired(now) {
			return old, addAuthors(tx, old, wrote)
		}
		rel.attempt = old.attempt + 1
	}
	if rel.Previous, err = previousRelease(tx, req.Product, req.Environment); err != nil {
		return nil, err
	}
	if len(rel.Failed()) == 0 {
		rel.State = InReview
		if rel.Policy.People == 0 {
			rel.State, rel.ApprovedAt, rel.ExpiresAt = Approved, now, until(now, rel.Policy.Expires)
		}
	}
	if err := insertRelease(tx, rel); err != nil {
		return nil, fault.Wrap(err, "storing the release of package %s", rel.Package.Short())
	}
	return rel, event.Append(tx, event.Fact{Time: now, Actor: rel.Author, Product: rel.Product, Verb: event.GatesEvaluated, Object: rel.ID,
		Kind: "release", Digest: string(rel.Evidence), Key: "gates.evaluated:" + rel.ID,
		Inputs: []string{"package:" + string(rel.Package)}, Outputs: []string{rel.Ref()},
		Data: map[string]any{"release": rel.ID, "environment": rel.Environment, "package": rel.Package, "evidence": rel.Evidence,
			"policy": rel.PolicyID, "people": rel.Policy.People, "state": rel.State, "passed": len(rel.Failed()) == 0, "gates": rel.Gates}})
}

func same(a, b *Release) bool {
	return a.Evidence == b.Evidence && a.PolicyID == b.PolicyID && a.Model == b.Model && a.Emergency == nil
}

func until(from time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return from.Add(d)
}

func (req ReleaseRequest) check() error {
	for _, f := range [][2]string{{"product", req.Product}, {"environment", req.Environment}, {"author", req.Author}, {"model", req.Model}} {
		if err := ref.CheckName(f[1]); err != nil {
			return fault.New(fault.Invalid, "release: %s: %w", f[0], err)
		}
	}
	if _, err := ref.ParseDigest(string(req.Package)); err != nil {
		return fault.New(fault.Invalid, "release: package: %w", err).WithHint("paraplu package builds one and prints its digest")
	}
	if req.Policy.People < 0 || req.Policy.Expires < 0 {
		return fault.New(fault.Invalid, "release: a policy of %d people, valid for %s, makes no sense", req.Policy.People, req.Policy.Expires)
	}
	seen := map[string]bool{}
	for _, g := range req.Gates {
		if g.Name == "" || seen[g.Name] {
			return fault.New(fault.Invalid, "release: gate %q is empty or there twice", g.Name)
		}
		if !slices.Contains([]string{Pass, Fail, Warn}, g.Status) {
			return fault.New(fault.Invalid, "release: gate %s has the status %q; it must be pass, fail or warn", g.Name, g.Status)
		}
		seen[g.Name] = true
	}
	return nil
}

// people gives the different names, sorted. Names that differ in case only are one person.
func people(names []string) []string {
	byFold := map[string]string{}
	for _, n := range names {
		if n = strings.TrimSpace(n); n != "" {
			if _, ok := byFold[strings.ToLower(n)]; !ok {
				byFold[strings.ToLower(n)] = n
			}
		}
	}
	out := make([]string, 0, len(byFold))
	for _, k := range sortedKeys(byFold) {
		out = append(out, byFold[k])
	}
	return out
}

func among(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, strings.TrimSpace(name)) })
}

// Releases lists the releases of a product, newest first.
func (r *Room) Releases(ctx context.Context, product string) ([]Release, error) {
	return db.Get(ctx, r.db, func(tx *db.Tx) ([]Release, error) {
		return releases(tx, r.now(), `product = ?`, product)
	})
}

// Release gives one release; the first characters of its id are enough when they are unique.
func (r *Room) Release(ctx context.Context, id string) (*Release, error) {
	return db.Get(ctx, r.db, func(tx *db.Tx) (*Release, error) { return getRelease(tx, id, r.now()) })
}
