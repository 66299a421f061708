package quality

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// profileMethod changes when a number of a profile changes its meaning.
const profileMethod = "profile 1"

// Profile describes a file without judging it. Its JSON form is stable; monitors compare with its frozen edges.
type Profile struct {
	Digest  ref.Digest      `json:"digest"`
	Engine  string          `json:"engine"`
	Rows    int64           `json:"rows"`
	Columns []ColumnProfile `json:"columns"`
}

// ColumnProfile describes one column. Statistics of numbers leave out NaN and infinity; moments of dates are texts.
type ColumnProfile struct {
	Name      string     `json:"name"`
	Type      string     `json:"type"` // integer, number, date, timestamp, boolean, string
	Nulls     int64      `json:"nulls"`
	Distinct  int64      `json:"distinct"` // exact
	NaNs      int64      `json:"nans,omitempty"`
	Infinite  int64      `json:"infinite,omitempty"`
	Zeros     int64      `json:"zeros,omitempty"`
	Negatives int64      `json:"negatives,omitempty"`
	Min       string     `json:"min,omitempty"`
	Max       string     `json:"max,omitempty"`
	Mean      *float64   `json:"mean,omitempty"`
	StdDev    *float64   `json:"stddev,omitempty"`    // of the sample
	Quantiles []float64  `json:"quantiles,omitempty"` // at QuantilePoints, interpolated
	Top       []TopValue `json:"top"`                 // most frequent, by count and then value
	Histogram *Histogram `json:"histogram,omitempty"`
	MinLength int64      `json:"min_length,omitempty"` // of texts, in code points
	MaxLength int64      `json:"max_length,omitempty"`
}

// QuantilePoints are the probabilities of ColumnProfile.Quantiles.
var QuantilePoints = []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99}

// TopValue is a frequent value.
type TopValue struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// Histogram counts finite numbers: Counts[i] are those in [Edges[i], Edges[i+1]), in the last bucket also its upper edge.
type Histogram struct {
	Edges  []float64 `json:"edges"`
	Counts []int64   `json:"counts"`
}

const (
	buckets   = 20
	topValues = 10
)

// Profile describes a file. Types of text formats are inferred strictly: a column is a number when every value is one.
func (r *Room) Profile(ctx context.Context, path string) (*Profile, error) {
	src, err := r.open(ctx, path, nil, nil)
	var u *unreadableError
	if errors.As(err, &u) {
		return nil, fault.New(fault.Invalid, "%s", u.Why).At(path, int(u.Line), 0)
	} else if err != nil {
		return nil, err
	}
	defer src.close()
	p := &Profile{Digest: src.digest, Engine: r.engine.Version() + ", " + profileMethod, Rows: src.rows}
	if err := src.infer(ctx); err != nil {
		return nil, err
	}
	for i := range src.fields {
		c, err := src.profile(ctx, &src.fields[i])
		if err != nil {
			return nil, fault.Wrap(err, "profiling column %s", src.fields[i].name)
		}
		p.Columns = append(p.Columns, *c)
	}
	return p, nil
}

// inferable are the types that texts are tried for, the narrowest first.
var inferable = []string{"boolean", "integer", "number", "date", "timestamp"}

// infer gives every text column the narrowest type that all its values have.
func (s *source) infer(ctx context.Context) error {
	for start := 0; start < len(s.fields); start += 40 {
		part := s.fields[start:min(start+40, len(s.fields))]
		var selects []string
		for i := range part {
			selects = append(selects, "count("+part[i].raw+")")
			for _, kind := range inferable {
				selects = append(selects, "count("+inferCast(kind, part[i].text())+")")
			}
		}
		res, err := s.session.Query(ctx, "SELECT "+strings.Join(selects, ", ")+" FROM "+dataView)
		if err != nil {
			return err
		}
		for i := range part {
			part[i].guess(res.Rows[0][i*(len(inferable)+1):])
		}
	}
	return nil
}

func inferCast(kind, text string) string {
	if kind == "boolean" {
		return "CASE WHEN lower(" + text + ") IN ('true', 'false') THEN 1 END"
	}
	return castText(&Property{Type: kind}, text)
}

func (f *field) guess(counts []any) {
	kind := "string"
	if f.physical == "VARCHAR" {
		for i, name := range inferable {
			if n := toInt(counts[0]); n > 0 && toInt(counts[i+1]) == n {
				kind = name
				break
			}
		}
	} else {
		for _, name := range inferable {
			if suits(f.physical, name) && (name != "number" || !suits(f.physical, "integer")) {
				kind = name
				break
			}
		}
	}
	f.prop = &Property{Name: f.name, Column: f.name, Type: kind}
	f.kind = duckType(f.prop)
	if f.physical == "VARCHAR" {
		f.typed = castText(f.prop, f.raw)
	} else {
		f.typed = "CAST(" + f.raw + " AS " + f.kind + ")"
	}
}

func (s *source) profile(ctx context.Context, f *field) (*ColumnProfile, error) {
	c := &ColumnProfile{Name: f.name, Type: f.prop.Type}
	v := f.typed
	selects := []string{"count(*) - count(" + f.raw + ")", "count(DISTINCT " + v + ")", "CAST(min(" + v + ") AS VARCHAR)", "CAST(max(" + v + ") AS VARCHAR)"}
	if f.numeric() {
		d := "CAST(" + v + " AS DOUBLE)"
		x := "CASE WHEN isfinite(" + d + ") THEN " + d + " END"
		selects = []string{selects[0], selects[1], "min(" + x + ")", "max(" + x + ")", "count_if(isnan(" + d + "))", "count_if(isinf(" + d + "))", "count_if(" + d + " = 0)",
			"count_if(" + d + " < 0)", "avg(" + x + ")", "stddev_samp(" + x + ")", "quantile_cont(" + x + ", " + floats(QuantilePoints) + ")"}
	} else if c.Type == "string" {
		selects = append(selects, "min(length("+v+"))", "max(length("+v+"))")
	}
	res, err := s.session.Query(ctx, "SELECT "+strings.Join(selects, ", ")+" FROM "+dataView)
	if err != nil {
		return nil, err
	}
	row := res.Rows[0]
	c.Nulls, c.Distinct = toInt(row[0]), toInt(row[1])
	if row[2] != nil {
		c.Min, c.Max = show(row[2]), show(row[3])
	}
	if f.numeric() {
		c.numbers(row)
		if c.Histogram, err = s.histogram(ctx, f, row[2], row[3]); err != nil {
			return nil, err
		}
	} else if c.Type == "string" {
		c.MinLength, c.MaxLength = toInt(row[4]), toInt(row[5])
	}
	c.Top, err = s.top(ctx, f)
	return c, err
}

func (c *ColumnProfile) numbers(row []any) {
	c.NaNs, c.Infinite, c.Zeros, c.Negatives = toInt(row[4]), toInt(row[5]), toInt(row[6]), toInt(row[7])
	if m, ok := toFloat(row[8]); ok {
		c.Mean = &m
	}
	if s, ok := toFloat(row[9]); ok {
		c.StdDev = &s
	}
	list, _ := row[10].([]any)
	for _, q := range list {
		v, _ := toFloat(q)
		c.Quantiles = append(c.Quantiles, v)
	}
}

func (s *source) top(ctx context.Context, f *field) ([]TopValue, error) {
	res, err := s.session.Query(ctx, fmt.Sprintf("SELECT %s, count(*) FROM %s WHERE %s IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %d", f.typed, dataView, f.raw, topValues))
	if err != nil {
		return nil, err
	}
	out := []TopValue{}
	for _, row := range res.Rows {
		value := show(row[0])
		if t, ok := row[0].(time.Time); ok && f.prop.Type == "date" {
			value = t.Format(time.DateOnly)
		}
		out = append(out, TopValue{value, toInt(row[1])})
	}
	return out, nil
}

// histogram counts numbers in buckets of equal width between the smallest and the largest.
func (s *source) histogram(ctx context.Context, f *field, low, high any) (*Histogram, error) {
	lo, ok := toFloat(low)
	hi, ok2 := toFloat(high)
	if !ok || !ok2 {
		return nil, nil
	}
	h := &Histogram{Edges: []float64{lo, hi}, Counts: make([]int64, 1)}
	if hi > lo {
		h = &Histogram{Edges: make([]float64, buckets+1), Counts: make([]int64, buckets)}
		for i := range h.Edges {
			h.Edges[i] = lo + (hi-lo)*float64(i)/buckets
		}
		h.Edges[buckets] = hi
	}
	d := "CAST(" + f.typed + " AS DOUBLE)"
	conds := make([]string, len(h.Counts))
	for i := range conds {
		op := " < "
		if i == len(conds)-1 {
			op = " <= "
		}
		conds[i] = "count_if(" + d + " >= " + numLiteral(h.Edges[i]) + " AND " + d + op + numLiteral(h.Edges[i+1]) + ")"
	}
	res, err := s.session.Query(ctx, "SELECT "+strings.Join(conds, ", ")+" FROM "+dataView)
	if err != nil {
		return nil, err
	}
	for i := range h.Counts {
		h.Counts[i] = toInt(res.Rows[0][i])
	}
	return h, nil
}

func floats(v []float64) string {
	parts := make([]string, len(v))
	for i, f := range v {
		parts[i] = numLiteral(f)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
