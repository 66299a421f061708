package tracking

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/ref"
)

// LogInputs adds datasets and logged models that an active run uses. A dataset is known in its experiment by (name, digest);
// one that the run has already keeps its tags.
func (r *Room) LogInputs(ctx context.Context, run string, datasets []DatasetInput, models []string) error {
	if err := checkRunID(run); err != nil {
		return err
	}
	for _, d := range datasets {
		if err := checkDataset(d); err != nil {
			return err
		}
	}
	return r.changeRun(ctx, run, func(tx *db.Tx, info *Run) error {
		exp, err := experimentNumber(info.ExperimentID)
		if err != nil {
			return err
		}
		for _, in := range datasets {
			if err := putInput(tx, exp, run, in); err != nil {
				return err
			}
		}
		for _, id := range models {
			if err := linkModel(tx, run, id, "input", 0); err != nil {
				return err
			}
		}
		return nil
	})
}

func putInput(tx *db.Tx, exp int64, run string, in DatasetInput) error {
	d := in.Dataset
	var id string
	found, err := db.Found(tx.QueryRow(`SELECT id FROM tracking_dataset WHERE experiment = ? AND name = ? AND digest = ?`, exp, d.Name, d.Digest).Scan(&id))
	if err != nil {
		return err
	}
	if !found {
		id = ref.NewID()
		if _, err := tx.Exec(`INSERT INTO tracking_dataset (id, experiment, name, digest, source_type, source, schema, profile) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			id, exp, d.Name, d.Digest, d.SourceType, d.Source, d.Schema, d.Profile); err != nil {
			return err
		}
	}
	res, err := tx.Exec(`INSERT INTO tracking_input (run, dataset) VALUES (?, ?) ON CONFLICT DO NOTHING`, run, id)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	seen := map[string]string{}
	for _, t := range in.Tags {
		seen[t.Key] = t.Value
	}
	for k, v := range seen {
		if _, err := tx.Exec(`INSERT INTO tracking_input_tag (run, dataset, key, value) VALUES (?, ?, ?, ?)`, run, id, k, v); err != nil {
			return err
		}
	}
	return nil
}

func checkDataset(in DatasetInput) error {
	d := in.Dataset
	for _, l := range []struct {
		what  string
		value *string
		limit int
	}{
		{"name", &d.Name, 500}, {"digest", &d.Digest, 36}, {"source", &d.Source, 65535}, {"schema", d.Schema, 1048575}, {"profile", d.Profile, 16777215},
	} {
		if l.value != nil && longer(*l.value, l.limit) {
			return tooLong(l.what, l.limit)
		}
	}
	for _, t := range in.Tags {
		if longer(t.Key, 255) {
			return tooLong("key", 255)
		}
		if longer(t.Value, 500) {
			return tooLong("value", 500)
		}
	}
	return nil
}

// LogOutputs links logged models that an active run made.
func (r *Room) LogOutputs(ctx context.Context, run string, models []ModelOutput) error {
	return r.changeRun(ctx, run, func(tx *db.Tx, _ *Run) error {
		for _, m := range models {
			if err := linkModel(tx, run, m.ModelID, "output", m.Step); err != nil {
				return err
			}
		}
		return nil
	})
}

func linkModel(tx *db.Tx, run, model, role string, step int64) error {
	if _, err := modelInfo(tx, model, true); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO tracking_run_model (run, model, role, step) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`, run, model, role, step)
	return err
}

// DatasetSummary is a dataset of an experiment with one context of its use, "" for none.
type DatasetSummary struct {
	ExperimentID, Name, Digest string
	Context                    string
}

// SearchDatasets gives at most 1000 summaries of the datasets that runs of the experiments use.
func (r *Room) SearchDatasets(ctx context.Context, experiments []string) (out []DatasetSummary, err error) {
	ids, err := experimentList(experiments)
	if err != nil || ids == "" {
		return nil, err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		return tx.Each(func(rows *sql.Rows) error {
			var s DatasetSummary
			var exp int64
			var context *string
			if err := rows.Scan(&exp, &s.Name, &s.Digest, &context); err != nil {
				return err
			}
			s.ExperimentID = strconv.FormatInt(exp, 10)
			if context != nil {
				s.Context = *context
			}
			out = append(out, s)
			return nil
		}, `SELECT DISTINCT d.experiment, d.name, d.digest, t.value FROM tracking_dataset d JOIN tracking_input i ON i.dataset = d.id
			LEFT JOIN tracking_input_tag t ON t.run = i.run AND t.dataset = i.dataset AND t.key = '`+TagContext+`'
			WHERE d.experiment IN (`+ids+`) ORDER BY d.experiment, d.name, d.digest, t.value LIMIT 1000`)
	})
	return out, err
}
