package quality

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// custom compiles a rule of our own engine.
func (c *compiler) custom(p *Property, q Rule) {
	k := q.Custom
	if !c.meant(q) {
		r := c.add(&rule{}, p, k.Check, &q)
		r.skip("not run, because it is for %s only", few(k.Env, 4))
		r.Severity = Info
		return
	}
	if k.Check == "absent" {
		c.absent(p, &q)
		return
	}
	f, ok := c.about(p, &q)
	if !ok {
		return
	}
	prop := p
	if f != nil && f.prop != nil {
		prop = f.prop
	}
	r := c.row(f, prop, k)
	if r == nil {
		r = c.aggregate(f, prop, k)
	}
	if r == nil {
		r = c.ordered(f, prop, k)
	}
	r.where, r.mostly = k.Where, k.Mostly
	r.user = r.user || k.Where != ""
	if k.Samples > 0 {
		r.most = int(min(k.Samples, 1000))
	}
	c.add(r, prop, k.Check, &q)
	if prop == nil && f != nil { // a column that the contract does not describe
		r.Column, r.field = f.name, f
		if r.Status == Skipped {
			r.Status = ""
		}
	}
}

// absent refuses a column that must not be known: the outcome in the data that are served.
func (c *compiler) absent(p *Property, q *Rule) {
	name := c.column(q.Custom.Columns[0])
	r := c.add(&rule{Check: Check{Dimension: "conformity", Expected: "no such column"}}, nil, "absent", q)
	r.Column = name
	r.Status, r.Observed = OK, "absent"
	if c.src.field(name) == nil {
		return
	}
	r.Bad, r.Total, r.Observed = c.src.rows, c.src.rows, "present"
	r.fail("the column is there, and must not be in data for %s: what is not known when the model answers must not be among its inputs", c.env)
	r.Hint = "take the column out; if it is an input, say since when its value is known (model.known_at)"
}

// about finds the column of a check. A column that nobody knows is a check that cannot be run.
func (c *compiler) about(p *Property, q *Rule) (*field, bool) {
	if !vocabulary[q.Custom.Check].column {
		return nil, true
	}
	name := c.column(q.Custom.Columns[0])
	f := c.src.field(name)
	if f != nil || p != nil && p.Column == name {
		return f, true
	}
	if i := slices.IndexFunc(c.object.Properties, func(p Property) bool { return p.Column == name }); i >= 0 {
		c.add(&rule{}, &c.object.Properties[i], q.Custom.Check, q)
		return nil, false
	}
	c.add(&rule{}, nil, q.Custom.Check, q).broken("there is no column %q%s", name, nearColumn(name, c.src))
	return nil, false
}

func nearColumn(name string, s *source) string {
	var names []string
	for _, f := range s.fields {
		names = append(names, f.name)
	}
	if hint := suggest(name, names); strings.HasPrefix(hint, "did") {
		return "; " + hint
	}
	return ""
}

// row compiles the checks that look at each row by itself; nil if k is none of them.
func (c *compiler) row(f *field, p *Property, k Custom) *rule {
	v := typedOf(f)
	switch k.Check {
	case "not_null":
		return c.required(f)
	case "missing":
		return missingRule(f, k.Values, true)
	case "in_set":
		return setRule(f, k.Values, true)
	case "not_in_set":
		return setRule(f, k.Values, false)
	case "between":
		return betweenRule(f, p, k)
	case "multiple_of":
		return multipleRule(v, numLiteral(*k.Min))
	case "finite":
		r := &rule{bad: "NOT isfinite(" + v + ")", base: v + " IS NOT NULL", what: "NaN or infinite"}
		if f != nil && f.kind != "DOUBLE" {
			r.bad = "false"
		}
		r.Dimension, r.Expected = "conformity", "finite numbers"
		return r
	case "length":
		return lengthRule("string", textOf(f), asInt(k.Min), asInt(k.Max))
	case "regex", "not_regex":
		return patternRule(textOf(f), k.Pattern, k.Check == "regex")
	case "format":
		return formatRule(textOf(f), k.Format)
	case "compare":
		a, b := c.operand(k.A), c.operand(k.B)
		r := &rule{user: true, bad: "NOT (" + a + " " + k.Op + " " + b + ")", noun: "rows", verb: "break", what: k.A + " " + k.Op + " " + k.B}
		r.base = a + " IS NOT NULL AND " + b + " IS NOT NULL"
		r.Dimension, r.Expected, r.cell = "accuracy", k.A+" "+k.Op+" "+k.B, c.mentioned(k.A+" "+k.B)
		r.explain = func(_ context.Context, _ *run, r *rule) string {
			if r.Bad < 3 || r.Bad != r.Total || strings.Contains("= !=", k.Op) {
				return ""
			}
			return "no row is right: the contents of " + k.A + " and " + k.B + " look exchanged"
		}
		return r
	case "expression":
		e := substitute(k.Expression, c.object.Name, nameOf(f))
		r := &rule{user: true, bad: "NOT (" + e + ")", base: "(" + e + ") IS NOT NULL", noun: "rows", verb: "break", what: strings.Join(strings.Fields(k.Expression), " ")}
		r.Dimension, r.Expected, r.cell = "accuracy", k.Expression, c.mentioned(e)
		return r
	}
	return nil
}

func nameOf(f *field) string {
	if f == nil {
		return ""
	}
	return f.name
}

func asInt(f *float64) *int64 {
	if f == nil {
		return nil
	}
	n := int64(*f)
	return &n
}

// operand gives SQL of one side of a comparison: a column, or an expression.
func (c *compiler) operand(s string) string {
	if name := c.column(s); c.src.field(name) != nil {
		return ident(name)
	}
	return "(" + s + ")"
}

// mentioned gives SQL that shows the columns which an expression names: "temp_min=12.1, temp_max=10.6".
func (c *compiler) mentioned(sql string) string {
	var parts []string
	for _, word := range words(sql) {
		f := c.src.field(word)
		if f == nil || len(parts) == 4 {
			continue
		}
		value := "coalesce(CAST(" + f.raw + " AS VARCHAR), '(empty)')"
		if f.prop != nil && f.prop.secret() {
			value = literal(redacted)
		}
		if part := literal(word+"=") + " || " + value; !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return "''"
	}
	return strings.Join(parts, " || ', ' || ")
}

// words gives the names in an expression, outside of text quotes.
func words(sql string) []string {
	var out []string
	for i := 0; i < len(sql); i++ {
		switch c := sql[i]; {
		case c == '\'' || c == '"':
			end := closing(sql, i)
			if end < 0 {
				return out
			}
			if c == '"' {
				out = append(out, strings.ReplaceAll(sql[i+1:end], `""`, `"`))
			}
			i = end
		case letter(c):
			j := i
			for j < len(sql) && (letter(sql[j]) || sql[j] >= '0' && sql[j] <= '9') {
				j++
			}
			out = append(out, sql[i:j])
			i = j - 1
		}
	}
	return out
}

func letter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func betweenRule(f *field, p *Property, k Custom) *rule {
	o := Options{}
	low, high := &o.Min, &o.Max
	if k.Strict {
		low, high = &o.Above, &o.Below
	}
	if k.Min != nil {
		*low = numLiteral(*k.Min)
	}
	if k.Max != nil {
		*high = numLiteral(*k.Max)
	}
	copied := Property{Type: "number", Options: o, Unit: k.Measure}
	if p != nil {
		copied.Unit = first(k.Measure, p.Unit)
	}
	return rangeRule(&copied, f, k.AllowNaN)
}

// numLiteral prints a number for SQL.
func numLiteral(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
