package mlflow

import (
	"fmt"

	"github.com/paraplu/paraplu/internal/tracking"
)

func (s *server) runRoutes(rpc rpcFunc) {
	rpc(v2, "POST", "runs/create", s.createRun)
	rpc(v2, "POST", "runs/update", s.updateRun)
	rpc(v2, "POST", "runs/delete", s.deleteRun)
	rpc(v2, "POST", "runs/restore", s.restoreRun)
	rpc(v2, "GET", "runs/get", s.getRun)
	rpc(v2, "POST", "runs/search", s.searchRuns)
	rpc(v2, "POST", "runs/log-metric", s.logMetric)
	rpc(v2, "POST", "runs/log-parameter", s.logParam)
	rpc(v2, "POST", "runs/set-tag", s.setTag)
	rpc(v2, "POST", "runs/delete-tag", s.deleteTag)
	rpc(v2, "POST", "runs/log-batch", s.logBatch)
	rpc(v2, "POST", "runs/log-inputs", s.logInputs)
	rpc(v2, "POST", "runs/outputs", s.logOutputs)
	rpc(v2, "POST", "runs/log-model", s.logModel)
	rpc(v2, "GET", "metrics/get-history", s.getHistory)
	rpc(ajax, "GET", "metrics/get-history-bulk", s.getHistoryBulk)
	rpc(v2, "GET", "metrics/get-history-bulk-interval", s.getHistoryInterval)
}

func (s *server) createRun(c *call) (any, error) {
	n := tracking.NewRun{
		ExperimentID: c.str("experiment_id"), UserID: c.str("user_id"), Name: c.str("run_name"),
		StartMs: c.int64Or("start_time", 0), Tags: c.kvs("tags"),
	}
	if c.err != nil {
		return nil, c.err
	}
	run, err := s.Tracking.CreateRun(c.ctx, n)
	answer := runOf(run)
	answer.Outputs = nil
	return map[string]runWire{"run": answer}, err
}

var runStatuses = []string{"", "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"}

func (s *server) updateRun(c *call) (any, error) {
	u := tracking.RunUpdate{ID: c.need("run_id"), Status: c.enum("status", runStatuses), Name: c.str("run_name"), Actor: s.actor(c.r)}
	if end, set := c.int64("end_time"); set {
		u.EndMs = &end
	}
	if c.err != nil {
		return nil, c.err
	}
	run, err := s.Tracking.UpdateRun(c.ctx, u)
	return map[string]runInfoWire{"run_info": runInfoOf(run)}, err
}

func (s *server) deleteRun(c *call) (any, error) {
	id := c.need("run_id")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.DeleteRun(c.ctx, id)
}

func (s *server) restoreRun(c *call) (any, error) {
	id := c.need("run_id")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.RestoreRun(c.ctx, id)
}

func (s *server) getRun(c *call) (any, error) {
	id := c.need("run_id")
	if c.err != nil {
		return nil, c.err
	}
	run, err := s.Tracking.Run(c.ctx, id)
	return map[string]runWire{"run": runOf(run)}, err
}

func (s *server) searchRuns(c *call) (any, error) {
	search := tracking.Search{
		ExperimentIDs: c.experiments(), Filter: c.str("filter"), OrderBy: c.strs("order_by"),
		View: viewOf(c.enum("run_view_type", viewTypes)), MaxResults: c.int64Or("max_results", 1000), PageToken: c.str("page_token"),
	}
	if c.err == nil && search.MaxResults > 50000 {
		c.wrong("max_results", c.single("max_results"))
	}
	if c.err != nil {
		return nil, c.err
	}
	page, err := s.Tracking.SearchRuns(c.ctx, search)
	var answer struct {
		Runs []runWire `json:"runs,omitempty"`
		Next string    `json:"next_page_token,omitempty"`
	}
	for _, r := range page.Items {
		answer.Runs = append(answer.Runs, runOf(r))
	}
	answer.Next = page.Next
	return answer, err
}

// metric reads one point; item is its place in the list of metrics, negative for a request of its own.
func (c *call) metric(item int) tracking.Metric {
	missing := func(field string) {
		if item >= 0 {
			field = fmt.Sprintf("metrics[%d].%s", item, field)
		}
		c.missing(field)
	}
	m := tracking.Metric{
		Key: c.str("key"), Step: c.int64Or("step", 0),
		ModelID: c.str("model_id"), DatasetName: c.str("dataset_name"), DatasetDigest: c.str("dataset_digest"),
	}
	value, hasValue := c.float("value")
	at, hasTime := c.int64("timestamp")
	m.Value, m.TimestampMs = value, at
	switch {
	case c.err != nil:
	case m.Key == "":
		missing("key")
	case !hasValue:
		missing("value")
	case !hasTime:
		missing("timestamp")
	}
	return m
}

func (s *server) logMetric(c *call) (any, error) {
	run := c.need("run_id")
	m := c.metric(-1)
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.LogMetric(c.ctx, run, m)
}

func (s *server) logParam(c *call) (any, error) {
	run, p := c.need("run_id"), tracking.KV{Key: c.need("key"), Value: c.str("value")}
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.LogParam(c.ctx, run, p)
}

func (s *server) setTag(c *call) (any, error) {
	run, t := c.need("run_id"), tracking.KV{Key: c.need("key"), Value: c.str("value")}
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.SetTag(c.ctx, run, t)
}

func (s *server) deleteTag(c *call) (any, error) {
	run, key := c.need("run_id"), c.need("key")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.DeleteTag(c.ctx, run, key)
}

func (s *server) logBatch(c *call) (any, error) {
	run := c.need("run_id")
	list := c.list("metrics")
	metrics := make([]tracking.Metric, 0, len(list))
	for i, m := range list {
		metrics = append(metrics, m.metric(i))
		c.adopt(m)
	}
	params, tags := c.kvs("params"), c.kvs("tags")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.LogBatch(c.ctx, run, metrics, params, tags)
}

func (s *server) logInputs(c *call) (any, error) {
	run := c.need("run_id")
	var datasets []tracking.DatasetInput
	for _, in := range c.list("datasets") {
		d := in.message("dataset")
		if d == nil {
			in.missing("dataset")
			c.adopt(in)
			break
		}
		data := tracking.Dataset{Name: d.need("name"), Digest: d.need("digest"), SourceType: d.need("source_type"), Source: d.need("source")}
		if text, set := d.text("schema"); set {
			data.Schema = &text
		}
		if text, set := d.text("profile"); set {
			data.Profile = &text
		}
		datasets = append(datasets, tracking.DatasetInput{Dataset: data, Tags: in.kvs("tags")})
		c.adopt(in, d)
	}
	var models []string
	for _, m := range c.list("models") {
		models = append(models, m.need("model_id"))
		c.adopt(m)
	}
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.LogInputs(c.ctx, run, datasets, models)
}

func (s *server) logOutputs(c *call) (any, error) {
	run := c.need("run_id")
	if c.get("models") == nil {
		c.missing("models")
	}
	var models []tracking.ModelOutput
	for _, m := range c.list("models") {
		models = append(models, tracking.ModelOutput{ModelID: m.need("model_id"), Step: m.int64Or("step", 0)})
		c.adopt(m)
	}
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.LogOutputs(c.ctx, run, models)
}
