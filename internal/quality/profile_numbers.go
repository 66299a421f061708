package quality

import (
	"context"
	"fmt"
	"math"
)

const buckets = 20

// moments finds deviation, skew and kurtosis by powers of the distance from the mean: powers of the values themselves would
// lose all digits where the mean is large.
func (d *describer) moments(ctx context.Context, c *described) error {
	if c.Mean == nil || math.IsInf(*c.Mean, 0) || math.IsInf(c.high-c.low, 0) {
		return nil
	}
	zero := 0.0
	scale := max(c.high-*c.Mean, *c.Mean-c.low)
	if c.numbers < 2 {
		return nil
	}
	if scale == 0 {
		c.StdDev = &zero
		return nil
	}
	z := fmt.Sprintf("(CAST(%s AS DOUBLE) - %s) / %s", c.finite("v"), double(*c.Mean), double(scale))
	res, err := d.ask(ctx, fmt.Sprintf("SELECT %s, %s, %s, %s FROM (SELECT *, %s AS z FROM %s)", c.sum("z"), c.sum("z * z"), c.sum("z * z * z"), c.sum("z * z * z * z"), z, c.from()))
	if err != nil {
		return err
	}
	var s [4]float64
	for i := range s {
		s[i], _ = toFloat(res.Rows[0][i])
	}
	c.spread(s, scale)
	return nil
}

// spread turns sums of powers of z into the statistics of the sample. The first sum is what rounding left of zero.
func (c *described) spread(s [4]float64, scale float64) {
	n := float64(c.numbers)
	e := s[0] / n
	m2 := s[1]/n - e*e
	m3 := s[2]/n - 3*e*s[1]/n + 2*e*e*e
	m4 := s[3]/n - 4*e*s[2]/n + 6*e*e*s[1]/n - 3*e*e*e*e
	dev := scale * math.Sqrt(max(m2, 0)*n/(n-1))
	c.StdDev = &dev
	if m2 <= 0 {
		return
	}
	if n > 2 {
		skew := math.Sqrt(n*(n-1)) / (n - 2) * m3 / math.Pow(m2, 1.5)
		c.Skew = &skew
	}
	if n > 3 {
		kurtosis := (n - 1) / ((n - 2) * (n - 3)) * ((n+1)*m4/(m2*m2) - 3*(n-1))
		c.Kurtosis = &kurtosis
	}
}

// edges gives buckets of equal width between the smallest and the largest number; nil if there is none.
func (c *described) edges() *Histogram {
	lo, hi := c.low, c.high
	switch {
	case !c.numeric() || c.numbers == 0 || math.IsInf(hi-lo, 0):
		return nil
	case hi <= lo:
		return &Histogram{Edges: []float64{lo, hi}, Counts: []int64{c.numbers}}
	}
	h := &Histogram{Edges: make([]float64, buckets+1), Counts: make([]int64, buckets)}
	for i := range h.Edges {
		h.Edges[i] = lo + float64((hi-lo)*float64(i))/buckets
	}
	h.Edges[buckets] = hi
	return h
}

// histogram counts the numbers between the edges: a bucket is guessed by one multiplication, and near an edge put right by
// comparing with it, so that a value that lies on an edge is where the definition says.
func (d *describer) histogram(ctx context.Context, c *described) error {
	if c.Histogram = c.edges(); c.Histogram == nil || len(c.Histogram.Counts) == 1 {
		return nil
	}
	h := c.Histogram
	lo, span := double(c.low), double(c.high-c.low)
	place := fmt.Sprintf("(x - %s) * %s", lo, double(buckets/(c.high-c.low)))
	edge := func(b string) string { return fmt.Sprintf("%s + %s * (%s) / %d", lo, span, b, buckets) }
	bucket := fmt.Sprintf("CASE WHEN abs(y - round(y)) < 1e-6 THEN g + CASE WHEN g < %d AND x >= %s THEN 1 WHEN x < %s THEN -1 ELSE 0 END ELSE g END",
		buckets-1, edge("g + 1"), edge("g"))
	n := "count(*)"
	if c.few {
		n = "CAST(sum(n) AS BIGINT)"
	}
	res, err := d.ask(ctx, fmt.Sprintf(`SELECT CAST(%s AS UTINYINT) AS b, %s FROM (SELECT *, CAST(least(%d, greatest(0, floor(y))) AS TINYINT) AS g FROM
		(SELECT *, %s AS y FROM (SELECT *, CAST(%s AS DOUBLE) AS x FROM %s) WHERE x IS NOT NULL)) GROUP BY b`, bucket, n, buckets-1, place, c.finite("v"), c.from()))
	if err != nil {
		return err
	}
	for _, row := range res.Rows {
		if b := toInt(row[0]); b >= 0 && b < buckets {
			h.Counts[b] = toInt(row[1])
		}
	}
	return nil
}

// quantiles are exact: of few values by their counts, of many by looking where the sample says.
func (d *describer) quantiles(ctx context.Context, c *described) error {
	if !c.numeric() || c.numbers == 0 {
		return nil
	}
	var values []any
	var err error
	if c.few {
		s := &selection{ask: d.ask, kind: c.kind, n: c.numbers}
		values, err = s.grouped(ctx, "(SELECT v, n AS c FROM "+groupName+" WHERE isfinite(CAST(v AS DOUBLE)))", QuantilePoints)
	} else {
		values, err = quantiles(ctx, d.ask, typedName, sampleName, c.finite(c.cell), c.kind, QuantilePoints)
		if err == nil && values == nil {
			values, err = d.sorted(ctx, c)
		}
	}
	for _, v := range values {
		q, _ := toFloat(v)
		c.Quantiles = append(c.Quantiles, q)
	}
	return err
}

// sorted lets the engine do it.
func (d *describer) sorted(ctx context.Context, c *described) ([]any, error) {
	res, err := d.ask(ctx, "SELECT quantile_cont("+c.finite("v")+", "+floats(QuantilePoints)+") FROM "+c.from())
	if err != nil {
		return nil, err
	}
	list, _ := res.Rows[0][0].([]any)
	return list, nil
}
