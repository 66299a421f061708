package tracking

import (
	"context"
	"fmt"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// LogMetric adds one point to a run, and to a logged model when ModelID is set.
func (r *Room) LogMetric(ctx context.Context, run string, m Metric) error {
	if err := checkMetric(m, ""); err != nil {
		return err
	}
	return r.changeRun(ctx, run, func(tx *db.Tx, _ *Run) error { return putMetrics(tx, run, []Metric{m}) })
}

// LogParam writes a param; it may exist with the same value only.
func (r *Room) LogParam(ctx context.Context, run string, p KV) error {
	p, err := checkParam(p, "")
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
	return r.changeRun(ctx, run, func(tx *db.Tx, _ *Run) error {
		changed, err := putParams(tx, run, params)
		if err != nil {
			return err
		}
		if len(changed) > 0 {
			return fault.New(fault.Invalid, "Changing param values is not allowed. Params were already logged='%s' for run ID='%s'.",
				changes(params, changed), run)
		}
		if err := putMetrics(tx, run, metrics); err != nil {
			return err
		}
		return setTags(tx, run, tags)
	})
}

func checkBatch(metrics []Metric, params, tags []KV) (outParams, outTags []KV, err error) {
	for i, m := range metrics {
		if err := checkMetric(m, fmt.Sprintf("metrics[%d]", i)); err != nil {
			return nil, nil, err
		}
	}
	var twice []string
	seen := map[string]bool{}
	for i, p := range params {
		if p, err = checkParam(p, fmt.Sprintf("params[%d]", i)); err != nil {
			return nil, nil, err
		}
		if seen[p.Key] {
			twice = append(twice, Quote(p.Key))
		}
		seen[p.Key] = true
		outParams = append(outParams, p)
	}
	for i, t := range tags {
		if t, err = checkTag(t, fmt.Sprintf("tags[%d]", i)); err != nil {
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

// putMetrics adds points, drops exact duplicates, and moves the latest point of each key forward.
func putMetrics(tx *db.Tx, run string, metrics []Metric) error {
	if len(metrics) == 0 {
		return nil
	}
	type point struct {
		timestamp, step int64
		value           float64
		nan             int64
	}
	later := func(a, b point) bool {
		if a.step != b.step {
			return a.step > b.step
		}
		if a.timestamp != b.timestamp {
			return a.timestamp > b.timestamp
		}
		return a.value > b.value
	}
	latest := map[string]point{}
	var keys []string
	var rows, ofModels [][]any
	for _, m := range metrics {
		value, isNaN := stored(m.Value)
		p := point{m.TimestampMs, m.Step, value, flag(isNaN)}
		rows = append(rows, []any{run, m.Key, p.timestamp, p.step, p.value, p.nan})
		if m.ModelID != "" {
			ofModels = append(ofModels, []any{m.ModelID, m.Key, run, p.timestamp, p.step, p.value, p.nan, m.DatasetName, m.DatasetDigest})
		}
		if was, ok := latest[m.Key]; !ok {
			latest[m.Key] = p
			keys = append(keys, m.Key)
		} else if later(p, was) {
			latest[m.Key] = p
		}
	}
	if err := insert(tx, `INSERT INTO tracking_metric (run, key, timestamp_ms, step, value, is_nan)`, rows, `ON CONFLICT DO NOTHING`); err != nil {
		return err
	}
	rows = rows[:0]
	for _, k := range keys {
		p := latest[k]
		rows = append(rows, []any{run, k, p.timestamp, p.step, p.value, p.nan})
	}
	err := insert(tx, `INSERT INTO tracking_latest (run, key, timestamp_ms, step, value, is_nan)`, rows, `ON CONFLICT (run, key) DO UPDATE
		SET timestamp_ms = excluded.timestamp_ms, step = excluded.step, value = excluded.value, is_nan = excluded.is_nan
		WHERE (excluded.step, excluded.timestamp_ms, excluded.value) > (tracking_latest.step, tracking_latest.timestamp_ms, tracking_latest.value)`)
	if err != nil || len(ofModels) == 0 {
		return err
	}
	for _, row := range ofModels {
		if _, err := modelInfo(tx, row[0].(string), true); err != nil {
			return err
		}
	}
	return insert(tx, `INSERT INTO tracking_model_metric (model, key, run, timestamp_ms, step, value, is_nan, dataset_name, dataset_digest)`,
		ofModels, `ON CONFLICT DO NOTHING`)
}
