package monitor

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
)

// joinSQL joins the tables prediction and truth as of a cut-off (truth holds what was received by then) and ends in scored:
// one row per event that was answered. %[1]s is the cost of a row, %[2]s what must hold for it.
//
//	latest    of several versions the one that the source knew last
//	given     the newest answer of the naive rule that came with the truth
//	answer    of several answers to an event the last one; a truth that names a prediction by id makes it an event of its own
//	naive     the truth of the same weekday a week before, as it was known when the answer was given
//	*_cost    the expression sees the columns of a row and nothing else
const joinSQL = `WITH latest AS (
  SELECT event, value FROM truth
  QUALIFY row_number() OVER (PARTITION BY event ORDER BY known_ms DESC, ingest_ms DESC, version DESC) = 1),
given AS (
  SELECT event, baseline FROM truth WHERE baseline IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY event ORDER BY known_ms DESC, ingest_ms DESC, version DESC) = 1),
received AS (
  SELECT event, min(window_ms) AS window_ms, min(known_ms) AS known_ms, count(*) AS versions FROM truth GROUP BY event),
keyed AS (
  SELECT p.*, CASE WHEN l.event IS NULL THEN p.event ELSE p.id END AS k FROM prediction p LEFT JOIN latest l ON l.event = p.id),
answer AS (
  SELECT *, count(*) OVER (PARTITION BY k) - 1 AS repeats FROM keyed
  QUALIFY row_number() OVER (PARTITION BY k ORDER BY predicted_ms DESC, id DESC) = 1),
naive AS (
  SELECT a.k, t.value FROM answer a JOIN truth t ON t.event = a.naive_event AND t.known_ms <= least(a.predicted_ms, a.event_ms)
  QUALIFY row_number() OVER (PARTITION BY a.k ORDER BY t.known_ms DESC, t.ingest_ms DESC, t.version DESC) = 1),
joined AS (
  SELECT a.* EXCLUDE (value), a.value AS prediction, l.value AS truth, coalesce(g.baseline, n.value) AS baseline,
    g.baseline IS NOT NULL AS baseline_given, r.known_ms, coalesce(r.versions, 0) AS versions
  FROM answer a LEFT JOIN latest l ON l.event = a.k LEFT JOIN given g ON g.event = a.k
  LEFT JOIN naive n ON n.k = a.k LEFT JOIN received r ON r.event = a.k),
money AS (SELECT CAST(? AS DOUBLE) AS too_few, CAST(? AS DOUBLE) AS too_many),
model_cost AS (
  SELECT k, CAST((%[1]s) AS DOUBLE) AS cost FROM (
    SELECT k, prediction, truth, baseline, too_few, too_many FROM joined, money WHERE truth IS NOT NULL) WHERE %[2]s),
naive_cost AS (
  SELECT k, CAST((%[1]s) AS DOUBLE) AS cost FROM (
    SELECT k, baseline AS prediction, truth, baseline, too_few, too_many FROM joined, money
    WHERE truth IS NOT NULL AND baseline IS NOT NULL)),
scored AS (
  SELECT j.*, m.cost, b.cost AS baseline_cost, b.cost - m.cost AS saving,
    rank() OVER same + (count(*) OVER (PARTITION BY window_ms, truth IS NULL, prediction) - 1) / 2.0 AS place
  FROM joined j LEFT JOIN model_cost m ON m.k = j.k LEFT JOIN naive_cost b ON b.k = j.k
  WINDOW same AS (PARTITION BY window_ms, truth IS NULL ORDER BY prediction))
`

// sumsSQL are the columns of every answer, over a group of scored rows.
const sumsSQL = `count(*) AS predictions, CAST(sum(repeats) AS BIGINT) AS repeats, count(truth) AS "rows",
  CAST(sum(greatest(versions - 1, 0)) AS BIGINT) AS corrections, fsum(abs(truth)) AS demand,
  median((known_ms - event_ms) / 3600000.0) AS delay_median, max((known_ms - event_ms) / 3600000.0) AS delay_max,
  fsum(abs(truth - prediction)) / nullif(fsum(abs(truth)), 0) AS wape,
  fsum(abs(truth - prediction)) / nullif(count(truth), 0) AS mae,
  sqrt(fsum(power(truth - prediction, 2)) / nullif(count(truth), 0)) AS rmse,
  fsum(prediction - truth) / nullif(count(truth), 0) AS bias,
  fsum(cost) AS cost, count(saving) AS compared, fsum(baseline_cost) AS baseline_cost, fsum(saving) AS saving,
  count(*) FILTER (baseline_given AND truth IS NOT NULL) AS baseline_given, max(event_ms) AS last_ms`

// metric is one way to measure error. sql aggregates scored rows; in pinball %[1]s is the quantile.
type metric struct {
	sql    string
	better string // "lower" or "higher"
}

var metrics = map[string]metric{
	"wape":     {`fsum(abs(truth - prediction)) / nullif(fsum(abs(truth)), 0)`, "lower"},
	"mae":      {`fsum(abs(truth - prediction)) / nullif(count(truth), 0)`, "lower"},
	"rmse":     {`sqrt(fsum(power(truth - prediction, 2)) / nullif(count(truth), 0))`, "lower"},
	"mape":     {`fsum(abs((truth - prediction) / nullif(truth, 0))) / nullif(count(truth) FILTER (truth <> 0), 0)`, "lower"},
	"smape":    {`fsum(2 * abs(truth - prediction) / nullif(abs(truth) + abs(prediction), 0)) / nullif(count(truth), 0)`, "lower"},
	"bias":     {`abs(fsum(prediction - truth)) / nullif(count(truth), 0)`, "lower"},
	"pinball":  {`fsum(greatest(%[1]s * (truth - prediction), (%[1]s - 1) * (truth - prediction))) / nullif(count(truth), 0)`, "lower"},
	"brier":    {`fsum(power(prediction - truth, 2)) / nullif(count(truth), 0)`, "lower"},
	"logloss":  {`-fsum(truth * ln(greatest(prediction, 1e-15)) + (1 - truth) * ln(greatest(1 - prediction, 1e-15))) / nullif(count(truth), 0)`, "lower"},
	"accuracy": {`CAST(count(*) FILTER (truth IS NOT NULL AND (prediction >= 0.5) = (truth >= 0.5)) AS DOUBLE) / nullif(count(truth), 0)`, "higher"},
	"f1": {`2.0 * count(*) FILTER (truth >= 0.5 AND prediction >= 0.5)
		/ nullif(count(*) FILTER (truth >= 0.5) + count(*) FILTER (truth IS NOT NULL AND prediction >= 0.5), 0)`, "higher"},
	"auc": {`(fsum(place) FILTER (truth >= 0.5) - count(*) FILTER (truth >= 0.5) * (count(*) FILTER (truth >= 0.5) + 1) / 2.0)
		/ nullif(count(*) FILTER (truth >= 0.5) * count(*) FILTER (truth < 0.5), 0)`, "higher"},
}

// question is what is joined: answers, versions of truth, and how they are priced.
type question struct {
	product     string
	calendar    calendar
	predictions []Prediction
	truths      []version
	value       *ValueModel
}

// sql gives the text whose last part selects from scored, received and answer.
func (q question) sql(tail string) string {
	expression, holds := "NULL", "true"
	if q.value != nil {
		expression = q.value.Expression
		if strings.Contains(strings.ToLower(expression), "baseline") {
			holds = "baseline IS NOT NULL"
		}
	}
	return fmt.Sprintf(joinSQL, expression, holds) + tail
}

func (q question) ask(ctx context.Context, an Analytics, tail string) ([]record, error) {
	var few, many float64
	if q.value != nil {
		few, many = q.value.TooFew, q.value.TooMany
	}
	res, err := an.Query(ctx, map[string]quality.Table{"prediction": q.predictionTable(), "truth": q.truthTable()}, q.sql(tail), few, many)
	if err != nil {
		return nil, fault.Wrap(err, "joining predictions and truth of %s", q.product)
	}
	out := make([]record, len(res.Rows))
	for i, row := range res.Rows {
		out[i] = record{}
		for j, name := range res.Columns {
			out[i][name] = row[j]
		}
	}
	return out, nil
}

func (q question) predictionTable() quality.Table {
	t := quality.Table{Columns: columns("id VARCHAR", "event VARCHAR", "naive_event VARCHAR", "day VARCHAR", "month VARCHAR", "window_ms BIGINT",
		"event_ms BIGINT", "predicted_ms BIGINT", "value DOUBLE", "package VARCHAR")}
	for _, p := range q.predictions {
		t.Rows = append(t.Rows, []any{p.ID, eventKey(p.Entity, p.EventTime), eventKey(p.Entity, p.EventTime.AddDate(0, 0, -7)), day(p.EventTime),
			p.EventTime.UTC().Format("2006-01"), db.Millis(q.calendar.start(p.EventTime)), db.Millis(p.EventTime), db.Millis(p.PredictedAt), p.Value, p.Package})
	}
	return t
}

func (q question) truthTable() quality.Table {
	t := quality.Table{Columns: columns("event VARCHAR", "window_ms BIGINT", "value DOUBLE", "baseline DOUBLE", "known_ms BIGINT", "ingest_ms BIGINT", "version BIGINT")}
	for _, v := range q.truths {
		var baseline any
		if v.baseline.Valid {
			baseline = v.baseline.Float64
		}
		t.Rows = append(t.Rows, []any{v.event, db.Millis(q.calendar.start(db.Time(v.eventMS))), v.value, baseline, v.knownMS, v.ingestMS, v.version})
	}
	return t
}

func columns(defs ...string) (out []quality.Column) {
	for _, d := range defs {
		name, kind, _ := strings.Cut(d, " ")
		out = append(out, quality.Column{Name: name, Type: kind})
	}
	return out
}

// record is a row of an answer by column name.
type record map[string]any

func (r record) int(name string) int64 {
	switch v := r[name].(type) {
	case int64:
		return v
	case float64:
		return int64(v)
	}
	return 0
}

// float gives NaN for NULL.
func (r record) float(name string) float64 {
	switch v := r[name].(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	}
	return math.NaN()
}

func (r record) text(name string) string { s, _ := r[name].(string); return s }

func (r record) number(name string) *Number { return number(r.float(name)) }
