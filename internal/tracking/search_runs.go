package tracking

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
)

var runAttributes = map[string]string{
	"run_id": "r.id", "run_name": "r.name", "run name": "r.name", "Run name": "r.name", "Run Name": "r.name", "user_id": "r.user_id",
	"status": "r.status", "artifact_uri": "r.artifact_uri", "start_time": "r.start_ms", "created": "r.start_ms", "Created": "r.start_ms",
	"end_time": "r.end_ms",
}

// entities gives the canonical name of an entity of a run's filter.
var entities = map[string]string{
	"metric": "metric", "metrics": "metric",
	"param": "parameter", "params": "parameter", "parameter": "parameter", "parameters": "parameter",
	"tag": "tag", "tags": "tag",
	"": "attribute", "attr": "attribute", "attribute": "attribute", "attributes": "attribute", "run": "attribute",
	"dataset": "dataset", "datasets": "dataset",
}

func keysOf(m map[string]string) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, Quote(k))
	}
	sort.Strings(keys)
	return "{" + strings.Join(keys, ", ") + "}"
}

func entityOf(name string) (string, error) {
	e, ok := entities[name]
	if !ok {
		return "", fault.New(fault.Invalid, "Invalid entity type '%s'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']", name)
	}
	return e, nil
}

// SearchRuns gives runs that match, with everything logged, by default the latest started first. Without experiments it
// gives nothing. In the order of start or of one metric a page costs the same at any depth.
func (r *Room) SearchRuns(ctx context.Context, s Search) (page Page[Run], err error) {
	if err := checkPageSize(s.MaxResults); err != nil {
		return page, err
	}
	from, err := parseCursor(s.PageToken)
	if err != nil {
		return page, err
	}
	clauses, err := parseFilter(s.Filter)
	if err != nil {
		return page, err
	}
	ids, err := experimentNumbers(s.ExperimentIDs)
	if err != nil {
		return page, err
	}
	general, orders, err := runQuery(r.db.Dialect(), s, clauses) // refuses what is wrong, whatever way is taken
	if err != nil || len(ids) == 0 {
		return page, err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		page = Page[Run]{}
		search := &runSearch{tx: tx, clauses: clauses, experiments: ids, stages: s.View.list(), from: from, limit: s.MaxResults + 1}
		if err := search.narrow(); err != nil || search.narrowed && len(search.few) == 0 {
			return err
		}
		runs, ok, err := search.inOrder(orders)
		if err == nil && !ok {
			runs, err = search.atOffset(general)
		}
		if err != nil {
			return err
		}
		if int64(len(runs)) > s.MaxResults {
			runs = runs[:s.MaxResults]
			page.Next = from.next(runs[s.MaxResults-1], s.MaxResults, ok)
		}
		for _, run := range runs {
			page.Items = append(page.Items, run.Run)
		}
		return loadLogged(tx, page.Items)
	})
	return page, err
}

// next gives the token of the page after a run.
func (c cursor) next(last ranked, size int64, inOrder bool) string {
	switch {
	case !inOrder:
		return cursor{Offset: c.Offset + size}.token()
	case last.rank >= 0:
		return cursor{Start: &last.StartMs, ID: last.ID, Rank: &last.rank, Value: last.value}.token()
	}
	return cursor{Start: &last.StartMs, ID: last.ID}.token()
}

// atOffset answers the page of any order, by its offset.
func (s *runSearch) atOffset(order *query) (out []ranked, err error) {
	q, err := s.base(s.together())
	if err != nil {
		return nil, err
	}
	q.joins, q.joinArgs, q.orders, q.orderArgs = order.joins, order.joinArgs, order.orders, order.orderArgs
	text, args := q.text(runColumns, "tracking_run r", fmt.Sprintf(" LIMIT %d OFFSET %d", s.limit, s.from.Offset))
	err = s.tx.Each(func(rows *sql.Rows) error {
		run, err := scanRun(rows.Scan)
		out = append(out, ranked{Run: run})
		return err
	}, text, args...)
	return out, err
}

// runQuery gives the order of a search as SQL and parsed, and refuses what is wrong with filter and order.
func runQuery(dialect db.Dialect, s Search, clauses []clause) (*query, []filter.Order, error) {
	q := &query{dialect: dialect}
	for _, c := range clauses {
		if err := q.runClause(c); err != nil {
			return nil, nil, err
		}
	}
	if err := q.runOrder(s.OrderBy); err != nil {
		return nil, nil, err
	}
	orders := make([]filter.Order, len(s.OrderBy))
	for i, text := range s.OrderBy {
		o, err := parseOrder(text)
		if err != nil {
			return nil, nil, err
		}
		orders[i] = o
	}
	return q, orders, nil
}

// experimentNumbers gives the ids as numbers, each once.
func experimentNumbers(ids []string) ([]int64, error) {
	out := make([]int64, len(ids))
	for i, id := range ids {
		n, err := experimentNumber(id)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// experimentList gives the ids as decimal numbers with commas, for the text of a query.
func experimentList(ids []string) (string, error) {
	list, err := experimentNumbers(ids)
	return numbers(list), err
}

func (q *query) runClause(c clause) error {
	entity, err := entityOf(c.Entity)
	if err != nil {
		return err
	}
	if (c.Op == filter.IsNull || c.Op == filter.NotNull) && entity != "tag" && entity != "parameter" {
		return fault.New(fault.Invalid, "IS NULL / IS NOT NULL is only supported for tags and params, not for '%s' '%s'", entity, c.Key)
	}
	switch entity {
	case "metric":
		return q.metric("tracking_series", "run", "r.id", c)
	case "parameter":
		return q.keyValue("tracking_param", "run", "r.id", c, entity)
	case "tag":
		return q.keyValue("tracking_tag", "run", "r.id", c, entity)
	case "dataset":
		return q.datasetClause(c)
	}
	return q.runAttribute(c)
}

func (q *query) runAttribute(c clause) error {
	col, ok := runAttributes[c.Key]
	if !ok {
		return fault.New(fault.Invalid, "Invalid attribute key '%s' specified. Valid keys are '%s'", c.Key, keysOf(runAttributes))
	}
	if col == "r.start_ms" || col == "r.end_ms" {
		cond, args, err := compare(col, c, "numeric attribute: "+c.Key)
		if err != nil {
			return err
		}
		q.where(cond, args...)
		return nil
	}
	if err := checkOp(c, textOps, listOps); err != nil {
		return err
	}
	if c.Value.List != nil {
		if col != "r.id" {
			return fault.New(fault.Invalid, "Only ['run_id'] attributes support comparison with a list of quoted string values.")
		}
	} else if err := checkText(c, "attributes"); err != nil {
		return err
	}
	cond, args := match(q.dialect, col, c)
	q.where(cond, args...)
	return nil
}

func (q *query) datasetClause(c clause) error {
	if err := checkOp(c, textOps, listOps); err != nil {
		return err
	}
	if c.Value.List == nil {
		if err := checkText(c, "dataset attributes"); err != nil {
			return err
		}
	}
	switch c.Key {
	case "name", "digest":
		cond, args := match(q.dialect, "d."+c.Key, c)
		q.where(`EXISTS (SELECT 1 FROM tracking_input i JOIN tracking_dataset d ON d.id = i.dataset WHERE i.run = r.id AND `+cond+`)`, args...)
	case "context":
		cond, args := match(q.dialect, "x.value", c)
		q.where(`EXISTS (SELECT 1 FROM tracking_input_tag x WHERE x.run = r.id AND x.key = '`+TagContext+`' AND `+cond+`)`, args...)
	default:
		return fault.New(fault.Invalid, "Invalid dataset key '%s' specified. Valid keys are '{'context', 'digest', 'name'}'", c.Key)
	}
	return nil
}

// runOrder adds the order: NULL last in both directions, metrics as numbers, NaN, NULL; then the latest start.
func (q *query) runOrder(terms []string) error {
	if err := checkOrders(len(terms)); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, text := range terms {
		o, err := parseOrder(text)
		if err != nil {
			return err
		}
		entity, err := entityOf(o.Entity)
		if err != nil {
			return err
		}
		field := entity + "." + o.Key
		alias := fmt.Sprintf("o%d", i)
		join := func(table string) {
			q.joins = append(q.joins, fmt.Sprintf(" LEFT JOIN %s %s ON %s.run = r.id AND %s.key = ?", table, alias, alias, alias))
			q.joinArgs = append(q.joinArgs, o.Key)
		}
		switch entity {
		case "attribute":
			col, ok := runAttributes[o.Key]
			if !ok {
				return fault.New(fault.Invalid, "Invalid attribute key '%s' specified. Valid keys are '%s'", o.Key, keysOf(runAttributes))
			}
			field = col
			if !strings.HasSuffix(col, "_ms") {
				col = q.collate(col)
			}
			q.orderBy(col, field == "r.end_ms", o.Desc)
		case "metric":
			join("tracking_series")
			q.orders = append(q.orders, fmt.Sprintf("CASE WHEN %s.is_nan = 1 THEN 1 WHEN %s.value IS NULL THEN 2 ELSE 0 END", alias, alias))
			q.orderBy(alias+".value", false, o.Desc)
		case "parameter", "tag":
			table := map[string]string{"parameter": "tracking_param", "tag": "tracking_tag"}[entity]
			join(table)
			q.orders = append(q.orders, `CASE WHEN `+alias+`.value IS NULL THEN 1 ELSE 0 END`)
			q.orderBy(q.collate(alias+".value"), false, o.Desc)
		default:
			return fault.New(fault.Invalid, "Invalid identifier type '%s'", entity)
		}
		if seen[field] {
			return fault.New(fault.Invalid, "`order_by` contains duplicate fields: [%s]", strings.Join(quoteAll(terms), ", "))
		}
		seen[field] = true
	}
	if !seen["r.start_ms"] {
		q.orderBy("r.start_ms", false, true)
	}
	if !seen["r.id"] {
		q.orderBy(q.collate("r.id"), false, false)
	}
	return nil
}

func quoteAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = Quote(s)
	}
	return out
}
