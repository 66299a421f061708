package tracking

import (
	"database/sql"
	"strconv"

	"github.com/paraplu/paraplu/internal/db"
)

const runColumns = `r.id, r.experiment, r.name, r.user_id, r.status, r.stage, r.start_ms, r.end_ms, r.artifact_uri`

func scanRun(scan func(...any) error) (r Run, err error) {
	var exp int64
	err = scan(&r.ID, &exp, &r.Name, &r.UserID, &r.Status, &r.Stage, &r.StartMs, &r.EndMs, &r.ArtifactURI)
	r.ExperimentID = strconv.FormatInt(exp, 10)
	return r, err
}

// runInfo reads a run without what was logged to it.
func runInfo(tx *db.Tx, id string) (Run, error) {
	run, err := scanRun(tx.QueryRow(`SELECT `+runColumns+` FROM tracking_run r WHERE r.id = ?`, id).Scan)
	found, err := db.Found(err)
	if err == nil && !found {
		err = runNotFound(id)
	}
	return run, err
}

func loadRun(tx *db.Tx, id string) (Run, error) {
	run, err := runInfo(tx, id)
	if err != nil {
		return run, err
	}
	list := []Run{run}
	err = loadLogged(tx, list)
	return list[0], err
}

// loadLogged fills in what was logged to the runs, with a fixed number of queries a chunk of runs.
func loadLogged(tx *db.Tx, runs []Run) error {
	ids, at := make([]string, len(runs)), make(map[string]*Run, len(runs))
	for i := range runs {
		ids[i], at[runs[i].ID] = runs[i].ID, &runs[i]
	}
	if err := kvs(tx, "tracking_tag", "run", ids, func(id string, kv KV) { at[id].Tags = append(at[id].Tags, kv) }); err != nil {
		return err
	}
	if err := kvs(tx, "tracking_param", "run", ids, func(id string, kv KV) { at[id].Params = append(at[id].Params, kv) }); err != nil {
		return err
	}
	err := eachIn(tx, ids, func(rows *sql.Rows) error {
		var id string
		m, err := scanMetric(func(dest ...any) error { return rows.Scan(append([]any{&id}, dest...)...) })
		if err == nil {
			at[id].Metrics = append(at[id].Metrics, m)
		}
		return err
	}, `SELECT run, `+metricColumns+` FROM tracking_series WHERE run IN %IN% ORDER BY run, `+textOrder(tx, "key"))
	if err != nil {
		return err
	}
	if err := loadDatasets(tx, ids, at); err != nil {
		return err
	}
	return eachIn(tx, ids, func(rows *sql.Rows) error {
		var id, model, role string
		var step int64
		if err := rows.Scan(&id, &model, &role, &step); err != nil {
			return err
		}
		if role == "input" {
			at[id].ModelInputs = append(at[id].ModelInputs, model)
		} else {
			at[id].ModelOutputs = append(at[id].ModelOutputs, ModelOutput{model, step})
		}
		return nil
	}, `SELECT run, model, role, step FROM tracking_run_model WHERE run IN %IN% ORDER BY run, step, model`)
}

const metricColumns = `key, value, timestamp_ms, step, is_nan`

func scanMetric(scan func(...any) error) (m Metric, err error) {
	var isNaN int64
	err = scan(&m.Key, &m.Value, &m.TimestampMs, &m.Step, &isNaN)
	m.Value = loaded(m.Value, isNaN)
	return m, err
}

func loadDatasets(tx *db.Tx, ids []string, at map[string]*Run) error {
	type use struct{ run, dataset string }
	place := map[use]int{}
	err := eachIn(tx, ids, func(rows *sql.Rows) error {
		var u use
		var d Dataset
		if err := rows.Scan(&u.run, &u.dataset, &d.Name, &d.Digest, &d.SourceType, &d.Source, &d.Schema, &d.Profile); err != nil {
			return err
		}
		run := at[u.run]
		place[u] = len(run.Datasets)
		run.Datasets = append(run.Datasets, DatasetInput{Dataset: d})
		return nil
	}, `SELECT i.run, d.id, d.name, d.digest, d.source_type, d.source, d.schema, d.profile
		FROM tracking_input i JOIN tracking_dataset d ON d.id = i.dataset WHERE i.run IN %IN% ORDER BY i.run, `+textOrder(tx, "d.name")+`, `+textOrder(tx, "d.digest"))
	if err != nil || len(place) == 0 {
		return err
	}
	return eachIn(tx, ids, func(rows *sql.Rows) error {
		var u use
		var t KV
		if err := rows.Scan(&u.run, &u.dataset, &t.Key, &t.Value); err != nil {
			return err
		}
		in := &at[u.run].Datasets[place[u]]
		in.Tags = append(in.Tags, t)
		return nil
	}, `SELECT run, dataset, key, value FROM tracking_input_tag WHERE run IN %IN% ORDER BY run, dataset, `+textOrder(tx, "key"))
}
