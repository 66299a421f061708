package quality

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

//go:embed profile.html.tmpl
var profilePage string

var profileTemplate = template.Must(template.New("profile").Parse(profilePage))

// HTML writes a profile as one page that needs nothing else: no script, no font, no address. Everything is escaped.
func (p *Profile) HTML(w io.Writer, title string) error {
	return profileTemplate.Execute(w, p.page(title))
}

// page is what the template shows; every number is a text already.
type page struct {
	Title, Engine, Digest string
	Facts                 []fact
	Columns               []columnPage
	Missing               []missingRow
	Correlations          []correlationRow
	CorrelationNote       string
}

type fact struct{ Name, Value, Note string }

type columnPage struct {
	Anchor, Name, Type, Physical, Empty, Distinct, Min, Max string
	Notes                                                   []string
	Facts                                                   []fact
	Chart                                                   *chart
	Quantiles                                               []fact
	Top                                                     []topRow
}

// chart is a histogram in a box of Wide × 100.
type chart struct {
	Wide             int
	Label, Low, High string
	Bars             []barPage
}

type barPage struct {
	X, Y, W, H float64
	Title      string
}

type topRow struct {
	Value, Count, Share string
	Width               float64
}

type missingRow struct {
	Columns, Rows, Share string
	Width                float64
}

type correlationRow struct {
	A, B, Value string
	Negative    bool
	Width       float64
}

const shownCorrelations = 40

func (p *Profile) page(title string) *page {
	t := &p.Table
	out := &page{Title: title, Engine: p.Engine, Digest: p.Digest.Short(), Facts: []fact{
		{"rows", count(p.Rows), ""}, {"columns", count(int64(len(p.Columns))), ""},
		{"complete rows", first(portion(t.CompleteRows, p.Rows), "0 %"), count(t.CompleteRows)},
		{"duplicate rows", count(t.DuplicateRows), map[bool]string{true: "", false: t.DuplicateMethod}[t.DuplicateMethod == Exact]},
	}}
	for i := range p.Columns {
		c := &p.Columns[i]
		out.Columns = append(out.Columns, c.page(i, p.Rows))
		if c.Name == t.Time {
			out.Facts = append(out.Facts, fact{"time, by " + show(c.Name), c.Time.First + " … " + c.Time.Last, c.Time.String()})
		}
	}
	if t.CompleteRows < p.Rows {
		for _, m := range t.Missing {
			out.Missing = append(out.Missing, missingRow{first(strings.Join(m.Columns, ", "), "none: complete rows"), count(m.Rows), portion(m.Rows, p.Rows), width(m.Rows, p.Rows)})
		}
	}
	for i, c := range t.Correlations {
		if i == shownCorrelations {
			break
		}
		out.Correlations = append(out.Correlations, correlationRow{c.A, c.B, fmt.Sprintf("%+.3f", c.Value), c.Value < 0, math.Round(1000*math.Abs(c.Value)) / 10})
	}
	out.CorrelationNote = fmt.Sprintf("The strongest %d of %d pairs of numbers, over %s (%s).", len(out.Correlations), len(t.Correlations), plural(t.CorrelationRows, "row"), t.CorrelationMethod)
	if len(t.LeftOut) > 0 {
		out.CorrelationNote += " Left out, because there are too many: " + few(t.LeftOut, 20) + "."
	}
	return out
}

func width(n, of int64) float64 {
	return math.Round(1000*float64(n)/float64(max(1, of))) / 10
}

func (c *ColumnProfile) page(i int, rows int64) columnPage {
	out := columnPage{Anchor: fmt.Sprintf("column-%d", i+1), Name: show(c.Name), Type: c.Type, Physical: c.Physical, Empty: first(portion(c.Nulls, rows), "none"),
		Distinct: c.distinct(), Min: c.Min, Max: c.Max, Notes: c.notes(rows), Facts: c.facts(rows), Chart: c.chart(rows)}
	for j, q := range c.Quantiles {
		out.Quantiles = append(out.Quantiles, fact{Name: num(100*QuantilePoints[j]) + " %", Value: num(q)})
	}
	for _, v := range c.Top {
		out.Top = append(out.Top, topRow{v.Value, count(v.Count), portion(v.Count, rows), width(v.Count, rows)})
	}
	return out
}

func (c *ColumnProfile) facts(rows int64) []fact {
	out := []fact{{"empty", count(c.Nulls), portion(c.Nulls, rows)}, {"distinct", c.distinct(), c.DistinctMethod}}
	if c.Min != "" || c.Max != "" {
		out = append(out, fact{"smallest", c.Min, ""}, fact{"largest", c.Max, ""})
	}
	for _, f := range []struct {
		name  string
		value *float64
		note  string
	}{{"mean", c.Mean, ""}, {"standard deviation", c.StdDev, ""}, {"skew", c.Skew, ""}, {"kurtosis", c.Kurtosis, "excess"}, {"mean length", c.MeanLength, "characters"}} {
		if f.value != nil {
			out = append(out, fact{f.name, num(*f.value), f.note})
		}
	}
	if c.Type == "integer" || c.Type == "number" {
		out = append(out, fact{"zeros", count(c.Zeros), portion(c.Zeros, rows)}, fact{"negative", count(c.Negatives), portion(c.Negatives, rows)})
	}
	if c.Type == "number" {
		out = append(out, fact{"NaN", count(c.NaNs), ""}, fact{"infinite", count(c.Infinite), ""})
	}
	if c.MeanLength != nil {
		out = append(out, fact{"length", count(c.MinLength) + " … " + count(c.MaxLength), "characters"})
	}
	if t := c.Time; t != nil && t.Step != "" {
		out = append(out, fact{"step", t.Step, t.Method}, fact{"steps", count(t.Steps), ""}, fact{"gaps", count(t.Gaps), count(t.Missing) + " steps missing"})
	}
	return out
}

// chart lays the histogram out; nil without one.
func (c *ColumnProfile) chart(rows int64) *chart {
	h := c.Histogram
	if h == nil {
		return nil
	}
	most := int64(1)
	for _, n := range h.Counts {
		most = max(most, n)
	}
	const wide = 400
	step := wide / float64(len(h.Counts))
	out := &chart{Wide: wide, Low: num(h.Edges[0]), High: num(h.Edges[len(h.Edges)-1])}
	peak := 0
	for i, n := range h.Counts {
		if n == most {
			peak = i
		}
		high := 100 * float64(n) / float64(most)
		if n > 0 {
			high = max(high, 1) // a few are not none
		}
		out.Bars = append(out.Bars, barPage{X: step * float64(i), Y: 100 - high, W: step - 1, H: high,
			Title: fmt.Sprintf("%s … %s: %s (%s)", num(h.Edges[i]), num(h.Edges[i+1]), count(n), first(portion(n, rows), "0 %"))})
	}
	out.Label = fmt.Sprintf("Histogram of %s from %s to %s; most values, %s, are between %s and %s", show(c.Name), out.Low, out.High, count(most), num(h.Edges[peak]), num(h.Edges[peak+1]))
	return out
}
