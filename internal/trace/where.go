package trace

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
)

// Limits of a filter: its clauses, the terms of an order, the values of one IN, the characters of a pattern.
const (
	maxClauses = 100
	maxOrders  = 16
	maxList    = 5000
	maxPattern = 1000
)

var (
	equalOps  = []filter.Op{filter.Eq, filter.Ne}
	likeOps   = []filter.Op{filter.LikeOp, filter.ILikeOp, filter.RLikeOp}
	listOps   = []filter.Op{filter.In, filter.NotIn}
	nullOps   = []filter.Op{filter.IsNull, filter.NotNull}
	numberOps = []filter.Op{filter.Gt, filter.Ge, filter.Ne, filter.Eq, filter.Lt, filter.Le}
)

// query is a search: what the database decides (conds, orders) and what is decided on its rows (see decide.go).
type query struct {
	dialect   db.Dialect
	conds     []string
	args      []any
	orders    []string
	orderArgs []any
	keyset    bool // the default order
	start     cursor

	texts     []string // columns of the row, each ", expr"
	textArgs  []any
	textTests []test // of texts
	spans     []test // hold for one span all at once
	opinions  []test // each holds for one assessment
}

func newQuery(dialect db.Dialect, s Search) (q *query, err error) {
	q = &query{dialect: dialect}
	if len(s.ExperimentIDs) > maxList {
		return nil, fault.New(fault.Invalid, "A search looks into at most %d experiments.", maxList)
	}
	var in []any
	for _, id := range s.ExperimentIDs {
		n, err := experimentNumber(id)
		if err != nil {
			return nil, err
		}
		in = append(in, n)
	}
	if len(in) > 0 {
		q.where("t.experiment IN "+db.In(len(in)), in...)
	}
	if q.start, err = parseCursor(s.PageToken); err != nil {
		return nil, err
	}
	clauses, err := filter.Parse(s.Filter)
	if err != nil {
		return nil, fault.New(fault.Invalid, "Invalid clause(s) in filter string: %w", err)
	}
	if len(clauses) > maxClauses {
		return nil, fault.New(fault.Invalid, "Invalid filter string: it has %d clauses, more than %d", len(clauses), maxClauses)
	}
	for _, c := range clauses {
		if len(c.Value.List) > maxList {
			return nil, fault.New(fault.Invalid, "Invalid filter string: a list has %d values, more than %d", len(c.Value.List), maxList)
		}
		if slices.Contains(likeOps, c.Op) && utf8.RuneCountInString(c.Value.Text) > maxPattern {
			return nil, fault.New(fault.Invalid, "Invalid filter string: a pattern is longer than %d characters", maxPattern)
		}
		if err := q.clause(c); err != nil {
			return nil, err
		}
	}
	return q, q.order(s.OrderBy)
}

func experimentNumber(id string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(id), 10, 64)
	if err != nil {
		return 0, fault.New(fault.Invalid, "Invalid experiment ID '%s'. Experiment ID must be a valid integer.", id)
	}
	return n, nil
}

func (q *query) where(cond string, args ...any) {
	q.conds, q.args = append(q.conds, cond), append(q.args, args...)
}

// collate gives an expression that orders text by code point on both databases.
func (q *query) collate(col string) string {
	if q.dialect == db.Postgres {
		return col + ` COLLATE "C"`
	}
	return col
}

// numeric and textual attributes, with their columns.
var (
	numerical = map[string]string{
		"timestamp": "t.timestamp_ms", "timestamp_ms": "t.timestamp_ms",
		"execution_time": "t.duration_ms", "execution_time_ms": "t.duration_ms",
		"end_time": endTime, "end_time_ms": endTime,
	}
	textual = map[string]string{"request_id": "t.id", "status": "t.state", "client_request_id": "t.client_request_id"}
)

const endTime = "(t.timestamp_ms + coalesce(t.duration_ms, 0))"

const (
	attributeNames = "{'client_request_id', 'end_time', 'end_time_ms', 'execution_time', 'execution_time_ms', 'name', 'prompt', 'request_id', 'run_id', 'status', 'text', 'timestamp', 'timestamp_ms'}"
	orderNames     = "{'end_time', 'end_time_ms', 'execution_time', 'execution_time_ms', 'experiment_id', 'name', 'request_id', 'run_id', 'status', 'timestamp', 'timestamp_ms'}"
	entityNames    = "{'attribute', 'attributes', 'expectation', 'feedback', 'issue', 'metadata', 'request_metadata', 'span', 'tag', 'tags', 'trace'}"
	numberNames    = "{'end_time', 'end_time_ms', 'execution_time', 'execution_time_ms', 'timestamp', 'timestamp_ms'}"
	attributes     = "attributes"
	spanEntity     = "span"
	badAttribute   = "Invalid attribute key '%s' specified. Valid keys are '%s'"
)

// clause adds one clause. Some attributes are other names for a tag, metadata or the content of spans.
func (q *query) clause(c filter.Clause) error {
	switch c.Entity {
	case "", "attribute", "attributes", "trace":
		return q.attribute(c)
	case "tag", "tags":
		return q.keyValue("trace_tag", c, "tag")
	case "metadata", "request_metadata":
		return q.metadata(c)
	case spanEntity:
		return q.span(c)
	case string(Feedback), string(Expectation):
		return q.opinion(c)
	case string(Issue):
		if c.Key != "id" {
			return fault.New(fault.Invalid, "Invalid issue attribute '%s'. Supported attributes: id", c.Key)
		}
		if c.Op != filter.Eq {
			return fault.New(fault.Invalid, "issue.id comparator '%s' not one of '{'='}'", c.Op)
		}
		q.where(`EXISTS (SELECT 1 FROM trace_assessment x WHERE x.trace = t.id AND x.kind = 'issue' AND x.name = ?)`, c.Value.Text)
		return nil
	}
	return fault.New(fault.Invalid, "Invalid entity type '%s'. Valid values are %s", c.Entity, entityNames)
}

func (q *query) attribute(c filter.Clause) error {
	switch key := strings.ToLower(c.Key); key {
	case "name":
		c.Key = NameTag
		return q.keyValue("trace_tag", c, attributes)
	case "run_id":
		c.Key = runKey
		return q.metadata(c)
	case "prompt":
		if c.Op != filter.Eq {
			return fault.New(fault.Invalid, `Invalid comparator '%s' for prompts filter. Only '=' is supported with format: prompt = "name/version"`, c.Op)
		}
		if strings.Count(c.Value.Text, "/") != 1 {
			return fault.New(fault.Invalid, `Invalid prompts filter value '%s'. Expected format: prompt = "name/version"`, c.Value.Text)
		}
		q.where(`EXISTS (SELECT 1 FROM trace_link x WHERE x.trace = t.id AND x.kind = 'prompt' AND x.target = ?)`, c.Value.Text)
		return nil
	case "text":
		c.Key = contentKey
		return q.span(c)
	}
	if col, ok := numerical[c.Key]; ok {
		return q.compare(col, c)
	}
	col, ok := textual[c.Key]
	if !ok {
		return fault.New(fault.Invalid, badAttribute, c.Key, attributeNames)
	}
	if err := allow(c, attributes, equalOps, likeOps, listOps); err != nil {
		return err
	}
	return q.text(col, nil, c)
}

// allow refuses an operator that is in none of the sets, and a number where a text belongs.
func allow(c filter.Clause, what string, sets ...[]filter.Op) error {
	switch {
	case c.Value.IsNumber && what == attributes:
		return fault.New(fault.Invalid, "Only the '%s' attributes support comparison with numeric values.", numberNames)
	case c.Value.IsNumber:
		return fault.New(fault.Invalid, "Expected a quoted string value for %s (e.g. 'my-value'). Got value %s", what, c.Value)
	}
	ops := slices.Concat(sets...)
	if slices.Contains(ops, c.Op) {
		return nil
	}
	names := make([]string, len(ops))
	for i, op := range ops {
		names[i] = "'" + string(op) + "'"
	}
	subject := "Invalid"
	if what == spanEntity {
		subject = "span." + c.Key
	}
	return fault.New(fault.Invalid, "%s comparator '%s' not one of '{%s}'", subject, c.Op, strings.Join(names, ", "))
}

// compare adds "col op number".
func (q *query) compare(col string, c filter.Clause) error {
	if !slices.Contains(numberOps, c.Op) {
		return fault.New(fault.Invalid, "Invalid comparator '%s' not one of {'>', '>=', '!=', '=', '<', '<='}", c.Op)
	}
	if !c.Value.IsNumber {
		return fault.New(fault.Invalid, "Expected numeric value type for numeric attribute: %s. Found %s", c.Key, c.Value)
	}
	if n, ok := c.Value.Int(); ok {
		q.where(col+" "+sqlOp(c.Op)+" ?", n)
	} else {
		q.where(col+" "+sqlOp(c.Op)+" CAST(? AS DOUBLE PRECISION)", c.Value.Number)
	}
	return nil
}

func sqlOp(o filter.Op) string {
	if o == filter.Ne {
		return "<>"
	}
	return string(o)
}

// text adds a comparison of an expression that gives at most one text. Nothing matches where there is none.
func (q *query) text(expr string, args []any, c filter.Clause) error {
	switch c.Op {
	case filter.Eq, filter.Ne:
		q.where(expr+" "+sqlOp(c.Op)+" ?", append(args, c.Value.Text)...)
	case filter.In, filter.NotIn:
		for _, v := range c.Value.List {
			args = append(args, v)
		}
		q.where(expr+" "+string(c.Op)+" "+db.In(len(c.Value.List)), args...)
	default:
		t, err := newTest(c)
		if err != nil {
			return err
		}
		q.texts, q.textArgs, q.textTests = append(q.texts, ", "+expr), append(q.textArgs, args...), append(q.textTests, t)
	}
	return nil
}

// valueOfKey gives the expression of a tag's or metadata's value.
func valueOfKey(table string) string {
	return `(SELECT x.value FROM ` + table + ` x WHERE x.trace = t.id AND x.key = ?)`
}

func (q *query) keyValue(table string, c filter.Clause, what string) error {
	if c.Op == filter.IsNull || c.Op == filter.NotNull {
		q.where(valueOfKey(table)+" "+string(c.Op), c.Key)
		return nil
	}
	sets := [][]filter.Op{equalOps, likeOps, nullOps}
	if c.Key == NameTag || c.Key == runKey {
		sets = append(sets, listOps)
	}
	if err := allow(c, what, sets...); err != nil {
		return err
	}
	return q.text(valueOfKey(table), []any{c.Key}, c)
}

// metadata adds a clause on metadata. A run matches by a link, too.
func (q *query) metadata(c filter.Clause) error {
	if c.Key == runKey && c.Op == filter.Eq && !c.Value.IsNumber {
		q.where(`(EXISTS (SELECT 1 FROM trace_link x WHERE x.trace = t.id AND x.kind = 'run' AND x.target = ?) OR `+valueOfKey("trace_metadata")+` = ?)`,
			c.Value.Text, runKey, c.Value.Text)
		return nil
	}
	if _, counts := numbers[c.Key]; counts && slices.Contains(likeOps, c.Op) {
		return fault.New(fault.Invalid, "Comparator '%s' is not supported for reserved metadata '%s'. Only '=', '!=', 'IS NULL', and 'IS NOT NULL' are supported.", c.Op, c.Key)
	}
	return q.keyValue("trace_metadata", c, "request_metadata")
}

// order adds the terms of an order; what is absent comes last. The newest first and the id break ties.
func (q *query) order(terms []string) error {
	if len(terms) > maxOrders {
		return fault.New(fault.Invalid, "Invalid order_by: it has %d terms, more than %d", len(terms), maxOrders)
	}
	seen := map[string]bool{}
	for _, term := range terms {
		o, err := filter.ParseOrder(term)
		if err != nil {
			return fault.New(fault.Invalid, "Invalid order_by clause '%s'. Could not be parsed. (%w)", cut(term, 300), err)
		}
		expr, args, err := q.orderExpr(o)
		if err != nil {
			return err
		}
		name := expr + fmt.Sprint(args)
		if seen[name] {
			return fault.New(fault.Invalid, "`order_by` contains duplicate fields: %q", terms)
		}
		seen[name] = true
		q.orders = append(q.orders, `CASE WHEN `+expr+` IS NULL THEN 1 ELSE 0 END`, direction(expr, o.Desc))
		q.orderArgs = append(append(q.orderArgs, args...), args...)
	}
	q.keyset = len(terms) == 0
	q.orders = append(q.orders, "t.timestamp_ms DESC", q.collate("t.id"))
	if q.keyset != (q.start.TimeMs != nil) && q.start != (cursor{}) {
		return fault.New(fault.Invalid, "Invalid page token: it belongs to a search in another order")
	}
	return nil
}

func direction(expr string, desc bool) string {
	if desc {
		return expr + " DESC"
	}
	return expr
}

func (q *query) orderExpr(o filter.Order) (string, []any, error) {
	key := o.Key
	switch o.Entity {
	case "tag", "tags":
		return q.collate(valueOfKey("trace_tag")), []any{key}, nil
	case "metadata", "request_metadata":
		if _, counts := numbers[key]; counts {
			return "", nil, fault.New(fault.Invalid, "Ordering by reserved metadata '%s' is not supported because it is represented by multiple columns.", key)
		}
		return q.collate(valueOfKey("trace_metadata")), []any{key}, nil
	case "", "attribute", "attributes", "trace":
	default:
		return "", nil, fault.New(fault.Invalid, "Invalid identifier type '%s'", o.Entity)
	}
	switch {
	case numerical[key] != "":
		return numerical[key], nil, nil
	case key == "request_id", key == "status":
		return q.collate(textual[key]), nil, nil
	case key == "experiment_id":
		return "t.experiment", nil, nil
	case strings.EqualFold(key, "name"):
		return q.collate(valueOfKey("trace_tag")), []any{NameTag}, nil
	case strings.EqualFold(key, "run_id"):
		return q.collate(valueOfKey("trace_metadata")), []any{runKey}, nil
	}
	return "", nil, fault.New(fault.Invalid, badAttribute, key, orderNames)
}
