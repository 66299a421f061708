package registry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Version is one version of a registered model. It is READY as soon as it exists.
type Version struct {
	Model       string            `json:"model"`
	Number      int               `json:"number"` // 1, 2, … never reused
	Stage       string            `json:"stage"`
	Description string            `json:"description"`
	Source      string            `json:"source"`       // as the client gave it
	Location    string            `json:"location"`     // where the artifacts are: Source, or what a models:/ source stood for
	RunID       string            `json:"run_id"`       // of the run that made it, or ""
	RunLink     string            `json:"run_link"`     // free text of the client
	LoggedModel string            `json:"logged_model"` // "m-…", or ""
	Package     ref.Digest        `json:"package"`      // the Paraplu package, or ""
	Actor       string            `json:"actor"`
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`
	Tags        map[string]string `json:"tags"`
	Aliases     []string          `json:"aliases"` // sorted

	modelID string
}

// Ref is the lineage name, such as "model:umbrella@v3".
func (v Version) Ref() string { return fmt.Sprintf("model:%s@v%d", v.Model, v.Number) }

// VersionInput makes a version.
type VersionInput struct {
	Model       string
	Source      string
	RunID       string
	RunLink     string
	Description string
	LoggedModel string
	Package     ref.Digest // a second version of one package is not made
	Actor       string
	Tags        map[string]string
}

// packageSource is where clients of MLflow find the files of a package.
func packageSource(d ref.Digest) string { return "mlflow-artifacts:/packages/" + d.Hex() }

// CreateVersion adds a version to a model. Its source is checked and resolved, see resolve.
func (r *Room) CreateVersion(ctx context.Context, in VersionInput) (Version, error) {
	if in.Source == "" && in.Package != "" {
		in.Source = packageSource(in.Package)
	}
	if err := checkModelName("name", in.Model); err != nil {
		return Version{}, err
	}
	if in.Source == "" {
		return Version{}, missing("source")
	}
	if err := checkTags(in.Tags); err != nil {
		return Version{}, err
	}
	location, err := r.resolve(ctx, &in)
	if err != nil {
		return Version{}, err
	}
	return db.Change(ctx, r.db, func(tx *db.Tx) (Version, error) {
		m, err := getModel(tx, in.Model)
		if err != nil {
			return Version{}, err
		}
		return r.createVersion(tx, m, in, location, r.now())
	})
}

// Find resolves "models:/name/3", "models:/name/Production", "models:/name@alias", and the same without "models:/".
func (r *Room) Find(ctx context.Context, uri string) (Version, error) {
	text := strings.TrimLeft(strings.TrimPrefix(uri, "models:/"), "/")
	if name, alias, ok := strings.Cut(text, "@"); ok {
		return r.GetByAlias(ctx, name, alias)
	}
	name, sel, ok := strings.Cut(text, "/")
	if !ok {
		return Version{}, fault.New(fault.Invalid, "%q names no version: write models:/%s/1 or models:/%s@production", uri, name, name)
	}
	if n, ok := positive(sel); ok {
		return r.GetVersion(ctx, name, n)
	}
	var want []string
	if !strings.EqualFold(sel, "latest") {
		want = []string{sel}
	}
	found, err := r.LatestVersions(ctx, name, want)
	if err != nil {
		return Version{}, err
	}
	if len(found) == 0 {
		return Version{}, fault.New(fault.NotFound, "No versions of model with name '%s' and stage '%s' found", name, sel)
	}
	return slices.MaxFunc(found, func(a, b Version) int { return a.Number - b.Number }), nil
}

func positive(s string) (int, bool) {
	if s == "" || len(s) > 9 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n, n > 0
}

// createVersion is repeatable for a package: the version that holds it is answered unchanged.
func (r *Room) createVersion(tx *db.Tx, m Model, in VersionInput, location string, now time.Time) (Version, error) {
	if in.Package != "" {
		if v, found, err := versionOfPackage(tx, m, in.Package); err != nil || found {
			return v, err
		}
	}
	v := Version{Model: m.Name, Number: m.lastVersion + 1, Stage: StageNone, Description: in.Description, Source: in.Source, Location: location,
		RunID: in.RunID, RunLink: in.RunLink, LoggedModel: in.LoggedModel, Package: in.Package, Actor: in.Actor, CreatedAt: now, UpdatedAt: now,
		Tags: maps.Clone(in.Tags), modelID: m.id}
	if v.Tags == nil {
		v.Tags = map[string]string{}
	}
	if err := insertVersion(tx, v); err != nil {
		return v, fault.Wrap(err, "adding a version to the model %s", m.Name)
	}
	if err := r.tellVersion(tx, v); err != nil {
		return v, err
	}
	var from []string
	if v.Package != "" {
		from = append(from, "package:"+string(v.Package))
	}
	if v.RunID != "" {
		from = append(from, "run:"+v.RunID)
	}
	return v, event.Append(tx, event.Fact{Time: now, Actor: actor(in.Actor), Product: m.Product, Verb: event.ModelVersioned,
		Object: fmt.Sprintf("%s@v%d", m.Name, v.Number), Digest: string(v.Package), Key: fmt.Sprintf("model.versioned:%s:%d", m.id, v.Number),
		Inputs: from, Outputs: []string{v.Ref()}, Data: map[string]any{"model": m.Name, "version": v.Number, "source": v.Source, "run": v.RunID}})
}

func actor(a string) string {
	if a == "" {
		return "system"
	}
	return a
}

// GetVersion gives one version.
func (r *Room) GetVersion(ctx context.Context, name string, number int) (Version, error) {
	return db.Get(ctx, r.db, func(tx *db.Tx) (Version, error) { return getVersion(tx, name, number) })
}

func getVersion(tx *db.Tx, name string, number int) (Version, error) {
	if err := checkModelName("name", name); err != nil {
		return Version{}, err
	}
	vs, err := versions(tx, `m.name = ? AND v.number = ?`, name, number)
	if err == nil && len(vs) == 0 {
		err = fault.New(fault.NotFound, "Model Version (name=%s, version=%d) not found", name, number)
	}
	if err != nil {
		return Version{}, err
	}
	return vs[0], fillVersions(tx, vs[:1])
}

// UpdateVersion sets the description.
func (r *Room) UpdateVersion(ctx context.Context, name string, number int, description string) (Version, error) {
	return db.Change(ctx, r.db, func(tx *db.Tx) (Version, error) {
		v, err := getVersion(tx, name, number)
		if err != nil {
			return v, err
		}
		v.Description, v.UpdatedAt = description, r.now()
		_, err = tx.Exec(`UPDATE registry_version SET description = ?, updated_ms = ? WHERE model_id = ? AND number = ?`,
			description, db.Millis(v.UpdatedAt), v.modelID, number)
		return v, err
	})
}

// DeleteVersion hides a version and what it was made from; its number is never used again. Aliases on it go. One whose
// package is live is fault.Precondition.
func (r *Room) DeleteVersion(ctx context.Context, name string, number int) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		v, err := getVersion(tx, name, number)
		if err != nil {
			return err
		}
		if v.Package != "" {
			if err := refuseLive(tx, Model{Name: name, id: v.modelID}, v.Package, fmt.Sprintf("version %d deleted", number)); err != nil {
				return err
			}
		}
		now := db.Millis(r.now())
		if _, err := tx.Exec(`UPDATE registry_version SET deleted = 1, description = '', actor = '', source = 'REDACTED-SOURCE-PATH',
			location = 'REDACTED-SOURCE-PATH', run_id = 'REDACTED-RUN-ID', run_link = 'REDACTED-RUN-LINK', updated_ms = ?
			WHERE model_id = ? AND number = ?`, now, v.modelID, number); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM registry_alias WHERE model_id = ? AND number = ?`, v.modelID, number); err != nil {
			return err
		}
		return touch(tx, v.modelID, now)
	})
}
