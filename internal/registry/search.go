package registry

import (
	"cmp"
	"context"
	"slices"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/filter"
)

// Limits of one page, as MLflow has them.
const (
	DefaultModels   = 100
	MaxModels       = 1000
	DefaultVersions = 200_000
	MaxVersions     = 200_000
)

// Search asks for one page.
type Search struct {
	Filter     string   // see package filter
	OrderBy    []string // "name ASC", "last_updated_timestamp DESC", …
	MaxResults int      // 0 = the default
	PageToken  string   // of the page before
}

// SearchModels finds models by name and tags. Prompts are hidden unless the filter asks for them. next is "" on the last
// page.
func (r *Room) SearchModels(ctx context.Context, s Search) (found []Model, next string, err error) {
	q, err := parseSearch(s, modelFields, DefaultModels, MaxModels)
	if err != nil {
		return nil, "", err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		where, args := q.pushDown("name", "name")
		all, err := models(tx, where, args...)
		if err != nil {
			return err
		}
		tags, err := q.loadTags(tx, `SELECT model_id, 0, value FROM registry_model_tag WHERE tag = ?`)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(m Model) bool {
			return !q.match(tags, tagKey{id: m.id}, func(c filter.Clause) bool { return compareText(c, m.Name) })
		})
		order := func(a, b Model) int {
			return q.compare(func(field string) int {
				switch field {
				case "name":
					return cmp.Compare(a.Name, b.Name)
				case "creation_timestamp":
					return a.CreatedAt.Compare(b.CreatedAt)
				}
				return a.UpdatedAt.Compare(b.UpdatedAt)
			}, cmp.Compare(a.Name, b.Name))
		}
		slices.SortFunc(all, order)
		found, next = page(q, all, order,
			func(m Model) cursor { return cursor{m.Name, 0, db.Millis(m.CreatedAt), db.Millis(m.UpdatedAt)} },
			func(c cursor) Model {
				return Model{Name: c.Name, CreatedAt: db.Time(c.Created), UpdatedAt: db.Time(c.Updated)}
			})
		for i := range found {
			if err := fillModel(tx, &found[i]); err != nil {
				return err
			}
			if found[i].Latest, err = latestVersions(tx, found[i], stages); err != nil {
				return err
			}
		}
		return nil
	})
	return found, next, err
}

// SearchVersions finds versions of all models by name, version_number, run_id, source_path and tags.
func (r *Room) SearchVersions(ctx context.Context, s Search) (found []Version, next string, err error) {
	q, err := parseSearch(s, versionFields, DefaultVersions, MaxVersions)
	if err != nil {
		return nil, "", err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		where, args := q.pushDown("name", "m.name", "run_id", "v.run_id")
		all, err := versions(tx, where, args...)
		if err != nil {
			return err
		}
		tags, err := q.loadTags(tx, `SELECT model_id, number, value FROM registry_version_tag WHERE tag = ?`)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(v Version) bool {
			return !q.match(tags, tagKey{v.modelID, v.Number}, func(c filter.Clause) bool {
				switch c.Key {
				case "name":
					return compareText(c, v.Model)
				case "run_id":
					return compareText(c, v.RunID)
				case "source_path":
					return compareText(c, v.Source)
				}
				ok, _ := c.CompareNumber(float64(v.Number))
				return ok
			})
		})
		order := func(a, b Version) int {
			return q.compare(func(field string) int {
				switch field {
				case "name":
					return cmp.Compare(a.Model, b.Model)
				case "version_number":
					return cmp.Compare(a.Number, b.Number)
				case "creation_timestamp":
					return a.CreatedAt.Compare(b.CreatedAt)
				}
				return a.UpdatedAt.Compare(b.UpdatedAt)
			}, cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(b.Number, a.Number)))
		}
		slices.SortFunc(all, order)
		found, next = page(q, all, order,
			func(v Version) cursor {
				return cursor{v.Model, v.Number, db.Millis(v.CreatedAt), db.Millis(v.UpdatedAt)}
			},
			func(c cursor) Version {
				return Version{Model: c.Name, Number: c.Number, CreatedAt: db.Time(c.Created), UpdatedAt: db.Time(c.Updated)}
			})
		return fillVersions(tx, found)
	})
	return found, next, err
}

func compareText(c filter.Clause, s string) bool {
	ok, _ := c.Compare(s)
	return ok
}
