package tracking

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// CreateExperiment makes an experiment. location is a URI for its artifacts, "" for our own store. The name must be new,
// also among deleted experiments (fault.Exists).
func (r *Room) CreateExperiment(ctx context.Context, name, location string, tags []KV) (Experiment, error) {
	if err := checkExperimentName(name); err != nil {
		return Experiment{}, err
	}
	location, err := checkLocation(location)
	if err != nil {
		return Experiment{}, err
	}
	for _, t := range tags {
		if err := checkExperimentTag(t); err != nil {
			return Experiment{}, err
		}
	}
	var e Experiment
	for range 4 { // somebody may take the name or the number meanwhile
		err = r.db.Update(ctx, func(tx *db.Tx) error {
			e, err = r.createExperiment(tx, name, location, tags)
			return err
		})
		if !db.IsUnique(err) {
			break
		}
	}
	return e, err
}

func (r *Room) createExperiment(tx *db.Tx, name, location string, tags []KV) (e Experiment, err error) {
	var one int
	found, err := db.Found(tx.QueryRow(`SELECT 1 FROM tracking_experiment WHERE name = ?`, name).Scan(&one))
	if err != nil {
		return e, err
	}
	if found {
		return e, fault.New(fault.Exists, "Experiment(name=%s) already exists.", name)
	}
	id, err := nextExperiment(tx)
	if err != nil {
		return e, err
	}
	if location == "" {
		location = ArtifactRoot + strconv.FormatInt(id, 10)
	}
	now := r.nowMs()
	if _, err := tx.Exec(`INSERT INTO tracking_experiment (id, name, artifact_location, stage, created_ms, updated_ms) VALUES (?, ?, ?, 'active', ?, ?)`,
		id, name, location, now, now); err != nil {
		return e, err
	}
	for _, t := range tags {
		if err := putExperimentTag(tx, id, t); err != nil {
			return e, err
		}
	}
	return loadExperiment(tx, id)
}

// usedNumbers are all that experiments have or had.
const usedNumbers = `(SELECT id FROM tracking_experiment UNION ALL SELECT experiment FROM tracking_spent) AS numbers`

func nextExperiment(tx *db.Tx) (id int64, err error) {
	err = tx.QueryRow(`SELECT coalesce(max(id), 0) + 1 FROM ` + usedNumbers).Scan(&id)
	return id, err
}

// checkLocation refuses what cannot be a place for artifacts and makes a relative path absolute.
func checkLocation(location string) (string, error) {
	if location == "" {
		return "", nil
	}
	if longer(location, maxLocation) {
		return "", fault.New(fault.Invalid, "Invalid artifact path length. The length of the artifact path cannot be greater than %d"+
			" characters. To configure this limit, please set the MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH environment variable.", maxLocation)
	}
	u, err := url.Parse(location)
	if err != nil {
		return "", fault.New(fault.Invalid, "Invalid artifact location '%s': %w", location, err)
	}
	if u.Fragment != "" || hasParams(u) {
		return "", fault.New(fault.Invalid, "'artifact_location' URL can't include fragments or params.")
	}
	if query, err := url.QueryUnescape(u.RawQuery); err != nil || strings.Contains(query, "..") {
		return "", fault.New(fault.Invalid, "Invalid query string")
	}
	if strings.HasPrefix(location, "runs:") {
		return "", fault.New(fault.Invalid, "Artifact location cannot be a runs:/ URI. Given: '%s'", location)
	}
	if u.Scheme == "mlflow-artifacts" {
		if _, err := ArtifactPath(location); err != nil {
			return "", fault.New(fault.Invalid, "Invalid artifact location '%s'", location)
		}
	}
	if u.Scheme == "" {
		if location, err = filepath.Abs(location); err != nil {
			return "", fault.Wrap(err, "artifact location")
		}
	}
	return location, nil
}

// hasParams tells whether the last element of the path has ";params", for the schemes that have them.
func hasParams(u *url.URL) bool {
	switch u.Scheme {
	case "", "ftp", "sftp", "http", "https":
		return strings.Contains(u.Path[strings.LastIndexByte(u.Path, '/')+1:], ";")
	}
	return false
}

const experimentColumns = `id, name, artifact_location, stage, created_ms, updated_ms`

func scanExperiment(scan func(...any) error) (e Experiment, err error) {
	var id int64
	err = scan(&id, &e.Name, &e.ArtifactLocation, &e.Stage, &e.CreatedMs, &e.UpdatedMs)
	e.ID = strconv.FormatInt(id, 10)
	return e, err
}

func loadExperiment(tx *db.Tx, id int64) (Experiment, error) {
	e, err := scanExperiment(tx.QueryRow(`SELECT `+experimentColumns+` FROM tracking_experiment WHERE id = ?`, id).Scan)
	found, err := db.Found(err)
	if err != nil {
		return e, err
	}
	if !found {
		return e, fault.New(fault.NotFound, "No Experiment with id=%d exists", id)
	}
	list := []Experiment{e}
	err = loadExperimentTags(tx, list)
	return list[0], err
}

func loadExperimentTags(tx *db.Tx, list []Experiment) error {
	at := make(map[int64]int, len(list))
	ids := make([]string, len(list))
	for i, e := range list {
		n, _ := strconv.ParseInt(e.ID, 10, 64) // written by scanExperiment
		at[n], ids[i] = i, e.ID
	}
	for len(ids) > 0 {
		n := min(chunk, len(ids))
		// The ids are our own decimal numbers, so they may stand in the text.
		err := tx.Each(func(rows *sql.Rows) error {
			var id int64
			var t KV
			if err := rows.Scan(&id, &t.Key, &t.Value); err != nil {
				return err
			}
			list[at[id]].Tags = append(list[at[id]].Tags, t)
			return nil
		}, `SELECT experiment, key, value FROM tracking_experiment_tag WHERE experiment IN (`+strings.Join(ids[:n], ", ")+`) ORDER BY experiment, `+textOrder(tx, "key"))
		if err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// Experiment gives an experiment by id, also a deleted one.
func (r *Room) Experiment(ctx context.Context, id string) (e Experiment, err error) {
	n, err := experimentNumber(id)
	if err != nil {
		return e, err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		e, err = loadExperiment(tx, n)
		return err
	})
	return e, err
}

// ExperimentByName gives an experiment by name, also a deleted one.
func (r *Room) ExperimentByName(ctx context.Context, name string) (e Experiment, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		var id int64
		found, err := db.Found(tx.QueryRow(`SELECT id FROM tracking_experiment WHERE name = ?`, name).Scan(&id))
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.NotFound, "Could not find experiment with name '%s'", name)
		}
		e, err = loadExperiment(tx, id)
		return err
	})
	return e, err
}

// changeExperiment runs fn on an experiment that must be in the given stage ("" = any).
func (r *Room) changeExperiment(ctx context.Context, id string, stage Stage, fn func(*db.Tx, int64, Experiment) error) error {
	n, err := experimentNumber(id)
	if err != nil {
		return err
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		e, err := loadExperiment(tx, n)
		if err != nil {
			return err
		}
		if stage != "" && e.Stage != stage {
			return fault.New(fault.NotFound, "No Experiment with id=%d exists", n)
		}
		return fn(tx, n, e)
	})
}

// RenameExperiment gives an active experiment another name.
func (r *Room) RenameExperiment(ctx context.Context, id, name string) error {
	if err := checkExperimentName(name); err != nil {
		return err
	}
	return r.changeExperiment(ctx, id, "", func(tx *db.Tx, n int64, e Experiment) error {
		if e.Stage != Active {
			return fault.New(fault.Precondition, "Cannot rename a non-active experiment.")
		}
		var one int
		taken, err := db.Found(tx.QueryRow(`SELECT 1 FROM tracking_experiment WHERE name = ? AND id <> ?`, name, n).Scan(&one))
		if err != nil {
			return err
		}
		if taken {
			return fault.New(fault.Exists, "Experiment(name=%s) already exists.", name)
		}
		_, err = tx.Exec(`UPDATE tracking_experiment SET name = ?, updated_ms = ? WHERE id = ?`, name, r.nowMs(), n)
		return err
	})
}

// DeleteExperiment softly deletes an active experiment and all its runs.
func (r *Room) DeleteExperiment(ctx context.Context, id string) error {
	return r.changeExperiment(ctx, id, Active, func(tx *db.Tx, n int64, _ Experiment) error {
		now := r.nowMs()
		if _, err := tx.Exec(`UPDATE tracking_experiment SET stage = 'deleted', updated_ms = ? WHERE id = ?`, now, n); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE tracking_run SET stage = 'deleted', deleted_ms = ? WHERE experiment = ? AND stage = 'active'`, now, n)
		return err
	})
}

// RestoreExperiment undoes DeleteExperiment; all runs of the experiment become active.
func (r *Room) RestoreExperiment(ctx context.Context, id string) error {
	return r.changeExperiment(ctx, id, Deleted, func(tx *db.Tx, n int64, _ Experiment) error {
		if _, err := tx.Exec(`UPDATE tracking_experiment SET stage = 'active', updated_ms = ? WHERE id = ?`, r.nowMs(), n); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE tracking_run SET stage = 'active', deleted_ms = NULL WHERE experiment = ?`, n)
		return err
	})
}

// SetExperimentTag sets a tag of an active experiment.
func (r *Room) SetExperimentTag(ctx context.Context, id string, t KV) error {
	if err := checkExperimentTag(t); err != nil {
		return err
	}
	return r.changeExperiment(ctx, id, "", func(tx *db.Tx, n int64, e Experiment) error {
		if err := checkActiveExperiment(e); err != nil {
			return err
		}
		return putExperimentTag(tx, n, t)
	})
}

func putExperimentTag(tx *db.Tx, id int64, t KV) error {
	_, err := tx.Exec(`INSERT INTO tracking_experiment_tag (experiment, key, value) VALUES (?, ?, ?)
		ON CONFLICT (experiment, key) DO UPDATE SET value = excluded.value`, id, t.Key, t.Value)
	return err
}

// DeleteExperimentTag removes a tag that must exist.
func (r *Room) DeleteExperimentTag(ctx context.Context, id, key string) error {
	return r.changeExperiment(ctx, id, "", func(tx *db.Tx, n int64, e Experiment) error {
		if err := checkActiveExperiment(e); err != nil {
			return err
		}
		return deleteOne(tx, fault.New(fault.NotFound, "No tag with name: %s in experiment with id %s", key, id),
			`DELETE FROM tracking_experiment_tag WHERE experiment = ? AND key = ?`, n, key)
	})
}

// deleteOne deletes and answers missing when nothing was there.
func deleteOne(tx *db.Tx, missing error, query string, args ...any) error {
	res, err := tx.Exec(query, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return missing
}

func checkActiveExperiment(e Experiment) error {
	if e.Stage != Active {
		return fault.New(fault.Invalid, "The experiment %s must be in the 'active' state. Current state is %s.", e.ID, e.Stage)
	}
	return nil
}

// Home gives the artifact location of an active experiment, for other rooms that keep things of experiments.
func (r *Room) Home(ctx context.Context, id string) (string, error) {
	e, err := r.Experiment(ctx, id)
	if err != nil {
		return "", err
	}
	return e.ArtifactLocation, checkActiveExperiment(e)
}
