package mlflowrest

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/tracking"
	"github.com/paraplu/paraplu/internal/transfer"
)

// Sizes of pages: what a server answers within seconds.
const (
	runsPage   = 200
	pointsPage = 25000
	modelsPage = 50
)

var _ transfer.Source = (*Client)(nil)

// Experiments gives all experiments, also deleted ones.
func (c *Client) Experiments(ctx context.Context) (out []tracking.Experiment, err error) {
	for token := ""; ; {
		var page struct {
			Experiments []experiment `json:"experiments"`
			Next        string       `json:"next_page_token"`
		}
		if err := c.post(ctx, "experiments/search", map[string]any{"max_results": 1000, "view_type": "ALL", "page_token": token}, &page); err != nil {
			return nil, err
		}
		for _, e := range page.Experiments {
			out = append(out, e.value())
		}
		if token = page.Next; token == "" {
			break
		}
	}
	slices.SortFunc(out, func(a, b tracking.Experiment) int {
		return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID)) // numbers
	})
	for part := range slices.Chunk(out, 100) {
		ids := make([]string, len(part))
		for i, e := range part {
			ids[i] = e.ID
		}
		var page struct {
			Models []loggedModel `json:"models"`
		}
		err := c.post(ctx, "logged-models/search", map[string]any{"experiment_ids": ids, "max_results": 1}, &page)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unsupported) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(page.Models) > 0 {
			c.models.Store(true)
		}
	}
	return out, nil
}

// Runs goes from the oldest to the newest, so that runs that begin meanwhile shift no page.
func (c *Client) Runs(ctx context.Context, experiment string, use func(tracking.Run) error) error {
	for token := ""; ; {
		var page struct {
			Runs []run  `json:"runs"`
			Next string `json:"next_page_token"`
		}
		ask := map[string]any{"experiment_ids": []string{experiment}, "run_view_type": "ALL", "max_results": runsPage, "page_token": token,
			"order_by": []string{"attributes.start_time ASC"}}
		if err := c.post(ctx, "runs/search", ask, &page); err != nil {
			return err
		}
		if err := c.withInputs(ctx, page.Runs); err != nil {
			return err
		}
		for _, r := range page.Runs {
			if err := use(r.value()); err != nil {
				return err
			}
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}

// withInputs asks for the logged models that runs use, which MLflow's search leaves out. Where there are none nobody can use
// them.
func (c *Client) withInputs(ctx context.Context, runs []run) error {
	if !c.models.Load() {
		return nil
	}
	g, in := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i := range runs {
		g.Go(func() error {
			var answer struct {
				Run run `json:"run"`
			}
			err := c.get(in, "runs/get", url.Values{"run_id": {runs[i].Info.ID}}, &answer)
			if fault.Is(err, fault.NotFound) { // purged this moment
				return nil
			}
			runs[i].Inputs = answer.Run.Inputs
			return err
		})
	}
	return g.Wait()
}

// Points asks for the history of each metric, page by page.
func (c *Client) Points(ctx context.Context, r tracking.Run, use func([]tracking.Metric) error) error {
	for _, m := range r.Metrics {
		for token := ""; ; {
			var page struct {
				Metrics []metric `json:"metrics"`
				Next    string   `json:"next_page_token"`
			}
			ask := url.Values{"run_id": {r.ID}, "run_uuid": {r.ID}, "metric_key": {m.Key}, "max_results": {strconv.Itoa(pointsPage)}}
			if token != "" {
				ask.Set("page_token", token)
			}
			if err := c.get(ctx, "metrics/get-history", ask, &page); err != nil {
				return fault.Wrap(err, "metric %s", tracking.Quote(m.Key))
			}
			points := metricsOf(page.Metrics)
			for i := range points {
				points[i].ModelID, points[i].DatasetName, points[i].DatasetDigest = "", "", "" // they come with the logged model
			}
			if err := use(points); err != nil {
				return err
			}
			if token = page.Next; token == "" {
				break
			}
		}
	}
	return nil
}

// LoggedModels gives none when the server is older than logged models.
func (c *Client) LoggedModels(ctx context.Context, experiment string, use func(tracking.LoggedModel) error) error {
	for token := ""; ; {
		var page struct {
			Models []loggedModel `json:"models"`
			Next   string        `json:"next_page_token"`
		}
		ask := map[string]any{"experiment_ids": []string{experiment}, "max_results": modelsPage,
			"order_by": []map[string]any{{"field_name": "creation_timestamp", "ascending": true}}}
		if token != "" {
			ask["page_token"] = token
		}
		err := c.post(ctx, "logged-models/search", ask, &page)
		if token == "" && (fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unsupported)) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, m := range page.Models {
			if err := use(m.value()); err != nil {
				return err
			}
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}

// Registered gives models and prompts.
func (c *Client) Registered(ctx context.Context, use func(registry.Model, []registry.Version) error) error {
	for _, only := range []string{"", "tags.`mlflow.prompt.is_prompt` = 'true'"} {
		for token := ""; ; {
			var page struct {
				Models []registeredModel `json:"registered_models"`
				Next   string            `json:"next_page_token"`
			}
			ask := url.Values{"max_results": {"100"}, "filter": {only}, "page_token": {token}}
			if token == "" {
				ask.Del("page_token")
			}
			if err := c.get(ctx, "registered-models/search", ask, &page); err != nil {
				return err
			}
			for _, m := range page.Models {
				versions, err := c.versions(ctx, m.Name, only)
				if err == nil {
					err = use(m.value(), versions)
				}
				if err != nil {
					return err
				}
			}
			if token = page.Next; token == "" {
				break
			}
		}
	}
	return nil
}

func (c *Client) versions(ctx context.Context, model, only string) (out []registry.Version, err error) {
	filter := "name = " + transfer.Quoted(model)
	if only != "" {
		filter += " AND " + only
	}
	for token := ""; ; {
		var page struct {
			Versions []version `json:"model_versions"`
			Next     string    `json:"next_page_token"`
		}
		ask := url.Values{"max_results": {"1000"}, "filter": {filter}}
		if token != "" {
			ask.Set("page_token", token)
		}
		if err := c.get(ctx, "model-versions/search", ask, &page); err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			full := v.value()
			if strings.HasPrefix(full.Source, "models:/") && !strings.HasPrefix(full.Source, "models:/m-") {
				if full.Location, err = c.location(ctx, full); err != nil {
					return nil, err
				}
			}
			out = append(out, full)
		}
		if token = page.Next; token == "" {
			break
		}
	}
	slices.SortFunc(out, func(a, b registry.Version) int { return a.Number - b.Number })
	return out, nil
}

// location asks what a source that names another version stands for.
func (c *Client) location(ctx context.Context, v registry.Version) (string, error) {
	var answer struct {
		URI string `json:"artifact_uri"`
	}
	err := c.get(ctx, "model-versions/get-download-uri", url.Values{"name": {v.Model}, "version": {strconv.Itoa(v.Number)}}, &answer)
	return answer.URI, err
}

// Files walks the folders below a root, as the server lists them.
func (c *Client) Files(ctx context.Context, of transfer.Root, use func(transfer.File) error) error {
	return c.folder(ctx, of, "", 0, use)
}

// maxDepth bounds folders in folders.
const maxDepth = 64

func (c *Client) folder(ctx context.Context, of transfer.Root, dir string, depth int, use func(transfer.File) error) error {
	if depth > maxDepth {
		return fault.New(fault.Precondition, "the folders below %s do not end", of)
	}
	for token := ""; ; {
		var page struct {
			Files []struct {
				Path  string `json:"path"`
				IsDir bool   `json:"is_dir"`
				Size  *whole `json:"file_size"`
			} `json:"files"`
			Next string `json:"next_page_token"`
		}
		if err := c.list(ctx, of, dir, token, &page); err != nil {
			return err
		}
		for _, f := range page.Files {
			if path.Dir(f.Path) != path.Clean(dir+"/.") && path.Dir(f.Path) != "." {
				return fault.New(fault.Precondition, "%s lists %q in the folder %q", c, f.Path, dir)
			}
			file := transfer.File{Path: path.Join(dir, path.Base(f.Path)), Size: -1}
			var err error
			if f.IsDir {
				err = c.folder(ctx, of, file.Path, depth+1, use)
			} else {
				if f.Size != nil {
					file.Size = int64(*f.Size)
				}
				err = use(file)
			}
			if err != nil {
				return err
			}
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}

func (c *Client) list(ctx context.Context, of transfer.Root, dir, token string, page any) error {
	ask, where := url.Values{"run_id": {of.ID}, "run_uuid": {of.ID}}, "artifacts/list"
	dirKey := "path"
	if of.Model {
		ask, where, dirKey = url.Values{}, "logged-models/"+of.ID+"/artifacts/directories", "artifact_directory_path"
	}
	if dir != "" {
		ask.Set(dirKey, dir)
	}
	if token != "" {
		ask.Set("page_token", token)
	}
	return c.get(ctx, where, ask, page)
}

// Open reads a file through the server: its artifact proxy where that keeps the file, else the call of its pages.
func (c *Client) Open(ctx context.Context, of transfer.Root, file string) (io.ReadCloser, error) {
	where, ask := "/get-artifact", url.Values{"run_id": {of.ID}, "run_uuid": {of.ID}, "path": {file}}
	if of.Model {
		where, ask = "/ajax-api/2.0/mlflow/logged-models/"+of.ID+"/artifacts/files", url.Values{"artifact_file_path": {file}}
	}
	if dir, err := tracking.ArtifactPath(of.URI); err == nil {
		where, ask = "/api/2.0/mlflow-artifacts/artifacts/"+dir+"/"+file, nil
	}
	res, err := c.send(ctx, "GET", where, ask, nil, "")
	if err != nil {
		return nil, err
	}
	return &body{ctx: ctx, c: c, ReadCloser: res.Body}, nil
}

// body gives the errors of a way that ends in the middle their kind.
type body struct {
	io.ReadCloser
	ctx context.Context
	c   *Client
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = broken(b.ctx, b.c, err)
	}
	return n, err
}
