package quality

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// stride is the step of the sample that tells where a quantile lies: prime, so that hours, days and weeks do not beat with it.
const stride = 61

// ask runs one statement.
type ask func(ctx context.Context, sql string, args ...any) (*Result, error)

// selection finds quantiles without sorting or keeping the column (Floyd and Rivest, 1975): every 61st row tells a narrow
// interval in which a quantile lies almost surely; one scan counts what is below, and another looks at the values inside.
// The ranks are exact; one that is not inside its interval is not answered.
type selection struct {
	ask   ask
	from  string // v, the value
	kind  string // of v
	n     int64  // values
	spans []spanOf
}

// spanOf is an interval with the number of values below it.
type spanOf struct {
	low, high string // literals
	below     int64
}

// everyStride is the sample of the rows of a file.
var everyStride = "(SELECT * FROM " + dataView + " WHERE " + rowName + " % " + count10(stride) + " = 0)"

// quantiles gives what quantile_cont gives for a value that is finite or NULL, in bounded memory; nil when it cannot.
func quantiles(ctx context.Context, ask ask, from, sample, value, kind string, points []float64) ([]any, error) {
	s := &selection{ask: ask, kind: kind, from: "(SELECT " + value + " AS v FROM " + from + ")"}
	if err := s.enclose(ctx, "(SELECT "+value+" AS v FROM "+sample+")", points); err != nil || s.spans == nil {
		return nil, err
	}
	if err := s.count(ctx); err != nil || s.n == 0 {
		return nil, err
	}
	values, err := s.pick(ctx, points)
	if err != nil || values == nil {
		return nil, err
	}
	return s.between(ctx, values, points)
}

// enclose takes the intervals from the sample: four standard errors around each point.
func (s *selection) enclose(ctx context.Context, sampled string, points []float64) error {
	const probe = prefix + "probe"
	if _, err := s.ask(ctx, "CREATE OR REPLACE TEMP TABLE "+probe+" AS SELECT v FROM "+sampled+" WHERE v IS NOT NULL"); err != nil {
		return err
	}
	res, err := s.ask(ctx, "SELECT count(v) FROM "+probe)
	if err != nil {
		return err
	}
	n := float64(toInt(res.Rows[0][0]))
	if n < 1000 {
		return nil
	}
	var at []float64
	for _, p := range points {
		margin := 4*math.Sqrt(p*(1-p)/n) + 4/n
		at = append(at, max(0, p-margin), min(1, p+margin))
	}
	if res, err = s.ask(ctx, "SELECT unnest(CAST(quantile_disc(v, "+floats(at)+") AS VARCHAR[])) FROM "+probe); err != nil {
		return err
	}
	for i := 0; i+1 < len(res.Rows); i += 2 {
		low, _ := res.Rows[i][0].(string)
		high, _ := res.Rows[i+1][0].(string)
		s.spans = append(s.spans, spanOf{low: s.literal(low), high: s.literal(high)})
	}
	return nil
}

// literal gives SQL of a value of the column.
func (s *selection) literal(text string) string {
	return "CAST(" + literal(text) + " AS " + s.kind + ")"
}

func (s *selection) count(ctx context.Context) error {
	selects := []string{"count(v)"}
	for _, p := range s.spans {
		selects = append(selects, "count_if(v < "+p.low+")")
	}
	res, err := s.ask(ctx, "SELECT "+strings.Join(selects, ", ")+" FROM "+s.from)
	if err != nil {
		return err
	}
	s.n = toInt(res.Rows[0][0])
	for i := range s.spans {
		s.spans[i].below = toInt(res.Rows[0][1+i])
	}
	return nil
}

// ranks are the two places from 0 between which a quantile lies.
func (s *selection) ranks(p float64) (low, high int64, part float64) {
	at := float64(s.n-1) * p
	return int64(math.Floor(at)), int64(math.Ceil(at)), at - math.Floor(at)
}

// pick reads the values at the ranks; nil when one is outside of its interval.
func (s *selection) pick(ctx context.Context, points []float64) (map[int64]string, error) {
	var wanted, conds []string
	ranks := map[int64]bool{}
	for i, p := range points {
		low, high, _ := s.ranks(p)
		for _, rank := range []int64{low, high} {
			if ranks[rank] {
				continue
			}
			ranks[rank] = true
			wanted = append(wanted, fmt.Sprintf("(%d, %d, %s)", rank, rank-s.spans[i].below, s.spans[i].low))
			if rank < s.spans[i].below {
				return nil, nil
			}
		}
		if cond := "v BETWEEN " + s.spans[i].low + " AND " + s.spans[i].high; !slices.Contains(conds, cond) {
			conds = append(conds, cond)
		}
	}
	res, err := s.ask(ctx, fmt.Sprintf(`WITH g AS (SELECT v, count(*) AS c FROM %s WHERE %s GROUP BY v),
		w AS (SELECT v, c, sum(c) OVER (ORDER BY v) AS upto FROM g),
		k AS (SELECT rank, nth + coalesce((SELECT sum(c) FROM g WHERE v < low), 0) AS nth FROM (VALUES %s) AS t(rank, nth, low))
		SELECT k.rank, CAST(w.v AS VARCHAR) FROM k JOIN w ON k.nth < w.upto AND k.nth >= w.upto - w.c`,
		s.from, strings.Join(conds, " OR "), strings.Join(wanted, ", ")))
	if err != nil {
		return nil, err
	}
	out := map[int64]string{}
	for _, row := range res.Rows {
		out[toInt(row[0])], _ = row[1].(string)
	}
	return out, s.inside(ctx, out, points)
}

// inside leaves no value that lies above its interval: between two intervals, values were not looked at.
func (s *selection) inside(ctx context.Context, values map[int64]string, points []float64) error {
	var tests []string
	for i, p := range points {
		low, high, _ := s.ranks(p)
		for _, rank := range []int64{low, high} {
			text, found := values[rank]
			if !found {
				clear(values)
				return nil
			}
			tests = append(tests, s.literal(text)+" BETWEEN "+s.spans[i].low+" AND "+s.spans[i].high)
		}
	}
	res, err := s.ask(ctx, "SELECT "+strings.Join(tests, " AND "))
	if err == nil && res.Rows[0][0] != true {
		clear(values)
	}
	return err
}

// grouped gives the quantiles of values v that occur c times.
func (s *selection) grouped(ctx context.Context, from string, points []float64) ([]any, error) {
	var wanted []string
	for _, p := range points {
		low, high, _ := s.ranks(p)
		wanted = append(wanted, fmt.Sprintf("(%d), (%d)", low, high))
	}
	res, err := s.ask(ctx, fmt.Sprintf(`WITH w AS (SELECT v, c, sum(c) OVER (ORDER BY v) AS upto FROM %s)
		SELECT DISTINCT k.nth, CAST(w.v AS VARCHAR) FROM (VALUES %s) AS k(nth) JOIN w ON k.nth < w.upto AND k.nth >= w.upto - w.c`, from, strings.Join(wanted, ", ")))
	if err != nil {
		return nil, err
	}
	values := map[int64]string{}
	for _, row := range res.Rows {
		values[toInt(row[0])], _ = row[1].(string)
	}
	return s.between(ctx, values, points)
}

// between interpolates as the engine does, by letting it do so.
func (s *selection) between(ctx context.Context, values map[int64]string, points []float64) ([]any, error) {
	if len(values) == 0 {
		return nil, nil
	}
	selects := make([]string, len(points))
	for i, p := range points {
		low, high, part := s.ranks(p)
		selects[i] = fmt.Sprintf("(SELECT quantile_cont(x, %s) FROM (SELECT unnest([%s, %s]) AS x))", numLiteral(part), s.literal(values[low]), s.literal(values[high]))
	}
	res, err := s.ask(ctx, "SELECT "+strings.Join(selects, ", "))
	if err != nil {
		return nil, err
	}
	return res.Rows[0], nil
}

func floats(v []float64) string {
	parts := make([]string, len(v))
	for i, f := range v {
		parts[i] = numLiteral(f)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// double gives SQL of exactly this number.
func double(v float64) string { return "CAST(" + literal(numLiteral(v)) + " AS DOUBLE)" }
