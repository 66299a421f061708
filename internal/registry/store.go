package registry

import (
	"database/sql"
	"slices"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/ref"
)

const modelColumns = `id, name, product, description, actor, last_version, created_ms, updated_ms`

// models reads models without tags, aliases and versions.
func models(tx *db.Tx, where string, args ...any) ([]Model, error) {
	var out []Model
	err := tx.Each(func(rows *sql.Rows) error {
		m := Model{Tags: map[string]string{}, Aliases: map[string]int{}}
		var created, updated int64
		err := rows.Scan(&m.id, &m.Name, &m.Product, &m.Description, &m.Actor, &m.lastVersion, &created, &updated)
		m.CreatedAt, m.UpdatedAt = db.Time(created), db.Time(updated)
		out = append(out, m)
		return err
	}, `SELECT `+modelColumns+` FROM registry_model WHERE `+where, args...)
	return out, err
}

// findModel reads a model with tags and aliases.
func findModel(tx *db.Tx, name string) (Model, bool, error) {
	ms, err := models(tx, `name = ?`, name)
	if err != nil || len(ms) == 0 {
		return Model{}, false, err
	}
	return ms[0], true, fillModel(tx, &ms[0])
}

func fillModel(tx *db.Tx, m *Model) error {
	var key, value string
	if err := tx.Each(func(rows *sql.Rows) error {
		err := rows.Scan(&key, &value)
		m.Tags[key] = value
		return err
	}, `SELECT tag, value FROM registry_model_tag WHERE model_id = ?`, m.id); err != nil {
		return err
	}
	return tx.Each(func(rows *sql.Rows) error {
		var n int
		err := rows.Scan(&key, &n)
		m.Aliases[key] = n
		return err
	}, `SELECT alias, number FROM registry_alias WHERE model_id = ?`, m.id)
}

func insertModel(tx *db.Tx, m Model) error {
	if _, err := tx.Exec(`INSERT INTO registry_model (`+modelColumns+`) VALUES (?, ?, ?, ?, ?, 0, ?, ?)`,
		m.id, m.Name, m.Product, m.Description, m.Actor, db.Millis(m.CreatedAt), db.Millis(m.UpdatedAt)); err != nil {
		return err
	}
	for _, k := range sortedKeys(m.Tags) {
		if _, err := setModelTag(tx, m.id, k, m.Tags[k]); err != nil {
			return err
		}
	}
	return nil
}

// changes tells whether a statement changed anything.
func changes(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

func setModelTag(tx *db.Tx, id, key, value string) (changed bool, err error) {
	return changes(tx.Exec(`INSERT INTO registry_model_tag (model_id, tag, value) VALUES (?, ?, ?)
		ON CONFLICT (model_id, tag) DO UPDATE SET value = excluded.value WHERE registry_model_tag.value <> excluded.value`, id, key, value))
}

func touch(tx *db.Tx, modelID string, nowMS int64) error {
	_, err := tx.Exec(`UPDATE registry_model SET updated_ms = ? WHERE id = ?`, nowMS, modelID)
	return err
}

// versions reads versions that are not deleted, without tags and aliases, oldest first. where speaks of v and m.
func versions(tx *db.Tx, where string, args ...any) ([]Version, error) {
	var out []Version
	err := tx.Each(func(rows *sql.Rows) error {
		v := Version{Tags: map[string]string{}}
		var created, updated int64
		err := rows.Scan(&v.modelID, &v.Model, &v.Number, &v.Stage, &v.Description, &v.Source, &v.Location, &v.RunID, &v.RunLink,
			&v.LoggedModel, &v.Package, &v.Actor, &created, &updated)
		v.CreatedAt, v.UpdatedAt = db.Time(created), db.Time(updated)
		out = append(out, v)
		return err
	}, `SELECT v.model_id, m.name, v.number, v.stage, v.description, v.source, v.location, v.run_id, v.run_link, v.logged_model, v.package,
		v.actor, v.created_ms, v.updated_ms FROM registry_version v JOIN registry_model m ON m.id = v.model_id
		WHERE v.deleted = 0 AND `+where+` ORDER BY v.model_id, v.number`, args...)
	return out, err
}

// fillVersions adds tags and aliases.
func fillVersions(tx *db.Tx, vs []Version) error {
	for i := range vs {
		v := &vs[i]
		var key, value string
		if err := tx.Each(func(rows *sql.Rows) error {
			err := rows.Scan(&key, &value)
			v.Tags[key] = value
			return err
		}, `SELECT tag, value FROM registry_version_tag WHERE model_id = ? AND number = ?`, v.modelID, v.Number); err != nil {
			return err
		}
		v.Aliases = nil
		if err := tx.Each(func(rows *sql.Rows) error {
			err := rows.Scan(&key)
			v.Aliases = append(v.Aliases, key)
			return err
		}, `SELECT alias FROM registry_alias WHERE model_id = ? AND number = ?`, v.modelID, v.Number); err != nil {
			return err
		}
		slices.Sort(v.Aliases)
	}
	return nil
}

func versionOfPackage(tx *db.Tx, m Model, pkg ref.Digest) (Version, bool, error) {
	vs, err := versions(tx, `v.model_id = ? AND v.package = ?`, m.id, string(pkg))
	if err != nil || len(vs) == 0 {
		return Version{}, false, err
	}
	return vs[0], true, fillVersions(tx, vs[:1])
}

func insertVersion(tx *db.Tx, v Version) error {
	created := db.Millis(v.CreatedAt)
	if _, err := tx.Exec(`UPDATE registry_model SET last_version = ?, updated_ms = ? WHERE id = ?`, v.Number, created, v.modelID); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO registry_version (model_id, number, stage, description, source, location, run_id, run_link,
		logged_model, package, actor, deleted, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)`,
		v.modelID, v.Number, v.Stage, v.Description, v.Source, v.Location, v.RunID, v.RunLink, v.LoggedModel, string(v.Package), v.Actor,
		created, created); err != nil {
		return err
	}
	for _, k := range sortedKeys(v.Tags) {
		if _, err := setVersionTag(tx, v.modelID, v.Number, k, v.Tags[k]); err != nil {
			return err
		}
	}
	return nil
}

func setVersionTag(tx *db.Tx, modelID string, number int, key, value string) (changed bool, err error) {
	return changes(tx.Exec(`INSERT INTO registry_version_tag (model_id, number, tag, value) VALUES (?, ?, ?, ?)
		ON CONFLICT (model_id, number, tag) DO UPDATE SET value = excluded.value WHERE registry_version_tag.value <> excluded.value`,
		modelID, number, key, value))
}
