package quality

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

var zoneName = regexp.MustCompile(`^[A-Za-z_]+(/[A-Za-z0-9_+-]+){0,2}$`)

// zone reads the name of a time zone; whether it exists is known when the check is run.
func (r *reader) zone(p *string) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		r.text(p)(n, where)
		if *p != "" && !zoneName.MatchString(*p) {
			r.report(n, where, "write a name of the IANA list: America/Los_Angeles", "%q is no time zone", *p)
		}
	}
}

// clock gives SQL about a local time of a zone: its moment in UTC, whether the zone skips it, and whether it shows it twice.
func clock(local, zone string) (utc, skipped, twice string) {
	z := literal(zone)
	moment := "timezone(" + z + ", " + local + ")"
	utc = "timezone('UTC', " + moment + ")"
	skipped = "timezone(" + z + ", " + moment + ") <> " + local
	twice = "(timezone(" + z + ", " + moment + " + INTERVAL 1 HOUR) = " + local + " OR timezone(" + z + ", " + moment + " - INTERVAL 1 HOUR) = " + local + ")"
	return utc, skipped, twice
}

// wallClockRule holds local times against the clock of a zone: none that the clock skips in spring, and each that it shows
// twice in autumn two times.
func wallClockRule(f *field, k Custom) *rule {
	r := &rule{Check: Check{Dimension: "consistency", Expected: "times as the clock of " + k.Timezone + " shows them"}, noun: "rows"}
	r.probe = func(ctx context.Context, x *run, r *rule) error {
		if f.kind != "TIMESTAMP" {
			r.broken("a clock needs timestamps, and the column holds %s", strings.ToLower(f.kind))
			return nil
		}
		local := f.typed
		_, skipped, twice := clock(local, k.Timezone)
		cond := r.both(local + " IS NOT NULL")
		once := "(SELECT moment FROM (SELECT " + local + " AS moment, count(*) AS n, any_value(" + twice + ") AS again FROM " + dataView + " WHERE " + cond + " GROUP BY 1) WHERE again AND n <> 2)"
		bad := "(" + skipped + " OR " + local + " IN " + once + ")"
		res, err := x.query(ctx, "SELECT count_if("+skipped+"), count_if("+local+" IN "+once+"), count(*), list(DISTINCT "+local+" ORDER BY "+local+") FILTER (WHERE "+skipped+"), (SELECT list(moment ORDER BY moment) FROM "+once+") FROM "+dataView+" WHERE "+cond)
		if err != nil {
			return err
		}
		row := res.Rows[0]
		gone, single := toInt(row[0]), toInt(row[1])
		r.Status, r.Bad, r.Total = OK, gone+single, toInt(row[2])
		r.Observed = fmt.Sprintf("%s that it skips, %s not shown twice", count(gone), count(single))
		if r.Bad == 0 {
			return nil
		}
		r.fail("%s", clockWords(k.Timezone, gone, single, row[3], row[4]))
		r.Hint = "the source keeps one row for each hour of the day; deliver UTC or the offset, and take these hours for unknown"
		return x.sample(ctx, r, r.both(bad), f.raw)
	}
	return r
}

func clockWords(zone string, gone, single int64, skipped, once any) string {
	var parts []string
	if gone > 0 {
		parts = append(parts, fmt.Sprintf("%s a time that the clock of %s skips in spring (%s)", rowsHave(gone), zone, times(skipped)))
	}
	if single > 0 {
		its := "it"
		if gone == 0 {
			its = "the clock of " + zone
		}
		parts = append(parts, fmt.Sprintf("%s a time that %s shows twice in autumn and the file does not (%s)", rowsHave(single), its, times(once)))
	}
	return strings.Join(parts, ", and ")
}

func rowsHave(n int64) string {
	if n == 1 {
		return "1 row has"
	}
	return count(n) + " rows have"
}

func times(v any) string {
	list, _ := v.([]any)
	var out []string
	for _, t := range list {
		out = append(out, show(t))
	}
	return few(out, 6)
}

// changeOfClocks tells whether clocks are changed on this day, by the rule of North America (since 2007) or of Europe (since
// 1996), and whether they go forward.
func changeOfClocks(t time.Time) (rule string, forward, ok bool) {
	if t.Weekday() != time.Sunday {
		return "", false, false
	}
	nth, last := (t.Day()-1)/7+1, t.Day() > 24
	switch {
	case t.Month() == time.March && nth == 2 && t.Year() >= 2007:
		return northAmerica, true, true
	case t.Month() == time.November && nth == 1 && t.Year() >= 2007:
		return northAmerica, false, true
	case t.Month() == time.March && last && t.Year() >= 1996:
		return europe, true, true
	case t.Month() == time.October && last && t.Year() >= 1996:
		return europe, false, true
	}
	return "", false, false
}

const (
	northAmerica = "North America"
	europe       = "Europe"
)

// clockHint explains moments that are absent or doubled by the change of clocks, "" if they are something else.
func clockHint(moments []time.Time, forward bool) string {
	rule := ""
	for _, t := range moments {
		r, f, ok := changeOfClocks(t)
		if !ok || f != forward || t.Hour() > 3 || rule != "" && r != rule {
			return ""
		}
		rule = r
	}
	switch {
	case rule == "":
		return ""
	case forward:
		return "the clocks of " + rule + " skip this time in spring: these are local times; deliver UTC, or say timezone at this check"
	}
	return "the clocks of " + rule + " show this time twice in autumn: these are local times; deliver UTC or the offset"
}
