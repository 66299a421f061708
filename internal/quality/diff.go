package quality

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

// DiffInput says which two tables to compare.
type DiffInput struct {
	Before, After []string  // files; several are one table
	Key           []string  // columns that identify a row; nil = the key of the contract
	Contract      *Contract // nil = none
	Dataset       string    // name of the object in the contract
	Samples       int       // rows shown of each kind; 0 = 3
}

// TableDiff tells how a table changed. Values are compared as what they mean: 1.0 and 1 are the same number, a date is a
// date; columns of another type on each side are compared as texts. Rows are compared by a 64-bit hash of their values.
type TableDiff struct {
	Key     []string       `json:"key"`                // columns; empty = rows are compared as a whole
	KeyFrom string         `json:"key_from,omitempty"` // given, or contract
	Columns ColumnChanges  `json:"columns"`
	Rows    RowChanges     `json:"rows"`
	Changed []ColumnChange `json:"changed"` // columns with other values in rows of the same key, most rows first
	Stats   []StatsPair    `json:"stats"`
	Notes   []string       `json:"notes,omitempty"`
}

// ColumnChanges is what became of the schema.
type ColumnChanges struct {
	Added   []TypedColumn `json:"added"`
	Removed []TypedColumn `json:"removed"`
	Retyped []Retyped     `json:"retyped"`
}

// TypedColumn is a column with the narrowest type that all its values have.
type TypedColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Retyped is a column whose values have another type.
type Retyped struct {
	Name   string `json:"name"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// RowChanges counts rows. Without a key a changed row is one removed and one added.
type RowChanges struct {
	Before  int64      `json:"before"`
	After   int64      `json:"after"`
	Added   int64      `json:"added"`
	Removed int64      `json:"removed"`
	Changed int64      `json:"changed"`
	Same    int64      `json:"same"`
	Some    []RowShown `json:"some"` // the first ones that were added or removed
}

// RowShown identifies a row: by its key, or by its first values when there is none.
type RowShown struct {
	What   string   `json:"what"` // added, removed
	Values []string `json:"values"`
}

// ColumnChange is a column with other values in rows of the same key.
type ColumnChange struct {
	Name string       `json:"name"`
	Rows int64        `json:"rows"`
	Some []ValueShown `json:"some"`
}

// ValueShown is one value before and after.
type ValueShown struct {
	Key    []string `json:"key"`
	Before string   `json:"before"`
	After  string   `json:"after"`
}

// StatsPair puts the statistics of a column side by side; nil = the column is not there.
type StatsPair struct {
	Name   string       `json:"name"`
	Before *ColumnStats `json:"before"`
	After  *ColumnStats `json:"after"`
}

// ColumnStats are cheap statistics of a column. NaN and infinity are left out of mean, min and max.
type ColumnStats struct {
	Type     string   `json:"type"`
	Nulls    int64    `json:"nulls"`
	Distinct int64    `json:"distinct"` // approximate, within a few percent
	Min      string   `json:"min,omitempty"`
	Max      string   `json:"max,omitempty"`
	Mean     *float64 `json:"mean,omitempty"`
	StdDev   *float64 `json:"stddev,omitempty"`
}

// Diff compares two tables. Memory stays within the limit of the engine, which spills to disk.
func (r *Room) Diff(ctx context.Context, in DiffInput) (*TableDiff, error) {
	d := &differ{in: in, ctx: ctx, out: &TableDiff{Key: []string{}, Changed: []ColumnChange{}, Stats: []StatsPair{}}}
	d.out.Columns = ColumnChanges{[]TypedColumn{}, []TypedColumn{}, []Retyped{}}
	d.out.Rows.Some = []RowShown{}
	defer d.close()
	if err := d.open(r.engine); err != nil {
		return nil, err
	}
	d.schema()
	if err := d.chooseKey(); err != nil {
		return nil, err
	}
	for _, part := range []func() error{d.reduce, d.rows, d.columns, d.stats} {
		if err := part(); err != nil {
			return nil, fault.Wrap(err, "comparing the tables")
		}
	}
	return d.out, nil
}

// differ compares; a and b are the two sides.
type differ struct {
	in      DiffInput
	ctx     context.Context
	session Session
	a, b    *side
	shared  []pairOf // columns of both sides
	key     []pairOf
	rest    []pairOf // shared without key
	byKey   bool
	scratch []string
	out     *TableDiff
}

// pairOf is one column of both sides, with SQL of the value in which they are compared.
type pairOf struct {
	name   string
	a, b   string
	secret bool
}

func (d *differ) query(sql string) (*Result, error) { return d.session.Query(d.ctx, sql) }

func (d *differ) samples() int { return cmp.Or(d.in.Samples, 3) }

// schema compares the columns and says how values of both sides are compared.
func (d *differ) schema() {
	for _, c := range d.a.columns {
		other := d.b.column(c.name)
		if other == nil {
			d.out.Columns.Removed = append(d.out.Columns.Removed, TypedColumn{c.name, c.kind})
			continue
		}
		if c.kind != other.kind && c.kind != "empty" && other.kind != "empty" {
			d.out.Columns.Retyped = append(d.out.Columns.Retyped, Retyped{c.name, c.kind, other.kind})
		}
		p := pairOf{name: c.name, a: c.text(), b: other.text()}
		if prop := d.property(c.name); prop != nil {
			p.secret = prop.secret()
		}
		switch {
		case d.property(c.name) != nil && d.property(c.name).Type == "string":
		case c.kind == other.kind:
			p.a, p.b = c.value(), other.value()
		case numeric(c.kind) && numeric(other.kind):
			p.a, p.b = "CAST("+c.value()+" AS DOUBLE)", "CAST("+other.value()+" AS DOUBLE)"
		}
		d.shared = append(d.shared, p)
	}
	for _, c := range d.b.columns {
		if d.a.column(c.name) == nil {
			d.out.Columns.Added = append(d.out.Columns.Added, TypedColumn{c.name, c.kind})
		}
	}
}

func numeric(kind string) bool { return kind == "integer" || kind == "number" }

func (d *differ) property(column string) *Property {
	if o := d.object(); o != nil {
		for i := range o.Properties {
			if o.Properties[i].Column == column {
				return &o.Properties[i]
			}
		}
	}
	return nil
}

func (d *differ) object() *Object {
	if d.in.Contract == nil {
		return nil
	}
	objects := d.in.Contract.Objects
	for i := range objects {
		if objects[i].Name == d.in.Dataset || len(objects) == 1 {
			return &objects[i]
		}
	}
	return nil
}

// chooseKey takes the key that was given, else that of the contract: the primary key, or a column that is unique.
func (d *differ) chooseKey() error {
	names := d.in.Key
	d.out.KeyFrom = "given"
	if len(names) == 0 {
		names, d.out.KeyFrom = d.contractKey(), "contract"
	}
	for _, name := range names {
		i := slices.IndexFunc(d.shared, func(p pairOf) bool { return p.name == name })
		switch {
		case i >= 0:
			d.key = append(d.key, d.shared[i])
		case d.out.KeyFrom == "given":
			known := make([]string, len(d.shared))
			for i, p := range d.shared {
				known[i] = p.name
			}
			return fault.New(fault.Invalid, "the key column %q is not in both tables; they share: %s", name, few(known, 20)).WithHint("--key COLUMN")
		default:
			d.out.Notes = append(d.out.Notes, fmt.Sprintf("the key column %s of the contract is not in both tables, so rows are compared as a whole", name))
			names, d.key = nil, nil
		}
		if names == nil {
			break
		}
	}
	d.byKey = len(d.key) > 0
	for _, p := range d.shared {
		if !slices.ContainsFunc(d.key, func(k pairOf) bool { return k.name == p.name }) {
			d.rest = append(d.rest, p)
		}
	}
	return nil
}

func (d *differ) contractKey() (names []string) {
	o := d.object()
	if o == nil {
		return nil
	}
	var key []Property
	for _, p := range o.Properties {
		if p.KeyPosition > 0 {
			key = append(key, p)
		}
	}
	slices.SortStableFunc(key, func(a, b Property) int { return cmp.Compare(a.KeyPosition, b.KeyPosition) })
	for _, p := range key {
		names = append(names, p.Column)
	}
	for _, p := range o.Properties {
		if len(names) == 0 && p.Unique {
			names = []string{p.Column}
		}
	}
	return names
}

// list joins SQL of one side of some columns.
func list(of []pairOf, sql func(i int, p pairOf) string, sep string) string {
	parts := make([]string, len(of))
	for i, p := range of {
		parts[i] = sql(i, p)
	}
	return strings.Join(parts, sep)
}
