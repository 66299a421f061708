package inference

import (
	"encoding/json"
	"net/http"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/intake"
)

type indexEntry struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
}

// index is the repository index: the models that answer or should, and why not. The body may be empty.
func (f *face) index(w http.ResponseWriter, r *http.Request) error {
	body, err := f.body(r)
	if err != nil {
		return err
	}
	var filter struct {
		Ready bool `json:"ready"`
	}
	if len(body) > 0 {
		if err := intake.JSON(body, maxCells); err != nil {
			return fault.New(fault.Invalid, "%w", err)
		}
		if err := json.Unmarshal(body, &filter); err != nil {
			return badJSON(err)
		}
	}
	out := []indexEntry{}
	for _, m := range f.room.Models() {
		e := indexEntry{Name: m.Name, State: "UNAVAILABLE", Reason: m.Reason}
		switch {
		case m.Ready:
			e.State, e.Version = "READY", m.Version()
		case m.State == "loading":
			e.State = "LOADING"
		}
		if m.Ready || !filter.Ready {
			out = append(out, e)
		}
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// repository answers load and unload: what is served is decided by releases and deployments, not here.
func (f *face) repository(_ http.ResponseWriter, r *http.Request) error {
	return fault.New(fault.Unsupported, "%s of model %q is not offered here: a model is placed by its deployment (paraplu place)",
		r.PathValue("action"), r.PathValue("model"))
}

type duration struct {
	Count int64 `json:"count"`
	NS    int64 `json:"ns"`
}

type modelStats struct {
	Name      string              `json:"name"`
	Version   string              `json:"version"`
	Last      int64               `json:"last_inference"`
	Inference int64               `json:"inference_count"`
	Execution int64               `json:"execution_count"`
	Stats     map[string]duration `json:"inference_stats"`
	Batches   []struct{}          `json:"batch_stats"`
}

// statistics gives the counters since the live package was admitted.
func (f *face) statistics(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("model")
	if name != "" {
		if _, err := f.room.Model(name, r.PathValue("v")); err != nil {
			return err
		}
	}
	out := []modelStats{}
	for _, m := range f.room.Models() {
		if !m.Ready || name != "" && m.Name != name {
			continue
		}
		s := modelStats{Name: m.Name, Version: m.Version(), Inference: m.Stats.Rows, Execution: m.Stats.Requests, Batches: []struct{}{}}
		if !m.Stats.Last.IsZero() {
			s.Last = m.Stats.Last.UnixMilli()
		}
		busy := duration{m.Stats.Requests, m.Stats.Busy.Nanoseconds()}
		s.Stats = map[string]duration{"success": busy, "fail": {Count: m.Stats.Failed + m.Stats.Rejected}, "compute_infer": busy}
		out = append(out, s)
	}
	writeJSON(w, http.StatusOK, map[string]any{"model_stats": out})
	return nil
}
