package tracking

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Limits of saved views: what is kept is read at every list of them.
const (
	maxViews    = 500 // of one product
	maxViewName = 200
)

// SavedView is a table of runs that people come back to.
type SavedView struct {
	ID        string
	Product   string // "" = for all products
	Name      string // unique in its product
	Filter    string
	Order     []string
	Columns   []string
	UpdatedMs int64
}

// check refuses a view that could not be shown.
func (r *Room) check(v SavedView) error {
	switch {
	case v.Name == "" || longer(v.Name, maxViewName):
		return fault.New(fault.Invalid, "the name of a view has 1 to %d characters", maxViewName)
	case longer(v.Filter, 10000):
		return fault.New(fault.Invalid, "the filter of a view has at most 10000 characters")
	}
	_, err := r.read(TableQuery{Filter: v.Filter, Order: v.Order, Columns: v.Columns, Limit: 1})
	return err
}

func (v SavedView) lists() (order, columns string, err error) {
	texts := [2]string{}
	for i, list := range [][]string{v.Order, v.Columns} {
		if list == nil {
			list = []string{}
		}
		b, err := json.Marshal(list)
		if err != nil {
			return "", "", err
		}
		texts[i] = string(b)
	}
	return texts[0], texts[1], nil
}

// SaveView keeps a new view (no ID), or changes one. A name that another view of the product has is fault.Exists.
func (r *Room) SaveView(ctx context.Context, v SavedView) (SavedView, error) {
	if err := r.check(v); err != nil {
		return v, err
	}
	order, columns, err := v.lists()
	if err != nil {
		return v, err
	}
	fresh := v.ID == ""
	if v.UpdatedMs = r.nowMs(); fresh {
		v.ID = ref.NewID()
	}
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		if !fresh {
			old, err := views(tx, "id = ?", v.ID)
			if err != nil || len(old) == 0 {
				return orElse(err, viewNotFound(v.ID))
			}
			_, err = tx.Exec(`UPDATE tracking_view SET product = ?, name = ?, filter = ?, sorting = ?, columns = ?, updated_ms = ? WHERE id = ?`,
				v.Product, v.Name, v.Filter, order, columns, v.UpdatedMs, v.ID)
			return err
		}
		var n int
		if err := tx.QueryRow(`SELECT count(*) FROM tracking_view WHERE product = ?`, v.Product).Scan(&n); err != nil {
			return err
		}
		if n >= maxViews {
			return fault.New(fault.Exhausted, "there are %d saved views already", n).WithHint("delete some that nobody uses")
		}
		_, err := tx.Exec(`INSERT INTO tracking_view (id, product, name, filter, sorting, columns, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			v.ID, v.Product, v.Name, v.Filter, order, columns, v.UpdatedMs)
		return err
	})
	if db.IsUnique(err) {
		err = fault.New(fault.Exists, "there is a view %s already", Quote(v.Name)).WithHint("choose another name, or change that one")
	}
	return v, err
}

// Views lists the saved views of a product and those for all products, by name.
func (r *Room) Views(ctx context.Context, product string) (out []SavedView, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = views(tx, `product IN ('', ?) ORDER BY `+textOrder(tx, "name")+`, product`, product)
		return err
	})
	return out, err
}

// DeleteView forgets a view.
func (r *Room) DeleteView(ctx context.Context, id string) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		return deleteOne(tx, viewNotFound(id), `DELETE FROM tracking_view WHERE id = ?`, id)
	})
}

func views(tx *db.Tx, where string, args ...any) (out []SavedView, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		var v SavedView
		var order, columns string
		if err := rows.Scan(&v.ID, &v.Product, &v.Name, &v.Filter, &order, &columns, &v.UpdatedMs); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(order), &v.Order); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(columns), &v.Columns)
		out = append(out, v)
		return err
	}, `SELECT id, product, name, filter, sorting, columns, updated_ms FROM tracking_view WHERE `+where, args...)
	return out, err
}

func viewNotFound(id string) error {
	return fault.New(fault.NotFound, "there is no saved view %s", id).WithHint("GET /api/v1/views lists them")
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
