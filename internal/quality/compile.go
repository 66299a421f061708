package quality

import (
	"fmt"
	"slices"
	"strings"
)

// compiler turns a contract and an opened file into rules.
type compiler struct {
	object *Object
	src    *source
	owner  string
	env    string // train, serve …
	rules  []*rule
	gone   []string // columns of the contract that the file does not have
}

// compile gives the rules in the order of the contract: the shape of the table, then each column, then the table.
func compile(o *Object, src *source, owner, env string) *compiler {
	c := &compiler{object: o, src: src, owner: owner, env: env}
	c.shape()
	for i := range o.Properties {
		c.property(&o.Properties[i])
	}
	c.primaryKey()
	for _, q := range o.Rules {
		c.quality(nil, q)
	}
	return c
}

// add appends a rule with what all rules have.
func (c *compiler) add(r *rule, p *Property, name string, q *Rule) *rule {
	r.Rule, r.Owner = first(r.Rule, name), c.owner
	if r.Severity == "" {
		r.Severity = Error
	}
	if r.most == 0 {
		r.most = defaultSamples
	}
	if p != nil {
		r.Column, r.secret, r.Line = p.Column, p.secret(), p.Place.Line
		r.field = c.src.field(p.Column)
	}
	if q != nil {
		r.Severity, r.Dimension, r.Description, r.Line = q.Severity, first(q.Dimension, r.Dimension), q.Description, q.Place.Line
		r.percent = r.percent || q.Percent
		r.aside = q.Custom.OnFail == "quarantine"
	}
	r.aside = (r.aside || p != nil && p.Aside && r.Severity == Error) && r.bad != "" && r.probe == nil
	r.ID = c.unique(first(idOf(q), strings.Trim(r.Column+"."+name, ".")))
	c.rules = append(c.rules, r)
	if p != nil && r.field == nil && r.Rule != "columns" {
		r.skip("not run, because the column is missing")
		r.Severity = Info // the missing column itself is the error
	}
	return r
}

func idOf(q *Rule) string {
	if q == nil {
		return ""
	}
	return first(q.ID, q.Name)
}

func (c *compiler) unique(id string) string {
	for n := 2; slices.ContainsFunc(c.rules, func(r *rule) bool { return r.ID == id }); n++ {
		id = fmt.Sprintf("%s_%d", strings.TrimRight(strings.TrimRight(id, "0123456789"), "_"), n)
	}
	return id
}

// shape checks that the file is a table, and that it has the columns.
func (c *compiler) shape() {
	if l := c.src.layout; l != nil {
		r := c.add(&rule{}, nil, "readable", nil)
		r.Dimension, r.Status, r.Bad, r.Total = "conformity", OK, l.BrokenN, l.Records+l.BrokenN
		r.Expected, r.Observed = "every line is one row", fmt.Sprintf("%s of %s", count(l.BrokenN), count(r.Total))
		if l.BrokenN > 0 {
			r.fail("%s cannot be read as a row; line %s: %s", plural(l.BrokenN, "line"), count(l.Broken[0].Line), l.Broken[0].Why)
			for _, b := range l.Broken {
				r.Samples = append(r.Samples, Sample{Line: b.Line, Value: b.Why})
			}
			r.Hint = brokenHint(l)
		}
		if l.Blank > 0 {
			r := c.add(&rule{Check: Check{Severity: Warning}}, nil, "blank_lines", nil)
			r.Bad, r.Total = l.Blank, r.Total+l.Blank
			r.fail("%s, the first on line %s; they were left out", plural(l.Blank, "empty line"), count(l.BlankAt))
		}
		if l.Foreign {
			r := c.add(&rule{}, nil, "delimiter", nil)
			r.fail("the columns are separated by %q, and another character was expected", string(l.Delimiter))
			r.Hint = "ask for the usual file, or set delimiter in servers of the contract"
		}
	}
	empty := c.add(&rule{}, nil, "not_empty", nil)
	empty.Dimension, empty.Status, empty.Total = "completeness", OK, c.src.rows
	if empty.Observed = plural(c.src.rows, "row"); c.src.rows == 0 {
		empty.fail("there is a header and no row")
		empty.Hint = "the export probably failed; ask for the delivery again"
	}
}

// brokenHint guesses why lines have too many fields.
func brokenHint(l *layout) string {
	for _, b := range l.Broken {
		switch {
		case strings.Contains(b.Why, "cut off"):
			return "the file is probably truncated; ask for the delivery again"
		case strings.HasPrefix(b.Why, "it has ") && l.BrokenN > l.Records && l.Delimiter == ',':
			return "numbers written with a decimal comma make one field too many; export with a point, or with ; between columns"
		}
	}
	return ""
}

// property compiles what a column declares, and its rules.
func (c *compiler) property(p *Property) {
	f := c.src.field(p.Column)
	if f == nil && c.notHere(p) {
		for _, q := range p.Rules {
			c.quality(p, q)
		}
		return
	}
	if f == nil {
		c.gone = append(c.gone, p.Column)
		r := c.add(&rule{Check: Check{Rule: "columns"}}, p, "columns", nil)
		r.Dimension, r.Expected, r.Observed = "conformity", "the column exists", "no such column"
		r.fail("the column is missing")
	}
	if f != nil && p.Type != "" {
		c.typed(p, f)
	}
	if p.Required && p.KeyPosition == 0 {
		c.add(c.required(f), p, "required", nil)
	}
	c.bounds(p, f)
	if p.Unique {
		c.add(uniqueRule(fieldsOf(f)), p, "unique", nil)
	}
	for _, q := range p.Rules {
		c.quality(p, q)
	}
}

// notHere tells whether a rule of this environment wants the column to be absent: the outcome, when the data are served.
func (c *compiler) notHere(p *Property) bool {
	return slices.ContainsFunc(p.Rules, func(q Rule) bool { return q.Custom.Check == "absent" && c.meant(q) })
}

// meant tells whether a rule is for this environment; most are for all.
func (c *compiler) meant(q Rule) bool {
	return len(q.Custom.Env) == 0 || slices.Contains(q.Custom.Env, c.env)
}

func fieldsOf(f *field) []*field {
	if f == nil {
		return nil
	}
	return []*field{f}
}

// raws gives SQL of the value as written, or NULL when the column is missing (the rule is skipped then).
func rawOf(f *field) string {
	if f == nil {
		return "NULL"
	}
	return f.raw
}

func textOf(f *field) string {
	if f == nil {
		return "NULL"
	}
	return f.text()
}

func typedOf(f *field) string {
	if f == nil {
		return "NULL"
	}
	return f.typed
}

func (c *compiler) required(f *field) *rule {
	return &rule{Check: Check{Dimension: "completeness", Expected: "no empty values"}, bad: rawOf(f) + " IS NULL", noun: "rows", what: "without a value", explain: explainEmpty}
}

func (c *compiler) typed(p *Property, f *field) {
	r := &rule{Check: Check{Dimension: "conformity", Expected: wanted(p)}, what: "not a " + wanted(p), base: f.raw + " IS NOT NULL", explain: explainType}
	if strings.HasPrefix(wanted(p), "i") {
		r.what = "not an " + wanted(p)
	}
	if !f.cast {
		r.needs, r.judge = nil, func(r *rule, _ []any) { r.Status, r.Observed = OK, first(f.physical, "text") }
		c.add(r, p, "type", nil)
		return
	}
	r.bad = f.raw + " IS NOT NULL AND " + f.typed + " IS NULL"
	if missing := missingValues(p); len(missing) > 0 {
		r.bad += " AND CAST(" + f.raw + " AS VARCHAR) NOT IN (" + strings.Join(missing, ", ") + ")"
	}
	if c.src.format == "parquet" && !suits(f.physical, p.Type) {
		r.judge = func(r *rule, _ []any) {
			r.Observed, r.Bad = f.physical, r.Total
			r.fail("the file holds %s, wanted %s", f.physical, wanted(p))
		}
	}
	c.add(r, p, "type", nil)
}

// primaryKey checks that the key columns hold values and that no two rows share them.
func (c *compiler) primaryKey() {
	var key []*Property
	for i := range c.object.Properties {
		if p := &c.object.Properties[i]; p.KeyPosition > 0 {
			key = append(key, p)
		}
	}
	if len(key) == 0 {
		return
	}
	slices.SortStableFunc(key, func(a, b *Property) int { return a.KeyPosition - b.KeyPosition })
	names, fs := []string{}, []*field{}
	for _, p := range key {
		names = append(names, p.Column)
		if f := c.src.field(p.Column); f != nil {
			fs = append(fs, f)
			c.add(c.required(f), p, "required", nil)
		}
	}
	r := c.add(uniqueRule(fs), nil, "primary_key", nil)
	r.Column, r.Expected = strings.Join(names, ", "), "one row for each key"
	for _, p := range key {
		r.secret = r.secret || p.secret()
	}
	if len(fs) < len(key) {
		r.skip("not run, because a column of the key is missing")
		r.Severity = Info
	}
}

// keyFields gives the columns that name a row for people.
func (c *compiler) keyFields() []*field {
	var key []*Property
	for i := range c.object.Properties {
		if p := &c.object.Properties[i]; p.KeyPosition > 0 && !p.secret() {
			key = append(key, p)
		}
	}
	slices.SortStableFunc(key, func(a, b *Property) int { return a.KeyPosition - b.KeyPosition })
	var out []*field
	for _, p := range key {
		if f := c.src.field(p.Column); f != nil {
			out = append(out, f)
		}
	}
	return out
}
