package quality

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

// table proposes keys, the steps of time, and what holds between columns.
func (g *guesser) table(ctx context.Context) error {
	for _, c := range g.columns {
		if err := g.times(ctx, c); err != nil {
			return err
		}
	}
	g.primary()
	for i, c := range g.columns {
		if err := g.together(ctx, c, g.columns[i+1:]); err != nil {
			return err
		}
	}
	n := g.src.rows
	g.rules = append(g.rules,
		Suggested{Rule: fmt.Sprintf("- {id: rows, metric: rowCount, mustBeGreaterOrEqualTo: %d, severity: warning}", max(1, n/2)), Evidence: plural(n, "row") + " seen; half as many would be a part only"},
		Suggested{Rule: "- {id: only_these, type: custom, engine: paraplu, severity: warning, implementation: {check: columns, columns: exact}}", Evidence: plural(int64(len(g.columns)), "column") + " seen; a new one is a notice"},
	)
	return nil
}

// times proposes the frequency of a column of dates, when most steps between its values are equal.
func (g *guesser) times(ctx context.Context, c *guess) error {
	if c.f.kind != "DATE" && c.f.kind != "TIMESTAMP" || c.facts.distinct < 3 {
		return nil
	}
	v := "CAST(" + c.f.typed + " AS TIMESTAMP)"
	steps, err := g.query(ctx, "SELECT date_diff('second', before, m) AS step, count(*), sum(count(*)) OVER () FROM (SELECT m, lag(m) OVER (ORDER BY m) AS before FROM (SELECT DISTINCT "+v+" AS m FROM "+dataView+" WHERE "+v+" IS NOT NULL)) WHERE before IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1")
	if err != nil {
		return err
	}
	id := slug(c.f.name)
	order, err := g.query(ctx, "SELECT count_if(m < before) FROM (SELECT "+v+" AS m, lag("+v+") OVER (ORDER BY "+rowName+") AS before FROM "+dataView+")")
	if err != nil {
		return err
	}
	if toInt(order.Rows[0][0]) == 0 {
		c.quality(fmt.Sprintf("- {id: %s_sorted, type: custom, engine: paraplu, implementation: {check: monotonic, order: asc}}", id), "%s … %s, never going back: oldest first", show(c.facts.low), show(c.facts.high))
	}
	seconds, usual, all := toInt(steps.Rows[0][0]), toInt(steps.Rows[0][1]), toInt(steps.Rows[0][2])
	if seconds < 60 || usual*10 < all*9 {
		return nil
	}
	c.step = time.Duration(seconds) * time.Second
	return g.frequency(ctx, c, usual, all)
}

// frequency proposes the step of a time key. What the file itself breaks is proposed as a notice.
func (g *guesser) frequency(ctx context.Context, c *guess, usual, all int64) error {
	id, words := slug(c.f.name), stepWords(c.step)
	gaps, err := g.check(ctx, c, Custom{Check: "gap", Step: c.step})
	if err != nil {
		return err
	}
	evidence, severity := fmt.Sprintf("%s of %s are %s, and none is left out", count(usual), plural(all, "step"), words), ""
	if gaps.Bad > 0 {
		evidence, severity = fmt.Sprintf("%s of %s are %s; %s", count(usual), plural(all, "step"), words, strings.TrimPrefix(gaps.Message, c.f.name+": ")), "severity: warning, "
	}
	c.quality(fmt.Sprintf("- {id: %s_every, type: custom, engine: paraplu, %simplementation: {check: gap, step: %s}}", id, severity, stepText(c.step)), "%s", evidence)
	if twice := c.facts.filled - c.facts.distinct; twice > 0 && twice*10 < c.facts.filled {
		c.quality(fmt.Sprintf("- {id: %s_once, metric: duplicateValues, mustBe: 0, severity: warning}", id), "%s too many: a time occurs more than once", plural(twice, "row"))
	}
	if c.step > time.Hour || c.f.kind != "TIMESTAMP" {
		return nil
	}
	return g.clocks(ctx, c)
}

func stepText(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// check runs one rule on the file that is inferred from.
func (g *guesser) check(ctx context.Context, c *guess, k Custom) (*rule, error) {
	comp := &compiler{object: &Object{}, src: g.src}
	r := comp.ordered(c.f, c.f.prop, k)
	r.field, r.Column, r.most = c.f, c.f.name, 0
	x := &run{src: g.src}
	err := r.probe(ctx, x, r)
	return r, err
}

// zones are those that are tried, each for the hour that its clocks skip.
var zones = []struct {
	rule, zone, note string
	hour             int
}{
	{northAmerica, "America/New_York", "; all zones of North America change at the same time of the day, so write the one of the source", 2},
	{europe, "Europe/London", "", 1}, {europe, "Europe/Berlin", "; as in all of Central Europe", 2}, {europe, "Europe/Helsinki", "; as in all of Eastern Europe", 3},
}

// clocks proposes the zone of local times: the one that was said, else the one whose skipped hours are empty or absent.
func (g *guesser) clocks(ctx context.Context, c *guess) error {
	if g.in.Timezone != "" {
		return g.wall(ctx, c, g.in.Timezone, "the zone was said")
	}
	for _, z := range zones {
		var skipped []string
		low, ok := c.facts.low.(time.Time)
		high, ok2 := c.facts.high.(time.Time)
		for day := low.Truncate(24 * time.Hour); ok && ok2 && day.Before(high); day = day.AddDate(0, 0, 1) {
			if rule, forward, ok := changeOfClocks(day); ok && forward && rule == z.rule {
				skipped = append(skipped, "TIMESTAMP "+literal(day.Add(time.Duration(z.hour)*time.Hour).Format(time.DateTime)))
			}
		}
		if len(skipped) == 0 {
			continue
		}
		odd, err := g.odd(ctx, c, skipped)
		if err != nil {
			return err
		}
		if 2*odd > len(skipped) {
			return g.wall(ctx, c, z.zone, fmt.Sprintf("on %d of %s the hour %02d:00 is empty or absent%s", odd, plural(int64(len(skipped)), "spring day"), z.hour, z.note))
		}
	}
	return nil
}

// odd counts the moments at which there is no row, or only empty values in columns that are filled otherwise.
func (g *guesser) odd(ctx context.Context, c *guess, moments []string) (int, error) {
	filled := "true"
	for _, other := range g.columns {
		if other != c && other.facts.nulls > 0 && float64(other.facts.nulls) < mostlyFilled*float64(g.src.rows) {
			filled += " AND " + other.f.typed + " IS NOT NULL"
		}
	}
	res, err := g.query(ctx, "SELECT count(DISTINCT "+c.f.typed+") FROM "+dataView+" WHERE "+c.f.typed+" IN ("+strings.Join(moments, ", ")+") AND "+filled)
	if err != nil {
		return 0, err
	}
	return len(moments) - int(toInt(res.Rows[0][0])), nil
}

func (g *guesser) wall(ctx context.Context, c *guess, zone, why string) error {
	r, err := g.check(ctx, c, Custom{Check: "wall_clock", Timezone: zone})
	if err != nil {
		return fault.Wrap(err, "asking for the clock of %s", zone)
	}
	severity := ""
	if r.Bad > 0 {
		why += "; " + strings.TrimPrefix(r.Message, c.f.name+": ")
		severity = "severity: warning, "
	}
	c.quality(fmt.Sprintf("- {id: %s_clock, type: custom, engine: paraplu, %simplementation: {check: wall_clock, timezone: %s}}", slug(c.f.name), severity, zone), "%s", why)
	return nil
}

// primary proposes the key: the first time key, else the first column without repeated values that is no measurement.
func (g *guesser) primary() {
	for _, want := range []bool{true, false} {
		for _, c := range g.columns {
			unique := c.facts.nulls == 0 && c.facts.distinct == c.facts.filled && c.facts.filled > 1
			if g.key == nil && unique && (c.step > 0) == want && c.f.prop.Type != "number" && c.f.prop.Type != "boolean" {
				g.key = c
				c.insert("primaryKey: true", "no value occurs twice")
			}
		}
	}
}

// together proposes that two columns are empty in the same rows.
func (g *guesser) together(ctx context.Context, a *guess, others []*guess) error {
	for _, b := range others {
		if a.facts.nulls == 0 || a.facts.nulls != b.facts.nulls || a.facts.filled == 0 {
			continue
		}
		res, err := g.query(ctx, "SELECT count_if(("+a.f.typed+" IS NULL) <> ("+b.f.typed+" IS NULL)) FROM "+dataView)
		if err != nil {
			return err
		}
		if toInt(res.Rows[0][0]) > 0 {
			continue
		}
		expression := fmt.Sprintf("(%s IS NULL) = (%s IS NULL)", ident(a.f.name), ident(b.f.name))
		g.rules = append(g.rules, Suggested{
			Rule:     fmt.Sprintf("- {id: %s_with_%s, type: custom, engine: paraplu, implementation: {check: expression, expression: '%s'}}", slug(a.f.name), slug(b.f.name), strings.ReplaceAll(expression, "'", "''")),
			Evidence: fmt.Sprintf("both are empty in the same %s, or neither", plural(a.facts.nulls, "row")),
		})
	}
	return nil
}
