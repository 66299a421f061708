package quality

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Text writes a profile for a terminal: one line a column, then what is notable of the table.
func (p *Profile) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 2, 2, ' ', 0)
	fmt.Fprintf(w, "%s, %s\n\n", plural(p.Rows, "row"), plural(int64(len(p.Columns)), "column"))
	fmt.Fprintln(t, "COLUMN\tTYPE\tEMPTY\tDISTINCT\tMIN\tMEDIAN\tMEAN\tMAX\tDISTRIBUTION")
	for i := range p.Columns {
		c := &p.Columns[i]
		median, mean := "", ""
		if len(c.Quantiles) > 0 {
			median = num(c.Quantiles[3])
		}
		if c.Mean != nil {
			mean = num(*c.Mean)
		}
		fmt.Fprintln(t, strings.Join([]string{shortened(show(c.Name), 30), c.Type, portion(c.Nulls, p.Rows), c.distinct(), shortened(c.Min, 19), median, mean, shortened(c.Max, 19), c.shape(p.Rows)}, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	for _, line := range p.notable() {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	if b.Len() > 0 {
		fmt.Fprintf(w, "\n%s", b.String())
	}
	return nil
}

// shortened cuts a text to one that cannot break a table.
func shortened(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func (c *ColumnProfile) distinct() string {
	if c.DistinctMethod == Exact {
		return count(c.Distinct)
	}
	return "≈" + count(c.Distinct)
}

// portion prints a share, "" for none; a few of very many are not rounded to none.
func portion(n, of int64) string {
	switch share := 100 * float64(n) / float64(max(1, of)); {
	case n == 0:
		return ""
	case share < 0.01:
		return "<0.01 %"
	case share < 10:
		return fmt.Sprintf("%.2g %%", share)
	case n < of && share > 99.9:
		return ">99.9 %"
	default:
		return fmt.Sprintf("%.0f %%", share)
	}
}

// shape draws the histogram of numbers, and names the most frequent values of all else.
func (c *ColumnProfile) shape(rows int64) string {
	if c.Histogram != nil {
		return sparkline(c.Histogram.Counts)
	}
	if c.Time != nil {
		return c.Time.String()
	}
	var parts []string
	for _, v := range c.Top {
		if len(parts) == 3 || v.Count < 2 {
			break
		}
		parts = append(parts, shortened(v.Value, 16)+" "+portion(v.Count, rows))
	}
	return strings.Join(parts, ", ")
}

func sparkline(counts []int64) string {
	most := int64(1)
	for _, n := range counts {
		most = max(most, n)
	}
	var b strings.Builder
	for _, n := range counts {
		step := int(float64(n) / float64(most) * 7.999)
		if n == 0 {
			b.WriteByte(' ')
		} else {
			b.WriteRune([]rune("▁▂▃▄▅▆▇█")[step])
		}
	}
	return b.String()
}

// String tells what is between the first and the last moment: "hourly, 3 missing in 1 gap".
func (t *TimeSeries) String() string {
	switch {
	case t.Step == "":
		return ""
	case t.Missing == 0:
		return "every " + strings.TrimPrefix(t.Step, "1 ") + ", no gap"
	}
	return fmt.Sprintf("every %s, %s missing in %s", strings.TrimPrefix(t.Step, "1 "), count(t.Missing), plural(t.Gaps, "gap"))
}

// notable are the sentences about the table and its odd columns.
func (p *Profile) notable() []string {
	var out []string
	t := &p.Table
	if t.DuplicateRows > 0 {
		out = append(out, fmt.Sprintf("%s an earlier row, value for value", map[bool]string{true: "1 row equals", false: count(t.DuplicateRows) + " rows equal"}[t.DuplicateRows == 1]))
	}
	if t.CompleteRows < p.Rows {
		out = append(out, fmt.Sprintf("%s of %s are complete (%s)", count(t.CompleteRows), plural(p.Rows, "row"), first(portion(t.CompleteRows, p.Rows), "0 %")))
	}
	for i := range p.Columns {
		for _, note := range p.Columns[i].notes(p.Rows) {
			out = append(out, show(p.Columns[i].Name)+": "+note)
		}
	}
	for i, c := range t.Correlations {
		if i < 5 && (c.Value >= 0.8 || c.Value <= -0.8) {
			out = append(out, fmt.Sprintf("%s and %s go together (correlation %.2f)", show(c.A), show(c.B), c.Value))
		}
	}
	return out
}

// notes are what a person should see of a column.
func (c *ColumnProfile) notes(rows int64) []string {
	var out []string
	if c.NaNs > 0 {
		out = append(out, count(c.NaNs)+" NaN")
	}
	if c.Infinite > 0 {
		out = append(out, count(c.Infinite)+" infinite")
	}
	switch {
	case rows > 0 && c.Nulls == rows:
		out = append(out, "empty in every row")
	case c.Distinct == 1 && rows > 1:
		out = append(out, "the same value in every row that has one")
	}
	return out
}
