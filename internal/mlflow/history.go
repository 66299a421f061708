package mlflow

import (
	"sort"

	"github.com/paraplu/paraplu/internal/tracking"
)

func (s *server) getHistory(c *call) (any, error) {
	run, key, token := c.need("run_id"), c.need("metric_key"), c.str("page_token")
	limit, set := c.int64("max_results")
	if c.err == nil && set && limit <= 0 {
		c.note(invalid("Invalid value %d for parameter 'max_results' supplied. It must be a positive integer.", limit))
	}
	if c.err != nil {
		return nil, c.err
	}
	if limit > 1_000_000 {
		limit = 1_000_000
	}
	page, err := s.Tracking.MetricHistory(c.ctx, run, key, limit, token)
	var answer struct {
		Metrics []metricWire `json:"metrics,omitempty"`
		Next    string       `json:"next_page_token,omitempty"`
	}
	answer.Metrics, answer.Next = metricsOf(page.Items), page.Next
	return answer, err
}

// bulkWire is a point of get-history-bulk. MLflow writes NaN bare there, which is no JSON; ours is the text "NaN", as in all
// other answers.
type bulkWire struct {
	Key       string `json:"key"`
	Value     double `json:"value"`
	Timestamp int64  `json:"timestamp"`
	Step      int64  `json:"step"`
	RunID     string `json:"run_id"`
}

func bulkOf(list []tracking.Metric) map[string][]bulkWire {
	out := make([]bulkWire, len(list))
	for i, m := range list {
		out[i] = bulkWire{m.Key, double(m.Value), m.TimestampMs, m.Step, m.RunID}
	}
	return map[string][]bulkWire{"metrics": out}
}

func (s *server) getHistoryBulk(c *call) (any, error) {
	runs, key := c.strs("run_id"), c.str("metric_key")
	limit := c.int64Or("max_results", tracking.MaxBulk)
	switch {
	case c.err != nil:
		return nil, c.err
	case len(runs) == 0:
		return nil, invalid("GetMetricHistoryBulk request must specify at least one run_id.")
	case len(runs) > 100:
		return nil, invalid("GetMetricHistoryBulk request cannot specify more than 100 run_ids. Received %d run_ids.", len(runs))
	case c.get("metric_key") == nil:
		return nil, invalid("GetMetricHistoryBulk request must specify a metric_key.")
	}
	sort.Strings(runs)
	list, err := s.Tracking.MetricHistories(c.ctx, runs, key, limit)
	return bulkOf(list), err
}

func (s *server) getHistoryInterval(c *call) (any, error) {
	runs, key := c.strs("run_ids"), c.str("metric_key")
	limit := c.int64Or("max_results", 2500)
	first, hasFirst := c.int64("start_step")
	last, hasLast := c.int64("end_step")
	switch {
	case c.err != nil:
		return nil, c.err
	case len(runs) == 0:
		c.missing("run_ids")
	case len(runs) > 100:
		return nil, invalid("GetMetricHistoryBulkInterval request must specify at most 100 run_ids. Received %d run_ids.%s", len(runs), seeDocs)
	case key == "":
		c.missing("metric_key")
	case limit < 1 || limit > 2500:
		return nil, invalid("max_results must be between 1 and 2500.%s", seeDocs)
	case hasFirst != hasLast:
		return nil, invalid("If either start step or end step are specified, both must be specified.")
	case hasFirst && first > last:
		return nil, invalid("end_step must be greater than start_step. Found start_step=%d and end_step=%d.", first, last)
	}
	if c.err != nil {
		return nil, c.err
	}
	var steps *tracking.Steps
	if hasFirst {
		steps = &tracking.Steps{First: first, Last: last}
	}
	list, err := s.Tracking.SampleHistories(c.ctx, runs, key, limit, steps)
	if len(list) == 0 {
		return empty{}, err
	}
	return map[string][]metricWire{"metrics": metricsOf(list)}, err
}
