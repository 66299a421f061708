package quality

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ContractChange is one difference between two contracts. It is breaking when data that kept the old contract may be refused
// by the new one, or when a reader may find what the old one excluded.
type ContractChange struct {
	Where    string `json:"where"` // object.column, or object
	What     string `json:"what"`
	Breaking bool   `json:"breaking"`
	Why      string `json:"why,omitempty"`
}

// The two ways in which a change breaks.
const (
	forDelivery = "deliveries that were accepted may be refused"
	forReaders  = "readers may meet what was excluded"
)

// Breaking counts the changes that break.
func Breaking(changes []ContractChange) (n int) {
	for _, c := range changes {
		if c.Breaking {
			n++
		}
	}
	return n
}

// Columns counts the properties of all objects.
func (c *Contract) Columns() (n int) {
	for _, o := range c.Objects {
		n += len(o.Properties)
	}
	return n
}

// Count counts the rules that are written down in quality lists.
func (c *Contract) Count() (n int) {
	for _, o := range c.Objects {
		n += len(o.Rules)
		for _, p := range o.Properties {
			n += len(p.Rules)
		}
	}
	return n
}

// DiffContracts tells what changed from one contract to another, breaking changes first. Texts for people are left out.
func DiffContracts(before, after *Contract) []ContractChange {
	d := &contractDiffer{}
	for i := range before.Objects {
		old := &before.Objects[i]
		j := slices.IndexFunc(after.Objects, func(o Object) bool { return o.Name == old.Name })
		if j < 0 {
			d.add(old.Name, forReaders, "the object is gone")
			continue
		}
		d.object(old, &after.Objects[j])
	}
	for _, o := range after.Objects {
		if !slices.ContainsFunc(before.Objects, func(b Object) bool { return b.Name == o.Name }) {
			d.add(o.Name, "", "the object is new")
		}
	}
	slices.SortStableFunc(d.changes, func(a, b ContractChange) int {
		return cmp.Compare(map[bool]int{true: 0, false: 1}[a.Breaking], map[bool]int{true: 0, false: 1}[b.Breaking])
	})
	return d.changes
}

type contractDiffer struct{ changes []ContractChange }

// add notes a change; why is "" when nothing breaks.
func (d *contractDiffer) add(where, why, format string, args ...any) {
	d.changes = append(d.changes, ContractChange{where, fmt.Sprintf(format, args...), why != "", why})
}

func (d *contractDiffer) object(a, b *Object) {
	find := func(o *Object, name string) *Property {
		i := slices.IndexFunc(o.Properties, func(p Property) bool { return p.Name == name })
		if i < 0 {
			return nil
		}
		return &o.Properties[i]
	}
	for i := range a.Properties {
		p := &a.Properties[i]
		where := a.Name + "." + p.Name
		if q := find(b, p.Name); q == nil {
			d.add(where, forReaders, "the column is no longer promised")
		} else {
			d.property(where, p, q)
		}
	}
	for i := range b.Properties {
		if p := &b.Properties[i]; find(a, p.Name) == nil {
			d.add(b.Name+"."+p.Name, forDelivery, "the column is new, and a delivery must have it")
		}
	}
	d.rules(a.Name, a.Rules, b.Rules)
}

func (d *contractDiffer) property(where string, a, b *Property) {
	if a.Type != b.Type {
		why := forReaders
		if a.Type == "integer" && b.Type == "number" || a.Type == "date" && b.Type == "timestamp" {
			why = forReaders + " (whole values become others)"
		}
		d.add(where, why, "type %s becomes %s", first(a.Type, "any"), first(b.Type, "any"))
	}
	if a.Column != b.Column {
		d.add(where, forDelivery, "the name in the file %s becomes %s", a.Column, b.Column)
	}
	if a.Unit != b.Unit {
		d.add(where, forReaders, "unit %s becomes %s", first(a.Unit, "(none)"), first(b.Unit, "(none)"))
	}
	for _, f := range []struct {
		word     string
		was, now bool
	}{{"required", a.Required || a.KeyPosition > 0, b.Required || b.KeyPosition > 0}, {"unique", a.Unique, b.Unique}, {"in the primary key", a.KeyPosition > 0, b.KeyPosition > 0}} {
		switch {
		case f.now && !f.was:
			d.add(where, forDelivery, "it becomes %s", f.word)
		case f.was && !f.now:
			d.add(where, forReaders, "it is no longer %s", f.word)
		}
	}
	d.options(where, &a.Options, &b.Options)
	d.rules(where, a.Rules, b.Rules)
}

func (d *contractDiffer) options(where string, a, b *Options) {
	d.limit(where, "the smallest value", a.Min, b.Min, 1)
	d.limit(where, "the exclusive lower bound", a.Above, b.Above, 1)
	d.limit(where, "the largest value", a.Max, b.Max, -1)
	d.limit(where, "the exclusive upper bound", a.Below, b.Below, -1)
	length := func(n *int64) string {
		if n == nil {
			return ""
		}
		return strconv.FormatInt(*n, 10)
	}
	d.limit(where, "the smallest length", length(a.MinLength), length(b.MinLength), 1)
	d.limit(where, "the largest length", length(a.MaxLength), length(b.MaxLength), -1)
	for _, t := range [][3]string{{"format", a.Format, b.Format}, {"pattern", a.Pattern, b.Pattern}, {"multipleOf", a.MultipleOf, b.MultipleOf}} {
		switch {
		case t[1] == t[2]:
		case t[2] == "":
			d.add(where, forReaders, "%s %s is no longer asked for", t[0], t[1])
		default:
			d.add(where, forDelivery, "%s %s becomes %s", t[0], first(t[1], "(any)"), t[2])
		}
	}
}

// limit compares a bound; tighter is the sign of a move that accepts less.
func (d *contractDiffer) limit(where, what, was, now string, tighter float64) {
	if was == now {
		return
	}
	why := forDelivery
	a, errA := strconv.ParseFloat(was, 64)
	b, errB := strconv.ParseFloat(now, 64)
	if now == "" || was != "" && errA == nil && errB == nil && (b-a)*tighter < 0 || was != "" && (errA != nil || errB != nil) && float64(strings.Compare(now, was))*tighter < 0 {
		why = forReaders
	}
	d.add(where, why, "%s %s becomes %s", what, first(was, "(none)"), first(now, "(none)"))
}

// rules compares quality lists by the id of their rules, and rules without one by what they say.
func (d *contractDiffer) rules(where string, a, b []Rule) {
	left := slices.Clone(b)
	for _, r := range a {
		i := slices.IndexFunc(left, func(q Rule) bool { return r.label() == q.label() })
		if i < 0 {
			d.add(where, map[bool]string{true: forReaders}[r.Severity == Error], "the rule %s is gone", r.label())
			continue
		}
		q := left[i]
		left = slices.Delete(left, i, i+1)
		switch {
		case r.essence() == q.essence() && r.Severity == q.Severity:
		case r.essence() == q.essence() && q.Severity == Error:
			d.add(where, forDelivery, "the rule %s becomes an error", r.label())
		case r.essence() == q.essence():
			d.add(where, map[bool]string{true: forReaders}[r.Severity == Error], "the rule %s becomes %s", r.label(), q.Severity)
		default:
			d.add(where, map[bool]string{true: forDelivery}[q.Severity == Error], "the rule %s asks for something else", r.label())
		}
	}
	for _, q := range left {
		d.add(where, map[bool]string{true: forDelivery}[q.Severity == Error], "the rule %s is new", q.label())
	}
}

func (q *Rule) label() string { return first(q.ID, q.Name, q.Metric, q.Custom.Check, q.Kind) }

// essence is what a rule asks for, without names, place and severity.
func (q *Rule) essence() string {
	c := *q
	c.ID, c.Name, c.Description, c.Dimension, c.Severity = "", "", "", "", ""
	c.Place.Line, c.Place.Col = 0, 0
	limits := []string{}
	for _, p := range []*float64{c.Custom.Min, c.Custom.Max} {
		if p != nil {
			limits = append(limits, num(*p))
		} else {
			limits = append(limits, "none")
		}
	}
	c.Custom.Min, c.Custom.Max, c.Compare = nil, nil, nil
	return fmt.Sprintf("%+v %v %v", c, limits, q.Compare)
}
