package transfer

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/tracking"
)

// ours is this workspace as a Source.
type ours struct{ *Transfer }

var _ Source = ours{}

func (s ours) Experiments(ctx context.Context) (out []tracking.Experiment, err error) {
	search := tracking.Search{View: tracking.All, MaxResults: 1000, OrderBy: []string{"creation_time ASC"}}
	for {
		page, err := s.tracking.SearchExperiments(ctx, search)
		if err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if search.PageToken = page.Next; page.Next == "" {
			return out, nil
		}
	}
}

func (s ours) Runs(ctx context.Context, experiment string, use func(tracking.Run) error) error {
	search := tracking.Search{ExperimentIDs: []string{experiment}, View: tracking.All, MaxResults: 200, OrderBy: []string{"attributes.start_time ASC"}}
	for {
		page, err := s.tracking.SearchRuns(ctx, search)
		if err != nil {
			return err
		}
		for _, r := range page.Items {
			if err := use(r); err != nil {
				return err
			}
		}
		if search.PageToken = page.Next; page.Next == "" {
			return nil
		}
	}
}

func (s ours) Points(ctx context.Context, r tracking.Run, use func([]tracking.Metric) error) error {
	for _, m := range r.Metrics {
		for token := ""; ; {
			page, err := s.tracking.MetricHistory(ctx, r.ID, m.Key, 10_000, token)
			if err != nil {
				return err
			}
			if err := use(page.Items); err != nil {
				return err
			}
			if token = page.Next; token == "" {
				break
			}
		}
	}
	return nil
}

func (s ours) LoggedModels(ctx context.Context, experiment string, use func(tracking.LoggedModel) error) error {
	search := tracking.ModelSearch{ExperimentIDs: []string{experiment}, MaxResults: 200}
	for {
		page, err := s.tracking.SearchModels(ctx, search)
		if err != nil {
			return err
		}
		for _, m := range page.Items {
			if err := use(m); err != nil {
				return err
			}
		}
		if search.PageToken = page.Next; page.Next == "" {
			return nil
		}
	}
}

func (s ours) Registered(ctx context.Context, use func(registry.Model, []registry.Version) error) error {
	for _, only := range []string{"", "tags.`mlflow.prompt.is_prompt` = 'true'"} {
		search := registry.Search{Filter: only, MaxResults: 100}
		for {
			found, next, err := s.registry.SearchModels(ctx, search)
			if err != nil {
				return err
			}
			for _, m := range found {
				filter := "name = " + Quoted(m.Name)
				if only != "" {
					filter += " AND " + only
				}
				versions, _, err := s.registry.SearchVersions(ctx, registry.Search{Filter: filter, MaxResults: registry.MaxVersions})
				if err != nil {
					return err
				}
				slices.SortFunc(versions, func(a, b registry.Version) int { return a.Number - b.Number })
				if err := use(m, versions); err != nil {
					return err
				}
			}
			if search.PageToken = next; next == "" {
				break
			}
		}
	}
	return nil
}

func (s ours) Files(ctx context.Context, of Root, use func(File) error) error {
	dir, err := tracking.ArtifactPath(of.URI)
	if err != nil {
		return err
	}
	return s.folder(ctx, dir, "", use)
}

func (s ours) folder(ctx context.Context, dir, rel string, use func(File) error) error {
	for token := ""; ; {
		page, err := s.tracking.ListPage(ctx, dir, token)
		if err != nil {
			return err
		}
		for _, a := range page.Items {
			path := strings.TrimPrefix(rel+"/"+a.Name(), "/")
			if a.IsDir {
				err = s.folder(ctx, a.Path, path, use)
			} else {
				err = use(File{Path: path, Size: a.Size})
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

func (s ours) Open(ctx context.Context, of Root, path string) (io.ReadCloser, error) {
	dir, err := tracking.ArtifactPath(of.URI)
	if err != nil {
		return nil, err
	}
	a, err := s.tracking.StatArtifact(ctx, dir+"/"+path)
	if err != nil {
		return nil, err
	}
	return s.tracking.OpenArtifact(ctx, a, 0)
}

// Quoted writes a text for a filter of MLflow, which knows both quotes and no escapes.
func Quoted(text string) string {
	if strings.Contains(text, "'") {
		return `"` + text + `"`
	}
	return "'" + text + "'"
}
