package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
)

// SetVersionTag sets a tag of a version.
func (r *Room) SetVersionTag(ctx context.Context, name string, number int, key, value string) error {
	if err := checkTag(key, value); err != nil {
		return err
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		v, err := getVersion(tx, name, number)
		if err != nil {
			return err
		}
		if changed, err := setVersionTag(tx, v.modelID, number, key, value); err != nil || !changed {
			return err
		}
		return r.tellVersionTag(tx, v, key, &value)
	})
}

// DeleteVersionTag removes a tag; one that is absent is no error.
func (r *Room) DeleteVersionTag(ctx context.Context, name string, number int, key string) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		v, err := getVersion(tx, name, number)
		if err != nil {
			return err
		}
		if changed, err := changes(tx.Exec(`DELETE FROM registry_version_tag WHERE model_id = ? AND number = ? AND tag = ?`,
			v.modelID, number, key)); err != nil || !changed {
			return err
		}
		return r.tellVersionTag(tx, v, key, nil)
	})
}

// TransitionStage moves a version to a stage of old MLflow. With archive, the other versions in that stage are archived;
// this is allowed towards Staging and Production only. Stages decide nothing in Paraplu.
func (r *Room) TransitionStage(ctx context.Context, name string, number int, to string, archive bool) (Version, error) {
	to, err := stage(to)
	if err != nil {
		return Version{}, err
	}
	if archive && to != StageStaging && to != StageProduction {
		return Version{}, fault.New(fault.Invalid, "Model version transition cannot archive existing model versions because '%s' is not an Active stage. "+
			"Valid stages are ['Staging', 'Production']", to)
	}
	return db.Change(ctx, r.db, func(tx *db.Tx) (Version, error) {
		v, err := getVersion(tx, name, number)
		if err != nil {
			return v, err
		}
		v.Stage, v.UpdatedAt = to, r.now()
		now := db.Millis(v.UpdatedAt)
		if archive {
			if _, err := tx.Exec(`UPDATE registry_version SET stage = ?, updated_ms = ? WHERE model_id = ? AND number <> ? AND stage = ? AND deleted = 0`,
				StageArchived, now, v.modelID, number, to); err != nil {
				return v, err
			}
		}
		if _, err := tx.Exec(`UPDATE registry_version SET stage = ?, updated_ms = ? WHERE model_id = ? AND number = ?`, to, now, v.modelID, number); err != nil {
			return v, err
		}
		return v, touch(tx, v.modelID, now)
	})
}

// LatestVersions gives the newest version of each wanted stage, of all stages when none is named.
func (r *Room) LatestVersions(ctx context.Context, name string, wanted []string) ([]Version, error) {
	var canonical []string
	for _, s := range wanted {
		c, err := stage(s)
		if err != nil {
			return nil, err
		}
		canonical = append(canonical, c)
	}
	if len(canonical) == 0 {
		canonical = stages
	}
	return db.Get(ctx, r.db, func(tx *db.Tx) ([]Version, error) {
		m, err := getModel(tx, name)
		if err != nil {
			return nil, err
		}
		return latestVersions(tx, m, canonical)
	})
}

// latestVersions is in the order of stages, not of wanted.
func latestVersions(tx *db.Tx, m Model, wanted []string) ([]Version, error) {
	vs, err := versions(tx, `v.model_id = ? AND v.number IN (SELECT max(number) FROM registry_version
		WHERE model_id = ? AND deleted = 0 GROUP BY stage)`, m.id, m.id)
	if err != nil {
		return nil, err
	}
	vs = slices.DeleteFunc(vs, func(v Version) bool { return !slices.Contains(wanted, v.Stage) })
	slices.SortFunc(vs, func(a, b Version) int { return slices.Index(stages, a.Stage) - slices.Index(stages, b.Stage) })
	return vs, fillVersions(tx, vs)
}

// SetAlias points an alias at a version. The alias of an environment with a deployment is moved by deployments only.
func (r *Room) SetAlias(ctx context.Context, name, alias string, number int, by string) error {
	if err := checkNewAlias(alias); err != nil {
		return err
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		v, err := getVersion(tx, name, number)
		if err != nil {
			return err
		}
		if err := refuseGuarded(tx, v, alias); err != nil {
			return err
		}
		return r.setAlias(tx, v, alias, by)
	})
}

func (r *Room) setAlias(tx *db.Tx, v Version, alias, by string) error {
	var old int
	found, err := db.Found(tx.QueryRow(`SELECT number FROM registry_alias WHERE model_id = ? AND alias = ?`, v.modelID, alias).Scan(&old))
	if err != nil || found && old == v.Number {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO registry_alias (model_id, alias, number) VALUES (?, ?, ?)
		ON CONFLICT (model_id, alias) DO UPDATE SET number = excluded.number`, v.modelID, alias, v.Number); err != nil {
		return err
	}
	m, err := getModel(tx, v.Model)
	if err != nil {
		return err
	}
	now := r.now()
	if err := touch(tx, v.modelID, db.Millis(now)); err != nil {
		return err
	}
	if err := r.tellAlias(tx, v.Model, alias, v.Number); err != nil {
		return err
	}
	return event.Append(tx, event.Fact{Time: now, Actor: actor(by), Product: m.Product, Verb: event.AliasSet, Object: v.Model + "@" + alias,
		Digest: string(v.Package), Inputs: []string{v.Ref()}, Outputs: []string{"alias:" + v.Model + "@" + alias},
		Data: map[string]any{"model": v.Model, "alias": alias, "version": v.Number, "was": old}})
}

// refuseGuarded keeps the alias of an environment at what is deployed there.
func refuseGuarded(tx *db.Tx, v Version, alias string) error {
	var live string
	found, err := db.Found(tx.QueryRow(`SELECT package FROM registry_release WHERE model = ? AND environment = ? AND live = 1`, v.Model, alias).Scan(&live))
	if err != nil || !found || v.Number > 0 && string(v.Package) == live {
		return err
	}
	return fault.New(fault.Precondition, "the alias %s of model %s follows what is deployed in %s, so that it never names what is not running", alias, v.Model, alias).
		WithHint("paraplu place puts another package there, paraplu rollback goes back")
}

// DeleteAlias removes an alias; one that is absent is no error.
func (r *Room) DeleteAlias(ctx context.Context, name, alias string) error {
	if err := checkAlias(alias); err != nil {
		return err
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		m, err := getModel(tx, name)
		if err != nil {
			return err
		}
		if err := refuseGuarded(tx, Version{Model: name}, alias); err != nil {
			return err
		}
		if changed, err := changes(tx.Exec(`DELETE FROM registry_alias WHERE model_id = ? AND alias = ?`, m.id, alias)); err != nil || !changed {
			return err
		}
		return r.tellAlias(tx, name, alias, 0)
	})
}

// GetByAlias gives the version that an alias points at; "latest" is the highest version.
func (r *Room) GetByAlias(ctx context.Context, name, alias string) (Version, error) {
	if err := checkAlias(alias); err != nil {
		return Version{}, err
	}
	if strings.EqualFold(alias, "latest") {
		vs, err := r.LatestVersions(ctx, name, nil)
		if err == nil && len(vs) == 0 {
			err = fault.New(fault.NotFound, "Latest version not found for model %s.", name)
		}
		if err != nil {
			return Version{}, err
		}
		return slices.MaxFunc(vs, func(a, b Version) int { return a.Number - b.Number }), nil
	}
	return db.Get(ctx, r.db, func(tx *db.Tx) (Version, error) {
		m, err := getModel(tx, name)
		if err != nil {
			return Version{}, err
		}
		n, ok := m.Aliases[alias]
		if !ok {
			return Version{}, fault.New(fault.Invalid, "Registered model alias %s not found.", alias)
		}
		v, err := getVersion(tx, name, n)
		return v, fault.Wrap(err, "%s", fmt.Sprintf("reading the alias %s", alias))
	})
}
