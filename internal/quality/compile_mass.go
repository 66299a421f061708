package quality

import (
	"context"
	"fmt"
	"strings"
)

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
		r.fail("%s of %s %s, far from all others: a code for \"missing\"", count(r.Bad), plural(r.Total, "value"), isOrAre(r.Bad, few(shown, 5)))
		r.Hint = "declare it: metric: missingValues, arguments: {missingValues: [" + strings.Join(shown, ", ") + "]}; it is then read as empty"
		return x.sample(ctx, r, r.both(v+" IN ("+strings.Join(values, ", ")+")"), "")
	}
	return r
}

// dateSentinels are days that programs write for "no date".
const dateSentinels = "0001-01-01, 1899-12-30, 1899-12-31, 1900-01-01, 1904-01-01, 1970-01-01, 2099-12-31, 2999-12-31, 9999-12-31"

// dateSentinelRule looks for such days. One that lies among the others is a day like any other.
func dateSentinelRule(f *field, k Custom) *rule {
	list := strings.Split(dateSentinels, ", ")
	if len(k.Values) > 0 {
		list = nil
		for _, v := range k.Values {
			list = append(list, v.Text)
		}
	}
	for i, s := range list {
		list[i] = literal(s)
	}
	day := "CAST(" + f.typed + " AS DATE)"
	in := "CAST(" + day + " AS VARCHAR) IN (" + strings.Join(list, ", ") + ")"
	r := &rule{Check: Check{Dimension: "completeness", Expected: "no day that stands for a missing value"}}
	r.probe = func(ctx context.Context, x *run, r *rule) error {
		rest := "(SELECT min(" + day + ") FILTER (WHERE NOT " + in + ") FROM " + dataView + ")"
		most := "(SELECT max(" + day + ") FILTER (WHERE NOT " + in + ") FROM " + dataView + ")"
		bad := r.both(in + " AND (" + day + " < " + rest + " - 365 OR " + day + " > " + most + " + 365)")
		res, err := x.query(ctx, "SELECT CAST("+day+" AS VARCHAR), count(*) FROM "+dataView+" WHERE "+bad+" GROUP BY 1 ORDER BY 2 DESC, 1")
		if err != nil {
			return err
		}
		r.Status, r.Total, r.Observed = OK, x.src.rows, "none"
		if len(res.Rows) == 0 {
			return nil
		}
		var shown []string
		for _, row := range res.Rows {
			r.Bad += toInt(row[1])
			shown = append(shown, show(row[0]))
		}
		r.Observed = few(shown, 5)
		r.fail("%s of %s %s, far from all others: a code for \"missing\"", count(r.Bad), plural(r.Total, "value"), isOrAre(r.Bad, few(shown, 5)))
		r.Hint = "declare it: metric: missingValues, arguments: {missingValues: [\"" + strings.Join(shown, "\", \"") + "\"]}; it is then read as empty"
		return x.sample(ctx, r, bad, "")
	}
	return r
}

func isOrAre(n int64, what string) string {
	if n == 1 {
		return "is " + what
	}
	return "are " + what
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
