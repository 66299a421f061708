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
		if f != nil && (f.kind == "DATE" || f.kind == "TIMESTAMP") {
			return dateSentinelRule(f, k)
		}
		return sentinelRule(f, k)
	case "wall_clock":
		return wallClockRule(f, k)
	case "overlap":
		return overlapRule(f)
	case "drift":
		return driftRule(f, k)
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
		if k.Timezone != "" {
			at, _, _ = clock(at, k.Timezone)
		}
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
		r.Hint = first(x.gapHint(ctx, f, res.Rows, k), "ask for the missing time again before anything is trained on it")
		return x.sampleRows(ctx, r, "SELECT "+rowName+" FROM "+dataView+" WHERE "+at+" IN (SELECT moment FROM ("+gaps+"))")
	}
	return r
}

// gapHint knows two mistakes that look like gaps: the change of clocks, and day and month exchanged.
func (x *run) gapHint(ctx context.Context, f *field, gaps [][]any, k Custom) string {
	var absent []time.Time
	for _, row := range gaps {
		if before, ok := row[0].(time.Time); ok {
			absent = append(absent, before.Add(k.Step))
		}
	}
	if k.Timezone == "" && k.Step <= time.Hour {
		return clockHint(absent, true)
	}
	v := "CAST(" + f.typed + " AS DATE)"
	exchanged := "CASE WHEN day(" + v + ") <= 12 THEN make_date(year(" + v + "), day(" + v + "), month(" + v + ")) ELSE " + v + " END"
	res, err := x.query(ctx, "SELECT date_diff('day', min("+v+"), max("+v+")) + 1, date_diff('day', min("+exchanged+"), max("+exchanged+")) + 1, count(DISTINCT "+v+"), count_if(day("+v+") > 12) FROM "+dataView)
	if err != nil || k.Step != 24*time.Hour {
		return ""
	}
	row := res.Rows[0]
	if asRead, otherwise, days := toInt(row[0]), toInt(row[1]), toInt(row[2]); toInt(row[3]) == 0 && days > 2 && otherwise == days && asRead > days {
		return "day and month are probably exchanged: no day is above 12, and read the other way there is no gap"
	}
	return ""
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
