package tracking

import (
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
)

// purgeRuns deletes all rows of runs: in every table of the room with a column run, and datasets that no run uses now.
func purgeRuns(tx *db.Tx, ids []string) error {
	var datasets []string
	err := eachIn(tx, ids, func(rows *sql.Rows) error {
		var d string
		err := rows.Scan(&d)
		datasets = append(datasets, d)
		return err
	}, `SELECT DISTINCT dataset FROM tracking_input WHERE run IN %IN%`)
	if err != nil {
		return err
	}
	if err := deleteNaming(tx, "run", ids); err != nil {
		return err
	}
	if err := deleteIn(tx, `DELETE FROM tracking_dataset WHERE id IN %IN% AND NOT EXISTS (SELECT 1 FROM tracking_input i WHERE i.dataset = tracking_dataset.id)`, datasets); err != nil {
		return err
	}
	return deleteIn(tx, `DELETE FROM tracking_run WHERE id IN %IN%`, ids)
}

// purgeModels deletes all rows of logged models.
func purgeModels(tx *db.Tx, ids []string) error {
	if err := deleteNaming(tx, "model", ids); err != nil {
		return err
	}
	return deleteIn(tx, `DELETE FROM tracking_model WHERE id IN %IN%`, ids)
}

// purgeExperiments deletes experiments without runs and logged models; their numbers are never used again.
func purgeExperiments(tx *db.Tx, ids []string) error {
	for _, id := range ids {
		n, err := experimentNumber(id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO tracking_spent (experiment) VALUES (?) ON CONFLICT DO NOTHING`, n); err != nil {
			return err
		}
		tables, err := tablesNaming(tx, "experiment")
		if err != nil {
			return err
		}
		for _, table := range tables {
			if _, err := tx.Exec(`DELETE FROM `+table+` WHERE experiment = ?`, n); err != nil {
				return fault.Wrap(err, "deleting from %s", table)
			}
		}
		if _, err := tx.Exec(`DELETE FROM tracking_experiment WHERE id = ?`, n); err != nil {
			return err
		}
	}
	return nil
}

// deleteNaming deletes the rows that name the owners in every table of the room that has the column.
func deleteNaming(tx *db.Tx, owner string, ids []string) error {
	tables, err := tablesNaming(tx, owner)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := deleteIn(tx, `DELETE FROM `+table+` WHERE `+owner+` IN %IN%`, ids); err != nil {
			return fault.Wrap(err, "deleting from %s", table)
		}
	}
	return nil
}

func deleteIn(tx *db.Tx, query string, ids []string) error {
	return eachIn(tx, ids, func(*sql.Rows) error { return nil }, query)
}

// spared are tables whose column of an owner does not make their rows a part of it: what they hold outlives the owner, or
// is deleted before it in its own right.
var spared = []string{"tracking_spent", "tracking_run", "tracking_model"}

// tablesNaming gives the tables of the room with a column of this name, those that refer to others first: here the name of
// a table begins with the name of what it refers to, so that the order of names turned round is the order of deletion.
func tablesNaming(tx *db.Tx, col string) ([]string, error) {
	query := `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = ? WHERE m.type = 'table' AND m.name LIKE 'tracking\_%' ESCAPE '\'`
	if tx.Dialect() == db.Postgres {
		query = `SELECT table_name FROM information_schema.columns WHERE column_name = ? AND table_schema = current_schema() AND table_name LIKE 'tracking\_%'`
	}
	tables, err := column[string](tx, query, col)
	tables = slices.DeleteFunc(tables, func(t string) bool { return slices.Contains(spared, t) })
	slices.Sort(tables)
	slices.Reverse(tables)
	return tables, err
}

// below is everything in a folder of artifacts, with the folder.
const below = `WITH RECURSIVE inside (path) AS (
	SELECT path FROM tracking_artifact WHERE path = ?
	UNION ALL SELECT a.path FROM tracking_artifact a JOIN inside i ON a.parent = i.path)`

// filesBelow counts the files in a folder of artifacts and their bytes.
func filesBelow(tx *db.Tx, root string) (files, bytes int64, err error) {
	if root == "" {
		return 0, 0, nil
	}
	err = tx.QueryRow(below+` SELECT count(*), CAST(coalesce(sum(size), 0) AS BIGINT) FROM tracking_artifact WHERE digest <> '' AND path IN (SELECT path FROM inside)`, root).
		Scan(&files, &bytes)
	return files, bytes, err
}

// doom notes a folder of artifacts whose owner is deleted for good; clearDoomed removes it, piece by piece.
func doom(tx *db.Tx, root string) error {
	_, err := tx.Exec(`INSERT INTO tracking_doomed (path) VALUES (?) ON CONFLICT DO NOTHING`, root)
	return err
}

// clearing is how many files one transaction removes.
const clearing = 500

// clearDoomed removes some of the artifacts that are doomed; more tells whether there is more to do.
func clearDoomed(tx *db.Tx) (more bool, err error) {
	var root string
	found, err := db.Found(tx.QueryRow(`SELECT path FROM tracking_doomed ORDER BY path LIMIT 1`).Scan(&root))
	if err != nil || !found {
		return false, err
	}
	files, err := column[string](tx, below+` SELECT a.path FROM tracking_artifact a JOIN inside i ON i.path = a.path WHERE a.digest <> '' LIMIT `+strconv.Itoa(clearing), root)
	if err != nil {
		return false, err
	}
	if len(files) > 0 {
		return true, deleteIn(tx, `DELETE FROM tracking_artifact WHERE path IN %IN%`, files)
	}
	if _, err := tx.Exec(below+` DELETE FROM tracking_artifact WHERE path IN (SELECT path FROM inside)`, root); err != nil {
		return false, err
	}
	_, err = tx.Exec(`DELETE FROM tracking_doomed WHERE path = ?`, root)
	return true, err
}

// checkOwner refuses to write below a run, logged model or experiment that was deleted for good: nobody would ever remove
// what is written there.
func checkOwner(tx *db.Tx, p string) error {
	var keys []string
	for i, elem := range strings.Split(p, "/") {
		switch {
		case len(elem) == 32:
			keys = append(keys, purgedKey(event.RunPurged, elem))
		case len(elem) == 34 && strings.HasPrefix(elem, "m-"):
			keys = append(keys, purgedKey(event.LoggedModelPurged, elem))
		case i == 0 && strings.Trim(elem, "0123456789") == "":
			keys = append(keys, purgedKey(event.ExperimentPurged, elem))
		}
	}
	key, err := event.Known(tx, keys...)
	if err == nil && key != "" {
		_, id, _ := strings.Cut(key, ":")
		err = fault.New(fault.NotFound, "No artifact can be written here: %s was deleted for good.", id)
	}
	return err
}

func purgedKey(verb, id string) string { return verb + ":" + id }
