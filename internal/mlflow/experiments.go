package mlflow

import (
	"github.com/paraplu/paraplu/internal/tracking"
)

func (s *server) experimentRoutes(rpc rpcFunc) {
	rpc(v2, "POST", "experiments/create", s.createExperiment)
	rpc(v2, "GET", "experiments/get", s.getExperiment)
	rpc(v2, "GET", "experiments/get-by-name", s.getExperimentByName)
	rpc(v2, "POST GET", "experiments/search", s.searchExperiments)
	rpc(v2, "POST", "experiments/update", s.updateExperiment)
	rpc(v2, "POST", "experiments/delete", s.deleteExperiment)
	rpc(v2, "POST", "experiments/restore", s.restoreExperiment)
	rpc(v2, "POST", "experiments/set-experiment-tag", s.setExperimentTag)
	rpc(v2, "POST", "experiments/delete-experiment-tag", s.deleteExperimentTag)
	rpc(v2, "POST", "experiments/search-datasets", s.searchDatasets)
}

func (s *server) createExperiment(c *call) (any, error) {
	name, location, tags := c.need("name"), c.str("artifact_location"), c.kvs("tags")
	if c.err != nil {
		return nil, c.err
	}
	e, err := s.Tracking.CreateExperiment(c.ctx, name, location, tags)
	return map[string]string{"experiment_id": e.ID}, err
}

func (s *server) getExperiment(c *call) (any, error) {
	id := c.need("experiment_id")
	if c.err != nil {
		return nil, c.err
	}
	e, err := s.Tracking.Experiment(c.ctx, id)
	return map[string]experimentWire{"experiment": experimentOf(e)}, err
}

func (s *server) getExperimentByName(c *call) (any, error) {
	name := c.need("experiment_name")
	if c.err != nil {
		return nil, c.err
	}
	e, err := s.Tracking.ExperimentByName(c.ctx, name)
	return map[string]experimentWire{"experiment": experimentOf(e)}, err
}

var viewTypes = []string{"", "ACTIVE_ONLY", "DELETED_ONLY", "ALL"}

func viewOf(name string) tracking.View {
	switch name {
	case "DELETED_ONLY":
		return tracking.DeletedOnly
	case "ALL":
		return tracking.All
	}
	return tracking.ActiveOnly
}

func (s *server) searchExperiments(c *call) (any, error) {
	search := tracking.Search{
		Filter: c.str("filter"), OrderBy: c.strs("order_by"), View: viewOf(c.enum("view_type", viewTypes)),
		MaxResults: c.int64Or("max_results", 0), PageToken: c.str("page_token"),
	}
	if c.err != nil {
		return nil, c.err
	}
	page, err := s.Tracking.SearchExperiments(c.ctx, search)
	var answer struct {
		Experiments []experimentWire `json:"experiments,omitempty"`
		Next        string           `json:"next_page_token,omitempty"`
	}
	for _, e := range page.Items {
		answer.Experiments = append(answer.Experiments, experimentOf(e))
	}
	answer.Next = page.Next
	return answer, err
}

func (s *server) updateExperiment(c *call) (any, error) {
	id, name := c.need("experiment_id"), c.need("new_name")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.RenameExperiment(c.ctx, id, name)
}

func (s *server) deleteExperiment(c *call) (any, error) {
	id := c.need("experiment_id")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.DeleteExperiment(c.ctx, id)
}

func (s *server) restoreExperiment(c *call) (any, error) {
	id := c.need("experiment_id")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.RestoreExperiment(c.ctx, id)
}

func (s *server) setExperimentTag(c *call) (any, error) {
	id, t := c.need("experiment_id"), tracking.KV{Key: c.need("key"), Value: c.str("value")}
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.SetExperimentTag(c.ctx, id, t)
}

func (s *server) deleteExperimentTag(c *call) (any, error) {
	id, key := c.need("experiment_id"), c.need("key")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.DeleteExperimentTag(c.ctx, id, key)
}

type summaryWire struct {
	ExperimentID string `json:"experiment_id"`
	Name         string `json:"name"`
	Digest       string `json:"digest"`
	Context      string `json:"context,omitempty"`
}

func (s *server) searchDatasets(c *call) (any, error) {
	ids := c.experiments()
	switch {
	case c.err != nil:
		return nil, c.err
	case len(ids) == 0:
		return nil, invalid("SearchDatasets request must specify at least one experiment_id.")
	case len(ids) > 20:
		return nil, invalid("SearchDatasets request cannot specify more than 20 experiment_ids. Received %d experiment_ids.", len(ids))
	}
	list, err := s.Tracking.SearchDatasets(c.ctx, ids)
	var answer struct {
		Summaries []summaryWire `json:"dataset_summaries,omitempty"`
	}
	for _, d := range list {
		answer.Summaries = append(answer.Summaries, summaryWire(d))
	}
	return answer, err
}
