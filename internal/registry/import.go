package registry

import (
	"context"
	"fmt"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// The writers of this file take in what another registry kept, with its numbers and times. Every one may be repeated.

// ImportModel makes a model, or brings one to the description, tags and times of in; tags that in lacks stay.
func (r *Room) ImportModel(ctx context.Context, in Model) (made bool, err error) {
	if err := checkModelName("name", in.Name); err != nil {
		return false, err
	}
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		old, found, err := findModel(tx, in.Name)
		if err != nil {
			return err
		}
		if made = !found; made {
			in.id = ref.NewID()
			return insertModel(tx, in)
		}
		if (old.Tags[promptTag] == "true") != (in.Tags[promptTag] == "true") {
			return taken(old, ModelInput{Name: in.Name, Tags: in.Tags})
		}
		for _, k := range sortedKeys(in.Tags) {
			if _, err := setModelTag(tx, old.id, k, in.Tags[k]); err != nil {
				return err
			}
		}
		if old.Product != "" { // a product's own model keeps its words
			return nil
		}
		_, err = tx.Exec(`UPDATE registry_model SET description = ?, created_ms = ?, updated_ms = ? WHERE id = ?`,
			in.Description, db.Millis(in.CreatedAt), db.Millis(in.UpdatedAt), old.id)
		return err
	})
	return made, err
}

// ImportVersion adds a version under the number that it has. A number that is taken is fault.Exists, unless again says that
// an earlier import wrote it, or it has the same source and time: then it gets the stage, description, tags and times of v.
func (r *Room) ImportVersion(ctx context.Context, v Version, again bool) (made bool, err error) {
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		m, err := getModel(tx, v.Model)
		if err != nil {
			return err
		}
		v.modelID = m.id
		var deleted, created int64
		var source string
		found, err := db.Found(tx.QueryRow(`SELECT deleted, created_ms, source FROM registry_version WHERE model_id = ? AND number = ?`, m.id, v.Number).
			Scan(&deleted, &created, &source))
		again = again || created == db.Millis(v.CreatedAt) && source == v.Source
		switch {
		case err != nil:
			return err
		case found && deleted == 1:
			return fault.New(fault.Exists, "version %d of model %s was deleted here", v.Number, v.Model).
				WithHint("numbers are never used again; give the model another name: --prefix old-")
		case found && !again:
			return fault.New(fault.Exists, "version %d of model %s is here already, and is another one", v.Number, v.Model).
				WithHint("give the models that you import another name: --prefix old-")
		case found:
			return updateImported(tx, v)
		}
		made = true
		return insertImported(tx, m, v)
	})
	return made, err
}

func updateImported(tx *db.Tx, v Version) error {
	for _, k := range sortedKeys(v.Tags) {
		if _, err := setVersionTag(tx, v.modelID, v.Number, k, v.Tags[k]); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`UPDATE registry_version SET stage = ?, description = ?, created_ms = ?, updated_ms = ? WHERE model_id = ? AND number = ?`,
		v.Stage, v.Description, db.Millis(v.CreatedAt), db.Millis(v.UpdatedAt), v.modelID, v.Number)
	return err
}

func insertImported(tx *db.Tx, m Model, v Version) error {
	if err := insertVersion(tx, v); err != nil {
		return err
	}
	if err := updateImported(tx, v); err != nil { // for the time of the last change
		return err
	}
	if _, err := tx.Exec(`UPDATE registry_model SET last_version = ? WHERE id = ?`, max(m.lastVersion, v.Number), m.id); err != nil {
		return err
	}
	var from []string
	if v.RunID != "" {
		from = append(from, "run:"+v.RunID)
	}
	return event.Append(tx, event.Fact{Actor: actor(v.Actor), Source: "import", Product: m.Product, Verb: event.ModelVersioned,
		Object: fmt.Sprintf("%s@v%d", m.Name, v.Number), Key: fmt.Sprintf("model.versioned:%s:%d", m.id, v.Number),
		Inputs: from, Outputs: []string{v.Ref()}, Data: map[string]any{"model": m.Name, "version": v.Number, "source": v.Source, "run": v.RunID}})
}
