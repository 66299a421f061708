package tracking

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
)

// maxSorts bounds the terms of an order: most are a join.
const maxSorts = 8

// sortKey is one expression of an ORDER BY. It is never NULL, so that the keys of a row say exactly where it stands and the
// following page can begin behind it, at the same cost at any depth.
type sortKey struct {
	sql  string
	desc bool
	text bool // else a number
}

// order sorts runs: numbers, then NaN or texts, then what is absent, in both directions; at last by start and id.
type order struct {
	keys  []sortKey
	joins string
	args  []any // of the joins
	mark  string
}

// sortRuns reads the terms of an order.
func sortRuns(dialect db.Dialect, terms []string) (*order, error) {
	if len(terms) > maxSorts {
		return nil, fault.New(fault.Invalid, "the order has %d terms, more than %d", len(terms), maxSorts)
	}
	o := &order{}
	seen := map[string]bool{}
	for _, text := range terms {
		s, err := filter.ParseSort(text)
		if err != nil {
			return nil, placed("order", text, err)
		}
		c, err := columnOf(s.Term)
		if err == nil && c.Kind == datasetColumn {
			err = &mistake{s.Pos, "runs cannot be sorted by their datasets", ""}
		}
		if err == nil && strings.ContainsRune(c.Key, 0) {
			err = &mistake{s.Pos, "a name holds no NUL", ""}
		}
		if err != nil {
			return nil, placed("order", text, err)
		}
		if !seen[c.String()] {
			o.add(dialect, c, s.Desc)
		}
		seen[c.String()] = true
	}
	if !seen["start_time"] {
		o.keys = append(o.keys, sortKey{sql: "r.start_ms", desc: true})
	}
	if !seen["id"] {
		o.keys = append(o.keys, sortKey{sql: collated(dialect, "r.id"), text: true})
	}
	h := fnv.New32a()
	for _, k := range o.keys {
		fmt.Fprint(h, k)
	}
	fmt.Fprint(h, o.args)
	o.mark = fmt.Sprintf("%08x", h.Sum32())
	return o, nil
}

func collated(dialect db.Dialect, col string) string {
	if dialect == db.Postgres {
		return col + ` COLLATE "C"`
	}
	return col
}

func (o *order) add(dialect db.Dialect, c Column, desc bool) {
	if c.Kind == AttributeColumn {
		a := attributeColumns[c.Key]
		switch {
		case a.null:
			o.keys = append(o.keys, sortKey{sql: "CASE WHEN r.end_ms IS NULL THEN 1 ELSE 0 END"}, sortKey{sql: "coalesce(" + a.sql + ", 0)", desc: desc})
		case a.kind == textAttribute:
			o.keys = append(o.keys, sortKey{sql: collated(dialect, a.sql), desc: desc, text: true})
		default:
			o.keys = append(o.keys, sortKey{sql: a.sql, desc: desc})
		}
		return
	}
	alias := fmt.Sprint("o", len(o.args))
	table := map[ColumnKind]string{MetricColumn: "tracking_series", ParamColumn: "tracking_param", TagColumn: "tracking_tag"}[c.Kind]
	o.joins += fmt.Sprintf(" LEFT JOIN %s %s ON %s.run = r.id AND %s.key = ?", table, alias, alias, alias)
	o.args = append(o.args, c.Key)
	switch {
	case c.Func == "count":
		o.keys = append(o.keys, sortKey{sql: "coalesce(" + alias + ".points, 0)", desc: desc})
	case c.Kind == MetricColumn:
		value, has := summarySQL(alias, c.Func)
		o.keys = append(o.keys, sortKey{sql: "CASE WHEN " + value + " IS NOT NULL THEN 0 WHEN " + has + " THEN 1 ELSE 2 END"},
			sortKey{sql: "coalesce(" + value + ", 0)", desc: desc})
	default:
		value := alias + ".value"
		number := numberSQL(dialect, value)
		o.keys = append(o.keys, sortKey{sql: "CASE WHEN " + value + " IS NULL THEN 2 WHEN (" + number + ") IS NOT NULL THEN 0 ELSE 1 END"},
			sortKey{sql: "coalesce(" + number + ", 0)", desc: desc}, sortKey{sql: collated(dialect, "coalesce("+value+", '')"), desc: desc, text: true})
	}
}

// columns gives the keys as columns of a SELECT named k0, k1, …, and targets to scan them into.
func (o *order) columns() (sql string, into func() []any) {
	terms := make([]string, len(o.keys))
	for i, k := range o.keys {
		terms[i] = fmt.Sprintf("%s AS k%d", k.sql, i)
	}
	return strings.Join(terms, ", "), func() []any {
		out := make([]any, len(o.keys))
		for i := range out {
			out[i] = new(any)
		}
		return out
	}
}

// names gives the columns of the keys in a page p.
func (o *order) names() string {
	out := make([]string, len(o.keys))
	for i := range out {
		out[i] = fmt.Sprint("p.k", i)
	}
	return strings.Join(out, ", ")
}

var runColumn = regexp.MustCompile(`\br\.[a-z_]+`)

// needs lists the columns of runs that the keys are made of, and the id.
func (o *order) needs() string {
	out := []string{"r.id"} // for the joins
	for _, k := range o.keys {
		out = append(out, runColumn.FindAllString(k.sql, -1)...)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

// by gives the ORDER BY, by expressions over runs or by the columns of a page p.
func (o *order) by(named bool) string {
	terms := make([]string, len(o.keys))
	for i, k := range o.keys {
		terms[i] = k.sql
		if named {
			terms[i] = fmt.Sprint("p.k", i)
		}
		if k.desc {
			terms[i] += " DESC"
		}
	}
	return " ORDER BY " + strings.Join(terms, ", ")
}

// pageMark is the content of a page token: the keys of the last row of a page.
type pageMark struct {
	Order string `json:"o"`
	Keys  []any  `json:"k"`
}

// token gives the token of the page behind a row.
func (o *order) token(keys []any) string {
	p := pageMark{Order: o.mark, Keys: make([]any, len(keys))}
	for i, k := range keys {
		v := *k.(*any)
		if b, ok := v.([]byte); ok {
			v = string(b)
		}
		p.Keys[i] = v
	}
	b, _ := json.Marshal(p) // texts and finite numbers always marshal
	return base64.RawURLEncoding.EncodeToString(b)
}

// after gives the condition that a row stands behind the place of a token, "" for the first page.
func (o *order) after(token string) (string, []any, error) {
	if token == "" {
		return "", nil, nil
	}
	wrong := fault.New(fault.Invalid, "the page token belongs to another query").WithHint("ask for the first page, without a token")
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", nil, wrong
	}
	var p pageMark
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&p); err != nil || p.Order != o.mark || len(p.Keys) != len(o.keys) {
		return "", nil, wrong
	}
	values := make([]any, len(p.Keys))
	for i, k := range p.Keys {
		number, isNumber := k.(json.Number)
		switch {
		case isNumber == o.keys[i].text:
			return "", nil, wrong
		case !isNumber:
			values[i] = k
			if s, ok := k.(string); !ok || strings.ContainsRune(s, 0) {
				return "", nil, wrong
			}
		default:
			if values[i], err = number.Int64(); err != nil {
				if values[i], err = number.Float64(); err != nil {
					return "", nil, wrong
				}
			}
		}
	}
	sql, args := o.behind(values)
	return sql, args, nil
}

// behind compares keys one after another. The first one is compared alone as well, because that is what an index serves.
func (o *order) behind(values []any) (string, []any) {
	var args []any
	first := o.keys[0]
	sql := first.sql + " >= "
	if first.desc {
		sql = first.sql + " <= "
	}
	sql += o.param(values[0]) + " AND ("
	args = append(args, values[0])
	for i, k := range o.keys {
		op := " > "
		if k.desc {
			op = " < "
		}
		sql += k.sql + op + o.param(values[i])
		args = append(args, values[i])
		if i < len(o.keys)-1 {
			sql += " OR (" + k.sql + " = " + o.param(values[i]) + " AND "
			sql += "("
			args = append(args, values[i])
		}
	}
	return "(" + sql + strings.Repeat("))", len(o.keys)-1) + "))", args
}

// param is a placeholder. A number without a fraction may stand for one with a fraction, so fractions are cast.
func (o *order) param(v any) string {
	if _, ok := v.(float64); ok {
		return "CAST(? AS DOUBLE PRECISION)"
	}
	return "?"
}
