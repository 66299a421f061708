package inference

import (
	"net/http"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/serving"
)

const (
	serverName    = "paraplu"
	serverVersion = "2"
	platform      = "onnx_onnxv1"
)

func (f *face) server(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]any{"name": serverName, "version": serverVersion,
		"extensions": []string{"binary_tensor_data", "model_repository", "statistics"}})
	return nil
}

func (f *face) serverLive(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]bool{"live": true})
	return nil
}

// serverReady tells whether the room is; a server without models is ready.
func (f *face) serverReady(w http.ResponseWriter, _ *http.Request) error {
	ready, status := f.room.Ready(), http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, map[string]bool{"ready": ready})
	return nil
}

func (f *face) modelReady(w http.ResponseWriter, r *http.Request) error {
	m, err := f.room.Model(r.PathValue("model"), r.PathValue("v"))
	if err != nil {
		return err
	}
	status := http.StatusOK
	if !m.Ready {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, map[string]any{"name": m.Name, "ready": m.Ready})
	return nil
}

type tensorMeta struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

func tensorsOf(cols []modelpack.Column) []tensorMeta {
	out := make([]tensorMeta, len(cols))
	for i := range cols {
		c := &cols[i]
		out[i] = tensorMeta{Name: c.Name, Datatype: serving.Datatype(c), Shape: []int64{-1, c.Width()}}
	}
	return out
}

func (f *face) metadata(w http.ResponseWriter, r *http.Request) error {
	m, err := f.room.Model(r.PathValue("model"), r.PathValue("v"))
	if err != nil {
		return err
	}
	if !m.Ready {
		return fault.New(fault.Unavailable, "model %q is not ready: %s", m.Name, orState(m))
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"name": m.Name, "versions": []string{m.Version()}, "platform": platform, "inputs": tensorsOf(m.Inputs), "outputs": tensorsOf(m.Outputs),
		"properties": map[string]string{"product": m.Live.Product, "environment": m.Live.Environment, "model": m.Live.Model,
			"package": string(m.Live.Package), "deployment": m.Live.Deployment},
	})
	return nil
}

func orState(m serving.ModelInfo) string {
	if m.Reason != "" {
		return m.Reason
	}
	return m.State
}

// models is KServe's list.
func (f *face) models(w http.ResponseWriter, _ *http.Request) error {
	names := []string{}
	for _, m := range f.room.Models() {
		names = append(names, m.Name)
	}
	writeJSON(w, http.StatusOK, map[string][]string{"models": names})
	return nil
}
