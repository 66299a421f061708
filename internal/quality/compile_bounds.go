package quality

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// bounds compiles the logicalTypeOptions of a column.
func (c *compiler) bounds(p *Property, f *field) {
	o := &p.Options
	v := typedOf(f)
	if o.Min+o.Max+o.Above+o.Below != "" {
		c.add(rangeRule(p, f, false), p, "range", nil)
	}
	if o.MultipleOf != "" {
		c.add(multipleRule(v, o.MultipleOf), p, "multiple_of", nil)
	}
	if o.MinLength != nil || o.MaxLength != nil {
		c.add(lengthRule(p.Type, v, o.MinLength, o.MaxLength), p, "length", nil)
	}
	if o.Pattern != "" {
		c.add(patternRule(textOf(f), o.Pattern, true), p, "pattern", nil)
	}
	switch p.Type {
	case "string":
		if o.Format != "" && o.Format != "password" {
			c.add(formatRule(textOf(f), o.Format), p, "format", nil)
		}
	case "integer":
		if low, high, ok := integerBounds(o.Format); ok {
			r := &rule{bad: fmt.Sprintf("NOT (%s BETWEEN %s AND %s)", v, low, high), base: v + " IS NOT NULL", what: "too large for " + o.Format}
			r.Dimension, r.Expected = "conformity", o.Format
			c.add(r, p, "format", nil)
		}
	}
}

func integerBounds(format string) (low, high string, ok bool) {
	bits, err := strconv.Atoi(strings.TrimLeft(format, "iu"))
	if err != nil || bits > 32 {
		return "", "", false
	}
	if format[0] == 'u' {
		return "0", strconv.FormatUint(1<<bits-1, 10), true
	}
	return strconv.FormatInt(-1<<(bits-1), 10), strconv.FormatInt(1<<(bits-1)-1, 10), true
}

// rangeRule is about the bounds of the options. NaN is outside every range.
func rangeRule(p *Property, f *field, allowNaN bool) *rule {
	o, v := &p.Options, typedOf(f)
	var conds, words []string
	for _, b := range []struct{ op, value, word string }{{">=", o.Min, "at least "}, {">", o.Above, "above "}, {"<=", o.Max, "at most "}, {"<", o.Below, "below "}} {
		if b.value != "" {
			conds = append(conds, v+" "+b.op+" "+boundLiteral(p, b.value))
			words = append(words, b.word+shownBound(p, b.value))
		}
	}
	expected := strings.Join(words, " and ")
	if o.Min != "" && o.Max != "" {
		expected = shownBound(p, o.Min) + " … " + shownBound(p, o.Max)
	}
	if p.Unit != "" {
		expected += " " + p.Unit
	}
	r := &rule{bad: "NOT (" + strings.Join(conds, " AND ") + ")", base: v + " IS NOT NULL", what: "outside " + expected}
	r.explain = func(ctx context.Context, x *run, r *rule) string { return explainRange(ctx, x, r, p) }
	if f != nil && f.kind == "DOUBLE" {
		if allowNaN {
			r.bad = "NOT isnan(" + v + ") AND " + r.bad
		} else {
			r.bad += " OR isnan(" + v + ")"
		}
	}
	r.Dimension, r.Expected = "conformity", expected
	return r
}

func boundLiteral(p *Property, value string) string {
	switch p.Type {
	case "date":
		return "DATE " + literal(value[:min(10, len(value))])
	case "timestamp":
		return "TIMESTAMP " + literal(value)
	case "time":
		return "TIME " + literal(value)
	}
	return value
}

func shownBound(p *Property, value string) string {
	if v, err := strconv.ParseFloat(value, 64); err == nil && (p.Type == "number" || p.Type == "integer") {
		return num(v)
	}
	return value
}

func multipleRule(v, of string) *rule {
	large := "TRY_CAST(" + v + " AS DECIMAL(38, 9)) % CAST(" + of + " AS DECIMAL(38, 9)) <> 0"
	r := &rule{bad: large, base: v + " IS NOT NULL", what: "not a multiple of " + of}
	if n, err := strconv.ParseFloat(of, 64); err == nil && math.Abs(n) < 1e8 { // ten times faster, and the same
		r.bad = "CASE WHEN " + v + " BETWEEN -1e8 AND 1e8 THEN " + strings.ReplaceAll(large, "(38, 9)", "(18, 9)") + " ELSE " + large + " END"
	}
	r.Dimension, r.Expected = "conformity", "a multiple of "+of
	return r
}

func lengthRule(kind, v string, low, high *int64) *rule {
	size, unit := "length("+v+")", "characters"
	if kind == "array" {
		size, unit = "json_array_length("+v+")", "items"
	}
	var conds []string
	lowF, highF := asFloat(low), asFloat(high)
	if low != nil {
		conds = append(conds, fmt.Sprintf("%s >= %d", size, *low))
	}
	if high != nil {
		conds = append(conds, fmt.Sprintf("%s <= %d", size, *high))
	}
	r := &rule{bad: "NOT (" + strings.Join(conds, " AND ") + ")", base: v + " IS NOT NULL", what: "not of " + span(lowF, highF, unit), explain: explainLength}
	r.Dimension, r.Expected = "conformity", span(lowF, highF, unit)
	return r
}

func asFloat(n *int64) *float64 {
	if n == nil {
		return nil
	}
	f := float64(*n)
	return &f
}

func patternRule(v, pattern string, must bool) *rule {
	r := &rule{bad: "NOT regexp_matches(" + v + ", " + literal(pattern) + ")", base: v + " IS NOT NULL", what: "without the pattern " + pattern, explain: explainText}
	if !must {
		r.bad, r.what = "regexp_matches("+v+", "+literal(pattern)+")", "with the pattern "+pattern
	}
	r.Dimension, r.Expected = "conformity", "pattern "+pattern
	return r
}

// formats are the texts that people expect to be checked, as RE2 over the whole value.
var formats = map[string]string{
	"email":    `^[^@\s]+@[^@\s]+\.[^@\s]+$`,
	"uuid":     `^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`,
	"uri":      `^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$`,
	"hostname": `^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`,
	"ipv4":     `^((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])$`,
	"ipv6":     `^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$`,
	"byte":     `^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$`,
	"binary":   `^([0-9a-fA-F]{2})*$`,
}

func formatRule(v, format string) *rule {
	r := &rule{base: v + " IS NOT NULL", what: "not a valid " + format}
	r.Dimension, r.Expected = "conformity", format
	if format == "json" {
		r.bad = "NOT json_valid(" + v + ")"
	} else {
		r.bad = "NOT regexp_matches(" + v + ", " + literal(formats[format]) + ")"
	}
	return r
}

// setRule is about a list of values; must says whether a value has to be in it.
func setRule(f *field, values []Value, must bool) *rule {
	var list, words []string
	for _, v := range values {
		words = append(words, v.Text)
		if f == nil || !f.numeric() {
			list = append(list, literal(v.Text))
		} else if n, err := strconv.ParseFloat(v.Text, 64); err == nil { // a text never equals a number
			list = append(list, strconv.FormatFloat(n, 'g', -1, 64))
		}
	}
	v, in := setValue(f), "false"
	if len(list) > 0 {
		in = v + " IN (" + strings.Join(list, ", ") + ")"
	}
	r := &rule{bad: "NOT (" + in + ")", base: v + " IS NOT NULL", what: "not one of " + few(words, 8)}
	r.Dimension, r.Expected = "conformity", "one of "+few(words, 20)
	r.explain = func(ctx context.Context, x *run, r *rule) string { return explainSet(ctx, x, r, words) }
	if len(list) == 0 {
		r.bad = v + " IS NOT NULL"
	}
	if !must {
		r.bad, r.what, r.Expected, r.explain = in, "one of the forbidden "+few(words, 8), "none of "+few(words, 20), nil
	}
	return r
}

// setValue gives SQL of what is compared with a list: numbers as numbers, all else as it is written.
func setValue(f *field) string {
	switch {
	case f == nil:
		return "NULL"
	case f.numeric():
		return f.typed
	}
	return f.text()
}
