package tracking

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
)

// Search asks for a page of experiments or runs.
type Search struct {
	ExperimentIDs []string // runs only; empty = no runs
	Filter        string
	View          View
	OrderBy       []string
	MaxResults    int64 // 1 to 50000
	PageToken     string
}

var experimentAttributes = map[string]string{
	"name": "e.name", "experiment_id": "e.id", "creation_time": "e.created_ms", "last_update_time": "e.updated_ms",
}

// SearchExperiments gives experiments that match, by default the newest first.
func (r *Room) SearchExperiments(ctx context.Context, s Search) (page Page[Experiment], err error) {
	if err := checkPageSize(s.MaxResults); err != nil {
		return page, err
	}
	from, err := parseCursor(s.PageToken)
	if err != nil {
		return page, err
	}
	q, err := experimentQuery(r.db.Dialect(), s)
	if err != nil {
		return page, err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		page = Page[Experiment]{}
		text, args := q.text("e.id, e.name, e.artifact_location, e.stage, e.created_ms, e.updated_ms", "tracking_experiment e",
			fmt.Sprintf(" LIMIT %d OFFSET %d", s.MaxResults+1, from.Offset))
		err := tx.Each(func(rows *sql.Rows) error {
			e, err := scanExperiment(rows.Scan)
			page.Items = append(page.Items, e)
			return err
		}, text, args...)
		if err != nil {
			return err
		}
		if int64(len(page.Items)) > s.MaxResults {
			page.Items = page.Items[:s.MaxResults]
			page.Next = cursor{Offset: from.Offset + s.MaxResults}.token()
		}
		return loadExperimentTags(tx, page.Items)
	})
	return page, err
}

func experimentQuery(dialect db.Dialect, s Search) (*query, error) {
	q := &query{dialect: dialect}
	q.where("e.stage IN " + s.View.stages())
	clauses, err := parseFilter(s.Filter)
	if err != nil {
		return nil, err
	}
	for _, c := range clauses {
		if err := q.experimentClause(c); err != nil {
			return nil, err
		}
	}
	orders := s.OrderBy
	if err := checkOrders(len(orders)); err != nil {
		return nil, err
	}
	if len(orders) == 0 {
		orders = []string{"creation_time DESC", "experiment_id ASC"}
	}
	tie := true
	for _, text := range orders {
		o, err := parseOrder(text)
		if err != nil {
			return nil, err
		}
		switch o.Entity {
		case "", "attribute", "attributes":
		case "tag", "tags":
			return nil, fault.New(fault.Invalid, "Invalid order_by entity: tag")
		default:
			return nil, badExperimentEntity(o.Entity)
		}
		col, ok := experimentAttributes[o.Key]
		if !ok {
			return nil, fault.New(fault.Invalid, "Invalid attribute key '%s' specified. Valid keys are '%s'", o.Key, keysOf(experimentAttributes))
		}
		tie = tie && col != "e.id"
		if col == "e.name" {
			col = q.collate(col)
		}
		q.orderBy(col, false, o.Desc)
	}
	if tie {
		q.orderBy("e.id", false, true)
	}
	return q, nil
}

func badExperimentEntity(name string) error {
	return fault.New(fault.Invalid, "Invalid entity type '%s'. Valid entity types are ('attribute', 'attributes', 'tag', 'tags')", name)
}

func (q *query) collate(col string) string {
	if q.dialect == db.Postgres {
		return col + ` COLLATE "C"`
	}
	return col
}

func (q *query) experimentClause(c clause) error {
	switch c.Entity {
	case "tag", "tags":
		return q.keyValue("tracking_experiment_tag", "experiment", "e.id", c, "tag")
	case "", "attribute", "attributes":
	default:
		return badExperimentEntity(c.Entity)
	}
	col, ok := experimentAttributes[c.Key]
	if !ok {
		return fault.New(fault.Invalid, "Invalid attribute key '%s' specified. Valid keys are '%s'", c.Key, keysOf(experimentAttributes))
	}
	if c.Op == filter.IsNull || c.Op == filter.NotNull {
		return fault.New(fault.Invalid, "IS NULL / IS NOT NULL is only supported for tags, not for attribute '%s'", c.Key)
	}
	switch c.Key {
	case "name":
		if c.Op == filter.In || c.Op == filter.NotIn {
			return fault.New(fault.Invalid, "Only ['experiment_id'] attributes support comparison with a list of quoted string values.")
		}
		if err := checkOp(c, textOps); err != nil {
			return err
		}
		if err := checkText(c, "attributes"); err != nil {
			return err
		}
		cond, args := match(q.dialect, col, c)
		q.where(cond, args...)
	case "experiment_id":
		return q.experimentIDClause("e.id", c)
	default:
		cond, args, err := compare(col, c, "numeric attribute: "+c.Key)
		if err != nil {
			return err
		}
		q.where(cond, args...)
	}
	return nil
}

func (q *query) experimentIDClause(col string, c clause) error {
	if err := checkOp(c, []filter.Op{filter.Eq, filter.Ne, filter.In, filter.NotIn}); err != nil {
		return err
	}
	values := c.Value.List
	if values == nil {
		if c.Value.IsNumber && col == "e.id" {
			return checkText(c, "attributes")
		}
		values = []string{c.Value.Text}
	}
	args := make([]any, len(values))
	for i, v := range values {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return fault.New(fault.Invalid, "Invalid experiment ID '%s'. Experiment ID must be a valid integer.", v)
		}
		args[i] = n
	}
	not := ""
	if c.Op == filter.Ne || c.Op == filter.NotIn {
		not = "NOT "
	}
	q.where(col+" "+not+"IN "+db.In(len(args)), args...)
	return nil
}
