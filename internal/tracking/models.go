package tracking

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// LoggedModel is a model that a run wrote.
type LoggedModel struct {
	ID           string // "m-" and 32 hex digits
	ExperimentID string
	Name         string
	ModelType    string
	SourceRunID  string
	Status       string // PENDING, READY, UPLOAD_FAILED
	Stage        Stage
	ArtifactURI  string
	CreatedMs    int64
	UpdatedMs    int64
	Tags         []KV // by key
	Params       []KV // by key
	Metrics      []Metric
}

// NewModel asks for a logged model.
type NewModel struct {
	ExperimentID, Name, ModelType, SourceRunID string // Name "" = made up
	Params, Tags                               []KV
}

// CreateModel makes a logged model with status PENDING in an active experiment.
func (r *Room) CreateModel(ctx context.Context, n NewModel) (m LoggedModel, err error) {
	exp, err := experimentNumber(n.ExperimentID)
	if err != nil {
		return m, err
	}
	if strings.ContainsAny(n.Name, `/:.%"'`) {
		return m, fault.New(fault.Invalid, "Invalid model name (%s) provided. Model name must be a non-empty string and cannot contain"+
			` the following characters: ('/', ':', '.', '%%', '"', "'")`, Quote(n.Name))
	}
	if n.Name == "" {
		n.Name = randomName()
	}
	id := "m-" + newHex()
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		e, err := loadExperiment(tx, exp)
		if err != nil {
			return err
		}
		if err := checkActiveExperiment(e); err != nil {
			return err
		}
		now := r.nowMs()
		if _, err := tx.Exec(`INSERT INTO tracking_model (id, experiment, name, model_type, source_run, status, stage, artifact_uri, created_ms, updated_ms)
			VALUES (?, ?, ?, ?, ?, 'PENDING', 'active', ?, ?, ?)`,
			id, exp, n.Name, n.ModelType, n.SourceRunID, appendPath(e.ArtifactLocation, "models", id, "artifacts"), now, now); err != nil {
			return err
		}
		if err := putModelParams(tx, id, n.Params); err != nil {
			return err
		}
		if err := putModelTags(tx, id, n.Tags); err != nil {
			return err
		}
		m, err = loadModel(tx, id, false)
		return err
	})
	return m, err
}

func putModelTags(tx *db.Tx, id string, tags []KV) error {
	out := make([]KV, len(tags))
	for i, t := range tags {
		if err := checkGiven(t.Key, spot{"tags", i}); err != nil {
			return err
		}
		out[i] = KV{t.Key, cut(t.Value, maxTagValue)}
	}
	return upsertKV(tx, "tracking_model_tag", "model", id, out)
}

// putModelParams writes params; like those of a run they may be repeated and not changed.
func putModelParams(tx *db.Tx, id string, params []KV) error {
	old := map[string]string{}
	if len(params) > 0 {
		if err := kvs(tx, "tracking_model_param", "model", []string{id}, func(_ string, kv KV) { old[kv.Key] = kv.Value }); err != nil {
			return err
		}
	}
	var fresh []KV
	for i, p := range params {
		if err := checkGiven(p.Key, spot{"params", i}); err != nil {
			return err
		}
		p.Value = cut(p.Value, maxParamValue)
		was, ok := old[p.Key]
		if ok && was != p.Value {
			return fault.New(fault.Invalid, "Changing param values is not allowed. Param with key='%s' was already logged with value='%s'"+
				" for model ID='%s'. Attempted logging new value '%s'.", p.Key, was, id, p.Value)
		}
		if !ok {
			fresh = append(fresh, p)
			old[p.Key] = p.Value
		}
	}
	return upsertKV(tx, "tracking_model_param", "model", id, fresh)
}

const modelColumns = `m.id, m.experiment, m.name, m.model_type, m.source_run, m.status, m.stage, m.artifact_uri, m.created_ms, m.updated_ms`

func scanModel(scan func(...any) error) (m LoggedModel, err error) {
	var exp int64
	err = scan(&m.ID, &exp, &m.Name, &m.ModelType, &m.SourceRunID, &m.Status, &m.Stage, &m.ArtifactURI, &m.CreatedMs, &m.UpdatedMs)
	m.ExperimentID = strconv.FormatInt(exp, 10)
	return m, err
}

// modelInfo reads a logged model without tags, params and metrics.
func modelInfo(tx *db.Tx, id string, deletedToo bool) (LoggedModel, error) {
	m, err := scanModel(tx.QueryRow(`SELECT `+modelColumns+` FROM tracking_model m WHERE m.id = ?`, id).Scan)
	found, err := db.Found(err)
	if err == nil && (!found || m.Stage == Deleted && !deletedToo) {
		err = fault.New(fault.NotFound, "Logged model with ID '%s' not found.", id)
	}
	return m, err
}

func loadModel(tx *db.Tx, id string, deletedToo bool) (LoggedModel, error) {
	m, err := modelInfo(tx, id, deletedToo)
	if err != nil {
		return m, err
	}
	list := []LoggedModel{m}
	err = loadModelData(tx, list)
	return list[0], err
}

// Model gives a logged model; a deleted one only when asked for.
func (r *Room) Model(ctx context.Context, id string, deletedToo bool) (m LoggedModel, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		m, err = loadModel(tx, id, deletedToo)
		return err
	})
	return m, err
}

func (r *Room) changeModel(ctx context.Context, id string, fn func(*db.Tx) error) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		if _, err := modelInfo(tx, id, true); err != nil {
			return err
		}
		return fn(tx)
	})
}

func modelStatus(s string) bool { return s == "PENDING" || s == "READY" || s == "UPLOAD_FAILED" }

// FinishModel sets the status READY or UPLOAD_FAILED.
func (r *Room) FinishModel(ctx context.Context, id, status string) (m LoggedModel, err error) {
	if !modelStatus(status) {
		return m, fault.New(fault.Invalid, "Invalid model status: %s. Expected statuses: PENDING, READY, UPLOAD_FAILED", status)
	}
	err = r.changeModel(ctx, id, func(tx *db.Tx) error {
		if _, err := tx.Exec(`UPDATE tracking_model SET status = ?, updated_ms = ? WHERE id = ?`, status, r.nowMs(), id); err != nil {
			return err
		}
		m, err = loadModel(tx, id, true)
		return err
	})
	return m, err
}

// DeleteModel softly deletes a logged model.
func (r *Room) DeleteModel(ctx context.Context, id string) error {
	return r.changeModel(ctx, id, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE tracking_model SET stage = 'deleted', updated_ms = ? WHERE id = ?`, r.nowMs(), id)
		return err
	})
}

// SetModelTags sets tags of a logged model.
func (r *Room) SetModelTags(ctx context.Context, id string, tags []KV) error {
	return r.changeModel(ctx, id, func(tx *db.Tx) error { return putModelTags(tx, id, tags) })
}

// DeleteModelTag removes a tag that must exist.
func (r *Room) DeleteModelTag(ctx context.Context, id, key string) error {
	return r.changeModel(ctx, id, func(tx *db.Tx) error {
		return deleteOne(tx, fault.New(fault.NotFound, "No tag with key %s found for model with ID %s.", Quote(key), Quote(id)),
			`DELETE FROM tracking_model_tag WHERE model = ? AND key = ?`, id, key)
	})
}

// LogModelParams adds params to a logged model.
func (r *Room) LogModelParams(ctx context.Context, id string, params []KV) error {
	return r.changeModel(ctx, id, func(tx *db.Tx) error { return putModelParams(tx, id, params) })
}

// NoteModelVersion writes into a logged model's tag mlflow.modelVersions that it became a version of a registered model.
func (r *Room) NoteModelVersion(ctx context.Context, id, name string, version int) error {
	type entry struct {
		Name    string      `json:"name"`
		Version json.Number `json:"version"` // a number, or its text
	}
	added := entry{name, json.Number(strconv.Itoa(version))}
	return r.changeModel(ctx, id, func(tx *db.Tx) error {
		m, err := loadModel(tx, id, true)
		if err != nil {
			return err
		}
		var list []entry
		for _, t := range m.Tags {
			if t.Key == TagModelVersions {
				json.Unmarshal([]byte(t.Value), &list) //nolint:errcheck // a client may have written anything there: start anew
			}
		}
		for _, e := range list {
			if e == added {
				return nil
			}
		}
		var texts []string // written as Python writes JSON: scripts compare the text
		for _, e := range append(list, added) {
			texts = append(texts, fmt.Sprintf(`{"name": %s, "version": %s}`, JSON(e.Name), e.Version))
		}
		return putModelTags(tx, id, []KV{{TagModelVersions, "[" + strings.Join(texts, ", ") + "]"}})
	})
}

// RecordModel appends what a client tells about a model it wrote to the run's tag mlflow.log-model.history: a JSON list.
func (r *Room) RecordModel(ctx context.Context, run string, model map[string]any) error {
	return r.changeRun(ctx, run, func(tx *db.Tx, _ *Run) error {
		var was string
		if _, err := db.Found(tx.QueryRow(`SELECT value FROM tracking_tag WHERE run = ? AND key = ?`, run, TagLoggedModels).Scan(&was)); err != nil {
			return err
		}
		var list []any
		json.Unmarshal([]byte(was), &list) //nolint:errcheck // a client may have written anything there: start anew
		text, err := json.Marshal(append(list, model))
		if err != nil {
			return err
		}
		return putTags(tx, run, []KV{{TagLoggedModels, string(text)}}) // never cut: half a JSON text is of no use
	})
}

// ResolveRun gives where the files of a run are.
func (r *Room) ResolveRun(ctx context.Context, id string) (location string, err error) {
	run, err := r.Run(ctx, id)
	return run.ArtifactURI, err
}

// ResolveLogged gives where the files of a logged model are and the run that made it.
func (r *Room) ResolveLogged(ctx context.Context, id string) (location, runID string, err error) {
	m, err := r.Model(ctx, id, false)
	return m.ArtifactURI, m.SourceRunID, err
}
