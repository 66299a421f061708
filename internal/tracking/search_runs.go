package tracking

import (
	"context"
	"database/sql"
	"fmt"
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
// gives nothing. In the default order a page costs the same at any depth.
func (r *Room) SearchRuns(ctx context.Context, s Search) (page Page[Run], err error) {
	if err := checkPageSize(s.MaxResults); err != nil {
		return page, err
	}
	from, err := parseCursor(s.PageToken)
	if err != nil {
		return page, err
	}
	q, keyset, err := runQuery(r.db.Dialect(), s)
	if err != nil || q == nil {
		return page, err
	}
	if from.Start != nil && keyset {
		q.where(`r.start_ms <= ? AND (r.start_ms < ? OR `+q.collate("r.id")+` > ?)`, *from.Start, *from.Start, from.ID)
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		page = Page[Run]{}
		text, args := q.text(runColumns, "tracking_run r", fmt.Sprintf(" LIMIT %d OFFSET %d", s.MaxResults+1, from.Offset))
		err := tx.Each(func(rows *sql.Rows) error {
			run, err := scanRun(rows.Scan)
			page.Items = append(page.Items, run)
			return err
		}, text, args...)
		if err != nil {
			return err
		}
		if int64(len(page.Items)) > s.MaxResults {
			page.Items = page.Items[:s.MaxResults]
			last := page.Items[s.MaxResults-1]
			next := cursor{Offset: from.Offset + s.MaxResults}
			if keyset {
				next = cursor{Start: &last.StartMs, ID: last.ID}
			}
			page.Next = next.token()
		}
		return loadLogged(tx, page.Items)
	})
	return page, err
}

// runQuery builds the search; keyset tells that the order is the default one. nil means that nothing can match.
func runQuery(dialect db.Dialect, s Search) (q *query, keyset bool, err error) {
	q = &query{dialect: dialect}
	clauses, err := parseFilter(s.Filter)
	if err != nil {
		return nil, false, err
	}
	ids, err := experimentList(s.ExperimentIDs)
	if err != nil {
		return nil, false, err
	}
	q.where("r.experiment IN (" + ids + ")")
	q.where("r.stage IN " + s.View.stages())
	for _, c := range clauses {
		if err := q.runClause(c); err != nil {
			return nil, false, err
		}
	}
	if err := q.runOrder(s.OrderBy); err != nil {
		return nil, false, err
	}
	if len(s.ExperimentIDs) == 0 {
		return nil, false, nil
	}
	return q, len(s.OrderBy) == 0, nil
}

// experimentList gives the ids as decimal numbers with commas, for the text of a query.
func experimentList(ids []string) (string, error) {
	out := make([]string, len(ids))
	for i, id := range ids {
		n, err := experimentNumber(id)
		if err != nil {
			return "", err
		}
		out[i] = fmt.Sprint(n)
	}
	return strings.Join(out, ", "), nil
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
		return q.metric("tracking_series", "run", "r.id", c, "")
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
