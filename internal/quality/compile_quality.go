package quality

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// quality compiles one entry of a quality list; p is nil for the table.
func (c *compiler) quality(p *Property, q Rule) {
	var f *field
	if p != nil {
		f = c.src.field(p.Column)
	}
	switch q.Kind {
	case "library":
		r := c.library(f, q)
		r.limit = q.Compare
		c.add(r, p, q.Metric, &q)
	case "sql":
		c.sql(p, q)
	case "custom":
		if q.Engine != "paraplu" {
			c.add(&rule{}, p, q.Engine, &q).skip("a rule for the engine %s; it is kept and was not run", q.Engine)
			return
		}
		c.custom(p, q)
	}
}

func (c *compiler) library(f *field, q Rule) *rule {
	switch q.Metric {
	case "nullValues":
		return c.required(f)
	case "missingValues":
		return missingRule(f, q.Arguments.Missing, q.Arguments.HasMissing)
	case "invalidValues":
		return invalidRule(f, q.Arguments)
	case "rowCount":
		return rowCountRule(q.Compare)
	}
	fs := fieldsOf(f)
	if len(q.Arguments.Properties) > 0 {
		fs = nil
		for _, name := range q.Arguments.Properties {
			other := c.src.field(c.column(name))
			if other == nil {
				return &rule{probe: func(_ context.Context, _ *run, r *rule) error { r.broken("there is no column %q", name); return nil }}
			}
			fs = append(fs, other)
		}
	}
	return uniqueRule(fs)
}

// column gives the name in the file of a property.
func (c *compiler) column(name string) string {
	if i := slices.IndexFunc(c.object.Properties, func(p Property) bool { return p.Name == name }); i >= 0 {
		return c.object.Properties[i].Column
	}
	return name
}

func missingRule(f *field, values []Value, listed bool) *rule {
	null := !listed
	var list, words []string
	if !listed {
		list, words = []string{"''"}, []string{"empty"}
	}
	for _, v := range values {
		if v.Null {
			null = true
			words = append(words, "null")
			continue
		}
		list, words = append(list, literal(v.Text)), append(words, show(v.Text))
	}
	text := textOf(f)
	var conds []string
	if null {
		conds = append(conds, text+" IS NULL")
	}
	if len(list) > 0 {
		conds = append(conds, text+" IN ("+strings.Join(list, ", ")+")")
	}
	if len(conds) == 0 {
		conds = []string{"false"}
	}
	r := &rule{bad: "(" + strings.Join(conds, " OR ") + ")", noun: "rows", what: "without a value (" + few(words, 6) + ")"}
	r.Dimension, r.Expected = "completeness", "a value, not "+few(words, 6)
	return r
}

func invalidRule(f *field, a Arguments) *rule {
	if len(a.Valid) > 0 && a.Pattern == "" {
		return setRule(f, a.Valid, true)
	}
	r := patternRule(textOf(f), a.Pattern, true)
	if len(a.Valid) > 0 {
		set := setRule(f, a.Valid, true)
		r.bad, r.what, r.Expected = "("+r.bad+") OR ("+set.bad+")", set.what+", or "+r.what, set.Expected+", "+r.Expected
	}
	return r
}

func rowCountRule(want *Comparator) *rule {
	return &rule{Check: Check{Dimension: "completeness", Expected: want.String()}, needs: []string{"count(*)"}, judge: func(r *rule, v []any) {
		r.Total = toInt(v[0])
		r.Observed = plural(r.Total, "row")
		if !want.holds(float64(r.Total)) {
			r.fail("there are %s, wanted %s", plural(r.Total, "row"), want)
			if want.Op == ">=" || want.Op == ">" {
				r.Hint = "the delivery may be truncated, or be a part only"
			}
		}
	}}
}

// uniqueRule counts rows whose key another row has too. A key that is empty is no duplicate of another empty one.
func uniqueRule(fs []*field) *rule {
	key := keySQL(fs)
	r := &rule{verb: "have", what: "a key that occurs more than once", noun: "rows"}
	if len(fs) == 1 {
		r.what = "a value that occurs more than once"
	}
	r.Dimension, r.Expected = "uniqueness", "no value twice"
	r.needs = []string{"count(" + key + ")", "count(DISTINCT " + key + ")", "count(*)"}
	var surplus int64
	r.judge = func(r *rule, v []any) {
		surplus, r.Total = toInt(v[0])-toInt(v[1]), toInt(v[2])
		if surplus == 0 {
			r.weigh()
		}
	}
	r.probe = func(ctx context.Context, x *run, r *rule) error {
		if surplus == 0 {
			return nil
		}
		if err := duplicates(ctx, x, r, key, surplus); err != nil || len(fs) != 1 || fs[0].kind != "TIMESTAMP" {
			return err
		}
		res, err := x.query(ctx, "SELECT "+fs[0].typed+" FROM "+dataView+" WHERE "+fs[0].typed+" IS NOT NULL GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 100")
		if err != nil {
			return err
		}
		var twice []time.Time
		for _, row := range res.Rows {
			if at, ok := row[0].(time.Time); ok {
				twice = append(twice, at)
			}
		}
		r.Hint = first(clockHint(twice, false), r.Hint)
		return nil
	}
	return r
}

// keySQL gives one value for several columns, NULL when one of them is.
func keySQL(fs []*field) string {
	if len(fs) == 0 {
		return "NULL"
	}
	var values, filled []string
	for _, f := range fs {
		v := f.typed
		if f.cast { // what cannot be read is a value too
			v = f.raw
			if f.kind != "VARCHAR" {
				v = "coalesce(CAST(" + f.typed + " AS VARCHAR), CAST(" + f.raw + " AS VARCHAR))"
			}
		}
		values, filled = append(values, v), append(filled, f.raw+" IS NOT NULL")
	}
	if len(values) == 1 {
		return values[0]
	}
	return "CASE WHEN " + strings.Join(filled, " AND ") + " THEN row(" + strings.Join(values, ", ") + ") END"
}

func duplicates(ctx context.Context, x *run, r *rule, key string, surplus int64) error {
	from := dataView
	if r.where != "" {
		from = "(SELECT * FROM " + dataView + " WHERE " + r.where + ")"
	}
	groups := "(SELECT " + key + " AS __p_k, count(*) AS __p_n FROM " + from + " WHERE " + key + " IS NOT NULL GROUP BY __p_k HAVING count(*) > 1)"
	res, err := x.query(ctx, "SELECT count(*), sum(__p_n) FROM "+groups)
	if err != nil {
		return err
	}
	n := toInt(res.Rows[0][0])
	r.Bad = toInt(res.Rows[0][1])
	r.weigh()
	if r.Status == OK {
		return nil
	}
	r.Message += fmt.Sprintf(" (%s, %s too many)", plural(n, "recurring value"), plural(surplus, "row"))
	r.Hint = "an overlapping or repeated delivery looks like this; keep one row for each key"
	cond := key + " IN (SELECT __p_k FROM " + groups + " AS g)"
	shown := "CAST(" + key + " AS VARCHAR)"
	return x.sample(ctx, r, r.both(cond), shown)
}

// sql compiles a query of the contract; it has to answer one value.
func (c *compiler) sql(p *Property, q Rule) {
	column := ""
	if p != nil {
		column = p.Column
	}
	query := substitute(q.Query, c.object.Name, column)
	r := &rule{user: true, sql: query}
	r.Expected = q.Compare.String()
	r.probe = func(ctx context.Context, x *run, r *rule) error {
		res, err := x.query(ctx, "SELECT * FROM ("+query+") AS "+ident(prefix+"q")+" LIMIT 2")
		if err != nil {
			return err
		}
		if len(res.Rows) != 1 || len(res.Columns) != 1 {
			r.broken("the query answers %d columns and %s, wanted one value", len(res.Columns), map[bool]string{true: "several rows", false: "no row"}[len(res.Rows) > 1])
			return nil
		}
		r.Total = x.src.rows
		judgeQuery(r, q, res.Rows[0][0], x.src.rows)
		return nil
	}
	c.add(r, p, "sql", &q)
}

func judgeQuery(r *rule, q Rule, v any, rows int64) {
	about := first(q.Description, "the query")
	got, isNumber := toFloat(v)
	switch {
	case v == nil:
		r.fail("%s: the query answers nothing (NULL), wanted %s", about, q.Compare)
		return
	case q.Compare.IsText:
		r.Observed = show(v)
		if (fmt.Sprint(v) == q.Compare.Text) != (q.Compare.Op == "=") {
			r.fail("%s: got %s, wanted %s", about, r.Observed, q.Compare)
		}
		return
	case !isNumber:
		r.broken("the query answers %s, which is no number", show(v))
		return
	}
	unit := ""
	if q.Percent {
		unit = " %"
		if got = 100 * got / float64(max(1, rows)); rows == 0 {
			got = 0
		}
	}
	if r.Observed = num(got) + unit; r.secret {
		r.Observed = redacted
	}
	if !q.Compare.holds(got) {
		r.fail("%s: got %s, wanted %s%s", about, r.Observed, q.Compare, unit)
	}
}
