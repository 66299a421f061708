package quality

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/paraplu/paraplu/internal/spec"
)

// Custom is the implementation of a rule "type: custom, engine: paraplu".
type Custom struct {
	Check      string
	Columns    []string // the columns it is about; at a property its column
	Where      string   // SQL filter of the rows that count
	Mostly     float64  // share of good rows that is enough; 0 = all
	Percent    bool     // unit: percent
	Measure    string   // unit: mm, degC …
	OnFail     string   // "", fail, warn, quarantine
	Env        []string
	Samples    int64
	Reference  string
	Min, Max   *float64
	Strict     bool
	Values     []Value
	Pattern    string
	Format     string
	A, Op, B   string
	Expression string
	Q          float64
	Order      string // asc, desc
	Step       time.Duration
	MaxAge     time.Duration
	By         string
	Statistic  string // median, mean
	Exact      bool
	Ordered    bool
	AllowNaN   bool
	Timezone   string // IANA name
}

// form says what one check of the vocabulary takes.
type form struct {
	column bool   // it is about a column
	args   string // allowed arguments
	needs  string // at least these
}

// vocabulary are the checks of our engine. Each is explained in docs/spec/contracts.md.
var vocabulary = map[string]form{
	"columns":         {args: "columns ordered"},
	"row_count":       {args: "min max"},
	"not_null":        {column: true},
	"null_fraction":   {column: true, args: "min max"},
	"missing":         {column: true, args: "values", needs: "values"},
	"in_set":          {column: true, args: "values", needs: "values"},
	"not_in_set":      {column: true, args: "values", needs: "values"},
	"between":         {column: true, args: "min max strict allow_nan"},
	"multiple_of":     {column: true, args: "min", needs: "min"},
	"finite":          {column: true},
	"length":          {column: true, args: "min max"},
	"regex":           {column: true, args: "pattern", needs: "pattern"},
	"not_regex":       {column: true, args: "pattern", needs: "pattern"},
	"format":          {column: true, args: "format", needs: "format"},
	"compare":         {args: "a op b", needs: "a op b"},
	"expression":      {args: "expression", needs: "expression"},
	"unique":          {args: "columns"},
	"distinct_count":  {column: true, args: "min max"},
	"min":             {column: true, args: "min max"},
	"max":             {column: true, args: "min max"},
	"mean":            {column: true, args: "min max"},
	"sum":             {column: true, args: "min max"},
	"stddev":          {column: true, args: "min max"},
	"median":          {column: true, args: "min max"},
	"quantile":        {column: true, args: "q min max", needs: "q"},
	"skew":            {column: true, args: "min max"},
	"kurtosis":        {column: true, args: "min max"},
	"entropy":         {column: true, args: "min max"},
	"zeros":           {column: true, args: "min max"},
	"correlation":     {args: "a b min max", needs: "a b"},
	"share":           {column: true, args: "values min max by", needs: "values"},
	"monotonic":       {column: true, args: "order strict"},
	"gap":             {column: true, args: "step timezone", needs: "step"},
	"wall_clock":      {column: true, args: "timezone", needs: "timezone"},
	"overlap":         {column: true},
	"drift":           {column: true, args: "max", needs: "max"},
	"absent":          {column: true},
	"run_length":      {column: true, args: "max", needs: "max"},
	"freshness":       {column: true, args: "max_age", needs: "max_age"},
	"volume_change":   {args: "min max"},
	"consistent_unit": {column: true, args: "min max statistic"},
	"sentinel":        {column: true, args: "values"},
}

// rowChecks look at each row by itself, so that the bad ones can be set aside.
var rowChecks = []string{"not_null", "missing", "in_set", "not_in_set", "between", "multiple_of", "finite", "length", "regex", "not_regex", "format", "compare", "expression"}

// elsewhere are checks of the reference vocabulary that this engine does not run.
var elsewhere = map[string]string{
	"psi":         "drift is watched by the monitor section of paraplu.yaml",
	"foreign_key": "write it as a check of both tables after they are joined", "zscore": "use between, or quantile",
}

const envelope = "check where mostly unit on_fail env samples reference column"

func (r *reader) custom(n *yaml.Node, where string, q *Rule, impl *yaml.Node, column string) {
	switch {
	case q.Engine == "":
		r.report(n, where, "add engine: paraplu", "a custom rule needs an engine")
		return
	case q.Engine != "paraplu":
		return // another tool's rule: it is kept and reported as not run
	case impl == nil || impl.Kind != yaml.MappingNode:
		r.report(n, where, "implementation: {check: mean, min: 3, max: 9}", "a rule of the engine paraplu needs an implementation with keys")
		return
	}
	where = join(where, "implementation")
	c := &q.Custom
	for i := 0; i+1 < len(impl.Content); i += 2 {
		if impl.Content[i].Value == "check" {
			c.Check = impl.Content[i+1].Value
		}
	}
	f, ok := vocabulary[c.Check]
	if !ok {
		if hint, other := elsewhere[c.Check]; other {
			r.report(impl, where, hint, "the check %q is not run on deliveries", c.Check)
		} else {
			r.report(impl, where, suggest(c.Check, keys(vocabulary)), "the check %q is not known", c.Check)
		}
		return
	}
	var own string
	all := r.arguments(c, &own)
	known := fields{}
	for _, key := range strings.Fields(envelope + " " + f.args) {
		known[key] = all[key]
	}
	r.object(impl, where, known, append([]string{"check"}, strings.Fields(f.needs)...)...)
	r.settle(impl, where, q, f, column, own)
}

// settle checks what the arguments mean together.
func (r *reader) settle(n *yaml.Node, where string, q *Rule, f form, column, own string) {
	c := &q.Custom
	switch {
	case own != "":
		c.Columns = []string{own}
	case len(c.Columns) == 0 && column != "":
		c.Columns = []string{column}
	}
	if f.column && len(c.Columns) != 1 {
		r.report(n, where, "add column: NAME, or move the rule to a property", "the check %s is about one column", c.Check)
	}
	if c.Check == "consistent_unit" && (c.Min == nil) != (c.Max == nil) {
		r.report(n, where, "add the other one, or leave both out: then it is compared with the delivery before", "the check consistent_unit has one limit")
	} else if strings.Contains(f.args, "max") && f.needs == "" && c.Check != "consistent_unit" || c.Check == "quantile" {
		if c.Min == nil && c.Max == nil {
			r.report(n, where, "add min, max or both", "the check %s has no limit", c.Check)
		}
	}
	if c.Min != nil && c.Max != nil && *c.Min > *c.Max {
		r.report(n, where, "swap them", "min %s is above max %s", num(*c.Min), num(*c.Max))
	}
	for _, v := range c.Values {
		if v.Null && c.Check != "missing" {
			r.report(n, where, "leave it out: an empty value is never wrong here", "null among the values makes the rule meaningless")
		}
	}
	if c.OnFail == "warn" && q.Severity == Error {
		q.Severity = Warning
	}
	q.Percent = q.Percent || c.Percent
	for _, sql := range []string{c.Where, c.Expression, c.A, c.B, c.By} {
		if sql == "" {
			continue
		}
		if err := guard(sql, false); err != nil {
			r.report(n, where, "", "%s", err)
		}
	}
	if q.Compare != nil {
		r.report(n, where, "use min and max", "a rule of the engine paraplu takes its limits from the implementation")
	}
}

// arguments gives a reader for every argument of every check.
func (r *reader) arguments(c *Custom, own *string) fields {
	var columns []string
	return fields{
		"check": nil, "where": r.text(&c.Where), "column": r.text(own), "reference": r.text(&c.Reference),
		"env": r.texts(&c.Env), "samples": r.whole(&c.Samples, 0), "mostly": r.fraction(&c.Mostly), "q": r.fraction(&c.Q),
		"unit": func(n *yaml.Node, where string) {
			var s string
			r.text(&s)(n, where)
			c.Percent = s == "percent"
			if s != "percent" && s != "rows" {
				c.Measure = s
			}
		},
		"on_fail": func(n *yaml.Node, where string) {
			switch {
			case n.Value == "drop":
				r.report(n, where, "use quarantine: the rows are set aside, and can be looked at", "on_fail: drop is not offered")
			case n.Value == "quarantine" && !slices.Contains(rowChecks, c.Check):
				r.report(n, where, "use fail or warn", "the check %s is not about single rows, so none can be set aside", c.Check)
			default:
				r.one(&c.OnFail, "fail", "warn", "quarantine")(n, where)
			}
		},
		"columns": func(n *yaml.Node, where string) {
			r.texts(&columns)(n, where)
			switch {
			case c.Check != "columns":
				c.Columns = columns
			case len(columns) == 1 && (columns[0] == "exact" || columns[0] == "superset"):
				c.Exact = columns[0] == "exact"
			default:
				r.report(n, where, "", "wanted exact or superset")
			}
		},
		"min": r.limit(&c.Min), "max": r.limit(&c.Max), "strict": r.boolean(&c.Strict), "ordered": r.boolean(&c.Ordered), "allow_nan": r.boolean(&c.AllowNaN),
		"values": r.values(&c.Values), "pattern": r.pattern(&c.Pattern), "format": r.one(&c.Format, append([]string{"json"}, textFormats...)...),
		"a": r.text(&c.A), "b": r.text(&c.B), "op": r.one(&c.Op, "<", "<=", ">", ">=", "=", "!="), "expression": r.text(&c.Expression),
		"order": r.one(&c.Order, "asc", "desc"), "by": r.text(&c.By), "statistic": r.one(&c.Statistic, "median", "mean"),
		"timezone": r.zone(&c.Timezone), "step": r.duration(&c.Step), "max_age": r.duration(&c.MaxAge),
	}
}

func (r *reader) limit(p **float64) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		*p = new(float64)
		r.number(*p)(n, where)
	}
}

func (r *reader) fraction(p *float64) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		r.number(p)(n, where)
		if *p <= 0 || *p > 1 {
			r.report(n, where, "0.99 means 99 %", "wanted a share above 0 and at most 1, got %s", got(n))
		}
	}
}

// duration reads a duration as in paraplu.yaml, of at least a second.
func (r *reader) duration(p *time.Duration) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		d, err := spec.ParseDuration(n.Value)
		if err != nil || time.Duration(d) < time.Second {
			r.report(n, where, "write 1d, 6h, 15m or 1w", "wanted a duration, got %s", got(n))
		}
		*p = time.Duration(d)
	}
}
