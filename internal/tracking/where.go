package tracking

import (
	"fmt"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/filter"
)

// query builds a SELECT whose parts carry their own arguments: joins stand before conditions in the text.
type query struct {
	dialect   db.Dialect
	joins     []string
	joinArgs  []any
	conds     []string
	args      []any
	orders    []string
	orderArgs []any
}

func (q *query) where(cond string, args ...any) {
	q.conds = append(q.conds, cond)
	q.args = append(q.args, args...)
}

// text gives the SQL of "columns FROM from" with everything that was added.
func (q *query) text(columns, from, limit string) (string, []any) {
	s := "SELECT " + columns + " FROM " + from + strings.Join(q.joins, "")
	if len(q.conds) > 0 {
		s += " WHERE " + strings.Join(q.conds, " AND ")
	}
	if len(q.orders) > 0 {
		s += " ORDER BY " + strings.Join(q.orders, ", ")
	}
	args := append(append([]any{}, q.joinArgs...), q.args...)
	return s + limit, append(args, q.orderArgs...)
}

// match gives "col op value" for text, with the same meaning on both databases: LIKE is case-sensitive, ILIKE is not, and
// neither knows an escape character.
func match(dialect db.Dialect, col string, c clause) (string, []any) {
	value := c.Value.Text
	switch c.Op {
	case filter.LikeOp:
		if dialect == db.Postgres {
			return col + ` LIKE ? ESCAPE ''`, []any{value}
		}
		return col + ` GLOB ?`, []any{glob(value)}
	case filter.ILikeOp:
		if dialect == db.Postgres {
			return col + ` ILIKE ? ESCAPE ''`, []any{value}
		}
		return col + ` LIKE ?`, []any{value}
	case filter.In, filter.NotIn:
		args := make([]any, len(c.Value.List))
		for i, v := range c.Value.List {
			args[i] = v
		}
		return col + " " + string(c.Op) + " " + db.In(len(args)), args
	case filter.Ne:
		return col + ` <> ?`, []any{value}
	}
	return col + ` = ?`, []any{value}
}

// glob turns a LIKE pattern into the GLOB pattern of the same meaning.
func glob(like string) string {
	var b strings.Builder
	last := rune(0)
	for _, c := range like {
		switch c {
		case '%':
			if last != '%' { // a run of them means the same and costs more
				b.WriteByte('*')
			}
		case '_':
			b.WriteByte('?')
		case '*', '?', '[':
			b.WriteString("[" + string(c) + "]")
		default:
			b.WriteRune(c)
		}
		last = c
	}
	return b.String()
}

// compare gives "col op number" for an integer column.
func compare(col string, c clause, what string) (string, []any, error) {
	if err := checkOp(c, numberOps); err != nil {
		return "", nil, err
	}
	if err := checkNumber(c, what); err != nil {
		return "", nil, err
	}
	if n, ok := c.Value.Int(); ok {
		return fmt.Sprintf("%s %s ?", col, sqlOp(c.Op)), []any{n}, nil
	}
	return fmt.Sprintf("%s %s CAST(? AS DOUBLE PRECISION)", col, sqlOp(c.Op)), []any{c.Value.Number}, nil
}

func sqlOp(o filter.Op) string {
	if o == filter.Ne {
		return "<>"
	}
	return string(o)
}

// keyValue adds a semi-join on a table of keys and values: (owner, key, value).
func (q *query) keyValue(table, owner, id string, c clause, what string) error {
	switch c.Op {
	case filter.IsNull, filter.NotNull:
		not := ""
		if c.Op == filter.IsNull {
			not = "NOT "
		}
		q.where(not+`EXISTS (SELECT 1 FROM `+table+` x WHERE x.`+owner+` = `+id+` AND x.key = ?)`, c.Key)
		return nil
	}
	if err := checkOp(c, textOps, nullOps); err != nil {
		return err
	}
	if err := checkText(c, what); err != nil {
		return err
	}
	cond, args := match(q.dialect, "x.value", c)
	q.where(`EXISTS (SELECT 1 FROM `+table+` x WHERE x.`+owner+` = `+id+` AND x.key = ? AND `+cond+`)`, append([]any{c.Key}, args...)...)
	return nil
}

// metric adds a semi-join on a table of metrics. Every comparison with NaN is false except !=.
func (q *query) metric(table, owner, id string, c clause) error {
	if err := checkOp(c, numberOps); err != nil {
		return err
	}
	if err := checkNumber(c, "metric"); err != nil {
		return err
	}
	cond := `x.value ` + sqlOp(c.Op) + ` ? AND x.is_nan = 0`
	if c.Op == filter.Ne {
		cond = `(x.value <> ? OR x.is_nan = 1)`
	}
	q.where(`EXISTS (SELECT 1 FROM `+table+` x WHERE x.`+owner+` = `+id+` AND x.key = ? AND `+cond+`)`, c.Key, c.Value.Number)
	return nil
}

// orderBy adds a term with absent values last in both directions.
func (q *query) orderBy(expr string, nullable, desc bool) {
	if nullable {
		q.orders = append(q.orders, `CASE WHEN `+expr+` IS NULL THEN 1 ELSE 0 END`)
	}
	if desc {
		expr += " DESC"
	}
	q.orders = append(q.orders, expr)
}
