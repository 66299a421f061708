package quality

import (
	"context"
	"fmt"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

// Relations of a profile inside a session.
const (
	typedName  = "__p_typed"  // all rows, columns __p_t0 …
	sampleName = "__p_sample" // the same of every so many-th row, when there are many
	groupName  = "__p_values" // v and n: the different values of one column with their counts
)

// groupedRows is up to how many rows every column is described by its different values. A test lowers it.
var groupedRows int64 = 1_000_000

// sampleRows is about how many rows a sample has: it tells where to look, never what is there, but for correlations.
const sampleRows = 160_000

// describer makes one profile. Columns are read one by one: a scan of a column costs nothing of the others. A column of
// few different values is described by them, each with its count; one of many by scans that keep nothing.
type describer struct {
	src     *source
	profile *Profile
	sample  bool
	columns []*described
}

// described is a column that is being described.
type described struct {
	*ColumnProfile
	cell    string // name in the typed relation
	kind    string // DuckDB type
	few     bool   // its values are in groupName
	n       int64  // values
	numbers int64  // finite ones
	low     float64
	high    float64
}

func (d *describer) ask(ctx context.Context, sql string, args ...any) (*Result, error) {
	return d.src.session.Query(ctx, sql, args...)
}

func (d *describer) all(ctx context.Context) error {
	if err := d.src.infer(ctx); err != nil {
		return err
	}
	if err := d.prepare(ctx); err != nil {
		return err
	}
	for _, c := range d.columns {
		if err := d.column(ctx, c); err != nil {
			return fault.Wrap(err, "column %s", c.Name)
		}
		d.profile.Columns = append(d.profile.Columns, *c.ColumnProfile)
	}
	return d.table(ctx)
}

// prepare types the columns, once for all scans that follow, and takes the sample.
func (d *describer) prepare(ctx context.Context) error {
	form := "TABLE" // of text, so that nothing is parsed twice
	if d.src.parquet != "" {
		form = "VIEW"
	}
	selects := []string{rowName}
	for i := range d.src.fields {
		f := &d.src.fields[i]
		c := &described{cell: prefix + "t" + count10(i), kind: f.kind, ColumnProfile: &ColumnProfile{Name: f.name, Type: f.prop.Type, Physical: f.physical, Top: []TopValue{}}}
		d.columns = append(d.columns, c)
		selects = append(selects, f.typed+" AS "+c.cell)
	}
	if _, err := d.ask(ctx, "CREATE TEMP "+form+" "+typedName+" AS SELECT "+strings.Join(selects, ", ")+" FROM "+dataView); err != nil {
		return err
	}
	if d.sample = d.src.rows > groupedRows; !d.sample {
		return nil
	}
	step := prime(d.src.rows / sampleRows)
	_, err := d.ask(ctx, fmt.Sprintf("CREATE TEMP TABLE %s AS SELECT * FROM %s WHERE %s %% %d = 0", sampleName, typedName, rowName, step))
	return err
}

// prime gives the first prime from n on: such a step does not beat with hours, days and weeks.
func prime(n int64) int64 {
next:
	for n = max(n, 2); ; n++ {
		for i := int64(2); i*i <= n; i++ {
			if n%i == 0 {
				continue next
			}
		}
		return n
	}
}

func (d *describer) column(ctx context.Context, c *described) error {
	if err := d.group(ctx, c); err != nil {
		return err
	}
	for _, part := range []func(context.Context, *described) error{d.basics, d.moments, d.histogram, d.quantiles, d.distinct, d.top, d.moment} {
		if err := part(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// group puts the different values of a column into a table, if they are few or the rows are.
func (d *describer) group(ctx context.Context, c *described) error {
	c.few = !d.sample
	if d.sample {
		res, err := d.ask(ctx, "SELECT count(DISTINCT "+c.cell+"), count("+c.cell+") FROM "+sampleName)
		if err != nil {
			return err
		}
		c.few = 3*toInt(res.Rows[0][0]) < toInt(res.Rows[0][1])+3000
	}
	if !c.few {
		return nil
	}
	_, err := d.ask(ctx, fmt.Sprintf("CREATE OR REPLACE TEMP TABLE %s AS SELECT %[2]s AS v, count(*) AS n FROM %s WHERE %[2]s IS NOT NULL GROUP BY 1", groupName, c.cell, typedName))
	return err
}

// from gives the relation of the values of a column, v.
func (c *described) from() string {
	if c.few {
		return groupName
	}
	return "(SELECT " + c.cell + " AS v FROM " + typedName + ")"
}

// countIf and sum give SQL over the rows, whether each value stands for one of them or for n.
func (c *described) countIf(cond string) string {
	if c.few {
		return "CAST(coalesce(sum(CASE WHEN " + cond + " THEN n END), 0) AS BIGINT)"
	}
	return "count_if(" + cond + ")"
}

func (c *described) sum(value string) string {
	if c.few {
		return "sum((" + value + ") * n)"
	}
	return "sum(" + value + ")"
}

func (c *described) numeric() bool { return c.Type == "integer" || c.Type == "number" }

// finite gives SQL of v, or of the cell, without NaN and infinity.
func (c *described) finite(v string) string {
	if c.kind == "DOUBLE" {
		return "CASE WHEN isfinite(" + v + ") THEN " + v + " END"
	}
	return v
}

// basics counts and finds the extremes.
func (d *describer) basics(ctx context.Context, c *described) error {
	count := "count(v)"
	if c.few {
		count = "CAST(coalesce(sum(n), 0) AS BIGINT)"
	}
	x := c.finite("v")
	selects := []string{count, "min(" + x + ")", "max(" + x + ")"}
	switch {
	case c.kind == "DOUBLE":
		selects = append(selects, c.countIf("v = 0"), c.countIf("v < 0"), c.sum(x), c.countIf("isnan(v)"), c.countIf("isinf(v)"))
	case c.numeric():
		selects = append(selects, c.countIf("v = 0"), c.countIf("v < 0"), c.sum("CAST(v AS DOUBLE)"))
	case c.Type == "string":
		selects = append(selects, "min(length(v))", "max(length(v))", c.sum("length(v)"))
	}
	if !c.numeric() {
		selects[1], selects[2] = "CAST(min(v) AS VARCHAR)", "CAST(max(v) AS VARCHAR)"
	}
	res, err := d.ask(ctx, "SELECT "+strings.Join(selects, ", ")+" FROM "+c.from())
	if err != nil {
		return err
	}
	row := res.Rows[0]
	c.n = toInt(row[0])
	if c.Nulls = d.src.rows - c.n; row[1] != nil {
		c.Min, c.Max = show(row[1]), show(row[2])
	}
	switch {
	case c.numeric():
		c.fill(row)
	case c.Type == "string" && c.n > 0:
		c.MinLength, c.MaxLength = toInt(row[3]), toInt(row[4])
		total, _ := toFloat(row[5])
		c.MeanLength = new(float64)
		*c.MeanLength = total / float64(c.n)
	}
	return nil
}

func (c *described) fill(row []any) {
	c.low, _ = toFloat(row[1])
	c.high, _ = toFloat(row[2])
	c.Zeros, c.Negatives = toInt(row[3]), toInt(row[4])
	if c.kind == "DOUBLE" {
		c.NaNs, c.Infinite = toInt(row[6]), toInt(row[7])
	}
	c.numbers = c.n - c.NaNs - c.Infinite
	if total, ok := toFloat(row[5]); ok && c.numbers > 0 {
		mean := total / float64(c.numbers)
		c.Mean = &mean
	}
}
