package tracking

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
)

// keepers are the reasons for which things stay.
type keepers struct {
	named      map[string]string // id of a run or logged model → who refers to it
	executions map[string]string // the same for all runs of an execution
	places     []place           // in our own store, that somebody needs
}

type place struct {
	path, why string
	all       bool // all that is below it too
}

func (p place) keeps(root string) bool {
	return p.path == root || strings.HasPrefix(p.path, root+"/") || p.all && (p.path == "" || strings.HasPrefix(root, p.path+"/"))
}

func readKeepers(tx *db.Tx, p Purge) (keepers, error) {
	k := keepers{named: map[string]string{}, executions: map[string]string{}}
	var holds []Hold
	if p.Holds != nil {
		var err error
		if holds, err = p.Holds(tx); err != nil {
			return k, err
		}
	}
	for _, h := range holds {
		for _, name := range append(strings.Split(h.Location, "/"), h.Run, h.Model) { // also runs:/ID/model and s3://…/ID/artifacts
			if len(name) >= 32 {
				k.named[name] = h.By
			}
		}
		if h.Execution != "" {
			k.executions[h.Execution] = h.By
		}
		if at, err := ArtifactPath(h.Location); err == nil && h.Location != "" {
			k.places = append(k.places, place{at, h.By + " refers to its files", true})
		}
	}
	return k, tx.Each(func(rows *sql.Rows) error {
		var name, location string
		err := rows.Scan(&name, &location)
		if at, perr := ArtifactPath(location); perr == nil {
			k.places = append(k.places, place{at, "experiment " + name + " has its artifacts in the same place", false})
		}
		return err
	}, `SELECT name, artifact_location FROM tracking_experiment WHERE artifact_location <> '`+ArtifactRoot+`' || CAST(id AS TEXT)`)
}

// why gives the reason for which a thing stays, "" when there is none.
func (k keepers) why(tx *db.Tx, d Discarded, root string, gone map[string]bool) (string, error) {
	if by := k.named[d.ID]; by != "" {
		return by + " refers to it", nil
	}
	if d.Kind == "run" && len(k.executions) > 0 {
		var execution string
		if _, err := db.Found(tx.QueryRow(`SELECT value FROM tracking_tag WHERE run = ? AND key = '`+TagExecution+`'`, d.ID).Scan(&execution)); err != nil {
			return "", err
		}
		if by := k.executions[execution]; by != "" {
			return by + " was made in its execution", nil
		}
	}
	if d.Kind == "experiment" {
		if why, err := heldByContent(tx, d, gone); err != nil || why != "" {
			return why, err
		}
	}
	for _, p := range k.places {
		if root != "" && p.keeps(root) {
			return p.why, nil
		}
	}
	return "", nil
}

// heldByContent keeps an experiment that still has runs or logged models.
func heldByContent(tx *db.Tx, d Discarded, gone map[string]bool) (string, error) {
	for _, what := range []struct{ table, name string }{{"tracking_run", "run"}, {"tracking_model", "logged model"}} {
		ids, err := column[string](tx, `SELECT id FROM `+what.table+` WHERE experiment = ? ORDER BY id`, d.experiment)
		if err != nil {
			return "", err
		}
		left := 0
		for _, id := range ids {
			if !gone[id] {
				left++
			}
		}
		if left > 0 {
			return "it still holds " + plural(left, what.name), nil
		}
	}
	return "", nil
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
