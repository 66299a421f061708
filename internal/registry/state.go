package registry

import "github.com/paraplu/paraplu/internal/fault"

// State is where a release stands.
type State string

// The states. Expired is never stored: it is Approved after its time.
const (
	Draft      State = "draft"      // a gate is red
	InReview   State = "in review"  // gates are green, people are missing
	Approved   State = "approved"   // may be placed
	Deployed   State = "deployed"   // was placed; runs while Live
	Superseded State = "superseded" // another package took over
	Rejected   State = "rejected"
	Revoked    State = "revoked"
	Expired    State = "expired"
)

type step string

const (
	approve step = "approved"
	reject  step = "rejected"
	revoke  step = "revoked"
	place   step = "placed"
	replace step = "replaced"
	restore step = "restored by a rollback"
	force   step = "placed in an emergency"
)

// steps is the whole state machine: from → step → to. What is not here is refused.
var steps = map[State]map[step]State{
	Draft:      {reject: Rejected, force: Deployed},
	InReview:   {approve: Approved, reject: Rejected, force: Deployed},
	Approved:   {approve: Approved, reject: Rejected, revoke: Revoked, place: Deployed, restore: Deployed, force: Deployed},
	Expired:    {reject: Rejected, revoke: Revoked, restore: Deployed, force: Deployed},
	Deployed:   {approve: Deployed, revoke: Revoked, place: Deployed, replace: Superseded, restore: Deployed, force: Deployed},
	Superseded: {revoke: Revoked, place: Deployed, replace: Superseded, restore: Deployed, force: Deployed},
	Rejected:   {force: Deployed},
	Revoked:    {replace: Revoked},
}

// next gives the state after a step.
func (s State) next(by step) (State, error) {
	to, ok := steps[s][by]
	if !ok {
		return s, fault.New(fault.Conflict, "a release that is %s cannot be %s", s, by).WithHint("paraplu release ls shows where each stands")
	}
	return to, nil
}

// States lists all states in the order of a release's life.
func States() []State {
	return []State{Draft, InReview, Approved, Deployed, Superseded, Rejected, Revoked, Expired}
}
