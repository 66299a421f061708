package quality

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

const (
	mostCorrelated = 24 // numeric columns: 276 pairs
	mostPatterns   = 20
	maskBits       = 60 // columns whose empty values are looked at together
)

// table describes the rows as a whole.
func (d *describer) table(ctx context.Context) error {
	t := &d.profile.Table
	t.Missing, t.Correlations = []MissingPattern{}, []Correlation{}
	best := int64(-1)
	for _, c := range d.columns {
		if c.Time != nil && c.Distinct > best {
			best, t.Time = c.Distinct, c.Name
		}
	}
	for _, part := range []func(context.Context, *TableProfile) error{d.duplicates, d.missing, d.correlations} {
		if err := part(ctx, t); err != nil {
			return fault.Wrap(err, "the table")
		}
	}
	return nil
}

// duplicates counts rows that are there already. None can be where one column never repeats.
func (d *describer) duplicates(ctx context.Context, t *TableProfile) error {
	t.DuplicateMethod = Exact
	for _, c := range d.columns {
		if c.DistinctMethod == Exact && c.Distinct == d.src.rows {
			return nil
		}
	}
	t.DuplicateMethod = RowHash
	cells := sqlOf(d.columns, func(_ int, c *described) string { return c.cell }, ", ")
	res, err := d.ask(ctx, "SELECT count(*) - count(DISTINCT hash("+cells+")) FROM "+typedName)
	if err == nil {
		t.DuplicateRows = toInt(res.Rows[0][0])
	}
	return err
}

// missing finds which columns are empty in the same rows.
func (d *describer) missing(ctx context.Context, t *TableProfile) error {
	var some []*described
	for _, c := range d.columns {
		if c.Nulls > 0 {
			some = append(some, c)
		}
	}
	if t.CompleteRows = d.src.rows; len(some) == 0 {
		return nil
	}
	complete := sqlOf(some, func(_ int, c *described) string { return c.cell + " IS NOT NULL" }, " AND ")
	shown := some[:min(len(some), maskBits)]
	mask := sqlOf(shown, func(i int, c *described) string {
		return fmt.Sprintf("CASE WHEN %s IS NULL THEN %d ELSE 0 END", c.cell, int64(1)<<i)
	}, " + ")
	res, err := d.ask(ctx, fmt.Sprintf("SELECT %s, count(*), count_if(%s) FROM %s GROUP BY 1 ORDER BY 2 DESC, 1", mask, complete, typedName))
	if err != nil {
		return err
	}
	t.CompleteRows = 0
	for i, row := range res.Rows {
		if t.CompleteRows += toInt(row[2]); i >= mostPatterns {
			continue
		}
		p := MissingPattern{Columns: []string{}, Rows: toInt(row[1])}
		bits, _ := row[0].(int64)
		for j, c := range shown {
			if bits&(1<<j) != 0 {
				p.Columns = append(p.Columns, c.Name)
			}
		}
		t.Missing = append(t.Missing, p)
	}
	return nil
}

// correlations are of all rows, or of the sample when there are many: with 160,000 rows the standard error is at most 0.0025.
func (d *describer) correlations(ctx context.Context, t *TableProfile) error {
	var numbers []*described
	for _, c := range d.columns {
		switch {
		case !c.numeric() || c.StdDev == nil || *c.StdDev == 0:
		case len(numbers) == mostCorrelated:
			t.LeftOut = append(t.LeftOut, c.Name)
		default:
			numbers = append(numbers, c)
		}
	}
	if len(numbers) < 2 {
		return nil
	}
	from := typedName
	if t.CorrelationMethod = Exact; d.sample {
		from, t.CorrelationMethod = sampleName, "every so many-th row; standard error at most 0.0025"
	}
	selects := []string{"count(*)"}
	var pairs []Correlation
	for i, a := range numbers {
		for j, b := range numbers[i+1:] {
			selects = append(selects, fmt.Sprintf("corr(c%d, c%d)", i, i+1+j))
			pairs = append(pairs, Correlation{A: a.Name, B: b.Name})
		}
	}
	columns := sqlOf(numbers, func(i int, c *described) string {
		return fmt.Sprintf("%s AS c%d", c.finite("CAST("+c.cell+" AS DOUBLE)"), i)
	}, ", ")
	res, err := d.ask(ctx, "SELECT "+strings.Join(selects, ", ")+" FROM (SELECT "+columns+" FROM "+from+")")
	if err != nil {
		return err
	}
	t.CorrelationRows = toInt(res.Rows[0][0])
	for i, p := range pairs {
		if v, ok := toFloat(res.Rows[0][1+i]); ok && !math.IsNaN(v) {
			p.Value = v
			t.Correlations = append(t.Correlations, p)
		}
	}
	slices.SortStableFunc(t.Correlations, func(a, b Correlation) int { return cmp.Compare(math.Abs(b.Value), math.Abs(a.Value)) })
	return nil
}
