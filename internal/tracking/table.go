package tracking

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// Limits of a table: rows of a page, columns that are asked for, and columns that are shown when none are.
const (
	MaxTableRows    = 1000
	MaxTableColumns = 1000
	AllColumns      = 200
)

// TableQuery asks for a page of a table of runs, over one, several or all experiments.
type TableQuery struct {
	Experiments []string // ids; none = all
	Filter      string   // the language of filter.ParseExpr
	Order       []string // terms such as "min(metrics.loss) DESC"; then the latest start first
	View        View
	Columns     []string // metrics.loss, min(metrics.loss), params.x, tags.y; none = all of the rows, up to AllColumns
	Limit       int      // 1 to MaxTableRows
	Page        string   // token, "" = the first
	NoTotal     bool     // leave Total at -1
}

// Table is a page of runs and what was asked of them.
type Table struct {
	Columns []Column // metrics, params and tags, in this order; attributes are in every row
	More    int      // columns that the rows have and that did not fit
	Rows    []TableRow
	Total   int64  // runs that match
	Next    string // token of the following page, "" at the end
}

// TableRow is a run with a cell for each column of the table.
type TableRow struct {
	Run        Run    // without what was logged
	Experiment string // name
	Cells      []Cell
}

// Cell is a value of a run. The number of a metric is NaN if the value is.
type Cell struct {
	Set    bool // the run has it
	Number float64
	Text   string // of params and tags
}

// Table gives a page of runs that match, and how many there are. A page costs the same at any depth.
func (r *Room) Table(ctx context.Context, q TableQuery) (t Table, err error) {
	a, err := r.read(q)
	if err != nil {
		return t, err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		t = Table{Columns: a.columns, Total: -1}
		if err := t.page(tx, a); err != nil {
			return err
		}
		switch {
		case q.NoTotal:
			t.Total = -1
		case q.Page == "" && t.Next == "":
			t.Total = int64(len(t.Rows))
		case t.Total < 0:
			if err := tx.QueryRow(`SELECT count(*) FROM tracking_run r`+a.where, a.args...).Scan(&t.Total); err != nil {
				return err
			}
		}
		return t.load(tx, len(q.Columns) == 0)
	})
	return t, err
}

// asked is a query that was read.
type asked struct {
	columns    []Column
	where      string // of tracking_run r
	args       []any
	order      *order
	behind     string // the place of the page, "" = the first
	behindArgs []any
	limit      int
	once       bool // judge the filter once for rows and total
}

func (r *Room) read(q TableQuery) (a asked, err error) {
	if q.Limit < 1 || q.Limit > MaxTableRows {
		return a, fault.New(fault.Invalid, "a page has 1 to %d rows, not %d", MaxTableRows, q.Limit)
	}
	a.limit, a.once = q.Limit, q.Filter != "" && !q.NoTotal
	if a.columns, err = parseColumns(q.Columns); err != nil {
		return a, err
	}
	if a.where, a.args, err = r.selected(q); err != nil {
		return a, err
	}
	if a.order, err = sortRuns(r.db.Dialect(), q.Order); err != nil {
		return a, err
	}
	a.behind, a.behindArgs, err = a.order.after(q.Page)
	return a, err
}

// page reads the rows of a page, and the total if that costs nothing.
func (t *Table) page(tx *db.Tx, a asked) error {
	// Runs are filtered and sorted by what that takes of them, and read whole only when it is known which ones make the page.
	keys, into := a.order.columns()
	with, total, from, where := "", "-1", "tracking_run r", a.where
	args := append(append([]any{}, a.order.args...), a.args...)
	if a.once {
		with, total, from, where = `hit AS MATERIALIZED (SELECT `+a.order.needs()+` FROM tracking_run r`+a.where+`), `, `(SELECT count(*) FROM hit)`, "hit r", " WHERE true"
		args = append(append([]any{}, a.args...), a.order.args...)
	}
	if a.behind != "" {
		where, args = where+" AND "+a.behind, append(args, a.behindArgs...)
	}
	text := `WITH ` + with + `page AS (SELECT r.id AS run, ` + keys + ` FROM ` + from + a.order.joins + where + a.order.by(false) + fmt.Sprintf(" LIMIT %d", a.limit+1) + `)
		SELECT ` + runColumns + `, ` + total + `, ` + a.order.names() + ` FROM page p JOIN tracking_run r ON r.id = p.run` + a.order.by(true)
	var last []any
	return tx.Each(func(rows *sql.Rows) error {
		keys := into()
		run, err := scanRun(func(dest ...any) error { return rows.Scan(append(append(dest, &t.Total), keys...)...) })
		if len(t.Rows) == a.limit { // one more than asked for: there is a following page
			t.Next = a.order.token(last)
			return err
		}
		t.Rows, last = append(t.Rows, TableRow{Run: run}), keys
		return err
	}, text, args...)
}

// selected gives the WHERE of a query.
func (r *Room) selected(q TableQuery) (string, []any, error) {
	where := " WHERE r.stage IN " + q.View.stages()
	if len(q.Experiments) > 0 {
		ids, err := experimentList(q.Experiments)
		if err != nil {
			return "", nil, err
		}
		where += " AND r.experiment IN (" + ids + ")"
	}
	cond, args, err := compile(r.db.Dialect(), q.Filter, !q.NoTotal)
	if cond != "" {
		where += " AND " + cond
	}
	return where, args, err
}

func parseColumns(names []string) ([]Column, error) {
	if len(names) > MaxTableColumns {
		return nil, fault.New(fault.Invalid, "%d columns are asked for, more than %d", len(names), MaxTableColumns)
	}
	seen := map[Column]bool{}
	byKind := map[ColumnKind][]Column{}
	for _, name := range names {
		c, err := ParseColumn(name)
		if err != nil {
			return nil, err
		}
		if strings.ContainsRune(c.Key, 0) {
			return nil, fault.New(fault.Invalid, "a name of a column holds NUL")
		}
		if !seen[c] {
			byKind[c.Kind] = append(byKind[c.Kind], c)
		}
		seen[c] = true
	}
	return append(append(byKind[MetricColumn], byKind[ParamColumn]...), byKind[TagColumn]...), nil
}

// names gives the experiments of the rows their names.
func (t *Table) names(tx *db.Tx) error {
	ids := map[string]string{}
	for _, row := range t.Rows {
		ids[row.Run.ExperimentID] = ""
	}
	var list []string
	for id := range ids {
		list = append(list, id)
	}
	if len(list) == 0 {
		return nil
	}
	err := tx.Each(func(rows *sql.Rows) error {
		var id int64
		var name string
		err := rows.Scan(&id, &name)
		ids[strconv.FormatInt(id, 10)] = name
		return err
	}, `SELECT id, name FROM tracking_experiment WHERE id IN (`+strings.Join(list, ", ")+`)`)
	for i := range t.Rows {
		t.Rows[i].Experiment = ids[t.Rows[i].Run.ExperimentID]
	}
	return err
}
