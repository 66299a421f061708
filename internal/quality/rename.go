package quality

import (
	"context"
	"fmt"
	"strings"
)

// renames explains missing columns by new ones: by their names, and by what they hold.
func (c *compiler) renames(ctx context.Context, x *run) {
	taken := map[string]bool{}
	for _, r := range c.rules {
		if r.Rule != "columns" || r.Status != Fail || r.Column == "" {
			continue
		}
		p := c.propertyOf(r.Column)
		best, bestScore, why := "", 0.0, ""
		for _, f := range c.src.fields {
			if f.prop != nil || taken[f.name] || p == nil {
				continue
			}
			name := alike(p.Column, f.name)
			fits, words := x.fits(ctx, p, &f)
			if score := name + fits; score > bestScore && (name >= 0.6 || name > 0.25 && fits > 0.9 || fits > 0.9 && c.lonely(p)) {
				best, bestScore, why = f.name, score, words
			}
		}
		if best == "" {
			r.Hint = "the file has: " + few(c.header(), 12)
			continue
		}
		taken[best] = true
		r.Message += fmt.Sprintf("; %s is new%s: was it renamed?", show(best), why)
		r.Hint = fmt.Sprintf("name the column %s again, or set physicalName: %s in the contract", p.Column, best)
	}
}

func (c *compiler) propertyOf(column string) *Property {
	for i := range c.object.Properties {
		if c.object.Properties[i].Column == column {
			return &c.object.Properties[i]
		}
	}
	return nil
}

// lonely tells whether exactly one column is missing and one is new; then the content alone may decide.
func (c *compiler) lonely(*Property) bool {
	extra := 0
	for _, f := range c.src.fields {
		if f.prop == nil {
			extra++
		}
	}
	return extra == 1 && len(c.gone) == 1
}

// alike compares two names: 1 is equal but for case, spaces and signs, 0 is nothing in common.
func alike(a, b string) float64 {
	a, b = plainName(a), plainName(b)
	switch {
	case a == "" || b == "":
		return 0
	case a == b:
		return 1
	case strings.Contains(a, b) || strings.Contains(b, a):
		return 0.8
	}
	pairs := map[string]int{}
	for i := 0; i+2 <= len(a); i++ {
		pairs[a[i:i+2]]++
	}
	common := 0
	for i := 0; i+2 <= len(b); i++ {
		if pairs[b[i:i+2]] > 0 {
			pairs[b[i:i+2]]--
			common++
		}
	}
	return 2 * float64(common) / float64(max(1, len(a)+len(b)-2))
}

func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r >= 0x80 {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// fits gives the share of the values of a new column that a property would accept.
func (x *run) fits(ctx context.Context, p *Property, f *field) (float64, string) {
	v := castText(p, f.text())
	cond := ident(prefix+"v") + " IS NOT NULL"
	probe := &field{typed: ident(prefix + "v"), raw: ident(prefix + "v"), kind: duckType(p), physical: duckType(p), prop: p}
	if o := p.Options; o.Min+o.Max+o.Above+o.Below != "" {
		cond += " AND NOT (" + rangeRule(p, probe, false).bad + ")"
	}
	for _, q := range p.Rules {
		if q.Metric == "invalidValues" && len(q.Arguments.Valid) > 0 {
			cond += " AND NOT (" + setRule(probe, q.Arguments.Valid, true).bad + ")"
		}
	}
	res, err := x.query(ctx, "SELECT count_if("+cond+"), count(*) FROM (SELECT "+v+" AS "+probe.typed+" FROM "+dataView+" WHERE "+f.raw+" IS NOT NULL LIMIT 100000)")
	if err != nil {
		return 0, ""
	}
	good, all := toInt(res.Rows[0][0]), toInt(res.Rows[0][1])
	if all == 0 {
		return 0, ""
	}
	share := float64(good) / float64(all)
	if share < 0.9 || p.Type == "string" && len(p.Rules) == 0 {
		return share * 0.5, ""
	}
	return share, fmt.Sprintf(" and %s of its %s fit", map[bool]string{true: "all", false: "most"}[good == all], plural(all, "value"))
}
