package quality

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

const topValues = 10

// distinct counts different values: exactly where they are few or whole numbers that lie close together, else by linear
// counting of every fourth hash. (The engine's own estimate has 64 registers and is off by a tenth.)
func (d *describer) distinct(ctx context.Context, c *described) error {
	const bits = 1 << 22
	sql, exact := fmt.Sprintf("SELECT bit_count(bitstring_agg(CASE WHEN h & 3 = 0 THEN CAST((h >> 2) & %d AS INTEGER) END, 0, %[1]d)) FROM (SELECT hash(v) AS h FROM %s WHERE v IS NOT NULL)", bits-1, c.from()), false
	switch {
	case c.few:
		sql, exact = "SELECT count(*) FROM "+groupName, true
	case c.kind == "BIGINT" && math.Abs(c.low) < 1<<52 && math.Abs(c.high) < 1<<52 && c.high-c.low < 1<<27:
		sql, exact = fmt.Sprintf("SELECT bit_count(bitstring_agg(v, %.0f, %.0f)) FROM %s", c.low, c.high, c.from()), true
	}
	res, err := d.ask(ctx, sql)
	if err != nil {
		return err
	}
	c.Distinct, c.DistinctMethod = toInt(res.Rows[0][0]), Exact
	if !exact {
		set := float64(min(c.Distinct, bits-1))
		c.Distinct, c.DistinctMethod = min(c.n, int64(math.Round(-4*bits*math.Log(1-set/bits)))), LinearCounting
	}
	return nil
}

// top finds the most frequent values. Of many different ones only those are looked for that make up a thousandth of the rows:
// the sample names whatever may be one, and a scan counts them.
func (d *describer) top(ctx context.Context, c *described) error {
	c.TopMethod = Exact
	sql := fmt.Sprintf("SELECT v, n FROM %s ORDER BY n DESC, v LIMIT %d", groupName, topValues)
	if !c.few {
		c.TopMethod = FrequentOnly
		res, err := d.ask(ctx, fmt.Sprintf("SELECT count(*) FROM (SELECT %s FROM %s WHERE %[1]s IS NOT NULL GROUP BY 1 HAVING count(*) >= (SELECT count(*) FROM %[2]s) / 2000)", c.cell, sampleName))
		if err != nil || toInt(res.Rows[0][0]) == 0 {
			return err
		}
		sql = fmt.Sprintf(`SELECT v, count(*) FROM %[1]s WHERE v IN (SELECT %[2]s FROM %[3]s WHERE %[2]s IS NOT NULL GROUP BY 1 HAVING count(*) >= (SELECT count(*) FROM %[3]s) / 2000)
			GROUP BY v HAVING count(*) >= %[4]d ORDER BY 2 DESC, 1 LIMIT %[5]d`, c.from(), c.cell, sampleName, d.src.rows/1000, topValues)
	}
	res, err := d.ask(ctx, sql)
	if err != nil {
		return err
	}
	for _, row := range res.Rows {
		value := show(row[0])
		if t, ok := row[0].(time.Time); ok && c.Type == "date" {
			value = t.Format(time.DateOnly)
		}
		c.Top = append(c.Top, TopValue{value, toInt(row[1])})
	}
	return nil
}

// grids are the steps in which events are counted that have no step of their own.
var grids = []struct {
	word string
	step time.Duration
}{{"second", time.Second}, {"minute", time.Minute}, {"hour", time.Hour}, {"day", 24 * time.Hour}}

// moment looks for gaps in time. The step of few different moments is the most frequent distance of neighbours; of many,
// the smallest usual unit of which there are not more than a hundred thousand.
func (d *describer) moment(ctx context.Context, c *described) error {
	if c.Type != "date" && c.Type != "timestamp" || c.n == 0 {
		return nil
	}
	c.Time = &TimeSeries{First: c.Min, Last: c.Max}
	moments, method := "(SELECT CAST(v AS TIMESTAMP) AS m FROM "+groupName+" WHERE isfinite(v))", "the most frequent distance"
	if !c.few {
		res, err := d.ask(ctx, "SELECT date_diff('second', CAST(min(v) AS TIMESTAMP), CAST(max(v) AS TIMESTAMP)) FROM "+c.from()+" WHERE isfinite(v)")
		if err != nil {
			return err
		}
		seconds := toInt(res.Rows[0][0])
		grid := grids[len(grids)-1]
		for _, g := range grids {
			if seconds/int64(g.step/time.Second) <= 100_000 {
				grid = g
				break
			}
		}
		method = "rows counted by the " + grid.word
		moments = fmt.Sprintf("(SELECT CAST(date_trunc('%s', v) AS TIMESTAMP) AS m FROM %s WHERE isfinite(v) GROUP BY 1)", grid.word, c.from())
	}
	res, err := d.ask(ctx, `WITH s AS MATERIALIZED (SELECT epoch_us(m) - lag(epoch_us(m)) OVER (ORDER BY m) AS d FROM `+moments+`), t AS (SELECT mode(d) AS step FROM s)
		SELECT step, count(d), count_if(2 * d >= 3 * step), sum(CASE WHEN 2 * d >= 3 * step THEN CAST(round(d / step) AS BIGINT) - 1 END) FROM s, t GROUP BY step`)
	if err != nil {
		return err
	}
	if row := res.Rows; len(row) == 1 && toInt(row[0][1]) >= 2 {
		c.Time.Step, c.Time.Method = stepWords(time.Duration(toInt(row[0][0]))*time.Microsecond), method
		c.Time.Gaps, c.Time.Missing = toInt(row[0][2]), toInt(row[0][3])
		c.Time.Steps = toInt(row[0][1]) + 1 + c.Time.Missing
	}
	return nil
}

// sqlOf joins what each column gives.
func sqlOf(columns []*described, each func(i int, c *described) string, with string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = each(i, c)
	}
	return strings.Join(parts, with)
}
