package mlflowrest

import (
	"context"
	"io"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/tracking"
	"github.com/paraplu/paraplu/internal/transfer"
)

var _ transfer.Target = (*Client)(nil)

// Limits of log-batch.
const (
	batchPoints = 1000
	batchKVs    = 100
)

func kvsFrom(list []tracking.KV) []kv {
	out := make([]kv, len(list))
	for i, t := range list {
		out[i] = kv(t)
	}
	return out
}

// Experiment finds an experiment by its name, or makes it, and gives it tags and stage.
func (c *Client) Experiment(ctx context.Context, e tracking.Experiment) (id string, made bool, err error) {
	var found struct {
		Experiment experiment `json:"experiment"`
	}
	err = c.get(ctx, "experiments/get-by-name", url.Values{"experiment_name": {e.Name}}, &found)
	if made = fault.Is(err, fault.NotFound); made {
		var answer struct {
			ID string `json:"experiment_id"`
		}
		err = c.post(ctx, "experiments/create", map[string]any{"name": e.Name, "tags": kvsFrom(e.Tags)}, &answer)
		return answer.ID, true, err
	}
	if err != nil {
		return "", false, err
	}
	id = found.Experiment.ID
	if found.Experiment.Stage == string(tracking.Deleted) {
		if e.Stage == tracking.Deleted {
			return id, false, nil
		}
		return "", false, fault.New(fault.Conflict, "experiment %s exists there and is deleted", tracking.Quote(e.Name)).
			WithHint("restore it there, or give it another name: --prefix old-")
	}
	for _, t := range e.Tags {
		if err := c.post(ctx, "experiments/set-experiment-tag", map[string]any{"experiment_id": id, "key": t.Key, "value": t.Value}, nil); err != nil {
			return "", false, err
		}
	}
	return id, false, nil
}

// Delete deletes an experiment; one that is deleted already is no error.
func (c *Client) Delete(ctx context.Context, experiment string) error {
	err := c.post(ctx, "experiments/delete", map[string]any{"experiment_id": experiment}, nil)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Find looks for the tag that New writes.
func (c *Client) Find(ctx context.Context, model bool, experiment, ours string) (string, error) {
	if model {
		var page struct {
			Models []loggedModel `json:"models"`
		}
		err := c.post(ctx, "logged-models/search", map[string]any{"experiment_ids": []string{experiment}, "max_results": 1,
			"filter": "tags.`" + transfer.TagModel + "` = '" + ours + "'"}, &page)
		if err != nil || len(page.Models) == 0 {
			return "", err
		}
		return page.Models[0].Info.ID, nil
	}
	var page struct {
		Runs []run `json:"runs"`
	}
	err := c.post(ctx, "runs/search", map[string]any{"experiment_ids": []string{experiment}, "max_results": 1, "run_view_type": "ALL",
		"filter": "tags.`" + transfer.TagRun + "` = '" + ours + "'"}, &page)
	if err != nil || len(page.Runs) == 0 {
		return "", err
	}
	return page.Runs[0].Info.ID, nil
}

// New makes a run or a logged model. It is not repeated when the way ends: Find tells whether it was done.
func (c *Client) New(ctx context.Context, experiment string, r *tracking.Run, m *tracking.LoggedModel) (string, error) {
	once := *c
	once.pause = 0
	if m != nil {
		var answer struct {
			Model loggedModel `json:"model"`
		}
		body := map[string]any{"experiment_id": experiment, "name": m.Name, "tags": []kv{{transfer.TagModel, m.ID}}}
		for key, value := range map[string]string{"model_type": m.ModelType, "source_run_id": m.SourceRunID} {
			if value != "" {
				body[key] = value
			}
		}
		err := once.post(ctx, "logged-models", body, &answer)
		return answer.Model.Info.ID, err
	}
	var answer struct {
		Run run `json:"run"`
	}
	err := once.post(ctx, "runs/create", map[string]any{"experiment_id": experiment, "user_id": r.UserID, "run_name": r.Name, "start_time": r.StartMs,
		"tags": []kv{{transfer.TagRun, r.ID}}}, &answer)
	return answer.Run.Info.ID, err
}

// Write writes what is known of a run or logged model, without points and files.
func (c *Client) Write(ctx context.Context, id string, r *tracking.Run, m *tracking.LoggedModel) error {
	if m != nil {
		return c.writeModel(ctx, id, m)
	}
	if err := c.post(ctx, "runs/restore", map[string]any{"run_id": id}, nil); err != nil { // it may have been deleted by an earlier export
		return err
	}
	for part := range slices.Chunk(r.Params, batchKVs) {
		if err := c.post(ctx, "runs/log-batch", map[string]any{"run_id": id, "params": kvsFrom(part)}, nil); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(r.Tags, batchKVs) {
		if err := c.post(ctx, "runs/log-batch", map[string]any{"run_id": id, "tags": kvsFrom(part)}, nil); err != nil {
			return err
		}
	}
	return c.writeLinks(ctx, id, r)
}

// writeLinks sends what is missing only: MLflow refuses a link that is there, with an error of its database.
func (c *Client) writeLinks(ctx context.Context, id string, r *tracking.Run) error {
	if len(r.Datasets)+len(r.ModelInputs)+len(r.ModelOutputs) == 0 {
		return nil
	}
	var answer struct {
		Run run `json:"run"`
	}
	if err := c.get(ctx, "runs/get", url.Values{"run_id": {id}}, &answer); err != nil {
		return err
	}
	there, once := answer.Run.value(), *c
	once.pause = 0
	inputs := map[string]any{"run_id": id}
	var datasets []datasetInput
	for _, d := range r.Datasets {
		if !slices.ContainsFunc(there.Datasets, func(o tracking.DatasetInput) bool {
			return o.Dataset.Name == d.Dataset.Name && o.Dataset.Digest == d.Dataset.Digest
		}) {
			datasets = append(datasets, datasetInput{Tags: kvsFrom(d.Tags), Dataset: dataset(d.Dataset)})
			inputs["datasets"] = datasets
		}
	}
	var used, wrote []map[string]any
	for _, m := range r.ModelInputs {
		if !slices.Contains(there.ModelInputs, m) {
			used = append(used, map[string]any{"model_id": m})
			inputs["models"] = used
		}
	}
	for _, m := range r.ModelOutputs {
		if !slices.ContainsFunc(there.ModelOutputs, func(o tracking.ModelOutput) bool { return o.ModelID == m.ModelID }) {
			wrote = append(wrote, map[string]any{"model_id": m.ModelID, "step": m.Step})
		}
	}
	if len(inputs) > 1 {
		if err := once.post(ctx, "runs/log-inputs", inputs, nil); err != nil {
			return err
		}
	}
	if len(wrote) == 0 {
		return nil
	}
	return once.post(ctx, "runs/outputs", map[string]any{"run_id": id, "models": wrote}, nil)
}

// writeModel sends the params that are missing only: MLflow refuses one that is there, with an error of its database.
func (c *Client) writeModel(ctx context.Context, id string, m *tracking.LoggedModel) error {
	var there struct {
		Model loggedModel `json:"model"`
	}
	if err := c.get(ctx, "logged-models/"+id, nil, &there); err != nil {
		return err
	}
	has, once := mapOf(there.Model.Data.Params), *c
	once.pause = 0
	missing := slices.DeleteFunc(slices.Clone(m.Params), func(p tracking.KV) bool { _, ok := has[p.Key]; return ok })
	for part := range slices.Chunk(missing, batchKVs) {
		if err := once.post(ctx, "logged-models/"+id+"/params", map[string]any{"model_id": id, "params": kvsFrom(part)}, nil); err != nil {
			return err
		}
	}
	if len(m.Tags) == 0 {
		return nil
	}
	return c.call(ctx, "PATCH", "/api/2.0/mlflow/logged-models/"+id+"/tags", nil, map[string]any{"model_id": id, "tags": kvsFrom(m.Tags)}, nil)
}

// AddPoints adds points; those that are there already are dropped by the server.
func (c *Client) AddPoints(ctx context.Context, run string, points []tracking.Metric) error {
	for part := range slices.Chunk(points, batchPoints) {
		list := make([]metric, len(part))
		for i, m := range part {
			list[i] = metric{Key: m.Key, Value: double(m.Value), Timestamp: whole(m.TimestampMs), Step: whole(m.Step), ModelID: m.ModelID,
				DatasetName: m.DatasetName, DatasetDigest: m.DatasetDigest}
		}
		if err := c.post(ctx, "runs/log-batch", map[string]any{"run_id": run, "metrics": list}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Finish gives the status and the stage.
func (c *Client) Finish(ctx context.Context, id string, r *tracking.Run, m *tracking.LoggedModel) error {
	if m != nil {
		return c.call(ctx, "PATCH", "/api/2.0/mlflow/logged-models/"+id, nil, map[string]any{"model_id": id, "status": "LOGGED_MODEL_" + m.Status}, nil)
	}
	body := map[string]any{"run_id": id, "status": r.Status, "run_name": r.Name}
	if r.EndMs != nil {
		body["end_time"] = *r.EndMs
	}
	if err := c.post(ctx, "runs/update", body, nil); err != nil || r.Stage != tracking.Deleted {
		return err
	}
	return c.post(ctx, "runs/delete", map[string]any{"run_id": id}, nil)
}

// Place gives the artifact folder of a run or logged model.
func (c *Client) Place(ctx context.Context, model bool, id string) (transfer.Root, error) {
	root := transfer.Root{Model: model, ID: id}
	if model {
		var answer struct {
			Model loggedModel `json:"model"`
		}
		err := c.get(ctx, "logged-models/"+id, nil, &answer)
		root.URI = answer.Model.Info.URI
		return root, err
	}
	var answer struct {
		Run run `json:"run"`
	}
	err := c.get(ctx, "runs/get", url.Values{"run_id": {id}}, &answer)
	root.URI = answer.Run.Info.URI
	return root, err
}

// Put sends a file through the artifact proxy.
func (c *Client) Put(ctx context.Context, of transfer.Root, file string, size int64, open func() (io.ReadCloser, error)) error {
	dir, err := tracking.ArtifactPath(of.URI)
	if err != nil {
		return fault.New(fault.Unsupported, "%s keeps artifacts at %s, where only its clients can write", c, of.URI).
			WithHint("start it with --serve-artifacts and an --artifacts-destination, or leave them out: --no-artifacts")
	}
	var opened error
	var bodies []io.Closer
	defer func() {
		for _, b := range bodies {
			b.Close() //nolint:errcheck // read to its end, or given up
		}
	}()
	res, err := c.send(ctx, "PUT", "/api/2.0/mlflow-artifacts/artifacts/"+path.Join(dir, file), nil, func() (io.Reader, int64) {
		body, err := open()
		if err != nil {
			opened = err
			return strings.NewReader(""), 0
		}
		bodies = append(bodies, body)
		if size == 0 {
			return strings.NewReader(""), 0
		}
		return body, size
	}, "application/octet-stream")
	if opened != nil {
		return opened
	}
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// PutRegistered makes a registered model like ours. Numbers that are free here, because a version was deleted, are used up there
// by a version that is deleted at once.
func (c *Client) PutRegistered(ctx context.Context, m registry.Model, versions []registry.Version) (made int, err error) {
	body := map[string]any{"name": m.Name, "description": m.Description, "tags": tagList(m.Tags)}
	err = c.post(ctx, "registered-models/create", body, nil)
	if err != nil && !strings.Contains(err.Error(), "already exists") {
		return 0, err
	}
	if err != nil {
		if err := c.call(ctx, "PATCH", "/api/2.0/mlflow/registered-models/update", nil, map[string]any{"name": m.Name, "description": m.Description}, nil); err != nil {
			return 0, err
		}
		for _, t := range tagList(m.Tags) {
			if err := c.post(ctx, "registered-models/set-tag", map[string]any{"name": m.Name, "key": t.Key, "value": t.Value}, nil); err != nil {
				return 0, err
			}
		}
	}
	for _, v := range versions {
		isNew, err := c.version(ctx, v)
		if err != nil { // a version after it would get its number
			return made, fault.Wrap(err, "version %d", v.Number)
		}
		if isNew {
			made++
		}
	}
	for alias, n := range m.Aliases {
		if err := c.post(ctx, "registered-models/alias", map[string]any{"name": m.Name, "alias": alias, "version": strconv.Itoa(n)}, nil); err != nil {
			return made, fault.Wrap(err, "alias %s", alias)
		}
	}
	return made, nil
}

func tagList(tags map[string]string) []kv {
	out := []kv{}
	for k, v := range tags {
		out = append(out, kv{k, v})
	}
	return out
}

// tagVersion marks a version that an export made.
const tagVersion = "paraplu.version"

// version finds or makes a version under its number.
func (c *Client) version(ctx context.Context, v registry.Version) (made bool, err error) {
	name, number := v.Model, strconv.Itoa(v.Number)
	var there struct {
		Version version `json:"model_version"`
	}
	err = c.get(ctx, "model-versions/get", url.Values{"name": {name}, "version": {number}}, &there)
	switch {
	case err == nil && mapOf(there.Version.Tags)[tagVersion] != name+"/"+number:
		return false, fault.New(fault.Exists, "the number is taken there").WithHint("give the models that you export another name: --prefix old-")
	case err == nil:
		// it is there
	case fault.Is(err, fault.NotFound):
		if err := c.make(ctx, v); err != nil {
			return false, err
		}
		made = true
	default:
		return false, err
	}
	for _, t := range tagList(v.Tags) {
		if err := c.post(ctx, "model-versions/set-tag", map[string]any{"name": name, "version": number, "key": t.Key, "value": t.Value}, nil); err != nil {
			return made, err
		}
	}
	if err := c.call(ctx, "PATCH", "/api/2.0/mlflow/model-versions/update", nil, map[string]any{"name": name, "version": number, "description": v.Description}, nil); err != nil {
		return made, err
	}
	if v.Stage == "" || made && v.Stage == registry.StageNone {
		return made, nil
	}
	return made, c.post(ctx, "model-versions/transition-stage", map[string]any{"name": name, "version": number, "stage": v.Stage, "archive_existing_versions": false}, nil)
}

// make adds versions until the number is reached; the ones before it are deleted again.
func (c *Client) make(ctx context.Context, v registry.Version) error {
	once := *c
	once.pause = 0
	for {
		var answer struct {
			Version version `json:"model_version"`
		}
		body := map[string]any{"name": v.Model, "source": v.Source, "description": v.Description, "run_link": v.RunLink,
			"tags": append(tagList(v.Tags), kv{tagVersion, v.Model + "/" + strconv.Itoa(v.Number)})}
		for key, value := range map[string]string{"run_id": v.RunID, "model_id": v.LoggedModel} {
			if value != "" {
				body[key] = value
			}
		}
		if err := once.post(ctx, "model-versions/create", body, &answer); err != nil {
			return err
		}
		n := int(answer.Version.Version)
		if n == v.Number {
			return nil
		}
		if err := c.call(ctx, "DELETE", "/api/2.0/mlflow/model-versions/delete", nil, map[string]any{"name": v.Model, "version": strconv.Itoa(n)}, nil); err != nil {
			return err
		}
		if n > v.Number {
			return fault.New(fault.Exists, "the next free number there is %d", n+1).WithHint("give the models that you export another name: --prefix old-")
		}
	}
}
