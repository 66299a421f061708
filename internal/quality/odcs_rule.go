package quality

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Severity says what a failed rule does: an error closes the gate, a warning is a notice, info is only written down.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Comparator holds the one operator of a rule.
type Comparator struct {
	Op        string // =, !=, >, >=, <, <=, between, not between
	Low, High float64
	Text      string // what mustBe wants when that is no number
	IsText    bool
}

var operators = map[string]string{
	"mustBe": "=", "mustNotBe": "!=", "mustBeGreaterThan": ">", "mustBeGreaterOrEqualTo": ">=", "mustBeLessThan": "<", "mustBeLessOrEqualTo": "<=",
	"mustBeBetween": "between", "mustNotBeBetween": "not between",
}

// metrics of the library and where each may stand.
var metrics = map[string]string{"nullValues": "column", "missingValues": "column", "invalidValues": "column", "duplicateValues": "both", "rowCount": "table"}

const ruleText = "tags customProperties authoritativeDefinitions businessImpact scheduler schedule method"

// rule reads one entry of a quality list; column is the property it stands at, "" for the object.
func (r *reader) rule(n *yaml.Node, where string, into *[]Rule, column string) {
	q := Rule{Place: at(n), Severity: Error, Kind: "library"}
	var kind, severity, unit string
	var arguments, implementation *yaml.Node
	compared := 0
	known := fields{
		"id": func(n *yaml.Node, where string) { r.id(n, where); q.ID = n.Value }, "name": r.text(&q.Name), "description": r.text(&q.Description),
		"type": r.one(&kind, "library", "sql", "custom", "text"), "dimension": r.one(&q.Dimension, "accuracy", "completeness", "conformity", "consistency", "coverage", "timeliness", "uniqueness"),
		"severity": r.one(&severity, "error", "warning", "info"), "unit": r.one(&unit, "rows", "percent"),
		"metric": r.text(&q.Metric), "rule": r.text(&q.Metric), "query": r.text(&q.Query), "engine": r.text(&q.Engine),
		"arguments":      func(n *yaml.Node, _ string) { arguments = n },
		"implementation": func(n *yaml.Node, _ string) { implementation = n },
	}
	for _, key := range strings.Fields(ruleText) {
		known[key] = nil
	}
	for key, op := range operators {
		known[key] = func(n *yaml.Node, where string) {
			compared++
			q.Compare = &Comparator{Op: op}
			r.compare(n, where, q.Compare)
		}
	}
	r.object(n, where, known)
	if kind != "" {
		q.Kind = kind
	}
	if severity != "" {
		q.Severity = Severity(severity)
	}
	q.Percent = unit == "percent"
	if compared > 1 {
		r.report(n, where, "make two rules of it", "%d operators; a rule has one", compared)
	}
	switch q.Kind {
	case "library":
		r.library(n, where, &q, arguments, column)
	case "sql":
		r.sql(n, where, &q, column)
	case "custom":
		r.custom(n, where, &q, implementation, column)
	}
	if q.ID != "" {
		for _, other := range *into {
			if other.ID == q.ID {
				r.report(n, where, "", "the id %q is taken by the rule on line %d", q.ID, other.Place.Line)
			}
		}
	}
	*into = append(*into, q)
}

func (r *reader) compare(n *yaml.Node, where string, c *Comparator) {
	if strings.HasSuffix(c.Op, "between") {
		var both []float64
		r.list(n, where, func(n *yaml.Node, where string) {
			var v float64
			r.number(&v)(n, where)
			both = append(both, v)
		})
		if n.Kind == yaml.SequenceNode && (len(both) != 2 || both[0] >= both[1]) {
			r.report(n, where, "", "wanted two numbers, the smaller first")
			return
		}
		if len(both) == 2 {
			c.Low, c.High = both[0], both[1]
		}
		return
	}
	if v, ok := number(n); ok {
		c.Low = v
		return
	}
	if c.Op != "=" && c.Op != "!=" || n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		r.report(n, where, "", "wanted a number, got %s", got(n))
		return
	}
	c.Text, c.IsText = n.Value, true
}

func (r *reader) library(n *yaml.Node, where string, q *Rule, arguments *yaml.Node, column string) {
	level, ok := metrics[q.Metric]
	switch {
	case q.Metric == "":
		r.report(n, where, "add metric, or type: sql", "a rule without a metric")
		return
	case !ok:
		r.report(n, where, suggest(q.Metric, keys(metrics)), "the metric %q is not known", q.Metric)
		return
	case level == "column" && column == "":
		r.report(n, where, "move it to the quality list of the property", "the metric %s belongs to a column", q.Metric)
	case level == "table" && column != "":
		r.report(n, where, "move it to the quality list of the object", "the metric %s belongs to the whole table", q.Metric)
	}
	if q.Compare == nil {
		r.report(n, where, "add mustBe: 0", "the metric %s has nothing to be compared with", q.Metric)
	} else if q.Compare.IsText {
		r.report(n, where, "", "the metric %s is a number, and %q is none", q.Metric, q.Compare.Text)
	}
	a := &q.Arguments
	if arguments != nil {
		known := fields{}
		switch q.Metric {
		case "missingValues":
			known["missingValues"] = r.values(&a.Missing)
			a.HasMissing = true
		case "invalidValues":
			known["validValues"], known["pattern"] = r.values(&a.Valid), r.pattern(&a.Pattern)
		case "duplicateValues":
			known["properties"] = r.texts(&a.Properties)
		}
		r.object(arguments, join(where, "arguments"), known)
	}
	for _, v := range a.Valid {
		if v.Null {
			r.report(arguments, where, "leave it out: an empty value is never invalid; use nullValues to forbid it", "null in validValues makes the rule meaningless")
		}
	}
	switch {
	case q.Metric == "invalidValues" && len(a.Valid) == 0 && a.Pattern == "":
		r.report(n, where, "", "invalidValues needs arguments: validValues or pattern")
	case q.Metric == "duplicateValues" && column == "" && len(a.Properties) == 0:
		r.report(n, where, "", "duplicateValues of a table needs arguments: properties")
	}
}

func (r *reader) sql(n *yaml.Node, where string, q *Rule, column string) {
	if q.Query == "" {
		r.report(n, where, "", "a rule of type sql needs a query")
		return
	}
	if q.Compare == nil {
		r.report(n, where, "add mustBe: 0", "the query has nothing to be compared with")
	}
	if err := guard(q.Query, true); err != nil {
		r.report(n, join(where, "query"), "", "%s", err)
	}
	if column == "" && (strings.Contains(q.Query, "{property}") || strings.Contains(q.Query, "${column}")) {
		r.report(n, join(where, "query"), "move the rule to a property, or name the column", "{property} stands for a column, and this rule belongs to the whole table")
	}
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return sorted(out)
}

// String prints the comparison for people: "between 0 and 5", "0".
func (c *Comparator) String() string {
	switch c.Op {
	case "=":
		return c.value()
	case "!=":
		return "not " + c.value()
	case "between", "not between":
		return fmt.Sprintf("%s %s and %s (both included)", c.Op, num(c.Low), num(c.High))
	}
	return map[string]string{">": "more than ", ">=": "at least ", "<": "less than ", "<=": "at most "}[c.Op] + num(c.Low)
}

func (c *Comparator) value() string {
	if c.IsText {
		return c.Text
	}
	return num(c.Low)
}

// holds compares a number; bounds of between are included.
func (c *Comparator) holds(v float64) bool {
	switch c.Op {
	case "=":
		return v == c.Low
	case "!=":
		return v != c.Low
	case ">":
		return v > c.Low
	case ">=":
		return v >= c.Low
	case "<":
		return v < c.Low
	case "<=":
		return v <= c.Low
	case "between":
		return v >= c.Low && v <= c.High
	}
	return v < c.Low || v > c.High
}
