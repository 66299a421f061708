package quality

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// ordered compiles the checks that need queries of their own: over the order of rows, over time, or against history.
func (c *compiler) ordered(f *field, p *Property, k Custom) *rule {
	switch k.Check {
	case "monotonic":
		return monotonicRule(f, k)
	case "gap":
		return gapRule(f, k)
	case "run_length":
		return runLengthRule(f, k)
	case "freshness":
		return freshnessRule(f, k.MaxAge.Hours())
	case "volume_change":
		return volumeRule(k)
	case "consistent_unit":
		return consistentUnitRule(f, p, k)
	case "sentinel":
		return sentinelRule(f, k)
	case "share":
		return shareRule(f, k)
	}
	return &rule{probe: func(_ context.Context, _ *run, r *rule) error {
		r.broken("the check %s is not run by this version", k.Check)
		return nil
	}}
}

func monotonicRule(f *field, k Custom) *rule {
	v := typedOf(f)
	order, op := "ascending", "<"
	if k.Order == "desc" {
		order, op = "descending", ">"
	}
	if k.Strict {
		op += "="
	}
	r := &rule{Check: Check{Dimension: "consistency", Expected: order + " in the order of rows"}}
	r.probe = func(ctx context.Context, x *run, r *rule) error {
		from := "(SELECT " + rowName + ", " + v + " AS v, lag(" + v + ") OVER (ORDER BY " + rowName + ") AS before FROM " + dataView + " WHERE " + first(r.both(v+" IS NOT NULL"), "true") + ")"
		res, err := x.query(ctx, "SELECT count_if(v "+op+" before), count_if(v <> before), min("+rowName+") FILTER (WHERE v "+op+" before), count(*) FROM "+from)
		if err != nil {
			return err
		}
		row := res.Rows[0]
		r.Bad, r.Total = toInt(row[0]), toInt(row[3])
		r.Observed = fmt.Sprintf("%s of %s out of order", count(r.Bad), count(r.Total))
		switch {
		case r.Bad == 0:
			r.Status = OK
			return nil
		case r.Bad == toInt(row[1]) && order == "ascending" && !k.Strict:
			r.fail("the rows are in the opposite order, the newest or largest first (%s rows)", count(r.Total))
			r.Hint = "sort the delivery by " + r.Column + ", or read it by that column and never by position"
		default:
			r.fail("%s of %s not in %s order", count(r.Bad), plural(r.Total, "row"), order)
			r.Hint = "sort the delivery by " + r.Column
		}
		return x.sampleRows(ctx, r, "SELECT "+rowName+" FROM "+from+" WHERE v "+op+" before")
	}
	return r
}

// gapRule looks for steps of time that are absent between the first and the last value.
func gapRule(f *field, k Custom) *rule {
	v := typedOf(f)
	step := stepWords(k.Step)
	r := &rule{Check: Check{Dimension: "completeness", Expected: "one value every " + step}}
	r.probe = func(ctx context.Context, x *run, r *rule) error {
		if f.kind != "DATE" && f.kind != "TIMESTAMP" {
			r.broken("a gap needs a date or timestamp, and the column holds %s", strings.ToLower(f.kind))
			return nil
		}
		at := "CAST(" + v + " AS TIMESTAMP)"
		seconds := int64(k.Step / time.Second)
		gaps := fmt.Sprintf(`SELECT before, moment, date_diff('second', before, moment) // %d - 1 AS missing FROM (
			SELECT moment, lag(moment) OVER (ORDER BY moment) AS before FROM (SELECT DISTINCT %s AS moment FROM %s WHERE %s)) WHERE date_diff('second', before, moment) > %d`,
			seconds, at, dataView, r.both(v+" IS NOT NULL"), seconds)
		res, err := x.query(ctx, "SELECT before, moment, missing, sum(missing) OVER (), count(*) OVER () FROM ("+gaps+") ORDER BY before LIMIT 20")
		if err != nil {
			return err
		}
		r.Status, r.Total, r.Observed = OK, x.src.rows, "no gap"
		if len(res.Rows) == 0 {
			return nil
		}
		r.Bad = toInt(res.Rows[0][3])
		r.Observed = fmt.Sprintf("%s missing in %s", count(r.Bad), plural(toInt(res.Rows[0][4]), "gap"))
		var places []string
		for _, row := range res.Rows {
			places = append(places, gapWords(row, k.Step))
		}
		r.fail("%s missing: %s", plural(r.Bad, strings.TrimPrefix(step, "1 ")), few(places, 3))
		r.Hint = "ask for the missing time again before anything is trained on it"
		return x.sampleRows(ctx, r, "SELECT "+rowName+" FROM "+dataView+" WHERE "+at+" IN (SELECT moment FROM ("+gaps+"))")
	}
	return r
}

func stepWords(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return plural(int64(d/(24*time.Hour)), "day")
	case d%time.Hour == 0:
		return plural(int64(d/time.Hour), "hour")
	case d%time.Minute == 0:
		return plural(int64(d/time.Minute), "minute")
	}
	return plural(int64(d/time.Second), "second")
}

func gapWords(row []any, step time.Duration) string {
	before, _ := row[0].(time.Time)
	after, _ := row[1].(time.Time)
	from, to := before.Add(step), after.Add(-step)
	if !from.Before(to) {
		return show(from)
	}
	return show(from) + " … " + show(to)
}

// runLengthRule finds a sensor that is stuck: the same value for too many rows in a row.
func runLengthRule(f *field, k Custom) *rule {
	v := typedOf(f)
	r := &rule{Check: Check{Dimension: "accuracy", Expected: "at most " + num(*k.Max) + " equal values in a row"}}
	r.probe = func(ctx context.Context, x *run, r *rule) error {
		res, err := x.query(ctx, `SELECT min(`+rowName+`), count(*), any_value(v) FROM (
			SELECT `+rowName+`, v, row_number() OVER (ORDER BY `+rowName+`) - row_number() OVER (PARTITION BY v ORDER BY `+rowName+`) AS g
			FROM (SELECT `+rowName+`, `+v+` AS v FROM `+dataView+` WHERE `+r.both(v+" IS NOT NULL")+`)) GROUP BY v, g ORDER BY 2 DESC, 1 LIMIT 1`)
		if err != nil {
			return err
		}
		r.Status, r.Total = OK, x.src.rows
		if len(res.Rows) == 0 {
			return nil
		}
		row, length, value := toInt(res.Rows[0][0]), toInt(res.Rows[0][1]), show(res.Rows[0][2])
		if r.secret {
			value = redacted
		}
		r.Observed = plural(length, "equal value") + " in a row"
		if float64(length) <= *k.Max {
			return nil
		}
		r.Bad = length
		r.fail("the value %s stays for %s in a row, from %s on; wanted at most %s", value, plural(length, "row"), x.place(row), num(*k.Max))
		r.Hint = "a sensor or feed that is stuck looks like this"
		return x.sampleRows(ctx, r, fmt.Sprintf("SELECT %d", row))
	}
	return r
}

// freshnessRule compares the newest value with the moment of the check.
func freshnessRule(f *field, hours float64) *rule {
	r := &rule{Check: Check{Dimension: "timeliness", Expected: "not older than " + age(hours)}, needs: []string{"max(" + typedOf(f) + ")"}}
	var newest any
	r.judge = func(_ *rule, v []any) { newest = v[0] }
	r.probe = func(_ context.Context, x *run, r *rule) error {
		at, ok := newest.(time.Time)
		if !ok {
			r.fail("there is no date to tell how old the data are")
			return nil
		}
		old := x.asOf.Sub(at).Hours()
		r.Observed = show(at)
		if old > hours {
			r.fail("the newest value is %s, that is %s before %s; wanted at most %s", show(at), age(old), show(x.asOf), age(hours))
			r.Hint = "the feed is late; the source has to deliver again"
		}
		return nil
	}
	return r
}

func age(hours float64) string {
	if hours >= 48 {
		return plural(int64(hours/24+0.5), "day")
	}
	return plural(int64(hours+0.5), "hour")
}

// volumeRule compares the number of rows with the last delivery that passed.
func volumeRule(k Custom) *rule {
	r := &rule{Check: Check{Dimension: "completeness", Expected: span(k.Min, k.Max, "times the rows of the delivery before")}}
	r.probe = func(_ context.Context, x *run, r *rule) error {
		before := x.previous["rows"]
		r.Total = x.src.rows
		if before == 0 {
			r.Severity = Info
			r.skip("there is no earlier delivery to compare with")
			return nil
		}
		ratio := float64(x.src.rows) / before
		r.Observed = num(ratio)
		if k.Min != nil && ratio < *k.Min || k.Max != nil && ratio > *k.Max {
			r.fail("%s, the delivery before had %s; that is %s times as many, wanted %s", plural(x.src.rows, "row"), count(int64(before)), num(ratio), span(k.Min, k.Max, ""))
			if ratio < 1 {
				r.Hint = "the file may be truncated or a part only"
			}
		}
		return nil
	}
	return r
}

// consistentUnitRule compares the middle of a column with the range that it has in its unit.
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
	r.needs = []string{fmt.Sprintf(statistics[statistic], r.filtered(value)), "count(*)"}
	r.judge = func(r *rule, v []any) {
		r.Total = toInt(v[1])
		r.measured(statistic, v[0], k.Min, k.Max, unit)
	}
	r.explain = func(_ context.Context, x *run, r *rule) string { return x.unitHint(r, unit, k.Min, k.Max) }
	return r
}

// sentinels are numbers that people write for "no value".
const sentinels = "-9999, -999, -99, -9, 9999, 99999, 999999, 999.9, 9999.9, -9999.9, -999.9, 99.99, -1e30"

// sentinelRule looks for such numbers, and for any other value far outside on which rows pile up.
func sentinelRule(f *field, k Custom) *rule {
	v := typedOf(f)
	list := sentinels
	if len(k.Values) > 0 {
		var texts []string
		for _, s := range k.Values {
			if s.Number {
				texts = append(texts, s.Text)
			}
		}
		list = strings.Join(texts, ", ")
	}
	r := &rule{Check: Check{Dimension: "completeness", Expected: "no number that stands for a missing value"}, noun: "values"}
	r.probe = func(ctx context.Context, x *run, r *rule) error {
		if !f.numeric() {
			r.broken("a sentinel is a number, and the column holds %s", strings.ToLower(f.kind))
			return nil
		}
		fine := r.both("isfinite(CAST(" + v + " AS DOUBLE))")
		res, err := x.query(ctx, `WITH c AS (SELECT CAST(`+v+` AS DOUBLE) AS v, count(*) AS n FROM `+dataView+` WHERE `+fine+` GROUP BY 1),
			q AS (SELECT quantile_cont(CAST(`+v+` AS DOUBLE), 0.25) AS lo, quantile_cont(CAST(`+v+` AS DOUBLE), 0.75) AS hi, (SELECT sum(n) FROM c) AS total
				FROM `+dataView+` WHERE `+fine+` AND `+v+` NOT IN (`+first(list, "1e300")+`))
			SELECT v, n, total FROM c, q WHERE (v < lo - 6 * (hi - lo) OR v > hi + 6 * (hi - lo)) AND (v IN (`+first(list, "1e300")+`) OR n >= greatest(5, total * 0.005)) ORDER BY n DESC LIMIT 5`)
		if err != nil {
			return err
		}
		r.Status, r.Total, r.Observed = OK, x.src.rows, "none"
		if len(res.Rows) == 0 {
			return nil
		}
		var values, shown []string
		for _, row := range res.Rows {
			r.Bad += toInt(row[1])
			n, _ := toFloat(row[0])
			values, shown = append(values, numLiteral(n)), append(shown, show(row[0]))
		}
		r.Observed = few(shown, 5)
		r.fail("%s of %s %s, far from all others: a code for \"missing\"", count(r.Bad), plural(r.Total, "value"), map[bool]string{true: "is " + shown[0], false: "are " + few(shown, 5)}[len(shown) == 1 && r.Bad == 1])
		r.Hint = "declare it: metric: missingValues, arguments: {missingValues: [" + strings.Join(shown, ", ") + "]}; it is then read as empty"
		return x.sample(ctx, r, r.both(v+" IN ("+strings.Join(values, ", ")+")"), "")
	}
	return r
}

// shareRule limits how often some values occur, in the whole table or in each group.
func shareRule(f *field, k Custom) *rule {
	var values []string
	for _, v := range k.Values {
		values = append(values, v.Text)
	}
	in := setRule(f, k.Values, false).bad
	by := first(k.By, "'all rows'")
	r := &rule{user: k.By != "", Check: Check{Dimension: "consistency", Expected: "share of " + few(values, 5) + ": " + span(k.Min, k.Max, "")}}
	r.probe = func(ctx context.Context, x *run, r *rule) error {
		res, err := x.query(ctx, "SELECT "+by+", count_if("+in+"), count(*) FROM "+dataView+" WHERE "+r.both(rawOf(f)+" IS NOT NULL")+" GROUP BY 1 ORDER BY 1 LIMIT 1000")
		if err != nil {
			return err
		}
		r.Status = OK
		var bad []string
		for _, row := range res.Rows {
			n, total := toInt(row[1]), toInt(row[2])
			share := float64(n) / float64(total)
			r.Total += total
			if k.By == "" {
				r.Observed = num(share)
			}
			if k.Min != nil && share < *k.Min || k.Max != nil && share > *k.Max {
				r.Bad += n
				bad = append(bad, strings.TrimPrefix(fmt.Sprintf("%s: %s", show(row[0]), num(share)), "all rows: "))
			}
		}
		if len(bad) > 0 {
			r.fail("the share of %s is outside %s: %s", few(values, 3), span(k.Min, k.Max, ""), few(bad, 6))
			r.Hint = "either the world changed, or the meaning of the codes; ask the source"
		}
		return nil
	}
	return r
}
