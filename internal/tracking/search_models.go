package tracking

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
)

// ModelOrder is one term of the order of logged models: an attribute or "metrics.X", on a dataset when one is named.
type ModelOrder struct {
	Field                      string
	Descending                 bool
	DatasetName, DatasetDigest string
}

// ModelSearch asks for a page of logged models.
type ModelSearch struct {
	ExperimentIDs []string
	Filter        string
	Datasets      []ModelDataset // limits which metric rows count
	OrderBy       []ModelOrder
	MaxResults    int64 // 0 = 50
	PageToken     string
}

// ModelDataset names a dataset; an empty digest means any.
type ModelDataset struct{ Name, Digest string }

var modelAttributes = map[string]string{
	"name": "m.name", "model_id": "m.id", "model_type": "m.model_type", "status": "m.status", "source_run_id": "m.source_run",
	"experiment_id": "m.experiment", "artifact_location": "m.artifact_uri",
	"creation_timestamp": "m.created_ms", "creation_time": "m.created_ms", "creation_timestamp_ms": "m.created_ms",
	"last_updated_timestamp": "m.updated_ms", "last_updated_timestamp_ms": "m.updated_ms",
	"last_updated_time": "m.updated_ms",
}

// SearchModels gives active logged models that match, by default the newest first.
func (r *Room) SearchModels(ctx context.Context, s ModelSearch) (page Page[LoggedModel], err error) {
	if s.MaxResults == 0 {
		s.MaxResults = 50
	}
	if err := checkPageSize(s.MaxResults); err != nil {
		return page, err
	}
	offset, err := modelOffset(s)
	if err != nil {
		return page, err
	}
	q, err := modelQuery(r.db.Dialect(), s)
	if err != nil || len(s.ExperimentIDs) == 0 {
		return page, err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		page = Page[LoggedModel]{}
		text, args := q.text(modelColumns, "tracking_model m", fmt.Sprintf(" LIMIT %d OFFSET %d", s.MaxResults+1, offset))
		err := tx.Each(func(rows *sql.Rows) error {
			m, err := scanModel(rows.Scan)
			page.Items = append(page.Items, m)
			return err
		}, text, args...)
		if err != nil {
			return err
		}
		if int64(len(page.Items)) > s.MaxResults {
			page.Items = page.Items[:s.MaxResults]
			if page.Next, err = (modelCursor{s.ExperimentIDs, s.Filter, s.OrderBy, offset + s.MaxResults}).token(); err != nil {
				return err
			}
		}
		return loadModelData(tx, page.Items)
	})
	return page, err
}

func modelQuery(dialect db.Dialect, s ModelSearch) (*query, error) {
	q := &query{dialect: dialect}
	ids, err := experimentList(s.ExperimentIDs)
	if err != nil {
		return nil, err
	}
	q.where("m.stage = 'active'")
	q.where("m.experiment IN (" + ids + ")")
	onData, dataArgs, err := onDatasets(s.Datasets)
	if err != nil {
		return nil, err
	}
	clauses, err := parseFilter(s.Filter)
	if err != nil {
		return nil, err
	}
	byMetric := false
	for _, c := range clauses {
		byMetric = byMetric || c.Entity == "metrics"
		if err := q.modelClause(c, onData, dataArgs); err != nil {
			return nil, err
		}
	}
	if onData != "" && !byMetric {
		q.where(`EXISTS (SELECT 1 FROM tracking_model_metric x WHERE x.model = m.id`+onData+`)`, dataArgs...)
	}
	return q, q.modelOrder(s.OrderBy, onData, dataArgs)
}

func onDatasets(list []ModelDataset) (cond string, args []any, err error) {
	var alts []string
	for _, d := range list {
		if d.Name == "" {
			return "", nil, fault.New(fault.Invalid, "`dataset_name` in the `datasets` clause must be specified.")
		}
		alt := "x.dataset_name = ?"
		args = append(args, d.Name)
		if d.Digest != "" {
			alt += " AND x.dataset_digest = ?"
			args = append(args, d.Digest)
		}
		alts = append(alts, alt)
	}
	if len(alts) == 0 {
		return "", nil, nil
	}
	return " AND (" + strings.Join(alts, " OR ") + ")", args, nil
}

func (q *query) modelClause(c clause, onData string, dataArgs []any) error {
	switch c.Entity {
	case "metrics":
		return q.modelMetric(c, onData, dataArgs)
	case "params":
		return q.keyValue("tracking_model_param", "model", "m.id", c, "param")
	case "tags":
		return q.keyValue("tracking_model_tag", "model", "m.id", c, "tag")
	case "", "attributes":
	default:
		return fault.New(fault.Invalid, "Invalid entity type: %s. Expected one of ['attributes', 'metrics', 'params', 'tags'].", Quote(c.Entity))
	}
	col, ok := modelAttributes[c.Key]
	if !ok {
		return fault.New(fault.Invalid, "Invalid attribute key '%s' specified. Valid keys are '%s'", c.Key, keysOf(modelAttributes))
	}
	if col == "m.experiment" { // a number that may be written as a text
		return q.experimentIDClause("m.experiment", c)
	}
	if strings.HasSuffix(col, "_ms") {
		cond, args, err := compare(col, c, "attribute "+c.Key)
		if err != nil {
			return err
		}
		q.where(cond, args...)
		return nil
	}
	if err := checkOp(c, textOps, listOps); err != nil {
		return err
	}
	if c.Value.List == nil {
		if err := checkText(c, "attributes"); err != nil {
			return err
		}
	}
	if c.Key == "status" {
		if err := checkStatus(c); err != nil {
			return err
		}
	}
	cond, args := match(q.dialect, col, c)
	q.where(cond, args...)
	return nil
}

func checkStatus(c clause) error {
	if c.Op == filter.LikeOp || c.Op == filter.ILikeOp {
		return fault.New(fault.Invalid, "Invalid comparison operator for status: %s", c.Op)
	}
	values := c.Value.List
	if values == nil {
		values = []string{c.Value.Text}
	}
	for _, s := range values {
		if !modelStatus(s) {
			return fault.New(fault.Invalid, "Unknown model status in filter: %s", Quote(s))
		}
	}
	return nil
}

// latestModelMetric selects the latest row of a metric of the model m among those that also satisfy more: the one with the
// greatest step, then time, then value, as for runs. Its arguments are the key and those of more.
func latestModelMetric(columns, more string) string {
	return `(SELECT ` + columns + ` FROM tracking_model_metric x WHERE x.model = m.id AND x.key = ?` + more +
		` ORDER BY x.step DESC, x.timestamp_ms DESC, x.value DESC, x.run LIMIT 1)`
}

// modelMetric compares with the latest value. Every comparison with NaN is false except !=.
func (q *query) modelMetric(c clause, onData string, dataArgs []any) error {
	if err := checkOp(c, numberOps); err != nil {
		return err
	}
	if err := checkNumber(c, "metric"); err != nil {
		return err
	}
	cond := `l.value ` + sqlOp(c.Op) + ` ? AND l.is_nan = 0`
	if c.Op == filter.Ne {
		cond = `(l.value <> ? OR l.is_nan = 1)`
	}
	args := append(append([]any{c.Key}, dataArgs...), c.Value.Number)
	q.where(`EXISTS (SELECT 1 FROM `+latestModelMetric("x.value, x.is_nan", onData)+` l WHERE `+cond+`)`, args...)
	return nil
}

func (q *query) modelOrder(terms []ModelOrder, onData string, dataArgs []any) error {
	if err := checkOrders(len(terms)); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, o := range terms {
		if metric, ok := strings.CutPrefix(o.Field, "metrics."); ok {
			more, args := onData, append([]any{metric}, dataArgs...)
			if o.DatasetName != "" {
				more, args = more+` AND x.dataset_name = ?`, append(args, o.DatasetName)
			}
			if o.DatasetDigest != "" {
				more, args = more+` AND x.dataset_digest = ?`, append(args, o.DatasetDigest)
			}
			q.orderBy(latestModelMetric(`CASE WHEN x.is_nan = 1 THEN NULL ELSE x.value END`, more), true, o.Descending)
			q.orderArgs = append(append(q.orderArgs, args...), args...) // the term stands there twice
			continue
		}
		col, ok := modelAttributes[o.Field]
		if !ok {
			if strings.Contains(o.Field, ".") {
				return fault.New(fault.Invalid, "Invalid order by field name: %s. Only metrics are supported.", o.Field)
			}
			return fault.New(fault.Invalid, "Invalid order by field name: %s", o.Field)
		}
		seen[col] = true
		if !strings.HasSuffix(col, "_ms") && col != "m.experiment" {
			col = q.collate(col)
		}
		q.orderBy(col, false, o.Descending)
	}
	if !seen["m.created_ms"] {
		q.orderBy("m.created_ms", false, true)
	}
	if !seen["m.id"] {
		q.orderBy(q.collate("m.id"), false, false)
	}
	return nil
}

// loadModelData fills in tags, params and metrics, with a fixed number of queries a chunk of models.
func loadModelData(tx *db.Tx, models []LoggedModel) error {
	ids, at := make([]string, len(models)), make(map[string]*LoggedModel, len(models))
	for i := range models {
		ids[i], at[models[i].ID] = models[i].ID, &models[i]
	}
	if err := kvs(tx, "tracking_model_tag", "model", ids, func(id string, kv KV) { at[id].Tags = append(at[id].Tags, kv) }); err != nil {
		return err
	}
	if err := kvs(tx, "tracking_model_param", "model", ids, func(id string, kv KV) { at[id].Params = append(at[id].Params, kv) }); err != nil {
		return err
	}
	return eachIn(tx, ids, func(rows *sql.Rows) error {
		var of Metric
		m, err := scanMetric(func(dest ...any) error {
			return rows.Scan(append([]any{&of.ModelID, &of.RunID, &of.DatasetName, &of.DatasetDigest}, dest...)...)
		})
		m.ModelID, m.RunID, m.DatasetName, m.DatasetDigest = of.ModelID, of.RunID, of.DatasetName, of.DatasetDigest
		if err == nil {
			at[m.ModelID].Metrics = append(at[m.ModelID].Metrics, m)
		}
		return err
	}, `SELECT model, run, dataset_name, dataset_digest, `+metricColumns+` FROM tracking_model_metric WHERE model IN %IN%
		ORDER BY model, `+textOrder(tx, "key")+`, timestamp_ms, step, run`)
}
