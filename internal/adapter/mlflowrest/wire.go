package mlflowrest

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/tracking"
)

// whole is an int64 on the wire: a number, or a text of digits.
type whole int64

func (w *whole) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err != nil {
		return fmt.Errorf("%.40s is not a whole number", b)
	}
	*w = whole(n)
	return nil
}

// double is a number on the wire: NaN and infinities are texts.
type double float64

func (d *double) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil && !math.IsInf(v, 0) {
		return fmt.Errorf("%.40s is not a number", b)
	}
	*d = double(v)
	return nil
}

func (d double) MarshalJSON() ([]byte, error) {
	switch f := float64(d); {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Infinity"`), nil
	default:
		return json.Marshal(f)
	}
}

type kv struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func kvsOf(list []kv) []tracking.KV {
	out := make([]tracking.KV, len(list))
	for i, t := range list {
		out[i] = tracking.KV(t)
	}
	return out
}

func mapOf(list []kv) map[string]string {
	out := make(map[string]string, len(list))
	for _, t := range list {
		out[t.Key] = t.Value
	}
	return out
}

type experiment struct {
	ID       string `json:"experiment_id"`
	Name     string `json:"name"`
	Location string `json:"artifact_location"`
	Stage    string `json:"lifecycle_stage"`
	Created  whole  `json:"creation_time"`
	Updated  whole  `json:"last_update_time"`
	Tags     []kv   `json:"tags"`
}

func (e experiment) value() tracking.Experiment {
	return tracking.Experiment{ID: e.ID, Name: e.Name, ArtifactLocation: e.Location, Stage: tracking.Stage(e.Stage), CreatedMs: int64(e.Created),
		UpdatedMs: int64(e.Updated), Tags: kvsOf(e.Tags)}
}

type metric struct {
	Key           string `json:"key"`
	Value         double `json:"value"`
	Timestamp     whole  `json:"timestamp"`
	Step          whole  `json:"step"`
	ModelID       string `json:"model_id,omitempty"`
	RunID         string `json:"run_id,omitempty"`
	DatasetName   string `json:"dataset_name,omitempty"`
	DatasetDigest string `json:"dataset_digest,omitempty"`
}

func (m metric) value() tracking.Metric {
	return tracking.Metric{Key: m.Key, Value: float64(m.Value), TimestampMs: int64(m.Timestamp), Step: int64(m.Step), ModelID: m.ModelID, RunID: m.RunID,
		DatasetName: m.DatasetName, DatasetDigest: m.DatasetDigest}
}

func metricsOf(list []metric) []tracking.Metric {
	out := make([]tracking.Metric, len(list))
	for i, m := range list {
		out[i] = m.value()
	}
	return out
}

type runInfo struct {
	ID         string `json:"run_id"`
	Experiment string `json:"experiment_id"`
	Name       string `json:"run_name"`
	User       string `json:"user_id"`
	Status     string `json:"status"`
	Start      whole  `json:"start_time"`
	End        *whole `json:"end_time"`
	URI        string `json:"artifact_uri"`
	Stage      string `json:"lifecycle_stage"`
}

type dataset struct {
	Name       string  `json:"name"`
	Digest     string  `json:"digest"`
	SourceType string  `json:"source_type"`
	Source     string  `json:"source"`
	Schema     *string `json:"schema,omitempty"`
	Profile    *string `json:"profile,omitempty"`
}

type datasetInput struct {
	Tags    []kv    `json:"tags"`
	Dataset dataset `json:"dataset"`
}

type modelLink struct {
	ID   string `json:"model_id"`
	Step whole  `json:"step"`
}

type run struct {
	Info runInfo `json:"info"`
	Data struct {
		Metrics []metric `json:"metrics"`
		Params  []kv     `json:"params"`
		Tags    []kv     `json:"tags"`
	} `json:"data"`
	Inputs struct {
		Datasets []datasetInput `json:"dataset_inputs"`
		Models   []modelLink    `json:"model_inputs"`
	} `json:"inputs"`
	Outputs struct {
		Models []modelLink `json:"model_outputs"`
	} `json:"outputs"`
}

func (r run) value() tracking.Run {
	i := r.Info
	out := tracking.Run{ID: i.ID, ExperimentID: i.Experiment, Name: i.Name, UserID: i.User, Status: i.Status, Stage: tracking.Stage(i.Stage), StartMs: int64(i.Start),
		ArtifactURI: i.URI, Metrics: metricsOf(r.Data.Metrics), Params: kvsOf(r.Data.Params), Tags: kvsOf(r.Data.Tags)}
	if i.End != nil {
		end := int64(*i.End)
		out.EndMs = &end
	}
	for _, d := range r.Inputs.Datasets {
		out.Datasets = append(out.Datasets, tracking.DatasetInput{Dataset: tracking.Dataset(d.Dataset), Tags: kvsOf(d.Tags)})
	}
	for _, m := range r.Inputs.Models {
		out.ModelInputs = append(out.ModelInputs, m.ID)
	}
	for _, m := range r.Outputs.Models {
		out.ModelOutputs = append(out.ModelOutputs, tracking.ModelOutput{ModelID: m.ID, Step: int64(m.Step)})
	}
	return out
}

type loggedModel struct {
	Info struct {
		ID         string `json:"model_id"`
		Experiment string `json:"experiment_id"`
		Name       string `json:"name"`
		Created    whole  `json:"creation_timestamp_ms"`
		Updated    whole  `json:"last_updated_timestamp_ms"`
		URI        string `json:"artifact_uri"`
		Status     string `json:"status"`
		Type       string `json:"model_type"`
		Run        string `json:"source_run_id"`
		Tags       []kv   `json:"tags"`
	} `json:"info"`
	Data struct {
		Params  []kv     `json:"params"`
		Metrics []metric `json:"metrics"`
	} `json:"data"`
}

func (m loggedModel) value() tracking.LoggedModel {
	i := m.Info
	return tracking.LoggedModel{ID: i.ID, ExperimentID: i.Experiment, Name: i.Name, ModelType: i.Type, SourceRunID: i.Run,
		Status: strings.TrimPrefix(i.Status, "LOGGED_MODEL_"), Stage: tracking.Active, ArtifactURI: i.URI, CreatedMs: int64(i.Created), UpdatedMs: int64(i.Updated),
		Tags: kvsOf(i.Tags), Params: kvsOf(m.Data.Params), Metrics: metricsOf(m.Data.Metrics)}
}

type registeredModel struct {
	Name        string `json:"name"`
	Created     whole  `json:"creation_timestamp"`
	Updated     whole  `json:"last_updated_timestamp"`
	User        string `json:"user_id"`
	Description string `json:"description"`
	Tags        []kv   `json:"tags"`
	Aliases     []struct {
		Alias   string `json:"alias"`
		Version whole  `json:"version"`
	} `json:"aliases"`
}

func (m registeredModel) value() registry.Model {
	out := registry.Model{Name: m.Name, Description: m.Description, Actor: m.User, CreatedAt: db.Time(int64(m.Created)), UpdatedAt: db.Time(int64(m.Updated)),
		Tags: mapOf(m.Tags), Aliases: map[string]int{}}
	for _, a := range m.Aliases {
		out.Aliases[a.Alias] = int(a.Version)
	}
	return out
}

type version struct {
	Name        string `json:"name"`
	Version     whole  `json:"version"`
	Created     whole  `json:"creation_timestamp"`
	Updated     whole  `json:"last_updated_timestamp"`
	User        string `json:"user_id"`
	Stage       string `json:"current_stage"`
	Description string `json:"description"`
	Source      string `json:"source"`
	Run         string `json:"run_id"`
	RunLink     string `json:"run_link"`
	Model       string `json:"model_id"`
	Tags        []kv   `json:"tags"`
}

func (v version) value() registry.Version {
	return registry.Version{Model: v.Name, Number: int(v.Version), Stage: v.Stage, Description: v.Description, Source: v.Source, Location: v.Source, RunID: v.Run,
		RunLink: v.RunLink, LoggedModel: v.Model, Actor: v.User, CreatedAt: db.Time(int64(v.Created)), UpdatedAt: db.Time(int64(v.Updated)), Tags: mapOf(v.Tags)}
}
