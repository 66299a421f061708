package serving

import (
	"maps"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
)

// ModelInfo tells about one name that answers, or should.
type ModelInfo struct {
	Name    string // of the endpoint, as in the URL
	Ready   bool   // a package answers
	Live    Placement
	Since   time.Time          // when the live package was admitted
	Inputs  []modelpack.Column // of the live package
	Outputs []modelpack.Column // of the live package
	Stats   Stats              // of the live package
	State   string             // of the package that should answer: loading, ready, failed
	Wanted  Placement          // equal to Live unless the new package is loading or failed
	Reason  string             // why Wanted does not answer
	Steps   []modelpack.Step   // of the last load of Wanted
}

// Version is the label of the live package.
func (m ModelInfo) Version() string { return m.Live.version() }

// Models lists all names that answer or should, by name.
func (r *Room) Models() []ModelInfo {
	live := *r.live.Load()
	all := map[string]ModelInfo{}
	r.states.Lock()
	for key, st := range r.states.byKey {
		all[key] = ModelInfo{Name: key, State: st.phase, Wanted: st.want, Reason: st.reason, Steps: slices.Clone(st.steps)}
	}
	r.states.Unlock()
	for key, ep := range live {
		info, ok := all[key]
		if !ok {
			info = ModelInfo{Name: key, State: "ready", Wanted: ep.Placement}
		}
		info.Ready, info.Live, info.Since = true, ep.Placement, ep.since
		info.Inputs, info.Outputs, info.Stats = ep.sig.Inputs, ep.sig.Outputs, ep.stats.read()
		all[key] = info
	}
	out := make([]ModelInfo, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[key])
	}
	return out
}

// Model tells about one name; version "" is the live one.
func (r *Room) Model(name, version string) (ModelInfo, error) {
	for _, m := range r.Models() {
		if m.Name == name && (version == "" || m.Ready && m.Version() == version) {
			return m, nil
		}
	}
	return ModelInfo{}, r.absent(name, version)
}

// Ready tells whether the room has done what it could at its start: the deployments were read and no name is waiting for
// its first package. A package that was refused does not make it unready, since the other models answer.
func (r *Room) Ready() bool {
	if !r.settled.Load() {
		return false
	}
	for _, m := range r.Models() {
		if !m.Ready && m.State == "loading" {
			return false
		}
	}
	return true
}

// Status tells how the room is.
type Status struct {
	Models []ModelInfo
	Log    LogStatus
}

// Status gives all models and the state of the log.
func (r *Room) Status() Status { return Status{Models: r.Models(), Log: r.log.status()} }

// absent says why a name does not answer: unknown, or known and not ready.
func (r *Room) absent(name, version string) error {
	if ep := (*r.live.Load())[name]; ep != nil {
		return fault.New(fault.NotFound, "model %q has no version %q; the live one is %q", name, version, ep.version())
	}
	st, ok := r.states.get(name)
	switch {
	case !ok:
		return fault.New(fault.NotFound, "no model %q is deployed", name).WithHint("paraplu place puts a released package there")
	case st.phase == "failed":
		return fault.New(fault.Unavailable, "model %q is not ready: %s", name, st.reason)
	}
	return fault.New(fault.Unavailable, "model %q is loading", name)
}
