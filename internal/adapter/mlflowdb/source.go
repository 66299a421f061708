package mlflowdb

import (
	"context"
	"database/sql"
	"math"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/tracking"
	"github.com/paraplu/paraplu/internal/transfer"
)

var _ transfer.Source = (*Store)(nil)

// part is how many points are handed on at once.
const part = 10_000

// Experiments gives all experiments.
func (s *Store) Experiments(ctx context.Context) (out []tracking.Experiment, err error) {
	at := map[string]int{}
	err = s.each(ctx, func(rows *sql.Rows) error {
		var e tracking.Experiment
		err := rows.Scan(&e.ID, &e.Name, &e.ArtifactLocation, &e.Stage, &e.CreatedMs, &e.UpdatedMs)
		at[e.ID] = len(out)
		out = append(out, e)
		return err
	}, `SELECT CAST(experiment_id AS TEXT), name, coalesce(artifact_location, ''), coalesce(lifecycle_stage, 'active'), coalesce(`+
		s.column("experiments", "creation_time", "0")+`, 0), coalesce(`+s.column("experiments", "last_update_time", "0")+`, 0) FROM experiments ORDER BY experiment_id`)
	if err != nil || !s.has("experiment_tags", "key") {
		return out, err
	}
	return out, s.each(ctx, func(rows *sql.Rows) error {
		var id string
		var t tracking.KV
		err := rows.Scan(&id, &t.Key, &t.Value)
		if i, ok := at[id]; ok {
			out[i].Tags = append(out[i].Tags, t)
		}
		return err
	}, `SELECT CAST(experiment_id AS TEXT), key, coalesce(value, '') FROM experiment_tags ORDER BY experiment_id, key`)
}

// Runs reads the runs one after the other; what was logged to each is asked for by its id.
func (s *Store) Runs(ctx context.Context, experiment string, use func(tracking.Run) error) error {
	var ids []string
	err := s.each(ctx, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT run_uuid FROM runs WHERE experiment_id = CAST(? AS INTEGER) ORDER BY start_time, run_uuid`, experiment)
	if err != nil {
		return err
	}
	for _, id := range ids {
		run, err := s.run(ctx, id)
		if err == nil {
			err = use(run)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) run(ctx context.Context, id string) (r tracking.Run, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		r = tracking.Run{}
		row := tx.QueryRow(`SELECT run_uuid, CAST(experiment_id AS TEXT), coalesce(name, ''), coalesce(user_id, ''), status, coalesce(start_time, 0), end_time,
			coalesce(lifecycle_stage, 'active'), coalesce(artifact_uri, '') FROM runs WHERE run_uuid = ?`, id)
		if err := row.Scan(&r.ID, &r.ExperimentID, &r.Name, &r.UserID, &r.Status, &r.StartMs, &r.EndMs, &r.Stage, &r.ArtifactURI); err != nil {
			return err
		}
		for table, list := range map[string]*[]tracking.KV{"params": &r.Params, "tags": &r.Tags} {
			if err := kvs(tx, list, `SELECT key, coalesce(value, '') FROM `+table+` WHERE run_uuid = ? ORDER BY key`, id); err != nil {
				return err
			}
		}
		if r.Name == "" {
			r.Name = r.Tag(tracking.TagRunName)
		}
		if err := s.latest(tx, &r); err != nil {
			return err
		}
		return s.links(tx, &r)
	})
	return r, damaged(s.path, err)
}

func kvs(tx *db.Tx, list *[]tracking.KV, query string, args ...any) error {
	return tx.Each(func(rows *sql.Rows) error {
		var t tracking.KV
		err := rows.Scan(&t.Key, &t.Value)
		*list = append(*list, t)
		return err
	}, query, args...)
}

// latest reads the newest points, from the whole history in stores that do not keep them apart.
func (s *Store) latest(tx *db.Tx, r *tracking.Run) error {
	table := "latest_metrics"
	if !s.has(table, "key") {
		table = "metrics"
	}
	at := map[string]int{}
	return tx.Each(func(rows *sql.Rows) error {
		m, err := scanMetric(rows)
		if i, ok := at[m.Key]; ok {
			if old := r.Metrics[i]; m.Step > old.Step || m.Step == old.Step && m.TimestampMs >= old.TimestampMs {
				r.Metrics[i] = m
			}
			return err
		}
		at[m.Key] = len(r.Metrics)
		r.Metrics = append(r.Metrics, m)
		return err
	}, `SELECT key, value, timestamp, `+s.column(table, "step", "0")+`, `+s.column(table, "is_nan", "0")+` FROM `+table+` WHERE run_uuid = ? ORDER BY key, value`, r.ID)
}

func scanMetric(rows *sql.Rows) (m tracking.Metric, err error) {
	var value sql.NullFloat64
	var isNaN sql.NullBool
	err = rows.Scan(&m.Key, &value, &m.TimestampMs, &m.Step, &isNaN)
	if m.Value = value.Float64; isNaN.Bool || !value.Valid {
		m.Value = math.NaN()
	}
	return m, err
}

// links reads the datasets and logged models of a run.
func (s *Store) links(tx *db.Tx, r *tracking.Run) error {
	if !s.has("inputs", "destination_id") {
		return nil
	}
	var inputs []string
	err := tx.Each(func(rows *sql.Rows) error {
		var d tracking.Dataset
		var input string
		err := rows.Scan(&input, &d.Name, &d.Digest, &d.SourceType, &d.Source, &d.Schema, &d.Profile)
		inputs = append(inputs, input)
		r.Datasets = append(r.Datasets, tracking.DatasetInput{Dataset: d})
		return err
	}, `SELECT i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, d.dataset_profile
		FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
		WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id = ? ORDER BY d.name, d.digest`, r.ID)
	if err != nil {
		return err
	}
	for i, id := range inputs {
		if err := kvs(tx, &r.Datasets[i].Tags, `SELECT name, value FROM input_tags WHERE input_uuid = ? ORDER BY name`, id); err != nil {
			return err
		}
	}
	return tx.Each(func(rows *sql.Rows) error {
		var kind, id string
		var step int64
		err := rows.Scan(&kind, &id, &step)
		if kind == "RUN_INPUT" {
			r.ModelInputs = append(r.ModelInputs, id)
		} else {
			r.ModelOutputs = append(r.ModelOutputs, tracking.ModelOutput{ModelID: id, Step: step})
		}
		return err
	}, `SELECT source_type, destination_id, `+s.column("inputs", "step", "0")+` FROM inputs WHERE source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id = ?
		ORDER BY 3, 2`, r.ID)
}

// Points reads all points of a run in one walk.
func (s *Store) Points(ctx context.Context, r tracking.Run, use func([]tracking.Metric) error) error {
	var points []tracking.Metric
	err := s.each(ctx, func(rows *sql.Rows) error {
		m, err := scanMetric(rows)
		if err != nil {
			return err
		}
		if points = append(points, m); len(points) < part {
			return nil
		}
		full := points
		points = nil
		return use(full)
	}, `SELECT key, value, timestamp, `+s.column("metrics", "step", "0")+`, `+s.column("metrics", "is_nan", "0")+
		` FROM metrics WHERE run_uuid = ? ORDER BY key, timestamp`, r.ID)
	if err != nil || len(points) == 0 {
		return err
	}
	return use(points)
}

// LoggedModels also gives deleted ones.
func (s *Store) LoggedModels(ctx context.Context, experiment string, use func(tracking.LoggedModel) error) error {
	if !s.has("logged_models", "model_id") {
		return nil
	}
	var list []tracking.LoggedModel
	err := s.each(ctx, func(rows *sql.Rows) error {
		var m tracking.LoggedModel
		var status int
		err := rows.Scan(&m.ID, &m.ExperimentID, &m.Name, &m.ArtifactURI, &m.CreatedMs, &m.UpdatedMs, &status, &m.Stage, &m.ModelType, &m.SourceRunID)
		m.Status = [...]string{"PENDING", "PENDING", "READY", "UPLOAD_FAILED"}[min(max(status, 0), 3)]
		list = append(list, m)
		return err
	}, `SELECT model_id, CAST(experiment_id AS TEXT), coalesce(name, ''), artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, status,
		lifecycle_stage, coalesce(model_type, ''), coalesce(source_run_id, '') FROM logged_models WHERE experiment_id = CAST(? AS INTEGER)
		ORDER BY creation_timestamp_ms, model_id`, experiment)
	if err != nil {
		return err
	}
	for _, m := range list {
		if err := s.logged(ctx, &m); err != nil {
			return err
		}
		if err := use(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) logged(ctx context.Context, m *tracking.LoggedModel) error {
	return damaged(s.path, s.db.View(ctx, func(tx *db.Tx) error {
		m.Params, m.Tags, m.Metrics = nil, nil, nil
		if err := kvs(tx, &m.Params, `SELECT param_key, param_value FROM logged_model_params WHERE model_id = ? ORDER BY 1`, m.ID); err != nil {
			return err
		}
		if err := kvs(tx, &m.Tags, `SELECT tag_key, tag_value FROM logged_model_tags WHERE model_id = ? ORDER BY 1`, m.ID); err != nil {
			return err
		}
		return tx.Each(func(rows *sql.Rows) error {
			var p tracking.Metric
			var value sql.NullFloat64
			err := rows.Scan(&p.Key, &value, &p.TimestampMs, &p.Step, &p.RunID, &p.DatasetName, &p.DatasetDigest)
			if p.Value = value.Float64; !value.Valid {
				p.Value = math.NaN()
			}
			m.Metrics = append(m.Metrics, p)
			return err
		}, `SELECT metric_name, metric_value, metric_timestamp_ms, metric_step, run_id, coalesce(dataset_name, ''), coalesce(dataset_digest, '')
			FROM logged_model_metrics WHERE model_id = ? ORDER BY 1, 3, 4`, m.ID)
	}))
}

// Registered gives models and prompts.
func (s *Store) Registered(ctx context.Context, use func(registry.Model, []registry.Version) error) error {
	if !s.has("registered_models", "name") {
		return nil
	}
	var list []registry.Model
	err := s.each(ctx, func(rows *sql.Rows) error {
		m := registry.Model{Tags: map[string]string{}, Aliases: map[string]int{}}
		var created, updated int64
		err := rows.Scan(&m.Name, &created, &updated, &m.Description)
		m.CreatedAt, m.UpdatedAt = db.Time(created), db.Time(updated)
		list = append(list, m)
		return err
	}, `SELECT name, coalesce(creation_time, 0), coalesce(last_updated_time, 0), coalesce(`+s.column("registered_models", "description", "''")+`, '') FROM registered_models ORDER BY name`)
	if err != nil {
		return err
	}
	for _, m := range list {
		versions, err := s.versions(ctx, &m)
		if err == nil {
			err = use(m, versions)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) versions(ctx context.Context, m *registry.Model) (out []registry.Version, err error) {
	if err := s.tags(ctx, m.Tags, "registered_model_tags", `name = ?`, m.Name); err != nil {
		return nil, err
	}
	if s.has("registered_model_aliases", "alias") {
		if err := s.each(ctx, func(rows *sql.Rows) error {
			var alias string
			var n int
			err := rows.Scan(&alias, &n)
			m.Aliases[alias] = n
			return err
		}, `SELECT alias, version FROM registered_model_aliases WHERE name = ?`, m.Name); err != nil {
			return nil, err
		}
	}
	err = s.each(ctx, func(rows *sql.Rows) error {
		v := registry.Version{Model: m.Name, Tags: map[string]string{}}
		var created, updated int64
		err := rows.Scan(&v.Number, &created, &updated, &v.Description, &v.Actor, &v.Stage, &v.Source, &v.RunID, &v.RunLink, &v.Location)
		v.CreatedAt, v.UpdatedAt = db.Time(created), db.Time(updated)
		out = append(out, v)
		return err
	}, `SELECT version, coalesce(creation_time, 0), coalesce(last_updated_time, 0), coalesce(description, ''), coalesce(user_id, ''), coalesce(current_stage, 'None'),
		coalesce(source, ''), coalesce(run_id, ''), coalesce(`+s.column("model_versions", "run_link", "''")+`, ''),
		coalesce(`+s.column("model_versions", "storage_location", "NULL")+`, source, '')
		FROM model_versions WHERE name = ? AND coalesce(current_stage, 'None') <> 'Deleted_Internal' ORDER BY version`, m.Name)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if strings.HasPrefix(out[i].Source, "models:/m-") {
			out[i].Location = out[i].Source
		}
		if err := s.tags(ctx, out[i].Tags, "model_version_tags", `name = ? AND version = ?`, m.Name, out[i].Number); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Store) tags(ctx context.Context, into map[string]string, table, where string, args ...any) error {
	if !s.has(table, "key") {
		return nil
	}
	return s.each(ctx, func(rows *sql.Rows) error {
		var key, value string
		err := rows.Scan(&key, &value)
		into[key] = value
		return err
	}, `SELECT key, coalesce(value, '') FROM `+table+` WHERE `+where, args...)
}
