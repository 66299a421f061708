package mlflow

import (
	"strconv"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/registry"
)

func (s *server) versionRoutes(rpc rpcFunc, raw rawFunc) {
	rpc(v2, "POST", "model-versions/create", s.createVersion)
	rpc(v2, "GET", "model-versions/get", s.getVersion)
	rpc(v2, "PATCH", "model-versions/update", s.updateVersion)
	rpc(v2, "DELETE", "model-versions/delete", s.deleteVersion)
	rpc(v2, "POST", "model-versions/transition-stage", s.transitionStage)
	rpc(v2, "GET", "model-versions/search", s.searchVersions)
	rpc(v2, "GET", "model-versions/get-download-uri", s.downloadURI)
	rpc(v2, "POST", "model-versions/set-tag", s.setVersionTag)
	rpc(v2, "DELETE", "model-versions/delete-tag", s.deleteVersionTag)
	raw(root, "GET", "model-versions/get-artifact", s.getVersionFile)
}

type versionWire struct {
	Name        string   `json:"name"`
	Version     string   `json:"version"`
	CreatedMs   int64    `json:"creation_timestamp"`
	UpdatedMs   int64    `json:"last_updated_timestamp"`
	UserID      string   `json:"user_id,omitempty"`
	Stage       string   `json:"current_stage"`
	Description string   `json:"description"`
	Source      string   `json:"source"`
	RunID       string   `json:"run_id"`
	Status      string   `json:"status"`
	Tags        []kvWire `json:"tags,omitempty"`
	RunLink     string   `json:"run_link"`
	Aliases     []string `json:"aliases,omitempty"`
	ModelID     string   `json:"model_id,omitempty"`
}

func versionOf(v registry.Version) versionWire {
	return versionWire{v.Model, strconv.Itoa(v.Number), db.Millis(v.CreatedAt), db.Millis(v.UpdatedAt), v.Actor, v.Stage, v.Description, v.Source,
		v.RunID, "READY", tagsOf(v.Tags), v.RunLink, v.Aliases, v.LoggedModel}
}

type versionsWire struct {
	Versions []versionWire `json:"model_versions,omitempty"`
	Next     string        `json:"next_page_token,omitempty"`
}

func versionsOf(list []registry.Version, next string) versionsWire {
	answer := versionsWire{Next: next}
	for _, v := range list {
		answer.Versions = append(answer.Versions, versionOf(v))
	}
	return answer
}

func version(v registry.Version, err error) (any, error) {
	return map[string]versionWire{"model_version": versionOf(v)}, err
}

// createVersion registers a version and notes it in the logged model that it comes from.
func (s *server) createVersion(c *call) (any, error) {
	in := registry.VersionInput{
		Model: c.need("name"), Source: c.need("source"), RunID: c.str("run_id"), RunLink: c.str("run_link"), Description: c.str("description"),
		LoggedModel: c.str("model_id"), Tags: tagMap(c.kvs("tags")), Actor: s.actor(c.r),
	}
	if c.err != nil {
		return nil, c.err
	}
	v, err := s.Registry.CreateVersion(c.ctx, in)
	if err == nil && v.LoggedModel != "" { // also one that it inherits from another version, and that may be gone since
		err = s.Tracking.NoteModelVersion(c.ctx, v.LoggedModel, v.Model, v.Number)
		if in.LoggedModel == "" && fault.Is(err, fault.NotFound) {
			err = nil
		}
	}
	return version(v, err)
}

func (s *server) getVersion(c *call) (any, error) {
	name, n := c.need("name"), c.version()
	if c.err != nil {
		return nil, c.err
	}
	return version(s.Registry.GetVersion(c.ctx, name, n))
}

func (s *server) updateVersion(c *call) (any, error) {
	name, n := c.need("name"), c.version()
	text, set := c.text("description")
	if c.err != nil {
		return nil, c.err
	}
	if !set {
		return version(s.Registry.GetVersion(c.ctx, name, n))
	}
	return version(s.Registry.UpdateVersion(c.ctx, name, n, text))
}

func (s *server) deleteVersion(c *call) (any, error) {
	name, n := c.need("name"), c.version()
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Registry.DeleteVersion(c.ctx, name, n)
}

func (s *server) transitionStage(c *call) (any, error) {
	name, n, stage := c.need("name"), c.version(), c.need("stage")
	archive, _ := c.boolean("archive_existing_versions")
	if c.err != nil {
		return nil, c.err
	}
	return version(s.Registry.TransitionStage(c.ctx, name, n, stage, archive))
}

func (s *server) searchVersions(c *call) (any, error) {
	search := c.registrySearch(registry.DefaultVersions, registry.MaxVersions)
	if c.err != nil {
		return nil, c.err
	}
	list, next, err := s.Registry.SearchVersions(c.ctx, search)
	return versionsOf(list, next), err
}

func (s *server) downloadURI(c *call) (any, error) {
	name, n := c.need("name"), c.version()
	if c.err != nil {
		return nil, c.err
	}
	v, err := s.Registry.GetVersion(c.ctx, name, n)
	return map[string]string{"artifact_uri": v.Location}, err
}

func (s *server) setVersionTag(c *call) (any, error) {
	name, n, key, value := c.need("name"), c.version(), c.need("key"), c.str("value")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Registry.SetVersionTag(c.ctx, name, n, key, value)
}

func (s *server) deleteVersionTag(c *call) (any, error) {
	name, n, key := c.need("name"), c.version(), c.need("key")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Registry.DeleteVersionTag(c.ctx, name, n, key)
}
