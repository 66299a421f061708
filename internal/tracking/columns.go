package tracking

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
)

// ColumnKind tells where a column of a table of runs comes from.
type ColumnKind string

// The kinds of columns.
const (
	AttributeColumn ColumnKind = "attribute"
	MetricColumn    ColumnKind = "metric"
	ParamColumn     ColumnKind = "param"
	TagColumn       ColumnKind = "tag"
	datasetColumn   ColumnKind = "dataset" // in filters only
)

// Column is something that runs have: what a filter compares, an order sorts by, and a table shows.
type Column struct {
	Kind ColumnKind
	Key  string // of attributes one of Attributes
	Func string // of metrics: last, first, min, max, mean, count; else ""
}

// String gives the name by which a filter, an order and a list of columns call it: metrics.loss, min(metrics.loss), params.x.
func (c Column) String() string {
	t := filter.Term{Key: c.Key}
	if c.Kind != AttributeColumn {
		t.Entity = string(c.Kind) + "s"
	}
	if c.Func != "last" {
		t.Func = c.Func
	}
	return t.String()
}

// summaries are the functions of a metric. "" is last.
var summaries = []string{"last", "first", "min", "max", "mean", "count"}

// attribute is a column of the run itself.
type attribute struct {
	sql  string
	kind attributeKind
	null bool // it may be absent
}

type attributeKind int

const (
	textAttribute attributeKind = iota
	timeAttribute               // Unix milliseconds
	durationAttribute
	numberAttribute
)

// Attributes are the names of a run's own columns, in the order in which a person reads them.
var Attributes = []string{"id", "name", "experiment", "status", "user", "start_time", "end_time", "duration", "experiment_id", "artifact_uri"}

var attributeColumns = map[string]attribute{
	"id":            {sql: "r.id"},
	"name":          {sql: "r.name"},
	"experiment":    {sql: "(SELECT e.name FROM tracking_experiment e WHERE e.id = r.experiment)"},
	"status":        {sql: "r.status"},
	"user":          {sql: "r.user_id"},
	"start_time":    {sql: "r.start_ms", kind: timeAttribute},
	"end_time":      {sql: "r.end_ms", kind: timeAttribute, null: true},
	"duration":      {sql: "(r.end_ms - r.start_ms)", kind: durationAttribute, null: true},
	"experiment_id": {sql: "r.experiment", kind: numberAttribute},
	"artifact_uri":  {sql: "r.artifact_uri"},
}

// otherNames are MLflow's names of the same columns.
var otherNames = map[string]string{"run_id": "id", "run_name": "name", "run name": "name", "Run name": "name", "Run Name": "name",
	"user_id": "user", "created": "start_time", "Created": "start_time"}

// mistake is a part of a text that means nothing here.
type mistake struct {
	pos  int
	msg  string
	hint string
}

func (m *mistake) Error() string { return m.msg }

// placed turns a mistake into a fault with the place in a text of the given name: "filter:1:12: …".
func placed(what, text string, err error) error {
	var m *mistake
	var f *filter.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &m):
	case errors.As(err, &f):
		m = &mistake{pos: f.Pos, msg: f.Msg}
	default:
		return err
	}
	if what != "filter" { // one of several short texts
		m = &mistake{m.pos, fmt.Sprintf("%s, in %q", m.msg, text), m.hint}
	}
	before := text[:min(max(m.pos, 0), len(text))]
	line, col := 1+strings.Count(before, "\n"), 1+utf8.RuneCountInString(before[strings.LastIndex(before, "\n")+1:])
	out := fault.New(fault.Invalid, "%s", m.msg).At(what, line, col)
	if m.hint != "" {
		out.WithHint("%s", m.hint)
	}
	return out
}

// columnOf says what a term means. Datasets are for filters only.
func columnOf(t filter.Term) (Column, error) {
	c := Column{Key: t.Key, Func: strings.ToLower(t.Func)}
	entity, known := entities[t.Entity]
	if !known {
		return c, &mistake{t.Pos, "there is no " + t.Entity + "." + t.Key, "what has a dot begins with metrics, params, tags or datasets"}
	}
	switch entity {
	case "metric":
		c.Kind = MetricColumn
		if c.Func == "" {
			c.Func = "last"
		}
		for _, s := range summaries {
			if s == c.Func {
				return c, nil
			}
		}
		return c, &mistake{t.Pos, "there is no function " + t.Func, "of a metric there are " + strings.Join(summaries, ", ")}
	case "parameter":
		c.Kind = ParamColumn
	case "tag":
		c.Kind = TagColumn
	case "dataset":
		c.Kind = datasetColumn
	default:
		c.Kind = AttributeColumn
		if name, ok := otherNames[c.Key]; ok {
			c.Key = name
		}
		if _, ok := attributeColumns[c.Key]; !ok {
			return c, &mistake{t.Pos, "a run has no " + c.Key, "it has " + strings.Join(Attributes, ", ") +
				"; what was logged is called metrics." + c.Key + ", params." + c.Key + " or tags." + c.Key}
		}
	}
	if c.Func != "" {
		return c, &mistake{t.Pos, c.Func + " is a function of metrics only", "min(metrics.loss)"}
	}
	return c, nil
}

// ParseColumn reads the name of a column of a table.
func ParseColumn(text string) (Column, error) {
	t, err := filter.ParseTerm(text)
	if err != nil {
		return Column{}, placed("column", text, err)
	}
	c, err := columnOf(t)
	if err == nil && c.Kind == datasetColumn {
		err = &mistake{t.Pos, "a dataset is no column", "datasets stand in filters; GET a run to see them"}
	}
	return c, placed("column", text, err)
}
