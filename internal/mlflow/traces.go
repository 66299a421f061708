package mlflow

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/paraplu/paraplu/internal/trace"
	"github.com/paraplu/paraplu/internal/tracking"
)

// maxTraces bounds a page of traces.
const maxTraces = 500

func (s *server) traceRoutes(rpc rpcFunc, raw rawFunc) {
	rpc(v3, "POST", "traces", s.startTrace)
	rpc(v3, "POST", "traces/search", s.searchTraces)
	rpc(v3, "GET", "traces/get", s.getTrace)
	rpc(v3, "GET", "traces/batchGet", s.listTraces)
	rpc(v3, "POST", "traces/batchGetInfos", s.listTraceInfos)
	rpc(v3, "GET", "traces/{trace_id}", s.getTraceInfo)
	rpc(v2, "POST", "traces", s.beginTrace)
	rpc(v2, "GET", "traces", s.searchOldTraces)
	rpc(v2, "PATCH", "traces/{trace_id}", s.endTrace)
	rpc(v2, "GET", "traces/{trace_id}/info", s.getOldTraceInfo)
	rpc(v2, "POST", "traces/link-to-run", s.linkTraces)
	rpc(v2, "POST", "traces/link-prompts", s.linkPrompts)
	for _, bases := range [][]string{v2, v3} {
		rpc(bases, "POST", "traces/delete-traces", s.deleteTraces)
		rpc(bases, "PATCH", "traces/{trace_id}/tags", s.setTraceTag)
		rpc(bases, "DELETE", "traces/{trace_id}/tags", s.deleteTraceTag)
	}
	rpc(v3, "POST", "traces/{trace_id}/assessments", s.assess)
	rpc(v3, "GET", "traces/{trace_id}/assessments/{assessment_id}", s.getAssessment)
	rpc(v3, "PATCH", "traces/{trace_id}/assessments/{assessment_id}", s.reassess)
	rpc(v3, "DELETE", "traces/{trace_id}/assessments/{assessment_id}", s.unassess)
	raw(root, "POST", "v1/traces", s.exportSpans)
	for _, path := range []string{"traces/metrics", "traces/calculate-filter-correlation"} { // else taken for the id of a trace
		raw(v3, "POST", path, unknownRoute)
	}
}

func unknownRoute(w http.ResponseWriter, _ *http.Request, _ map[string]string) error {
	plain(w, http.StatusNotFound, "Not Found")
	return nil
}

var traceStates = []string{trace.Unspecified, trace.OK, trace.Failed, trace.InProgress}

// traceInfo reads a TraceInfoV3.
func traceInfo(c *call) (i trace.Info) {
	i = trace.Info{
		ID: c.need("trace_id"), ClientRequestID: c.optional("client_request_id"), RequestPreview: c.optional("request_preview"),
		ResponsePreview: c.optional("response_preview"), State: c.enum("state", traceStates), Metadata: c.texts("trace_metadata"), Tags: c.texts("tags"),
	}
	i.TimeMs, _ = c.timestamp("request_time")
	if d, set := c.duration("execution_duration"); set {
		i.DurationMs = &d
	}
	if i.State == "" {
		i.State = trace.Unspecified
	}
	if at := c.message("trace_location"); at != nil {
		if e := at.message("mlflow_experiment"); e != nil {
			i.ExperimentID = e.need("experiment_id")
			c.adopt(e)
		}
		c.adopt(at)
	}
	if i.ExperimentID == "" {
		c.missing("trace_location.mlflow_experiment.experiment_id")
	}
	for _, a := range c.list("assessments") {
		i.Assessments = append(i.Assessments, assessment(a))
		c.adopt(a)
	}
	return i
}

func (s *server) startTrace(c *call) (any, error) {
	t := c.message("trace")
	if t == nil || c.err != nil {
		c.missing("trace")
		return nil, c.err
	}
	m := t.message("trace_info")
	if m == nil {
		t.missing("trace.trace_info")
		return nil, t.err
	}
	info := traceInfo(m)
	if m.err != nil {
		return nil, m.err
	}
	info, err := s.Traces.Start(c.ctx, info)
	return oneTrace(infoOf(info), nil), err
}

func (s *server) getTraceInfo(c *call) (any, error) {
	info, err := s.Traces.Info(c.ctx, c.vars["trace_id"])
	return oneTrace(infoOf(info), nil), err
}

func (s *server) getTrace(c *call) (any, error) {
	id := c.need("trace_id")
	partial, _ := c.boolean("allow_partial")
	if c.err != nil {
		return nil, c.err
	}
	t, err := s.Traces.Get(c.ctx, id, partial)
	return oneTrace(infoOf(t.Info), spansOf(t.Spans)), err
}

// ids gives the traces of a batch, and the experiments that limit it; nil = all.
func (c *call) ids() (ids, experiments []string) {
	if ids = c.strs("trace_ids"); len(ids) == 0 {
		c.missing("trace_ids")
	}
	if c.get("experiment_ids") != nil {
		experiments = append([]string{}, c.strs("experiment_ids")...)
	}
	return ids, experiments
}

func (s *server) listTraces(c *call) (any, error) {
	ids, experiments := c.ids()
	if c.err != nil {
		return nil, c.err
	}
	list, err := s.Traces.List(c.ctx, ids, experiments)
	var answer struct {
		Traces []traceWire `json:"traces,omitempty"`
	}
	for _, t := range list {
		answer.Traces = append(answer.Traces, traceWire{infoOf(t.Info), spansOf(t.Spans)})
	}
	return answer, err
}

func (s *server) listTraceInfos(c *call) (any, error) {
	ids, experiments := c.ids()
	if c.err != nil {
		return nil, c.err
	}
	list, err := s.Traces.Infos(c.ctx, ids, experiments)
	var answer struct {
		Infos []traceInfoWire `json:"trace_infos,omitempty"`
	}
	for _, i := range list {
		answer.Infos = append(answer.Infos, infoOf(i))
	}
	return answer, err
}

func (s *server) searchTraces(c *call) (any, error) {
	var experiments []string
	for _, l := range c.list("locations") {
		if e := l.message("mlflow_experiment"); e != nil {
			experiments = append(experiments, e.str("experiment_id"))
			c.adopt(e)
		}
		c.adopt(l)
	}
	if c.err == nil && c.get("locations") == nil {
		c.missing("locations")
	}
	page, err := s.traces(c, experiments)
	var answer struct {
		Traces []traceInfoWire `json:"traces,omitempty"`
		Next   string          `json:"next_page_token,omitempty"`
	}
	for _, i := range page.Items {
		answer.Traces = append(answer.Traces, infoOf(i))
	}
	answer.Next = page.Next
	return answer, err
}

// traces runs a search of either version.
func (s *server) traces(c *call, experiments []string) (trace.Page, error) {
	search := trace.Search{
		ExperimentIDs: experiments, Filter: c.str("filter"), OrderBy: c.strs("order_by"), MaxResults: c.int64Or("max_results", 100), PageToken: c.str("page_token"),
	}
	if search.MaxResults > maxTraces {
		c.wrong("max_results", c.single("max_results"))
	}
	if c.err != nil {
		return trace.Page{}, c.err
	}
	return s.Traces.Search(c.ctx, search)
}

func (s *server) deleteTraces(c *call) (any, error) {
	d := trace.Deletion{ExperimentID: c.need("experiment_id"), IDs: c.strs("request_ids")}
	if n, set := c.int64("max_timestamp_millis"); set {
		d.BeforeMs = &n
	}
	if n, set := c.int64("max_traces"); set {
		d.Max = &n
	}
	if c.err != nil {
		return nil, c.err
	}
	n, err := s.Traces.Delete(c.ctx, d)
	return map[string]int{"traces_deleted": n}, err
}

func (s *server) setTraceTag(c *call) (any, error) {
	key, value := c.need("key"), c.str("value")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Traces.SetTag(c.ctx, c.vars["trace_id"], key, value)
}

func (s *server) deleteTraceTag(c *call) (any, error) {
	key := c.need("key")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Traces.DeleteTag(c.ctx, c.vars["trace_id"], key)
}

func (s *server) linkTraces(c *call) (any, error) {
	ids, _ := c.ids()
	run := c.need("run_id")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Traces.LinkRun(c.ctx, run, ids)
}

func (s *server) linkPrompts(c *call) (any, error) {
	id := c.need("trace_id")
	var prompts []string
	for _, p := range c.list("prompt_versions") {
		name, version := p.need("name"), p.need("version")
		if _, err := strconv.Atoi(version); err != nil && p.err == nil {
			p.wrong("version", version)
		}
		prompts = append(prompts, name+"/"+version)
		c.adopt(p)
	}
	if len(prompts) == 0 && c.err == nil {
		c.missing("prompt_versions")
	}
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Traces.LinkPrompts(c.ctx, id, prompts)
}

// The calls of clients before MLflow 3.

func (s *server) beginTrace(c *call) (any, error) {
	info := trace.Info{ExperimentID: c.str("experiment_id"), TimeMs: c.int64Or("timestamp_ms", 0), Metadata: pairs(c.kvs("request_metadata")), Tags: pairs(c.kvs("tags"))}
	if c.err != nil {
		return nil, c.err
	}
	info, err := s.Traces.Begin(c.ctx, info)
	return map[string]oldTraceWire{"trace_info": oldInfoOf(info)}, err
}

var traceStatuses = []string{"TRACE_STATUS_UNSPECIFIED", trace.OK, trace.Failed, trace.InProgress}

func (s *server) endTrace(c *call) (any, error) {
	state := c.enum("status", traceStatuses)
	if !slices.Contains(traceStates, state) {
		state = trace.Unspecified
	}
	endMs, metadata, tags := c.int64Or("timestamp_ms", 0), pairs(c.kvs("request_metadata")), pairs(c.kvs("tags"))
	if c.err != nil {
		return nil, c.err
	}
	info, err := s.Traces.End(c.ctx, c.vars["trace_id"], endMs, state, metadata, tags)
	return map[string]oldTraceWire{"trace_info": oldInfoOf(info)}, err
}

func (s *server) getOldTraceInfo(c *call) (any, error) {
	info, err := s.Traces.Info(c.ctx, c.vars["trace_id"])
	return map[string]oldTraceWire{"trace_info": oldInfoOf(info)}, err
}

func (s *server) searchOldTraces(c *call) (any, error) {
	experiments := c.strs("experiment_ids")
	if len(experiments) == 0 && c.err == nil {
		c.missing("experiment_ids")
	}
	page, err := s.traces(c, experiments)
	var answer struct {
		Traces []oldTraceWire `json:"traces,omitempty"`
		Next   string         `json:"next_page_token,omitempty"`
	}
	for _, i := range page.Items {
		answer.Traces = append(answer.Traces, oldInfoOf(i))
	}
	answer.Next = page.Next
	return answer, err
}

func pairs(list []tracking.KV) map[string]string {
	out := make(map[string]string, len(list))
	for _, kv := range list {
		out[kv.Key] = kv.Value
	}
	return out
}

func sorted(m map[string]string) []kvWire {
	out := make([]kvWire, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, kvWire{k, m[k]})
	}
	return out
}
