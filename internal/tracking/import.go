package tracking

import (
	"context"
	"strconv"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// The writers of this file take in what another MLflow kept, with its ids and times. What was valid there is valid here, so
// limits are not checked again. Every one of them may be repeated.

// TagSourceURI keeps where the artifacts of an imported experiment, run or model were.
const TagSourceURI = "paraplu.source.artifact_uri"

// ImportExperiment finds the experiment with the name of e, or makes one: with the id of e when that is free. An experiment
// that was found keeps what it has and gets the tags that it lacks; one that is deleted takes in deleted ones only.
func (r *Room) ImportExperiment(ctx context.Context, e Experiment) (out Experiment, made bool, err error) {
	if err := checkExperimentName(e.Name); err != nil {
		return e, false, err
	}
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		var id int64
		found, err := db.Found(tx.QueryRow(`SELECT id FROM tracking_experiment WHERE name = ?`, e.Name).Scan(&id))
		if err != nil {
			return err
		}
		if made = !found; made {
			if id, err = insertExperiment(tx, e); err != nil {
				return err
			}
		}
		if out, err = loadExperiment(tx, id); err != nil {
			return err
		}
		if found && out.Stage == Deleted && e.Stage == Active {
			return fault.New(fault.Conflict, "experiment %s exists here and is deleted", Quote(e.Name)).
				WithHint("restore it, or give what you import another name: --prefix old-")
		}
		if err := addExperimentTags(tx, id, e.Tags); err != nil {
			return err
		}
		out, err = loadExperiment(tx, id)
		return err
	})
	return out, made, err
}

func insertExperiment(tx *db.Tx, e Experiment) (int64, error) {
	id, err := strconv.ParseInt(e.ID, 10, 64)
	var one int
	taken := true
	if err == nil && id > 0 {
		if taken, err = db.Found(tx.QueryRow(`SELECT 1 FROM `+usedNumbers+` WHERE id = ?`, id).Scan(&one)); err != nil {
			return 0, err
		}
	}
	if taken {
		if id, err = nextExperiment(tx); err != nil {
			return 0, err
		}
	}
	_, err = tx.Exec(`INSERT INTO tracking_experiment (id, name, artifact_location, stage, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?)`,
		id, e.Name, ArtifactRoot+strconv.FormatInt(id, 10), string(e.Stage), e.CreatedMs, e.UpdatedMs)
	return id, err
}

func addExperimentTags(tx *db.Tx, id int64, tags []KV) error {
	for _, t := range tags {
		if _, err := tx.Exec(`INSERT INTO tracking_experiment_tag (experiment, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, id, t.Key, t.Value); err != nil {
			return err
		}
	}
	return nil
}

// UpdateImported brings an experiment that an import made to the stage, tags and times of its source.
func (r *Room) UpdateImported(ctx context.Context, e Experiment) error {
	return r.changeExperiment(ctx, e.ID, "", func(tx *db.Tx, id int64, _ Experiment) error {
		for _, t := range e.Tags {
			if err := putExperimentTag(tx, id, t); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`UPDATE tracking_experiment SET stage = ?, created_ms = ?, updated_ms = ? WHERE id = ?`, string(e.Stage), e.CreatedMs, e.UpdatedMs, id)
		return err
	})
}

// ImportRun writes a run without its points and files: new, or over what an earlier import wrote. Its artifacts live below
// its experiment here; another place is kept in a tag. It gives where they are now, and the logged models it names that are
// not here.
func (r *Room) ImportRun(ctx context.Context, run Run) (uri string, missing []string, err error) {
	if err := checkRunID(run.ID); err != nil {
		return "", nil, err
	}
	if _, known := statuses[run.Status]; !known {
		return "", nil, fault.New(fault.Invalid, "Invalid run status '%s'", run.Status)
	}
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		missing = nil
		var exp int64
		if uri, exp, err = upsertRun(tx, run, r.nowMs()); err != nil {
			return err
		}
		tags := run.Tags
		if run.ArtifactURI != uri && run.ArtifactURI != "" {
			tags = append(tags[:len(tags):len(tags)], KV{TagSourceURI, run.ArtifactURI})
		}
		if err := putTags(tx, run.ID, tags); err != nil {
			return err
		}
		changed, err := putParams(tx, run.ID, run.Params)
		if err != nil {
			return err
		}
		if len(changed) > 0 {
			return fault.New(fault.Conflict, "run %s is here with other params: %s", run.ID, changes(run.Params, changed))
		}
		for _, in := range run.Datasets {
			if err := putInput(tx, exp, run.ID, in); err != nil {
				return err
			}
		}
		missing, err = linkModels(tx, run)
		return err
	})
	return uri, missing, err
}

func upsertRun(tx *db.Tx, run Run, now int64) (uri string, exp int64, err error) {
	var deleted *int64
	if run.Stage == Deleted {
		deleted = &now
	}
	old, err := runInfo(tx, run.ID)
	if err == nil { // it stays where it is
		if exp, err = experimentNumber(old.ExperimentID); err != nil {
			return "", 0, err
		}
		_, err = tx.Exec(`UPDATE tracking_run SET name = ?, user_id = ?, status = ?, stage = ?, start_ms = ?, end_ms = ?, deleted_ms = coalesce(deleted_ms, ?) WHERE id = ?`,
			run.Name, run.UserID, run.Status, string(run.Stage), run.StartMs, run.EndMs, deleted, run.ID)
		return old.ArtifactURI, exp, err
	}
	if !fault.Is(err, fault.NotFound) {
		return "", 0, err
	}
	if exp, err = experimentNumber(run.ExperimentID); err != nil {
		return "", 0, err
	}
	e, err := loadExperiment(tx, exp)
	if err != nil {
		return "", 0, err
	}
	uri = appendPath(e.ArtifactLocation, run.ID, "artifacts")
	_, err = tx.Exec(`INSERT INTO tracking_run (id, experiment, name, user_id, status, stage, start_ms, end_ms, deleted_ms, artifact_uri)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		run.ID, exp, run.Name, run.UserID, run.Status, string(run.Stage), run.StartMs, run.EndMs, deleted, uri)
	return uri, exp, err
}

func linkModels(tx *db.Tx, run Run) (missing []string, err error) {
	link := func(id, role string, step int64) error {
		err := linkModel(tx, run.ID, id, role, step)
		if fault.Is(err, fault.NotFound) {
			missing, err = append(missing, id), nil
		}
		return err
	}
	for _, id := range run.ModelInputs {
		if err := link(id, "input", 0); err != nil {
			return nil, err
		}
	}
	for _, m := range run.ModelOutputs {
		if err := link(m.ModelID, "output", m.Step); err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// ImportPoints adds points of a run, of whatever stage; those that are there already are dropped.
func (r *Room) ImportPoints(ctx context.Context, run string, points []Metric) error {
	for _, m := range points {
		if m.TimestampMs < 0 {
			return checkMetric(m, spot{})
		}
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		to, err := runInfo(tx, run)
		if err != nil {
			return err
		}
		return putMetrics(tx, &to, points)
	})
}

// FinishImport notes that all of a run is here, and records the fact run.finished when it has ended.
func (r *Room) FinishImport(ctx context.Context, peer string, k Known, actor string) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		run, err := runInfo(tx, k.Other)
		if err != nil {
			return err
		}
		if statuses[run.Status] {
			if err := r.finished(tx, run.ID, actor); err != nil {
				return err
			}
		}
		return noteKnown(tx, peer, k)
	})
}

// ImportModel writes a logged model without metrics and files: new, or over what an earlier import wrote. It gives where its
// files are now.
func (r *Room) ImportModel(ctx context.Context, m LoggedModel) (uri string, err error) {
	exp, err := experimentNumber(m.ExperimentID)
	if err != nil {
		return "", err
	}
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		e, err := loadExperiment(tx, exp)
		if err != nil {
			return err
		}
		uri = appendPath(e.ArtifactLocation, "models", m.ID, "artifacts")
		if old, err := modelInfo(tx, m.ID, true); err == nil {
			uri = old.ArtifactURI
		} else if !fault.Is(err, fault.NotFound) {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO tracking_model (id, experiment, name, model_type, source_run, status, stage, artifact_uri, created_ms, updated_ms)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET status = excluded.status, stage = excluded.stage, updated_ms = excluded.updated_ms`,
			m.ID, exp, m.Name, m.ModelType, m.SourceRunID, m.Status, string(m.Stage), uri, m.CreatedMs, m.UpdatedMs); err != nil {
			return err
		}
		tags := m.Tags
		if m.ArtifactURI != uri && m.ArtifactURI != "" {
			tags = append(tags[:len(tags):len(tags)], KV{TagSourceURI, m.ArtifactURI})
		}
		if err := upsertKV(tx, "tracking_model_tag", "model", m.ID, tags); err != nil {
			return err
		}
		return upsertKV(tx, "tracking_model_param", "model", m.ID, m.Params)
	})
	return uri, err
}

// ImportModelMetrics adds the metrics of a logged model. It gives the runs they name that are not here; those are left out.
func (r *Room) ImportModelMetrics(ctx context.Context, id string, metrics []Metric) (missing []string, err error) {
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		missing = nil
		for _, m := range metrics {
			if _, err := runInfo(tx, m.RunID); fault.Is(err, fault.NotFound) {
				missing = append(missing, m.RunID)
				continue
			} else if err != nil {
				return err
			}
			m.ModelID = id
			if err := putModelMetrics(tx, m.RunID, []Metric{m}); err != nil {
				return err
			}
		}
		return nil
	})
	return missing, err
}
