package quality

import (
	"context"
	"fmt"
	"strings"
)

// rule is one check, compiled to SQL.
type rule struct {
	Check
	field   *field      // nil for the whole table
	where   string      // SQL filter of the rows that count, "" = all
	bad     string      // SQL that is true for a bad row; "" when rows cannot be bad
	base    string      // SQL of the rows of the denominator, "" = all
	what    string      // end of "12 of 1,461 values …"
	noun    string      // values, rows
	verb    string      // "" = be, have, break
	sql     string      // of the contract, when it is a query of its own
	cell    string      // SQL of what a sample shows; "" = the raw value of field
	label   string      // column of the sample; "" = the column of the check
	limit   *Comparator // on the bad rows; nil = none may be bad
	percent bool
	mostly  float64
	needs   []string                                          // further SQL aggregates for judge
	judge   func(r *rule, v []any)                            // instead of the count of bad rows
	probe   func(ctx context.Context, x *run, r *rule) error  // queries of its own, after the scan
	explain func(ctx context.Context, x *run, r *rule) string // a hint, when it failed
	user    bool                                              // holds SQL of the contract
	secret  bool
	most    int      // samples
	last    []any    // what judge saw
	low     *float64 // range of a statistic, set by measured
	high    *float64
	empty   bool // a statistic had no values
	aside   bool // bad rows are set aside instead of refusing the delivery

	measures map[string]float64 // for the next delivery
}

const defaultSamples = 20

// selects gives the aggregates that the rule needs from the shared scan.
func (r *rule) selects() []string {
	if r.bad == "" {
		return r.needs
	}
	base := "count(*)"
	if cond := r.both(r.base); cond != "" {
		base = "count_if(" + cond + ")"
	}
	return append([]string{"count_if(" + r.both(r.bad) + ")", base}, r.needs...)
}

// both joins a condition with the filter of the rule.
func (r *rule) both(cond string) string {
	switch {
	case r.where == "":
		return cond
	case cond == "":
		return "(" + r.where + ")"
	}
	return "(" + r.where + ") AND (" + cond + ")"
}

// filtered gives SQL of a value that is NULL outside the filter.
func (r *rule) filtered(value string) string {
	if r.where == "" {
		return value
	}
	return "CASE WHEN " + r.where + " THEN " + value + " END"
}

// take judges the values of the scan.
func (r *rule) take(v []any) {
	r.Status = OK
	if r.bad != "" {
		r.Bad, r.Total = toInt(v[0]), toInt(v[1])
		v = v[2:]
	}
	r.last = v
	if r.judge != nil {
		r.judge(r, v)
		return
	}
	r.weigh()
}

// weigh compares the bad rows with what is allowed, and says so.
func (r *rule) weigh() {
	share := 0.0
	if r.Total > 0 {
		share = float64(r.Bad) / float64(r.Total)
	}
	r.Observed = fmt.Sprintf("%s of %s", count(r.Bad), count(r.Total))
	allowed, ok := "", r.Bad == 0
	switch {
	case r.mostly > 0:
		ok, allowed = 1-share >= r.mostly || r.Bad == 0, fmt.Sprintf("; at most %s %% may be", num(100*(1-r.mostly)))
	case r.limit != nil && r.percent:
		ok, allowed = r.limit.holds(100*share), "; wanted "+r.limit.String()+" %"
		r.Observed += fmt.Sprintf(" (%s %%)", num(100*share))
	case r.limit != nil:
		ok = r.limit.holds(float64(r.Bad))
		if r.limit.Op != "=" || r.limit.Low != 0 {
			allowed = "; wanted " + r.limit.String()
		}
	}
	if !ok {
		r.fail("%s of %s %s %s%s", count(r.Bad), plural(r.Total, strings.TrimSuffix(first(r.noun, "values"), "s")), r.does(), r.what, allowed)
	}
}

// does gives the verb in the number of the bad rows.
func (r *rule) does() string {
	forms := map[string][2]string{"": {"is", "are"}, "have": {"has", "have"}, "break": {"breaks", "break"}}[r.verb]
	if r.Bad == 1 {
		return forms[0]
	}
	return forms[1]
}

// fail sets the outcome and the sentence, which begins with the column.
func (r *rule) fail(format string, args ...any) { r.set(Fail, format, args...) }

// broken says that the rule could not be run.
func (r *rule) broken(format string, args ...any) { r.set(Broken, format, args...) }

func (r *rule) skip(format string, args ...any) { r.set(Skipped, format, args...) }

func (r *rule) set(s Status, format string, args ...any) {
	if r.Status = s; s != Fail {
		r.Hint = ""
	}
	r.Message = fmt.Sprintf(format, args...)
	if r.Column != "" {
		r.Message = r.Column + ": " + r.Message
	}
}

// measured compares a statistic with a range; v is nil when there were no values.
func (r *rule) measured(name string, v any, low, high *float64, unit string) {
	r.Expected, r.low, r.high = span(low, high, unit), low, high
	got, ok := toFloat(v)
	if !ok {
		r.empty = true
		r.fail("the %s cannot be computed: there are too few values", name)
		return
	}
	r.Observed = num(got)
	if unit != "" {
		r.Observed += " " + unit
	}
	if low != nil && got < *low || high != nil && got > *high || got != got {
		r.fail("the %s is %s, wanted %s", name, r.Observed, r.Expected)
	}
}
