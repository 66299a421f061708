package quality

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// Text prints the difference for people.
func (d *TableDiff) Text(w io.Writer) error {
	var b strings.Builder
	d.textColumns(&b)
	d.textRows(&b)
	d.textStats(&b)
	for _, n := range d.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (d *TableDiff) textColumns(b *strings.Builder) {
	c := d.Columns
	if len(c.Added)+len(c.Removed)+len(c.Retyped) == 0 {
		fmt.Fprintf(b, "columns: the same\n")
		return
	}
	fmt.Fprintf(b, "columns:\n")
	for _, x := range c.Added {
		fmt.Fprintf(b, "  + %s (%s)\n", x.Name, x.Type)
	}
	for _, x := range c.Removed {
		fmt.Fprintf(b, "  - %s (%s)\n", x.Name, x.Type)
	}
	for _, x := range c.Retyped {
		fmt.Fprintf(b, "  ~ %s: %s → %s\n", x.Name, x.Before, x.After)
	}
}

func (d *TableDiff) textRows(b *strings.Builder) {
	r := d.Rows
	by := "as a whole"
	if len(d.Key) > 0 {
		by = "by " + strings.Join(d.Key, ", ")
	}
	fmt.Fprintf(b, "rows: %s → %s, compared %s: ", count(r.Before), count(r.After), by)
	if r.Added+r.Removed+r.Changed == 0 {
		fmt.Fprintf(b, "all the same\n")
		return
	}
	fmt.Fprintf(b, "%s added, %s removed", count(r.Added), count(r.Removed))
	if len(d.Key) > 0 {
		fmt.Fprintf(b, ", %s changed", count(r.Changed))
	}
	fmt.Fprintf(b, ", %s the same\n", count(r.Same))
	for _, x := range r.Some {
		fmt.Fprintf(b, "  %s %s\n", map[string]string{"added": "+", "removed": "-"}[x.What], strings.Join(x.Values, ", "))
	}
	for _, c := range d.Changed {
		fmt.Fprintf(b, "  ~ %s in %s\n", c.Name, plural(c.Rows, "row"))
		for _, v := range c.Some {
			fmt.Fprintf(b, "      %s: %s → %s\n", strings.Join(v.Key, ", "), v.Before, v.After)
		}
	}
}

// textStats prints the columns whose statistics moved.
func (d *TableDiff) textStats(b *strings.Builder) {
	w := tabwriter.NewWriter(b, 0, 2, 2, ' ', 0)
	shown := false
	for _, s := range d.Stats {
		if s.Before == nil || s.After == nil {
			continue
		}
		var parts []string
		part := func(name, before, after string) {
			if before != after {
				parts = append(parts, name+" "+before+" → "+after)
			}
		}
		part("empty", count(s.Before.Nulls), count(s.After.Nulls))
		part("mean", optional(s.Before.Mean), optional(s.After.Mean))
		part("stddev", optional(s.Before.StdDev), optional(s.After.StdDev))
		part("min", s.Before.Min, s.After.Min)
		part("max", s.Before.Max, s.After.Max)
		if len(parts) == 0 {
			continue
		}
		if !shown {
			fmt.Fprintf(w, "statistics that moved:\n")
			shown = true
		}
		fmt.Fprintf(w, "  %s\t%s\n", s.Name, strings.Join(parts, ", "))
	}
	w.Flush()
}

// optional prints a statistic with five digits.
func optional(v *float64) string {
	if v == nil {
		return "–"
	}
	if *v == 0 || math.Abs(*v) >= 1e5 || math.Abs(*v) < 1e-3 {
		return fmt.Sprintf("%.4g", *v)
	}
	return fmt.Sprintf("%.5g", *v)
}
