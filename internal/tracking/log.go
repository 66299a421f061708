package tracking

import (
	"context"
	"fmt"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/series"
)

// LogMetric adds one point to a run, and to a logged model when ModelID is set.
func (r *Room) LogMetric(ctx context.Context, run string, m Metric) error {
	if err := checkMetric(m, spot{}); err != nil {
		return err
	}
	return r.changeRun(ctx, run, func(tx *db.Tx, to *Run) error { return putMetrics(tx, to, []Metric{m}) })
}

// LogParam writes a param; it may exist with the same value only.
func (r *Room) LogParam(ctx context.Context, run string, p KV) error {
	p, err := checkParam(p, spot{})
	if err != nil {
		return err
	}
	return r.changeRun(ctx, run, func(tx *db.Tx, _ *Run) error {
		changed, err := putParams(tx, run, []KV{p})
		if err == nil && len(changed) > 0 {
			err = fault.New(fault.Invalid, "Changing param values is not allowed. Param with key='%s' was already logged with value='%s'"+
				" for run ID='%s'. Attempted logging new value '%s'.", p.Key, changed[0].Value, run, p.Value)
		}
		return err
	})
}

// LogBatch writes params, metrics and tags to an active run in one transaction: all or nothing.
func (r *Room) LogBatch(ctx context.Context, run string, metrics []Metric, params, tags []KV) error {
	if err := checkRunID(run); err != nil {
		return err
	}
	params, tags, err := checkBatch(metrics, params, tags)
	if err != nil {
		return err
	}
	return r.changeRun(ctx, run, func(tx *db.Tx, to *Run) error {
		changed, err := putParams(tx, run, params)
		if err != nil {
			return err
		}
		if len(changed) > 0 {
			return fault.New(fault.Invalid, "Changing param values is not allowed. Params were already logged='%s' for run ID='%s'.",
				changes(params, changed), run)
		}
		if err := putMetrics(tx, to, metrics); err != nil {
			return err
		}
		return setTags(tx, run, tags)
	})
}

func checkBatch(metrics []Metric, params, tags []KV) (outParams, outTags []KV, err error) {
	for i, m := range metrics {
		if err := checkMetric(m, spot{"metrics", i}); err != nil {
			return nil, nil, err
		}
	}
	var twice []string
	seen := map[string]bool{}
	for i, p := range params {
		if p, err = checkParam(p, spot{"params", i}); err != nil {
			return nil, nil, err
		}
		if seen[p.Key] {
			twice = append(twice, Quote(p.Key))
		}
		seen[p.Key] = true
		outParams = append(outParams, p)
	}
	for i, t := range tags {
		if t, err = checkTag(t, spot{"tags", i}); err != nil {
			return nil, nil, err
		}
		outTags = append(outTags, t)
	}
	for _, l := range []struct {
		what     string
		limit, n int
	}{
		{"metrics", maxBatchMetrics, len(metrics)}, {"params", maxBatchParamsTags, len(params)}, {"tags", maxBatchParamsTags, len(tags)},
		{"metrics, params, and tags", maxBatchAll, len(metrics) + len(params) + len(tags)},
	} {
		if err := checkBatchLimit(l.what, l.limit, l.n); err != nil {
			return nil, nil, err
		}
	}
	if len(twice) > 0 {
		return nil, nil, fault.New(fault.Invalid, "Duplicate parameter keys have been submitted: [%s]. Please ensure the request contains"+
			" only one param value per param key.", strings.Join(twice, ", "))
	}
	return outParams, outTags, nil
}

// putParams writes params that are new and answers the old values of those that exist with another value.
func putParams(tx *db.Tx, run string, params []KV) (changed []KV, err error) {
	if len(params) == 0 {
		return nil, nil
	}
	old := map[string]string{}
	if err := kvs(tx, "tracking_param", "run", []string{run}, func(_ string, kv KV) { old[kv.Key] = kv.Value }); err != nil {
		return nil, err
	}
	var rows [][]any
	for _, p := range params {
		if was, ok := old[p.Key]; !ok {
			rows = append(rows, []any{run, p.Key, p.Value})
		} else if was != p.Value {
			changed = append(changed, KV{p.Key, was})
		}
	}
	if len(changed) > 0 {
		return changed, nil
	}
	return nil, insert(tx, `INSERT INTO tracking_param (run, key, value)`, rows, "")
}

// changes prints refused params as MLflow does: a list of Python dictionaries.
func changes(params, changed []KV) string {
	now := map[string]string{}
	for _, p := range params {
		now[p.Key] = p.Value
	}
	var out []string
	for _, c := range changed {
		out = append(out, fmt.Sprintf("{'key': %s, 'old_value': %s, 'new_value': %s}", Quote(c.Key), Quote(c.Value), Quote(now[c.Key])))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// putMetrics adds points to the series of a run, drops exact duplicates, and notes them for the logged models they are about.
func putMetrics(tx *db.Tx, run *Run, metrics []Metric) error {
	if len(metrics) == 0 {
		return nil
	}
	var keys []string
	points := map[string][]series.Point{}
	for _, m := range metrics {
		if points[m.Key] == nil {
			keys = append(keys, m.Key)
		}
		points[m.Key] = append(points[m.Key], pointOf(m))
	}
	known, err := loadSeries(tx, run.ID, keys)
	if err != nil {
		return err
	}
	experiment, err := experimentNumber(run.ExperimentID)
	if err != nil {
		return err
	}
	list := make([]*metricSeries, len(keys))
	for i, k := range keys {
		s := known[k]
		if s == nil {
			s = &metricSeries{run: run.ID, key: k, experiment: experiment}
		}
		if err := s.add(tx, points[k]); err != nil {
			return err
		}
		list[i] = s
	}
	if err := saveSeries(tx, list); err != nil {
		return err
	}
	return putModelMetrics(tx, run.ID, metrics)
}

// putModelMetrics notes the points that are about a logged model.
func putModelMetrics(tx *db.Tx, run string, metrics []Metric) error {
	var rows [][]any
	checked := map[string]bool{}
	for _, m := range metrics {
		if m.ModelID == "" {
			continue
		}
		if !checked[m.ModelID] {
			if _, err := modelInfo(tx, m.ModelID, true); err != nil {
				return err
			}
			checked[m.ModelID] = true
		}
		value, isNaN := stored(m.Value)
		rows = append(rows, []any{m.ModelID, m.Key, run, m.TimestampMs, m.Step, value, flag(isNaN), m.DatasetName, m.DatasetDigest})
	}
	return insert(tx, `INSERT INTO tracking_model_metric (model, key, run, timestamp_ms, step, value, is_nan, dataset_name, dataset_digest)`,
		rows, `ON CONFLICT DO NOTHING`)
}
