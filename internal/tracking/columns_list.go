package tracking

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/paraplu/paraplu/internal/db"
)

// ColumnUse is a column that exists, with how many runs have it.
type ColumnUse struct {
	Column Column
	Runs   int64
}

// Columns lists the metrics, params and tags of the runs of experiments (none = all), by kind and name.
func (r *Room) Columns(ctx context.Context, experiments []string, view View) (out []ColumnUse, err error) {
	from, _, err := r.selected(TableQuery{Experiments: experiments, View: view})
	if err != nil {
		return nil, err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		for _, k := range []struct {
			kind  ColumnKind
			fn    string
			table string
		}{{MetricColumn, "last", "tracking_series"}, {ParamColumn, "", "tracking_param"}, {TagColumn, "", "tracking_tag"}} {
			err := tx.Each(func(rows *sql.Rows) error {
				u := ColumnUse{Column: Column{Kind: k.kind, Func: k.fn}}
				err := rows.Scan(&u.Column.Key, &u.Runs)
				out = append(out, u)
				return err
			}, `SELECT x.key, count(*) FROM tracking_run r JOIN `+k.table+` x ON x.run = r.id`+from+` GROUP BY x.key`)
			if err != nil {
				return err
			}
		}
		return nil
	})
	rank := map[ColumnKind]int{MetricColumn: 0, ParamColumn: 1, TagColumn: 2}
	slices.SortFunc(out, func(a, b ColumnUse) int {
		return cmp.Or(cmp.Compare(rank[a.Column.Kind], rank[b.Column.Kind]), cmp.Compare(a.Column.Key, b.Column.Key))
	})
	return out, err
}
