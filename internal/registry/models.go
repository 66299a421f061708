package registry

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Model is a registered model.
type Model struct {
	Name        string            `json:"name"`
	Product     string            `json:"product"` // "" for a model that was made by an MLflow client alone
	Description string            `json:"description"`
	Actor       string            `json:"actor"` // who created it
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`
	Tags        map[string]string `json:"tags"`
	Aliases     map[string]int    `json:"aliases"` // alias → version
	Latest      []Version         `json:"latest"`  // the newest version of each stage, in the order None, Staging, Production, Archived

	id          string
	lastVersion int
}

// ModelInput makes a registered model.
type ModelInput struct {
	Name        string
	Product     string
	Description string
	Actor       string
	Tags        map[string]string
}

// promptTag marks the models that MLflow uses as prompts; searches hide them.
const promptTag = "mlflow.prompt.is_prompt"

// CreateModel makes a model; a name that is taken is fault.Exists.
func (r *Room) CreateModel(ctx context.Context, in ModelInput) (Model, error) {
	if err := checkModelName("name", in.Name); err != nil {
		return Model{}, err
	}
	if err := checkTags(in.Tags); err != nil {
		return Model{}, err
	}
	return db.Change(ctx, r.db, func(tx *db.Tx) (Model, error) { return r.createModel(tx, in, r.now()) })
}

func (r *Room) createModel(tx *db.Tx, in ModelInput, now time.Time) (Model, error) {
	if old, found, err := findModel(tx, in.Name); err != nil {
		return Model{}, err
	} else if found {
		return Model{}, taken(old, in)
	}
	m := Model{Name: in.Name, Product: in.Product, Description: in.Description, Actor: in.Actor, CreatedAt: now, UpdatedAt: now,
		Tags: maps.Clone(in.Tags), Aliases: map[string]int{}, id: ref.NewID()}
	if m.Tags == nil {
		m.Tags = map[string]string{}
	}
	if err := insertModel(tx, m); err != nil {
		return Model{}, fault.Wrap(err, "creating the model %s", in.Name)
	}
	return m, r.tellModel(tx, m)
}

func taken(old Model, in ModelInput) error {
	was, want := "Registered Model", "Registered Model"
	if old.Tags[promptTag] == "true" {
		was = "Prompt"
	}
	if in.Tags[promptTag] == "true" {
		want = "Prompt"
	}
	if was != want {
		lower := map[string]string{"Prompt": "prompt", "Registered Model": "registered model"}
		return fault.New(fault.Exists, "Tried to create a %s with name '%s', but the name is already taken by a %s. "+
			"MLflow does not allow creating a model and a prompt with the same name.", lower[want], in.Name, lower[was])
	}
	return fault.New(fault.Exists, "%s (name=%s) already exists.", want, in.Name)
}

// GetModel gives a model with its tags, aliases and newest versions.
func (r *Room) GetModel(ctx context.Context, name string) (Model, error) {
	return db.Get(ctx, r.db, func(tx *db.Tx) (Model, error) { return fullModel(tx, name) })
}

func fullModel(tx *db.Tx, name string) (Model, error) {
	m, err := getModel(tx, name)
	if err != nil {
		return m, err
	}
	m.Latest, err = latestVersions(tx, m, stages)
	return m, err
}

// getModel is a model without its newest versions.
func getModel(tx *db.Tx, name string) (Model, error) {
	if err := checkModelName("name", name); err != nil {
		return Model{}, err
	}
	m, found, err := findModel(tx, name)
	if err == nil && !found {
		err = fault.New(fault.NotFound, "Registered Model with name=%s not found", name)
	}
	return m, err
}

// RenameModel gives a model another name; its versions, tags and aliases stay.
func (r *Room) RenameModel(ctx context.Context, name, newName string) (Model, error) {
	if err := checkModelName("new_name", newName); err != nil {
		return Model{}, err
	}
	return db.Change(ctx, r.db, func(tx *db.Tx) (Model, error) {
		m, err := getModel(tx, name)
		if err != nil || name == newName {
			return m, err
		}
		if _, found, err := findModel(tx, newName); err != nil || found {
			if found {
				err = fault.New(fault.Exists, "Registered Model (name=%s) already exists.", newName)
			}
			return m, err
		}
		if err := refuseLive(tx, m, "", "renamed"); err != nil {
			return m, err
		}
		now := db.Millis(r.now())
		if _, err := tx.Exec(`UPDATE registry_model SET name = ?, updated_ms = ? WHERE id = ?`, newName, now, m.id); err != nil {
			return m, err
		}
		if _, err := tx.Exec(`UPDATE registry_version SET updated_ms = ? WHERE model_id = ?`, now, m.id); err != nil {
			return m, err
		}
		return fullModel(tx, newName)
	})
}

// UpdateModel sets the description.
func (r *Room) UpdateModel(ctx context.Context, name, description string) (Model, error) {
	return db.Change(ctx, r.db, func(tx *db.Tx) (Model, error) {
		m, err := getModel(tx, name)
		if err != nil {
			return m, err
		}
		if _, err := tx.Exec(`UPDATE registry_model SET description = ?, updated_ms = ? WHERE id = ?`, description, db.Millis(r.now()), m.id); err != nil {
			return m, err
		}
		return fullModel(tx, name)
	})
}

// DeleteModel removes a model with its versions. One whose package is live is fault.Precondition.
func (r *Room) DeleteModel(ctx context.Context, name string) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		m, err := getModel(tx, name)
		if err != nil {
			return err
		}
		if err := refuseLive(tx, m, "", "deleted"); err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM registry_model WHERE id = ?`, m.id)
		return err
	})
}

// SetModelTag sets a tag of a model.
func (r *Room) SetModelTag(ctx context.Context, name, key, value string) error {
	if err := checkTag(key, value); err != nil {
		return err
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		m, err := getModel(tx, name)
		if err != nil {
			return err
		}
		if changed, err := setModelTag(tx, m.id, key, value); err != nil || !changed {
			return err
		}
		m.Tags[key] = value
		return r.tellModelTag(tx, m, key, &value)
	})
}

// DeleteModelTag removes a tag; one that is absent is no error.
func (r *Room) DeleteModelTag(ctx context.Context, name, key string) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		m, err := getModel(tx, name)
		if err != nil {
			return err
		}
		if changed, err := changes(tx.Exec(`DELETE FROM registry_model_tag WHERE model_id = ? AND tag = ?`, m.id, key)); err != nil || !changed {
			return err
		}
		return r.tellModelTag(tx, m, key, nil)
	})
}

// refuseLive refuses a change to a model, or to the version of one package, while it is deployed: making a model gives no
// right to take it out of production.
func refuseLive(tx *db.Tx, m Model, pkg ref.Digest, what string) error {
	var env string
	found, err := db.Found(tx.QueryRow(`SELECT environment FROM registry_release
		WHERE model = ? AND live = 1 AND (? = '' OR package = ?)
		AND package IN (SELECT package FROM registry_version WHERE model_id = ? AND deleted = 0)
		ORDER BY environment LIMIT 1`,
		m.Name, string(pkg), string(pkg), m.id).Scan(&env))
	if err != nil || !found {
		return err
	}
	return fault.New(fault.Precondition, "model %s cannot be %s: its package is live in %s", m.Name, what, env).
		WithHint("place another package or roll back first: paraplu rollback")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
