package quality

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Names of the tables that reduce makes.
const (
	keysA     = prefix + "ka" // for each row: key k0 …, hash h of the other values
	keysB     = prefix + "kb"
	differing = prefix + "differ" // what, k0 …: rows that are not the same on both sides
	pairs     = prefix + "pairs"  // k0 …, a0 b0 a1 b1 …: values of the first changed rows
)

// sampled bounds how many changed rows are looked at for samples.
const sampled = 10_000

func (d *differ) keyName(i int) string { return "k" + count10(i) }

// reduce keeps of every row its key and a hash of the rest, so that the join holds little in memory.
func (d *differ) reduce() error {
	hashed := d.rest
	if !d.byKey {
		hashed = d.shared
	}
	for _, s := range []struct {
		table, from string
		sql         func(p pairOf) string
	}{{keysA, d.a.name, func(p pairOf) string { return p.a }}, {keysB, d.b.name, func(p pairOf) string { return p.b }}} {
		selects := []string{"CAST(0 AS UBIGINT) AS h"}
		if len(hashed) > 0 {
			selects[0] = "hash(" + list(hashed, func(_ int, p pairOf) string { return s.sql(p) }, ", ") + ") AS h"
		}
		for i, k := range d.key {
			selects = append(selects, s.sql(k)+" AS "+d.keyName(i))
		}
		if _, err := d.query("CREATE TEMP TABLE " + s.table + " AS SELECT " + strings.Join(selects, ", ") + " FROM " + s.from); err != nil {
			return err
		}
	}
	return d.unique()
}

// unique looks whether the key identifies rows; if it does not, rows are compared as a whole.
func (d *differ) unique() error {
	if !d.byKey {
		return nil
	}
	keys := list(d.key, func(i int, _ pairOf) string { return d.keyName(i) }, ", ")
	for _, table := range []string{keysA, keysB} {
		res, err := d.query("SELECT count(*) FROM (SELECT 1 FROM " + table + " GROUP BY " + keys + " HAVING count(*) > 1)")
		if err != nil {
			return err
		}
		n := toInt(res.Rows[0][0])
		if n == 0 {
			continue
		}
		side := map[string]string{keysA: "before", keysB: "after"}[table]
		d.out.Notes = append(d.out.Notes, fmt.Sprintf("%s of %s %s more than once %s, so rows are compared as a whole", plural(n, "value"),
			strings.Join(names(d.key), ", "), map[bool]string{true: "occurs", false: "occur"}[n == 1], side))
		d.byKey, d.key, d.rest = false, nil, d.shared
		for _, table := range []string{keysA, keysB} {
			if _, err := d.query("DROP TABLE " + table); err != nil {
				return err
			}
		}
		return d.reduce()
	}
	return nil
}

func names(of []pairOf) []string {
	out := make([]string, len(of))
	for i, p := range of {
		out[i] = p.name
	}
	return out
}

func (d *differ) rows() error {
	d.out.Rows.Before, d.out.Rows.After = d.a.rows, d.b.rows
	if !d.byKey {
		d.out.KeyFrom = ""
		return d.wholeRows()
	}
	d.out.Key = names(d.key)
	join := list(d.key, func(i int, _ pairOf) string {
		return "a." + d.keyName(i) + " IS NOT DISTINCT FROM b." + d.keyName(i)
	}, " AND ")
	keys := list(d.key, func(i int, _ pairOf) string {
		return "CASE WHEN a.h IS NULL THEN b." + d.keyName(i) + " ELSE a." + d.keyName(i) + " END AS " + d.keyName(i)
	}, ", ")
	if _, err := d.query("CREATE TEMP TABLE " + differing + " AS SELECT CASE WHEN a.h IS NULL THEN 'added' WHEN b.h IS NULL THEN 'removed' ELSE 'changed' END AS what, " +
		keys + " FROM " + keysA + " a FULL OUTER JOIN " + keysB + " b ON " + join + " WHERE a.h IS DISTINCT FROM b.h"); err != nil {
		return err
	}
	res, err := d.query("SELECT what, count(*) FROM " + differing + " GROUP BY what")
	if err != nil {
		return err
	}
	r := &d.out.Rows
	for _, row := range res.Rows {
		switch row[0] {
		case "added":
			r.Added = toInt(row[1])
		case "removed":
			r.Removed = toInt(row[1])
		default:
			r.Changed = toInt(row[1])
		}
	}
	r.Same = r.Before - r.Removed - r.Changed
	return d.someRows()
}

// someRows shows the first keys that were added and removed.
func (d *differ) someRows() error {
	keys := list(d.key, func(i int, _ pairOf) string { return d.keyName(i) }, ", ")
	for _, what := range []string{"added", "removed"} {
		res, err := d.query(fmt.Sprintf("SELECT %s FROM %s WHERE what = '%s' ORDER BY %s LIMIT %d", keys, differing, what, keys, d.samples()))
		if err != nil {
			return err
		}
		for _, row := range res.Rows {
			d.out.Rows.Some = append(d.out.Rows.Some, RowShown{what, d.shown(row, d.key)})
		}
	}
	return nil
}

// wholeRows counts rows that have no equal on the other side, each as often as it occurs.
func (d *differ) wholeRows() error {
	r := &d.out.Rows
	for _, side := range []struct {
		what, in, out, from string
		n                   *int64
		sql                 func(p pairOf) string
	}{
		{"added", keysB, keysA, d.b.name, &r.Added, func(p pairOf) string { return p.b }},
		{"removed", keysA, keysB, d.a.name, &r.Removed, func(p pairOf) string { return p.a }},
	} {
		res, err := d.query("SELECT count(*) FROM (SELECT h FROM " + side.in + " EXCEPT ALL SELECT h FROM " + side.out + ")")
		if err != nil {
			return err
		}
		if *side.n = toInt(res.Rows[0][0]); *side.n == 0 || len(d.shared) == 0 {
			continue
		}
		first := d.shared[:min(len(d.shared), 4)]
		res, err = d.query(fmt.Sprintf("SELECT %s FROM %s WHERE hash(%s) NOT IN (SELECT h FROM %s) LIMIT %d", list(first, func(_ int, p pairOf) string { return side.sql(p) }, ", "),
			side.from, list(d.shared, func(_ int, p pairOf) string { return side.sql(p) }, ", "), side.out, d.samples()))
		if err != nil {
			return err
		}
		for _, row := range res.Rows {
			r.Some = append(r.Some, RowShown{side.what, d.shown(row, first)})
		}
	}
	r.Same = r.Before - r.Removed
	return nil
}

// columns counts the rows in which each column changed, and shows some values.
func (d *differ) columns() error {
	if !d.byKey || d.out.Rows.Changed == 0 {
		return nil
	}
	joined := d.changedRows()
	counts := list(d.rest, func(i int, _ pairOf) string { return fmt.Sprintf("count_if(a%d IS DISTINCT FROM b%d)", i, i) }, ", ")
	res, err := d.query("SELECT " + counts + " FROM " + joined)
	if err != nil {
		return err
	}
	all := list(d.rest, func(i int, _ pairOf) string { return fmt.Sprintf("a%d, b%d", i, i) }, ", ")
	keys := list(d.key, func(i int, _ pairOf) string { return "j." + d.keyName(i) }, ", ")
	if _, err := d.query(fmt.Sprintf("CREATE TEMP TABLE %s AS SELECT %s, %s FROM %s ORDER BY %s LIMIT %d", pairs, keys, all, joined, keys, sampled)); err != nil {
		return err
	}
	for i := range d.rest {
		n := toInt(res.Rows[0][i])
		if n == 0 {
			continue
		}
		some, err := d.someValues(i)
		if err != nil {
			return err
		}
		d.out.Changed = append(d.out.Changed, ColumnChange{Name: d.rest[i].name, Rows: n, Some: some})
	}
	slices.SortStableFunc(d.out.Changed, func(a, b ColumnChange) int { return cmp.Compare(b.Rows, a.Rows) })
	return nil
}

// changedRows gives SQL of the rows that changed: j with the key, a0 … before, b0 … after.
func (d *differ) changedRows() string {
	joined := "(SELECT * FROM " + differing + " WHERE what = 'changed') j"
	for _, s := range []struct {
		alias, from string
		sql         func(p pairOf) string
	}{{"a", d.a.name, func(p pairOf) string { return p.a }}, {"b", d.b.name, func(p pairOf) string { return p.b }}} {
		joined += " JOIN (SELECT " + list(d.key, func(i int, p pairOf) string { return s.sql(p) + " AS " + d.keyName(i) }, ", ") + ", " +
			list(d.rest, func(i int, p pairOf) string { return s.sql(p) + " AS " + s.alias + count10(i) }, ", ") + " FROM " + s.from + ") " + s.alias +
			" ON " + list(d.key, func(i int, _ pairOf) string {
			return "j." + d.keyName(i) + " IS NOT DISTINCT FROM " + s.alias + "." + d.keyName(i)
		}, " AND ")
	}
	return joined
}

func (d *differ) someValues(i int) ([]ValueShown, error) {
	keys := list(d.key, func(i int, _ pairOf) string { return d.keyName(i) }, ", ")
	res, err := d.query(fmt.Sprintf("SELECT %s, a%d, b%d FROM %s WHERE a%d IS DISTINCT FROM b%d ORDER BY %s LIMIT %d", keys, i, i, pairs, i, i, keys, d.samples()))
	if err != nil {
		return nil, err
	}
	out := []ValueShown{}
	for _, row := range res.Rows {
		n := len(d.key)
		v := d.shown(row[n:], []pairOf{d.rest[i], d.rest[i]})
		out = append(out, ValueShown{d.shown(row[:n], d.key), v[0], v[1]})
	}
	return out, nil
}

// shown prints cells for people; those of restricted columns are hidden.
func (d *differ) shown(cells []any, of []pairOf) []string {
	out := make([]string, len(cells))
	for i, v := range cells {
		if out[i] = show(v); of[i].secret && v != nil {
			out[i] = "•••"
		}
	}
	return out
}
