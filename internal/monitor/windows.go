package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/stat"
)

// windowSQL gives one row per window: %[1]s the sums, %[2]s the metric, and the packages that answered as JSON.
const windowSQL = `SELECT w.*, s.shares, coalesce(o.orphans, 0) AS orphans
FROM (SELECT window_ms, %[1]s, CAST(%[2]s AS DOUBLE) AS metric FROM scored GROUP BY window_ms) w
JOIN (SELECT window_ms, CAST(to_json(list({package: package, n: n, last_ms: last_ms} ORDER BY last_ms, package)) AS VARCHAR) AS shares
  FROM (SELECT window_ms, package, count(*) AS n, max(event_ms) AS last_ms FROM scored GROUP BY window_ms, package)
  GROUP BY window_ms) s ON s.window_ms = w.window_ms
LEFT JOIN (SELECT r.window_ms, count(*) AS orphans FROM received r ANTI JOIN answer a ON a.k = r.event GROUP BY r.window_ms) o
  ON o.window_ms = w.window_ms
ORDER BY w.window_ms`

// windows computes the numbers of every window that holds an answer. State, limits and verdicts are added by the caller.
func (q question) windows(ctx context.Context, an Analytics, metricName string) (map[time.Time]Window, error) {
	metricSQL := "NULL"
	if m, ok := metrics[metricName]; ok {
		metricSQL = m.sql
		if metricName == "pinball" {
			metricSQL = fmt.Sprintf(metricSQL, strconv.FormatFloat(q.tau(), 'g', -1, 64))
		}
	}
	rows, err := q.ask(ctx, an, fmt.Sprintf(windowSQL, sumsSQL, metricSQL))
	if err != nil {
		return nil, err
	}
	out := make(map[time.Time]Window, len(rows))
	for _, r := range rows {
		w, err := q.window(r)
		if err != nil {
			return nil, fault.Wrap(err, "reading the packages of the window from %s", day(w.Start))
		}
		w.Metric, w.MetricValue = metricName, r.number("metric")
		out[w.Start] = w
	}
	return out, nil
}

// tau is the quantile that the product orders: the critical ratio of its costs, the median without any.
func (q question) tau() float64 {
	if q.value == nil || q.value.TooFew+q.value.TooMany == 0 {
		return 0.5
	}
	return stat.CriticalRatio(q.value.TooFew, q.value.TooMany)
}

func (q question) window(r record) (Window, error) {
	start := db.Time(r.int("window_ms"))
	w := Window{
		Product: q.product, Start: start, End: q.calendar.end(start), Revision: 1,
		Predictions: r.int("predictions"), Repeats: r.int("repeats"), Rows: r.int("rows"), Corrections: r.int("corrections"), Orphans: r.int("orphans"),
		WAPE: r.number("wape"), MAE: r.number("mae"), RMSE: r.number("rmse"), Bias: r.number("bias"), BaselineRows: r.int("compared"),
	}
	w.Coverage = ratio(w.Rows, w.Predictions)
	w.Demand, w.DelayMedian, w.DelayMax = orZero(r.number("demand")), orZero(r.number("delay_median")), orZero(r.number("delay_max"))
	if q.value != nil {
		w.Unit, w.ValueModel = q.value.Unit, q.value.Digest
		w.Cost, w.BaselineCost, w.Saving = r.number("cost"), r.number("baseline_cost"), r.number("saving")
	}
	var shares []struct {
		Package string
		N       int64
		LastMS  int64 `json:"last_ms"`
	}
	if err := json.Unmarshal([]byte(r.text("shares")), &shares); err != nil {
		return w, err
	}
	for _, s := range shares {
		w.Packages = append(w.Packages, Share{Package: s.Package, Predictions: s.N, Last: db.Time(s.LastMS)})
	}
	w.Package = mainPackage(w.Packages)
	return w, nil
}

// mainPackage answered most events; of equals the one that answered last.
func mainPackage(shares []Share) string {
	var best Share
	for _, s := range shares {
		if s.Predictions > best.Predictions || s.Predictions == best.Predictions && s.Last.After(best.Last) {
			best = s
		}
	}
	return best.Package
}

func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func orZero(n *Number) float64 {
	if n == nil {
		return 0
	}
	return float64(*n)
}
