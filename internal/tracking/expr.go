package tracking

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/filter"
)

// A filter has two truth values. A comparison with what a run does not have is false, also !=; NOT turns that around. A
// metric that is NaN, and a param or tag that is compared with a number and is none, satisfies != only. min, max and mean
// are over the numbers of a series, so a series of NaNs alone does not have them; count is 0 where there is no series.

// maxTests bounds the comparisons of a filter: SQLite refuses expressions that are 1000 deep.
const maxTests = 300

// maxValues bounds the values of a filter together: SQLite knows 32,766 placeholders in a statement.
const maxValues = 20000

// condition is a filter as SQL over tracking_run r.
type condition struct {
	dialect db.Dialect
	all     bool // every run is judged, not only those of a page
	sql     strings.Builder
	args    []any
}

// compile reads a filter. An empty one gives "". all tells that every run will be judged by it, not only those of a page.
func compile(dialect db.Dialect, text string, all bool) (string, []any, error) {
	e, err := filter.ParseExpr(text)
	if err != nil {
		return "", nil, placed("filter", text, err)
	}
	n := 0
	e.Tests(func(*filter.Expr) { n++ })
	if n > maxTests {
		return "", nil, placed("filter", text, &mistake{msg: fmt.Sprintf("the filter has %d comparisons, more than %d", n, maxTests)})
	}
	c := &condition{dialect: dialect, all: all}
	if e != nil {
		err = c.expr(e)
	}
	if err == nil && len(c.args) > maxValues {
		err = &mistake{msg: fmt.Sprintf("the filter has %d values, more than %d", len(c.args), maxValues)}
	}
	return c.sql.String(), c.args, placed("filter", text, err)
}

func (c *condition) expr(e *filter.Expr) error {
	switch e.Logic {
	case filter.Is:
		return c.test(e)
	case filter.Not:
		c.sql.WriteString("NOT (")
	default:
		c.sql.WriteString("(")
	}
	for i, p := range e.Parts {
		if i > 0 {
			c.sql.WriteString(" " + string(e.Logic) + " ")
		}
		if err := c.expr(p); err != nil {
			return err
		}
	}
	c.sql.WriteString(")")
	return nil
}

func (c *condition) add(sql string, args ...any) error {
	c.sql.WriteString(sql)
	c.args = append(c.args, args...)
	return nil
}

func (c *condition) test(e *filter.Expr) error {
	col, err := columnOf(e.Term)
	if err != nil {
		return err
	}
	if len(e.Value.List) > maxList {
		return &mistake{pos: e.At, msg: fmt.Sprintf("the list has %d values, more than %d", len(e.Value.List), maxList)}
	}
	if (e.Op == filter.LikeOp || e.Op == filter.ILikeOp) && longer(e.Value.Text, maxPattern) {
		return &mistake{pos: e.At, msg: fmt.Sprintf("the pattern is longer than %d characters", maxPattern)}
	}
	if strings.ContainsRune(e.Value.Text+e.Term.Key+strings.Join(e.Value.List, ""), 0) {
		return &mistake{pos: e.At, msg: "a text of a filter holds no NUL"}
	}
	switch col.Kind {
	case MetricColumn:
		return c.metric(col, e)
	case ParamColumn:
		return c.keyValue("tracking_param", col, e)
	case TagColumn:
		return c.keyValue("tracking_tag", col, e)
	case datasetColumn:
		return c.dataset(col, e)
	}
	return c.attribute(col, e)
}

// summarySQL gives a summary of tracking_series x: its value, NULL when it is NaN or absent, and what tells that a series
// has it.
func summarySQL(alias, fn string) (value, has string) {
	has = "@.run IS NOT NULL"
	switch fn {
	case "last":
		value = "CASE WHEN @.is_nan = 0 THEN @.value END"
	case "first":
		value = "@.first_value"
	case "count":
		value = "@.points"
	case "min":
		value, has = "@.low", "@.low IS NOT NULL"
	case "max":
		value, has = "@.high", "@.high IS NOT NULL"
	case "mean":
		value, has = "CASE WHEN @.points > @.nans THEN @.total / (@.points - @.nans) END", "@.points > @.nans"
	}
	return strings.ReplaceAll(value, "@", alias), strings.ReplaceAll(has, "@", alias)
}

const seriesOf = `SELECT 1 FROM tracking_series x WHERE x.run = r.id AND x.key = ? AND `

func (c *condition) metric(col Column, e *filter.Expr) error {
	value, has := summarySQL("x", col.Func)
	switch e.Op {
	case filter.IsNull, filter.NotNull:
		if e.Op == filter.IsNull {
			c.sql.WriteString("NOT ")
		}
		return c.add("EXISTS ("+seriesOf+has+")", col.Key)
	}
	number, isNaN, err := metricNumber(e)
	if err != nil {
		return err
	}
	op := sqlOp(e.Op)
	switch {
	case isNaN && e.Op == filter.Eq:
		return c.add("EXISTS ("+seriesOf+has+" AND ("+value+") IS NULL)", col.Key)
	case isNaN && e.Op == filter.Ne:
		return c.add("EXISTS ("+seriesOf+"("+value+") IS NOT NULL)", col.Key)
	case isNaN:
		return &mistake{e.At, "nothing is greater or less than NaN", "= 'nan' and != 'nan' tell whether it is one"}
	case col.Func == "count":
		return c.add("coalesce((SELECT x.points FROM tracking_series x WHERE x.run = r.id AND x.key = ?), 0) "+op+" CAST(? AS DOUBLE PRECISION)", col.Key, number)
	case e.Op == filter.Ne:
		return c.add("EXISTS ("+seriesOf+has+" AND (("+value+") IS NULL OR ("+value+") <> ?))", col.Key, number)
	case col.Func == "last": // in the form that an index serves
		return c.add("EXISTS ("+seriesOf+"x.is_nan = 0 AND x.value "+op+" ?)", col.Key, number)
	}
	return c.add("EXISTS ("+seriesOf+"("+value+") "+op+" ?)", col.Key, number)
}

// metricNumber reads the right side of a comparison of a metric: a number, or 'nan', 'inf', '-inf'.
func metricNumber(e *filter.Expr) (number float64, isNaN bool, err error) {
	if !slices.Contains(numberOps, e.Op) {
		return 0, false, &mistake{e.At, fmt.Sprintf("a metric is a number, and %s compares texts", e.Op), "use = != > >= < <= or IS NULL"}
	}
	if e.Value.IsNumber {
		number, _ = stored(e.Value.Number)
		return number, false, nil
	}
	if x, perr := strconv.ParseFloat(e.Value.Text, 64); perr == nil && strings.Contains("nan inf infinity", strings.ToLower(strings.Trim(e.Value.Text, "+-"))) {
		number, isNaN = stored(x)
		return number, isNaN, nil
	}
	return 0, false, &mistake{e.At, fmt.Sprintf("a metric is compared with a number, not with %s", e.Value), "write " + e.Term.String() + " " + string(e.Op) + " 0.5"}
}

// numberSQL gives a text as the number that it writes, NULL when it writes none: as JSON does, at most 40 characters with an
// exponent of at most two digits, which every double holds.
func numberSQL(dialect db.Dialect, text string) string {
	sql := `CASE WHEN length(@) <= 40 AND @ ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9][0-9]?)?$' THEN CAST(@ AS DOUBLE PRECISION) END`
	if dialect == db.SQLite {
		sql = `CASE WHEN length(@) <= 40 AND @ NOT GLOB '*[^-+.0-9eE]*' AND @ NOT GLOB '*[eE]*[0-9][0-9][0-9]' AND json_valid(@) THEN CAST(@ AS REAL) END`
	}
	return strings.ReplaceAll(sql, "@", text)
}

func (c *condition) keyValue(table string, col Column, e *filter.Expr) error {
	from := "SELECT 1 FROM " + table + " x WHERE x.run = r.id AND x.key = ?"
	switch e.Op {
	case filter.IsNull:
		return c.add("NOT EXISTS ("+from+")", col.Key)
	case filter.NotNull:
		return c.add("EXISTS ("+from+")", col.Key)
	}
	if !e.Value.IsNumber && e.Op == filter.Eq && c.all {
		sql, args := among(c.dialect, table, col.Key, e.Value.Text)
		return c.add(sql, args...)
	}
	if !e.Value.IsNumber {
		sql, args := c.text("x.value", e)
		return c.add("EXISTS ("+from+" AND "+sql+")", append([]any{col.Key}, args...)...)
	}
	number := numberSQL(c.dialect, "x.value")
	if e.Op == filter.Ne {
		return c.add("EXISTS ("+from+" AND (("+number+") IS NULL OR ("+number+") <> ?))", col.Key, e.Value.Number)
	}
	return c.add("EXISTS ("+from+" AND ("+number+") "+sqlOp(e.Op)+" ?)", col.Key, e.Value.Number)
}

// text compares a text. Greater and less are by code point.
func (c *condition) text(col string, e *filter.Expr) (string, []any) {
	switch e.Op {
	case filter.Gt, filter.Ge, filter.Lt, filter.Le:
		if c.dialect == db.Postgres {
			col += ` COLLATE "C"`
		}
		return col + " " + string(e.Op) + " ?", []any{e.Value.Text}
	}
	sql, args := match(c.dialect, col, e.Clause())
	return sql, args
}

func (c *condition) dataset(col Column, e *filter.Expr) error {
	from := `SELECT 1 FROM tracking_input i JOIN tracking_dataset d ON d.id = i.dataset WHERE i.run = r.id`
	target := "d." + col.Key
	switch col.Key {
	case "name", "digest":
	case "context":
		from, target = `SELECT 1 FROM tracking_input_tag i WHERE i.run = r.id AND i.key = '`+TagContext+`'`, "i.value"
	default:
		return &mistake{e.Term.Pos, "a dataset has no " + col.Key, "it has name, digest and context"}
	}
	switch e.Op {
	case filter.IsNull:
		return c.add("NOT EXISTS (" + from + ")")
	case filter.NotNull:
		return c.add("EXISTS (" + from + ")")
	}
	if e.Value.IsNumber {
		return &mistake{e.At, "a dataset is compared with a text", "put " + e.Value.Text + " in quotes"}
	}
	sql, args := c.text(target, e)
	return c.add("EXISTS ("+from+" AND "+sql+")", args...)
}

func (c *condition) attribute(col Column, e *filter.Expr) error {
	a := attributeColumns[col.Key]
	if e.Op == filter.IsNull || e.Op == filter.NotNull {
		if !a.null {
			return &mistake{e.Term.Pos, "every run has a " + col.Key, "end_time and duration are absent while a run goes on"}
		}
		return c.add("r.end_ms " + string(e.Op))
	}
	if a.kind == textAttribute {
		if e.Value.IsNumber {
			return &mistake{e.At, col.Key + " is compared with a text", "put " + e.Value.Text + " in quotes"}
		}
		if col.Key == "status" {
			e.Value.Text = strings.ToUpper(e.Value.Text)
			for i, v := range e.Value.List {
				e.Value.List[i] = strings.ToUpper(v)
			}
		}
		sql, args := c.text(a.sql, e)
		return c.add("("+sql+")", args...)
	}
	value, err := attributeNumber(col.Key, a.kind, e)
	if err != nil {
		return err
	}
	sql := a.sql + " " + sqlOp(e.Op) + " "
	if a.null {
		sql = "r.end_ms IS NOT NULL AND " + sql
	}
	if i := int64(value); float64(i) == value {
		return c.add("("+sql+"?)", i)
	}
	return c.add("("+sql+"CAST(? AS DOUBLE PRECISION))", value)
}

// attributeNumber reads the right side of a comparison with an instant in Unix milliseconds or as date, a duration in
// seconds or as 1h30m, or a number. Durations are answered in milliseconds.
func attributeNumber(key string, kind attributeKind, e *filter.Expr) (float64, error) {
	if !slices.Contains(numberOps, e.Op) {
		return 0, &mistake{e.At, fmt.Sprintf("%s is a number, and %s compares texts", key, e.Op), "use = != > >= < <="}
	}
	switch kind {
	case timeAttribute:
		if e.Value.IsNumber {
			return e.Value.Number, nil
		}
		for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, time.RFC3339} {
			if t, err := time.Parse(layout, e.Value.Text); err == nil {
				return float64(t.UnixMilli()), nil
			}
		}
		return 0, &mistake{e.At, fmt.Sprintf("%s is no instant", e.Value), "write '2026-11-27', '2026-11-27 14:30' (UTC), or Unix milliseconds"}
	case durationAttribute:
		if e.Value.IsNumber {
			return e.Value.Number * 1000, nil
		}
		if d, err := time.ParseDuration(e.Value.Text); err == nil {
			return float64(d) / 1e6, nil
		}
		return 0, &mistake{e.At, fmt.Sprintf("%s is no duration", e.Value), "write seconds, or '1h30m'"}
	}
	if x, err := strconv.ParseFloat(e.Value.Text, 64); err == nil {
		return x, nil
	}
	return 0, &mistake{e.At, fmt.Sprintf("%s is no number", e.Value), "write " + key + " " + string(e.Op) + " 1"}
}
