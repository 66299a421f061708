package quality

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// quartiles are the points of a column whose common factor against the delivery before tells a change of unit.
var quartiles = []string{"q25", "q50", "q75"}

// measure names a number that a delivery leaves for the next one.
func (r *rule) measure(name string) string {
	if r.where != "" {
		return name + "(" + r.Column + " where " + r.where + ")"
	}
	return name + "(" + r.Column + ")"
}

func (r *rule) keep(name string, v float64) {
	if r.measures == nil {
		r.measures = map[string]float64{}
	}
	r.measures[name] = v
}

// consistentUnitRule compares the middle of a column with the range that it has in its unit, and its quartiles with those of
// the delivery before.
func consistentUnitRule(f *field, p *Property, k Custom) *rule {
	unit := k.Measure
	if unit == "" && p != nil {
		unit = p.Unit
	}
	statistic := first(k.Statistic, "median")
	value := "NULL"
	if f != nil {
		value = f.finite()
	}
	r := &rule{Check: Check{Dimension: "conformity"}, where: k.Where}
	if f != nil && !f.numeric() {
		r.probe = func(_ context.Context, _ *run, r *rule) error { r.broken("a unit belongs to numbers"); return nil }
		return r
	}
	scale := r.filtered(value)
	if !shifted[canonical(unit)] { // zero is zero in every unit, and half of a column of rain
		scale = "nullif(" + scale + ", 0)"
	}
	r.needs = []string{fmt.Sprintf(statistics[statistic], r.filtered(value)), "count(*)", "quantile_cont(CAST(" + scale + " AS DOUBLE), [0.25, 0.5, 0.75])"}
	r.judge = func(r *rule, v []any) {
		r.Total = toInt(v[1])
		if k.Min != nil || k.Max != nil {
			r.measured(statistic, v[0], k.Min, k.Max, unit)
			return
		}
		r.Expected = "quartiles in " + first(unit, "the same unit") + " as in the delivery before"
		r.Observed = "nothing to compare with"
	}
	r.probe = func(_ context.Context, x *run, r *rule) error { x.unitSince(r, unit); return nil }
	r.explain = func(_ context.Context, x *run, r *rule) string { return x.unitHint(r, unit, k.Min, k.Max) }
	return r
}

// unitSince compares the quartiles with those of the delivery before, unless the range has failed already.
func (x *run) unitSince(r *rule, unit string) {
	list, _ := r.last[2].([]any)
	var now, before []float64
	for i, name := range quartiles {
		if i >= len(list) {
			return
		}
		v, ok := toFloat(list[i])
		b, known := x.previous[r.measure(name)]
		if !ok {
			return
		}
		r.keep(r.measure(name), v)
		if now = append(now, v); known {
			before = append(before, b)
		}
	}
	if len(before) < len(now) || r.Status == Fail {
		return
	}
	r.Observed = fmt.Sprintf("quartiles %s, before %s", listed(now), strings.TrimSpace(listed(before)+" "+unit))
	if name, factor := changedUnit(unit, now, before); name != "" {
		r.Bad = r.Total
		how := "read as " + name + " they fit"
		if factor > 0 {
			how = fmt.Sprintf("%s times as much, the factor from %s to %s", num(factor), first(unit, "the unit"), name)
		}
		r.fail("the quartiles are %s, and were %s in the delivery before: %s", listed(now), strings.TrimSpace(listed(before)+" "+unit), how)
		r.Hint = fmt.Sprintf("the unit has probably changed to %s; ask for %s, or convert the delivery", name, first(unit, "the old unit"))
	}
}

// changedUnit names the unit in which all quartiles fit those before, and do not as they are; "" if there is none. factor is
// 0 for scales with another zero. Natural swings are below two quartile ranges (a winter after a summer), or below 1.4 times.
func changedUnit(unit string, now, before []float64) (name string, factor float64) {
	linear := shifted[canonical(unit)]
	away := func(to func(float64) float64) (worst float64) {
		for i := range now {
			d := math.Abs(to(now[i])-before[i]) / max(before[2]-before[0], 1e-9)
			if !linear {
				if now[i] <= 0 || before[i] <= 0 {
					return math.Inf(1)
				}
				d = math.Abs(math.Log(to(now[i]) / before[i]))
			}
			worst = max(worst, d)
		}
		if linear && now[2] > now[0] && before[2] > before[0] { // a scale has another step, too
			worst += math.Abs(math.Log(math.Abs(to(now[2])-to(now[0])) / (before[2] - before[0])))
		}
		return worst
	}
	same := away(func(v float64) float64 { return v })
	if linear && same < 2 || !linear && same < math.Log(1.4) || math.IsInf(same, 1) {
		return "", 0
	}
	best := same / 2.5
	if !linear {
		best = min(best, max(math.Log(1.3), same/4)) // quartiles of few rows are rough, and a factor of 25 is not
	}
	for _, c := range conversions(unit) {
		if d := away(c.to); d < best {
			best, name, factor = d, c.name, 0
			if c.to(0) == 0 {
				factor = 1 / c.to(1)
			}
		}
	}
	return name, factor
}

func listed(v []float64) string {
	var out []string
	for _, x := range v {
		out = append(out, num(x))
	}
	return strings.Join(out, ", ")
}

// overlapRule wants every row to be later than the last one of the delivery before.
func overlapRule(f *field) *rule {
	v := typedOf(f)
	r := &rule{Check: Check{Dimension: "uniqueness", Expected: "only rows after the delivery before"}, needs: []string{"max(" + v + ")", "count(" + v + ")"}}
	r.judge = func(r *rule, v []any) { r.Status, r.Total = OK, toInt(v[1]) }
	r.probe = func(ctx context.Context, x *run, r *rule) error {
		newest, ok := r.last[0].(time.Time)
		if !ok {
			if r.Total > 0 {
				r.broken("an overlap is seen on a date or timestamp, and the column holds %s", strings.ToLower(f.kind))
			}
			return nil
		}
		r.keep(r.measure("last"), float64(newest.Unix()))
		end, known := x.previous[r.measure("last")]
		if !known {
			r.Severity = Info
			r.skip("there is no earlier delivery to overlap with")
			return nil
		}
		cond := r.both(fmt.Sprintf("epoch(CAST(%s AS TIMESTAMP)) <= %s", v, numLiteral(end)))
		res, err := x.query(ctx, "SELECT count(*) FROM "+dataView+" WHERE "+cond)
		if err != nil {
			return err
		}
		last := show(time.Unix(int64(end), 0).UTC())
		if r.Bad = toInt(res.Rows[0][0]); r.Bad == 0 {
			r.Observed = "begins after " + last
			return nil
		}
		r.Observed = fmt.Sprintf("%s of %s not after %s", count(r.Bad), count(r.Total), last)
		r.fail("%s of %s are not after %s, where the delivery before ended", count(r.Bad), plural(r.Total, "row"), last)
		r.Hint = "the deliveries overlap; take these rows out, or they count twice"
		return x.sample(ctx, r, cond, "")
	}
	return r
}

// maxCodes bounds the vocabulary whose shares are compared; more are no codes.
const maxCodes = 100

// driftRule compares how often each code occurs with the delivery before. A share has moved when it differs by more than
// max, and by more than three standard errors, so that a short delivery is not blamed for chance.
func driftRule(f *field, k Custom) *rule {
	r := &rule{Check: Check{Dimension: "consistency", Expected: "each share within " + num(*k.Max) + " of the delivery before"}}
	r.probe = func(ctx context.Context, x *run, r *rule) error {
		value := f.text()
		res, err := x.query(ctx, fmt.Sprintf("SELECT %s, count(*) FROM %s WHERE %s GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %d", value, dataView, r.both(f.raw+" IS NOT NULL"), maxCodes+1))
		if err != nil {
			return err
		}
		if len(res.Rows) > maxCodes {
			r.broken("it has more than %d values; drift compares the shares of codes", maxCodes)
			return nil
		}
		counts := map[string]float64{}
		for _, row := range res.Rows {
			n := float64(toInt(row[1]))
			counts[show(row[0])] = n
			r.Total += int64(n)
		}
		r.Status, r.Observed = OK, plural(int64(len(counts)), "code")
		for code, n := range counts {
			r.keep(r.measure("share "+code), n/float64(max(1, r.Total)))
		}
		r.keep(r.measure("codes of"), float64(r.Total))
		return x.moved(ctx, r, counts, *k.Max, value)
	}
	return r
}

// moved finds the codes whose share differs from the delivery before.
func (x *run) moved(ctx context.Context, r *rule, counts map[string]float64, limit float64, value string) error {
	n0, n1 := x.previous[r.measure("codes of")], float64(r.Total)
	if n0 == 0 || n1 == 0 {
		r.Severity = Info
		r.skip("there is no earlier delivery to compare with")
		return nil
	}
	codes := keys(counts)
	tail := strings.TrimPrefix(r.measure(""), "")
	for name := range x.previous {
		if code, ok := strings.CutPrefix(name, "share "); ok {
			if code, ok = strings.CutSuffix(code, tail); ok && !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
	}
	type shift struct {
		code       string
		was, is, d float64
	}
	var all []shift
	for _, code := range sorted(codes) {
		was, is := x.previous[r.measure("share "+code)], counts[code]/n1
		pooled := (was*n0 + is*n1) / (n0 + n1)
		if d := math.Abs(is - was); d > limit && d > 3*math.Sqrt(pooled*(1-pooled)*(1/n0+1/n1)) {
			all = append(all, shift{code, was, is, d})
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b shift) int { return int(math.Copysign(1, b.d-a.d)) })
	var words []string
	for _, s := range all {
		words = append(words, fmt.Sprintf("%s from %s to %s", s.code, num(s.was), num(s.is)))
	}
	r.Bad, r.Observed = int64(counts[all[0].code]), few(words, 5)
	r.fail("the shares of codes have moved since the delivery before: %s (%s rows before, %s now)", few(words, 5), count(int64(n0)), count(int64(n1)))
	r.Hint = "either the world changed, or the meaning of the codes; ask the source"
	return x.sample(ctx, r, r.both(value+" = "+literal(all[0].code)), value)
}
