package quality

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/spec"
)

// badValues gives the most frequent values of the bad rows, as text.
func (x *run) badValues(ctx context.Context, r *rule) (values []string, counts []int64) {
	if r.secret || r.field == nil {
		return nil, nil
	}
	res, err := x.query(ctx, "SELECT "+r.field.text()+", count(*) FROM "+dataView+" WHERE "+r.both(r.bad)+" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 200")
	if err != nil {
		return nil, nil // a hint is worth no error
	}
	for _, row := range res.Rows {
		if s, ok := row[0].(string); ok {
			values, counts = append(values, s), append(counts, toInt(row[1]))
		}
	}
	return values, counts
}

var thousands = regexp.MustCompile(`^[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$`)

// shapes of texts that are not what a column should hold, with what to say about them.
var shapes = []struct {
	kinds   string
	pattern *regexp.Regexp
	say     string
}{
	{"integer", thousands, "the numbers have a thousands separator; export them without"},
	{"number integer", regexp.MustCompile(`^[-+]?[0-9]{1,3}(\.[0-9]{3})*,[0-9]+$`), "the numbers have a decimal comma; export them with a point"},
	{"number", thousands, "the numbers have a thousands separator; export them without"},
	{"integer", regexp.MustCompile(`^[-+]?[0-9]+\.0+$`), "whole numbers were written as decimals (a tool read them as floats)"},
	{"number integer date timestamp", regexp.MustCompile(`(?i)^(n/?a|nan|null|none|-|--|\?|missing|unknown|#n/a|nil)$`), "these are words for \"missing\"; declare them as missingValues, then they are read as empty"},
	{"date", regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]`), "the dates have a time; use logicalType: timestamp, or cut it off"},
	{"date timestamp", regexp.MustCompile(`^[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}`), "the date format has changed; they look like yyyy/MM/dd"},
	{"date timestamp", regexp.MustCompile(`^[0-9]{8}$`), "the date format has changed; they look like yyyyMMdd"},
	{"date timestamp", regexp.MustCompile(`^[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}`), "the date format has changed; they look like dd.MM.yyyy"},
	{"date timestamp", regexp.MustCompile(`^[0-9]{5}$`), "they look like the day numbers of a spreadsheet"},
	{"date timestamp", regexp.MustCompile(`^[0-9]{10}([0-9]{3})?$`), "they look like Unix time"},
}

var slashed = regexp.MustCompile(`^([0-9]{1,2})[/-]([0-9]{1,2})[/-][0-9]{4}`)

// explainType says what the texts are instead.
func explainType(ctx context.Context, x *run, r *rule) string {
	if r.field == nil || r.field.prop == nil {
		return ""
	}
	values, counts := x.badValues(ctx, r)
	kind := r.field.prop.Type
	var total, slash int64
	hits := make([]int64, len(shapes))
	firstMax, secondMax := 0, 0
	for i, v := range values {
		v = strings.TrimSpace(v)
		total += counts[i]
		for j, s := range shapes {
			if strings.Contains(s.kinds, kind) && s.pattern.MatchString(v) {
				hits[j] += counts[i]
			}
		}
		if m := slashed.FindStringSubmatch(v); m != nil && strings.Contains("date timestamp", kind) {
			slash += counts[i]
			a, _ := strconv.Atoi(m[1])
			b, _ := strconv.Atoi(m[2])
			firstMax, secondMax = max(firstMax, a), max(secondMax, b)
		}
	}
	switch {
	case total == 0:
		return ""
	case x.totalLine(ctx, r, values):
		return "the last row looks like a line of totals; export without it"
	case slash*2 > total:
		return "the date format has changed; they look like " + dayOrder(firstMax, secondMax)
	}
	for j, n := range hits {
		if n*2 > total {
			return shapes[j].say
		}
	}
	return ""
}

var totalWords = regexp.MustCompile(`(?i)^(grand )?(totals?|sum|summe|average|mean|count|subtotal)\b`)

// totalLine tells whether the only bad value is a word for a total in the last row.
func (x *run) totalLine(ctx context.Context, r *rule, values []string) bool {
	if r.Bad != 1 || len(values) != 1 || !totalWords.MatchString(strings.TrimSpace(values[0])) {
		return false
	}
	res, err := x.query(ctx, "SELECT max("+rowName+") FROM "+dataView+" WHERE "+r.both(r.bad))
	return err == nil && toInt(res.Rows[0][0]) == x.src.rows
}

// explainEmpty knows rows that hold nothing at all, as spreadsheets leave them behind the last one.
func explainEmpty(ctx context.Context, x *run, r *rule) string {
	if len(x.src.fields) < 2 {
		return ""
	}
	var empty []string
	for i := range x.src.fields {
		empty = append(empty, x.src.fields[i].raw+" IS NULL")
	}
	none := strings.Join(empty, " AND ")
	res, err := x.query(ctx, "SELECT count_if("+none+"), min("+rowName+") FILTER (WHERE "+none+") FROM "+dataView)
	if err != nil {
		return ""
	}
	n, from := toInt(res.Rows[0][0]), toInt(res.Rows[0][1])
	switch {
	case n == 0 || n != r.Bad:
		return ""
	case from == x.src.rows-n+1:
		return fmt.Sprintf("the last %s: no column holds anything; the export went on behind the data", plural(n, "row"))
	}
	return fmt.Sprintf("%s: no column holds anything", plural(n, "row"))
}

func dayOrder(first, second int) string {
	switch {
	case first > 12:
		return "dd/MM/yyyy"
	case second > 12:
		return "MM/dd/yyyy"
	}
	return "dd/MM/yyyy or MM/dd/yyyy, and no day above 12 tells which"
}

// explainRange says whether the values are a code for "missing", or in another unit than that of the range.
func explainRange(ctx context.Context, x *run, r *rule, p *Property) string {
	values, counts := x.badValues(ctx, r)
	if len(values) > 0 && len(values) < 200 && r.Bad >= 3 && counts[0]*10 >= r.Bad*8 && counts[0] >= 3 {
		return fmt.Sprintf("%s of them are %s: probably a code for \"missing\"; declare it under missingValues", count(counts[0]), values[0])
	}
	if r.secret || p.Unit == "" || r.field == nil || !r.field.numeric() {
		return ""
	}
	low, high := bound(p.Options.Min+p.Options.Above), bound(p.Options.Max+p.Options.Below)
	if low == nil || high == nil || r.Bad*50 < r.Total {
		return ""
	}
	v := r.filtered(r.field.finite())
	res, err := x.query(ctx, "SELECT quantile_cont("+v+", 0.01), quantile_cont("+v+", 0.99) FROM "+dataView)
	if err != nil {
		return ""
	}
	p1, ok1 := toFloat(res.Rows[0][0])
	p99, ok99 := toFloat(res.Rows[0][1])
	if !ok1 || !ok99 {
		return ""
	}
	name, width := "", 0.0
	for _, c := range conversions(p.Unit) {
		a, b := c.to(p1), c.to(p99)
		if a >= *low && b <= *high && math.Abs(b-a) > width {
			name, width = c.name, math.Abs(b-a)
		}
	}
	if name == "" {
		return ""
	}
	return fmt.Sprintf("the unit has probably changed: read as %s the values fit", name)
}

func bound(s string) *float64 {
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		return &v
	}
	return nil
}

// explainLength knows identifiers that became shorter.
func explainLength(ctx context.Context, x *run, r *rule) string { return explainText(ctx, x, r) }

var decimalZero = regexp.MustCompile(`^[0-9]+\.0+$`)

// explainText knows identifiers of digits that a tool has read as numbers: without their leading zeros, or as 1234.0.
func explainText(ctx context.Context, x *run, r *rule) string {
	values, _ := x.badValues(ctx, r)
	digits, decimals := 0, 0
	for _, v := range values {
		switch _, err := strconv.ParseUint(v, 10, 64); {
		case err == nil:
			digits++
		case decimalZero.MatchString(v):
			decimals++
		}
	}
	if digits+decimals == 0 || digits+decimals < len(values) {
		return ""
	}
	res, err := x.query(ctx, "SELECT max(length("+r.field.text()+")) FILTER (WHERE NOT ("+r.both(r.bad)+")) FROM "+dataView)
	if err != nil {
		return ""
	}
	usual := int(toInt(res.Rows[0][0])) // what the good ones have; 0 = there are none
	if o := r.field.prop; usual == 0 && o != nil && o.Options.MinLength != nil {
		usual = int(*o.Options.MinLength)
	}
	for _, v := range values {
		if decimals == 0 && usual > 0 && len(v) >= usual {
			return ""
		}
	}
	if decimals > 0 {
		return "identifiers were written as decimals (1234.0): a tool read them as numbers, and leading zeros are lost"
	}
	return "identifiers of digits that became shorter have lost their leading zeros; a tool read them as numbers"
}

// explainSet names the value that was probably meant.
func explainSet(ctx context.Context, x *run, r *rule, allowed []string) string {
	values, _ := x.badValues(ctx, r)
	var out []string
	for _, v := range values {
		near := ""
		for _, a := range allowed {
			if strings.EqualFold(strings.TrimSpace(v), a) {
				near = a
			}
		}
		if near == "" {
			near = spec.Nearest(strings.TrimSpace(v), allowed)
		}
		if near != "" {
			out = append(out, fmt.Sprintf("%s is probably %s", show(v), show(near)))
		} else if len(values) <= 5 {
			out = append(out, show(v)+" is new")
		}
	}
	return few(out, 4)
}
