package mlflow

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"github.com/paraplu/paraplu/internal/tracking"
)

func writeJSON(w http.ResponseWriter, status int, v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // our own types always marshal
		status = http.StatusInternalServerError
		buf.Reset()
		buf.WriteString(`{"error_code":"INTERNAL_ERROR","message":"the answer could not be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	w.WriteHeader(status)
	w.Write(buf.Bytes()) //nolint:errcheck // the client is gone
}

// double is a number on the wire: NaN and infinities are texts.
type double float64

// MarshalJSON implements json.Marshaler.
func (d double) MarshalJSON() ([]byte, error) {
	switch f := float64(d); {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Infinity"`), nil
	}
	b, err := json.Marshal(float64(d))
	if err == nil && !bytes.ContainsAny(b, ".e") {
		b = append(b, ".0"...) // so that a reader without a schema takes 1 for a float, as from MLflow
	}
	return b, err
}

type empty struct{}

type kvWire struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func kvWires(list []tracking.KV) []kvWire {
	out := make([]kvWire, len(list))
	for i, kv := range list {
		out[i] = kvWire(kv)
	}
	return out
}

type experimentWire struct {
	ID               string   `json:"experiment_id"`
	Name             string   `json:"name"`
	ArtifactLocation string   `json:"artifact_location"`
	LifecycleStage   string   `json:"lifecycle_stage"`
	LastUpdateTime   int64    `json:"last_update_time"`
	CreationTime     int64    `json:"creation_time"`
	Tags             []kvWire `json:"tags,omitempty"`
}

func experimentOf(e tracking.Experiment) experimentWire {
	return experimentWire{e.ID, e.Name, e.ArtifactLocation, string(e.Stage), e.UpdatedMs, e.CreatedMs, kvWires(e.Tags)}
}

type runInfoWire struct {
	RunUUID        string `json:"run_uuid"`
	ExperimentID   string `json:"experiment_id"`
	RunName        string `json:"run_name"`
	UserID         string `json:"user_id"`
	Status         string `json:"status"`
	StartTime      int64  `json:"start_time"`
	EndTime        *int64 `json:"end_time,omitempty"`
	ArtifactURI    string `json:"artifact_uri"`
	LifecycleStage string `json:"lifecycle_stage"`
	RunID          string `json:"run_id"`
}

type metricWire struct {
	Key           string `json:"key"`
	Value         double `json:"value"`
	Timestamp     int64  `json:"timestamp"`
	Step          int64  `json:"step"`
	DatasetName   string `json:"dataset_name,omitempty"`
	DatasetDigest string `json:"dataset_digest,omitempty"`
	ModelID       string `json:"model_id,omitempty"`
	RunID         string `json:"run_id,omitempty"`
}

func metricsOf(list []tracking.Metric) []metricWire {
	out := make([]metricWire, len(list))
	for i, m := range list {
		out[i] = metricWire{m.Key, double(m.Value), m.TimestampMs, m.Step, m.DatasetName, m.DatasetDigest, m.ModelID, m.RunID}
	}
	return out
}

type datasetWire struct {
	Name       string  `json:"name"`
	Digest     string  `json:"digest"`
	SourceType string  `json:"source_type"`
	Source     string  `json:"source"`
	Schema     *string `json:"schema,omitempty"`
	Profile    *string `json:"profile,omitempty"`
}

type datasetInputWire struct {
	Tags    []kvWire    `json:"tags,omitempty"`
	Dataset datasetWire `json:"dataset"`
}

type modelInputWire struct {
	ModelID string `json:"model_id"`
}

type modelOutputWire struct {
	ModelID string `json:"model_id"`
	Step    int64  `json:"step"`
}

type runDataWire struct {
	Metrics []metricWire `json:"metrics,omitempty"`
	Params  []kvWire     `json:"params,omitempty"`
	Tags    []kvWire     `json:"tags,omitempty"`
}

type runInputsWire struct {
	Datasets []datasetInputWire `json:"dataset_inputs,omitempty"`
	Models   []modelInputWire   `json:"model_inputs,omitempty"`
}

type runOutputsWire struct {
	Models []modelOutputWire `json:"model_outputs,omitempty"`
}

type runWire struct {
	Info    runInfoWire     `json:"info"`
	Data    runDataWire     `json:"data"`
	Inputs  runInputsWire   `json:"inputs"`
	Outputs *runOutputsWire `json:"outputs,omitempty"` // absent in the answer to runs/create
}

func runInfoOf(r tracking.Run) runInfoWire {
	if r.EndMs != nil && *r.EndMs == 0 { // MLflow has no end at 0 either
		r.EndMs = nil
	}
	return runInfoWire{r.ID, r.ExperimentID, r.Name, r.UserID, r.Status, r.StartMs, r.EndMs, r.ArtifactURI, string(r.Stage), r.ID}
}

func runOf(r tracking.Run) runWire {
	out := runWire{Info: runInfoOf(r), Data: runDataWire{metricsOf(r.Metrics), kvWires(r.Params), kvWires(r.Tags)}, Outputs: &runOutputsWire{}}
	for _, d := range r.Datasets {
		out.Inputs.Datasets = append(out.Inputs.Datasets, datasetInputWire{kvWires(d.Tags), datasetWire(d.Dataset)})
	}
	for _, id := range r.ModelInputs {
		out.Inputs.Models = append(out.Inputs.Models, modelInputWire{id})
	}
	for _, m := range r.ModelOutputs {
		out.Outputs.Models = append(out.Outputs.Models, modelOutputWire(m))
	}
	return out
}

type fileWire struct {
	Path  string `json:"path"`
	IsDir bool   `json:"is_dir"`
	Size  *int64 `json:"file_size,omitempty"`
}

type modelInfoWire struct {
	ModelID      string   `json:"model_id"`
	ExperimentID string   `json:"experiment_id"`
	Name         string   `json:"name"`
	CreatedMs    int64    `json:"creation_timestamp_ms"`
	UpdatedMs    int64    `json:"last_updated_timestamp_ms"`
	ArtifactURI  string   `json:"artifact_uri"`
	Status       string   `json:"status"`
	ModelType    string   `json:"model_type"`
	SourceRunID  string   `json:"source_run_id"`
	Tags         []kvWire `json:"tags,omitempty"`
}

type modelDataWire struct {
	Params  []kvWire     `json:"params,omitempty"`
	Metrics []metricWire `json:"metrics,omitempty"`
}

type modelWire struct {
	Info modelInfoWire `json:"info"`
	Data modelDataWire `json:"data"`
}

func modelOf(m tracking.LoggedModel) modelWire {
	return modelWire{
		Info: modelInfoWire{m.ID, m.ExperimentID, m.Name, m.CreatedMs, m.UpdatedMs, m.ArtifactURI, "LOGGED_MODEL_" + m.Status, m.ModelType, m.SourceRunID, kvWires(m.Tags)},
		Data: modelDataWire{kvWires(m.Params), metricsOf(m.Metrics)},
	}
}
