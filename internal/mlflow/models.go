package mlflow

import (
	"fmt"
	"sort"
	"strings"

	"github.com/paraplu/paraplu/internal/tracking"
)

func (s *server) modelRoutes(rpc rpcFunc) {
	rpc(v2, "POST", "logged-models", s.createModel)
	rpc(v2, "POST", "logged-models/search", s.searchModels)
	rpc(v2, "GET", "logged-models/{model_id}", s.getModel)
	rpc(v2, "PATCH", "logged-models/{model_id}", s.finishModel)
	rpc(v2, "DELETE", "logged-models/{model_id}", s.deleteModel)
	rpc(v2, "PATCH", "logged-models/{model_id}/tags", s.setModelTags)
	rpc(v2, "DELETE", "logged-models/{model_id}/tags/{tag_key...}", s.deleteModelTag)
	rpc(v2, "POST", "logged-models/{model_id}/params", s.logModelParams)
}

func (s *server) createModel(c *call) (any, error) {
	n := tracking.NewModel{
		ExperimentID: c.need("experiment_id"), Name: c.str("name"), ModelType: c.str("model_type"), SourceRunID: c.str("source_run_id"),
		Params: c.kvs("params"), Tags: c.kvs("tags"),
	}
	if c.err != nil {
		return nil, c.err
	}
	m, err := s.Tracking.CreateModel(c.ctx, n)
	return map[string]modelWire{"model": modelOf(m)}, err
}

func (s *server) getModel(c *call) (any, error) {
	deleted, _ := c.boolean("allow_deleted")
	if c.err != nil {
		return nil, c.err
	}
	m, err := s.Tracking.Model(c.ctx, c.vars["model_id"], deleted)
	return map[string]modelWire{"model": modelOf(m)}, err
}

var modelStatuses = []string{"", "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"}

func (s *server) finishModel(c *call) (any, error) {
	status := c.enum("status", modelStatuses)
	if status == "" && c.err == nil {
		c.missing("status")
	}
	if c.err != nil {
		return nil, c.err
	}
	m, err := s.Tracking.FinishModel(c.ctx, c.vars["model_id"], strings.TrimPrefix(status, "LOGGED_MODEL_"))
	return map[string]modelWire{"model": modelOf(m)}, err
}

func (s *server) deleteModel(c *call) (any, error) {
	return empty{}, s.Tracking.DeleteModel(c.ctx, c.vars["model_id"])
}

func (s *server) setModelTags(c *call) (any, error) {
	tags := c.kvs("tags")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.SetModelTags(c.ctx, c.vars["model_id"], tags)
}

func (s *server) deleteModelTag(c *call) (any, error) {
	return empty{}, s.Tracking.DeleteModelTag(c.ctx, c.vars["model_id"], c.vars["tag_key"])
}

func (s *server) logModelParams(c *call) (any, error) {
	params := c.kvs("params")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.LogModelParams(c.ctx, c.vars["model_id"], params)
}

func (s *server) searchModels(c *call) (any, error) {
	search := tracking.ModelSearch{
		ExperimentIDs: c.experiments(), Filter: c.str("filter"), MaxResults: c.int64Or("max_results", 0), PageToken: c.str("page_token"),
	}
	for _, d := range c.list("datasets") {
		search.Datasets = append(search.Datasets, tracking.ModelDataset{Name: d.str("dataset_name"), Digest: d.str("dataset_digest")})
		c.adopt(d)
	}
	for _, o := range c.list("order_by") {
		term := tracking.ModelOrder{Field: o.need("field_name"), DatasetName: o.str("dataset_name"), DatasetDigest: o.str("dataset_digest")}
		if up, set := o.boolean("ascending"); set {
			term.Descending = !up
		}
		search.OrderBy = append(search.OrderBy, term)
		c.adopt(o)
	}
	if c.get("experiment_ids") == nil && c.err == nil {
		c.missing("experiment_ids")
	}
	if c.err != nil {
		return nil, c.err
	}
	page, err := s.Tracking.SearchModels(c.ctx, search)
	var answer struct {
		Models []modelWire `json:"models,omitempty"`
		Next   string      `json:"next_page_token,omitempty"`
	}
	for _, m := range page.Items {
		answer.Models = append(answer.Models, modelOf(m))
	}
	answer.Next = page.Next
	return answer, err
}

// logModel keeps what log_model of older clients tells about a model, without the parts that may be large.
func (s *server) logModel(c *call) (any, error) {
	run, text := c.need("run_id"), c.need("model_json")
	if c.err != nil {
		return nil, c.err
	}
	v, err := parseJSON([]byte(text))
	model, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil, invalid("Malformed model info. \n %s \n is not a valid JSON.", text)
	}
	var missing []string
	for _, name := range []string{"artifact_path", "flavors", "utc_time_created", "run_id"} {
		if _, ok := model[name]; !ok {
			missing = append(missing, tracking.Quote(name))
		}
	}
	if len(missing) > 0 {
		sort.Strings(missing)
		return nil, invalid("Model json is missing mandatory fields: {%s}", strings.Join(missing, ", "))
	}
	kept := map[string]any{}
	for _, name := range []string{"run_id", "utc_time_created", "artifact_path", "model_uuid"} {
		if v, ok := model[name]; ok {
			kept[name] = v
		}
	}
	flavors, ok := model["flavors"].(map[string]any)
	if !ok {
		return nil, invalid("Malformed model info: flavors is %s", fmt.Sprint(pythonType(model["flavors"])))
	}
	for _, f := range flavors {
		if config, ok := f.(map[string]any); ok {
			delete(config, "config")
		}
	}
	kept["flavors"] = flavors
	return empty{}, s.Tracking.RecordModel(c.ctx, run, kept)
}
