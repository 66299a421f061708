package quality

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// statistics are the aggregates of one column: SQL with %s for the value.
var statistics = map[string]string{
	"min": "min(%s)", "max": "max(%s)", "mean": "avg(%s)", "sum": "sum(%s)", "stddev": "stddev_samp(%s)", "median": "median(%s)", "skew": "skewness(%s)",
	"kurtosis": "kurtosis(%s)", "entropy": "entropy(%s)", "distinct_count": "count(DISTINCT %s)", "zeros": "count_if(%[1]s = 0) / nullif(count(%[1]s), 0)",
	"null_fraction": "",
}

var needNumbers = []string{"min", "max", "mean", "sum", "stddev", "median", "quantile", "skew", "kurtosis", "zeros"}

// aggregate compiles the checks of one number for the whole table; nil if k is none of them.
func (c *compiler) aggregate(f *field, p *Property, k Custom) *rule {
	r := &rule{}
	unit := k.Measure
	if p != nil && unit == "" && slices.Contains([]string{"min", "max", "mean", "sum", "stddev", "median", "quantile"}, k.Check) {
		unit = p.Unit
	}
	name, sql := k.Check, ""
	value := "NULL"
	if f != nil {
		value = f.finite()
		if k.Check == "distinct_count" || k.Check == "entropy" {
			value = f.text()
		} else if !f.numeric() && slices.Contains(needNumbers, k.Check) {
			r.probe = func(_ context.Context, _ *run, r *rule) error {
				r.broken("the %s needs numbers, and the column holds %s", k.Check, strings.ToLower(f.kind))
				return nil
			}
			return r
		}
	}
	switch k.Check {
	case "row_count":
		low, high := k.Min, k.Max
		return &rule{Check: Check{Expected: span(low, high, "rows")}, needs: []string{"count(*)"}, judge: func(r *rule, v []any) {
			r.Total = toInt(v[0])
			r.measured("number of rows", v[0], low, high, "")
		}}
	case "null_fraction":
		name, sql = "share of empty values", "count_if("+rawOf(f)+" IS NULL) / nullif(count(*), 0)"
	case "quantile":
		name, sql = fmt.Sprintf("%s quantile", num(k.Q)), fmt.Sprintf("quantile_cont(%s, %s)", "%s", numLiteral(k.Q))
	case "correlation":
		a, b := c.operand(k.A), c.operand(k.B)
		name, sql, r.user = "correlation of "+k.A+" and "+k.B, "corr("+a+", "+b+")", true
	case "unique":
		return c.uniqueCheck(f, k)
	case "columns":
		return c.columnsCheck(k)
	default:
		if sql = statistics[k.Check]; sql == "" {
			return nil
		}
	}
	if strings.Contains(sql, "%") {
		r.where = k.Where
		sql = fmt.Sprintf(sql, r.filtered(value))
	}
	r.needs = []string{sql, "count(*)"}
	r.judge = func(r *rule, v []any) {
		r.Total = toInt(v[1])
		r.measured(name, v[0], k.Min, k.Max, unit)
		if r.secret && r.Status == Fail && (k.Check == "min" || k.Check == "max") {
			r.Observed = redacted
			r.fail("the %s is outside %s", name, r.Expected)
		}
	}
	if k.Check == "mean" || k.Check == "median" || k.Check == "quantile" {
		r.explain = func(_ context.Context, x *run, r *rule) string { return x.unitHint(r, unit, k.Min, k.Max) }
	}
	return r
}

func (c *compiler) uniqueCheck(f *field, k Custom) *rule {
	fs := fieldsOf(f)
	for _, name := range k.Columns {
		if other := c.src.field(c.column(name)); other != nil && other != f {
			fs = append(fs, other)
		}
	}
	if len(k.Columns) > 0 {
		return uniqueRule(fs)
	}
	values := []string{} // whole rows: empty fields are equal here
	for i := range c.src.fields {
		values = append(values, c.src.fields[i].raw)
	}
	key := "row(" + strings.Join(values, ", ") + ")"
	r := &rule{Check: Check{Dimension: "uniqueness", Expected: "no two equal rows"}, noun: "rows", verb: "have", what: "an equal row elsewhere"}
	var surplus int64
	r.needs = []string{"count(*)", "count(DISTINCT " + key + ")"}
	r.judge = func(r *rule, v []any) {
		if surplus, r.Total = toInt(v[0])-toInt(v[1]), toInt(v[0]); surplus == 0 {
			r.weigh()
		}
	}
	r.probe = func(ctx context.Context, x *run, r *rule) error {
		if surplus == 0 {
			return nil
		}
		return duplicates(ctx, x, r, key, surplus)
	}
	return r
}

// columnsCheck compares the header with the contract.
func (c *compiler) columnsCheck(k Custom) *rule {
	var extra, have []string
	for _, f := range c.src.fields {
		if f.prop == nil {
			extra = append(extra, f.name)
		} else {
			have = append(have, f.name)
		}
	}
	var want []string
	for _, p := range c.object.Properties {
		if slices.Contains(have, p.Column) {
			want = append(want, p.Column)
		}
	}
	return &rule{Check: Check{Rule: "columns", Dimension: "conformity"}, judge: func(r *rule, _ []any) {
		r.Expected, r.Observed = "the columns of the contract", few(c.header(), 20)
		switch {
		case k.Exact && len(extra) > 0:
			r.fail("%s not in the contract: %s", map[bool]string{true: "a column is", false: "columns are"}[len(extra) == 1], few(extra, 8))
		case k.Ordered && !slices.Equal(have, want):
			r.fail("the columns are in another order: %s, wanted %s", few(have, 12), few(want, 12))
		}
	}}
}

func (c *compiler) header() []string {
	var out []string
	for _, f := range c.src.fields {
		out = append(out, f.name)
	}
	return out
}
