package tracking

import (
	"cmp"
	"database/sql"
	"math"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
)

// load fills in the cells of the rows, with one query a kind of column. all stands for every name that the rows have.
func (t *Table) load(tx *db.Tx, all bool) error {
	if err := t.names(tx); err != nil || len(t.Rows) == 0 {
		return err
	}
	l := &loader{t: t, all: all, at: map[string]int{}, column: map[Column]int{}, ids: make([]string, len(t.Rows))}
	for i, c := range t.Columns {
		l.column[c] = i
	}
	for i := range t.Rows {
		l.ids[i], l.at[t.Rows[i].Run.ID] = t.Rows[i].Run.ID, i
		t.Rows[i].Cells = make([]Cell, len(t.Columns))
	}
	if err := l.metrics(tx); err != nil {
		return err
	}
	for kind, table := range map[ColumnKind]string{ParamColumn: "tracking_param", TagColumn: "tracking_tag"} {
		if err := l.texts(tx, kind, table); err != nil {
			return err
		}
	}
	if all {
		t.arrange()
	}
	return nil
}

type loader struct {
	t      *Table
	all    bool
	ids    []string
	at     map[string]int // run → row
	column map[Column]int
}

// cell gives the place for a value, nil when the column was not asked for.
func (l *loader) cell(run sql.RawBytes, c Column) *Cell {
	i, ok := l.column[c]
	if !ok {
		if !l.all {
			return nil
		}
		c.Key = strings.Clone(c.Key)
		i = len(l.t.Columns)
		l.t.Columns, l.column[c] = append(l.t.Columns, c), i
	}
	row := &l.t.Rows[l.at[string(run)]]
	for len(row.Cells) <= i {
		row.Cells = append(row.Cells, Cell{})
	}
	return &row.Cells[i]
}

// wanted gives the condition on keys, and the functions, of the columns of a kind; none when nothing is asked of it.
func (l *loader) wanted(kind ColumnKind) (keys []any, funcs []string, none bool) {
	if l.all {
		return nil, []string{"last"}, false
	}
	seen := map[string]bool{}
	for _, c := range l.t.Columns {
		if c.Kind != kind {
			continue
		}
		if !seen["k"+c.Key] {
			keys = append(keys, c.Key)
		}
		if !seen["f"+c.Func] {
			funcs = append(funcs, c.Func)
		}
		seen["k"+c.Key], seen["f"+c.Func] = true, true
	}
	return keys, funcs, len(keys) == 0
}

func (l *loader) each(tx *db.Tx, columns, table string, keys []any, scan func(*sql.Rows) error) error {
	ids := l.ids
	for len(ids) > 0 {
		n := min(chunk, len(ids))
		var args []any
		for _, id := range ids[:n] {
			args = append(args, id)
		}
		where := ""
		if len(keys) > 0 {
			where, args = " AND x.key IN "+db.In(len(keys)), append(args, keys...)
		}
		if err := tx.Each(scan, `SELECT x.run, x.key, `+columns+` FROM `+table+` x WHERE x.run IN `+db.In(n)+where, args...); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

func (l *loader) metrics(tx *db.Tx) error {
	keys, funcs, none := l.wanted(MetricColumn)
	if none {
		return nil
	}
	columns := make([]string, len(funcs))
	for i, fn := range funcs {
		columns[i], _ = summarySQL("x", fn)
	}
	var run, key sql.RawBytes
	values := make([]sql.NullFloat64, len(funcs))
	into := []any{&run, &key}
	for i := range values {
		into = append(into, &values[i])
	}
	return l.each(tx, strings.Join(columns, ", "), "tracking_series", keys, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		name := string(key)
		for i, fn := range funcs {
			if c := l.cell(run, Column{MetricColumn, name, fn}); c != nil {
				c.Number, c.Set = values[i].Float64, values[i].Valid
				if !c.Set && (fn == "last" || fn == "first") {
					c.Number, c.Set = math.NaN(), true
				}
			}
		}
		return nil
	})
}

func (l *loader) texts(tx *db.Tx, kind ColumnKind, table string) error {
	keys, _, none := l.wanted(kind)
	if none {
		return nil
	}
	var run, key sql.RawBytes
	var value string
	return l.each(tx, "x.value", table, keys, func(rows *sql.Rows) error {
		if err := rows.Scan(&run, &key, &value); err != nil {
			return err
		}
		if c := l.cell(run, Column{Kind: kind, Key: string(key)}); c != nil {
			c.Set, c.Text = true, value
		}
		return nil
	})
}

// arrange sorts columns that were not asked for by kind and name, and keeps AllColumns of them.
func (t *Table) arrange() {
	from := make([]int, len(t.Columns))
	for i := range from {
		from[i] = i
	}
	rank := map[ColumnKind]int{MetricColumn: 0, ParamColumn: 1, TagColumn: 2}
	slices.SortFunc(from, func(a, b int) int {
		x, y := t.Columns[a], t.Columns[b]
		return cmp.Or(cmp.Compare(rank[x.Kind], rank[y.Kind]), cmp.Compare(x.Key, y.Key))
	})
	t.More = max(0, len(from)-AllColumns)
	from = from[:len(from)-t.More]
	columns := make([]Column, len(from))
	for i, j := range from {
		columns[i] = t.Columns[j]
	}
	t.Columns = columns
	for r := range t.Rows {
		cells := make([]Cell, len(from))
		for i, j := range from {
			if j < len(t.Rows[r].Cells) {
				cells[i] = t.Rows[r].Cells[j]
			}
		}
		t.Rows[r].Cells = cells
	}
}
