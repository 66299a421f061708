package quality

import (
	"strings"
	"time"
)

// stats puts the statistics of both sides beside each other, in the order of the columns after and then of those that went.
func (d *differ) stats() error {
	before, err := d.statsOf(d.a)
	if err != nil {
		return err
	}
	after, err := d.statsOf(d.b)
	if err != nil {
		return err
	}
	for i, c := range d.b.columns {
		p := StatsPair{Name: c.name, After: after[i]}
		for j, old := range d.a.columns {
			if old.name == c.name {
				p.Before = before[j]
			}
		}
		d.out.Stats = append(d.out.Stats, p)
	}
	for j, c := range d.a.columns {
		if d.b.column(c.name) == nil {
			d.out.Stats = append(d.out.Stats, StatsPair{Name: c.name, Before: before[j]})
		}
	}
	return nil
}

// perColumn is how many values statsOf asks for each column.
const perColumn = 6

func (d *differ) statsOf(s *side) ([]*ColumnStats, error) {
	out := make([]*ColumnStats, len(s.columns))
	for start := 0; start < len(s.columns); start += 40 {
		part := s.columns[start:min(start+40, len(s.columns))]
		var selects []string
		for _, c := range part {
			v := c.value()
			selects = append(selects, "count(*) - count("+ident(c.name)+")", "approx_count_distinct("+v+")")
			switch {
			case numeric(c.kind):
				x := "CAST(" + v + " AS DOUBLE)"
				x = "CASE WHEN isfinite(" + x + ") THEN " + x + " END"
				selects = append(selects, "min("+x+")", "max("+x+")", "avg("+x+")", "stddev_samp("+x+")")
			case c.kind == "date" || c.kind == "timestamp":
				selects = append(selects, "min("+v+")", "max("+v+")", "NULL", "NULL")
			default:
				selects = append(selects, "NULL", "NULL", "NULL", "NULL")
			}
		}
		res, err := d.query("SELECT " + strings.Join(selects, ", ") + " FROM " + s.name)
		if err != nil {
			return nil, err
		}
		for i, c := range part {
			out[start+i] = d.statistics(c, res.Rows[0][i*perColumn:(i+1)*perColumn])
		}
	}
	return out, nil
}

func (d *differ) statistics(c sideColumn, row []any) *ColumnStats {
	out := &ColumnStats{Type: c.kind, Nulls: toInt(row[0]), Distinct: toInt(row[1])}
	if p := d.property(c.name); p != nil && p.secret() {
		return out // its extremes are values
	}
	if row[2] != nil {
		out.Min, out.Max = shownMoment(c.kind, row[2]), shownMoment(c.kind, row[3])
	}
	if v, ok := toFloat(row[4]); ok {
		out.Mean = &v
	}
	if v, ok := toFloat(row[5]); ok {
		out.StdDev = &v
	}
	return out
}

func shownMoment(kind string, v any) string {
	if t, ok := v.(time.Time); ok && kind == "timestamp" {
		return t.Format(time.RFC3339)
	}
	return show(v)
}
