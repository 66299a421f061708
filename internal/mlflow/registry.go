package mlflow

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/tracking"
)

func (s *server) registryRoutes(rpc rpcFunc, raw rawFunc) {
	rpc(v2, "POST", "registered-models/create", s.createRegistered)
	rpc(v2, "GET", "registered-models/get", s.getRegistered)
	rpc(v2, "POST", "registered-models/rename", s.renameRegistered)
	rpc(v2, "PATCH", "registered-models/update", s.updateRegistered)
	rpc(v2, "DELETE", "registered-models/delete", s.deleteRegistered)
	rpc(v2, "GET", "registered-models/search", s.searchRegistered)
	rpc(v2, "POST GET", "registered-models/get-latest-versions", s.latestVersions)
	rpc(v2, "POST", "registered-models/set-tag", s.setRegisteredTag)
	rpc(v2, "DELETE", "registered-models/delete-tag", s.deleteRegisteredTag)
	rpc(v2, "POST", "registered-models/alias", s.setAlias)
	rpc(v2, "DELETE", "registered-models/alias", s.deleteAlias)
	rpc(v2, "GET", "registered-models/alias", s.getByAlias)
	s.versionRoutes(rpc, raw)
}

type aliasWire struct {
	Alias   string `json:"alias"`
	Version string `json:"version"`
}

type registeredWire struct {
	Name        string        `json:"name"`
	CreatedMs   int64         `json:"creation_timestamp"`
	UpdatedMs   int64         `json:"last_updated_timestamp"`
	UserID      string        `json:"user_id,omitempty"`
	Description string        `json:"description,omitempty"`
	Latest      []versionWire `json:"latest_versions,omitempty"`
	Tags        []kvWire      `json:"tags,omitempty"`
	Aliases     []aliasWire   `json:"aliases,omitempty"`
}

func tagsOf(m map[string]string) []kvWire {
	var out []kvWire
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, kvWire{k, m[k]})
	}
	return out
}

func registeredOf(m registry.Model) registeredWire {
	out := registeredWire{Name: m.Name, CreatedMs: db.Millis(m.CreatedAt), UpdatedMs: db.Millis(m.UpdatedAt), UserID: m.Actor,
		Description: m.Description, Tags: tagsOf(m.Tags)}
	for _, v := range m.Latest {
		out.Latest = append(out.Latest, versionOf(v))
	}
	for _, a := range slices.Sorted(maps.Keys(m.Aliases)) {
		out.Aliases = append(out.Aliases, aliasWire{a, strconv.Itoa(m.Aliases[a])})
	}
	return out
}

func tagMap(list []tracking.KV) map[string]string {
	out := map[string]string{}
	for _, t := range list {
		out[t.Key] = t.Value
	}
	return out
}

func registered(m registry.Model, err error) (any, error) {
	return map[string]registeredWire{"registered_model": registeredOf(m)}, err
}

func (s *server) createRegistered(c *call) (any, error) {
	in := registry.ModelInput{Name: c.need("name"), Description: c.str("description"), Tags: tagMap(c.kvs("tags")), Actor: s.actor(c.r)}
	if c.err != nil {
		return nil, c.err
	}
	return registered(s.Registry.CreateModel(c.ctx, in))
}

func (s *server) getRegistered(c *call) (any, error) {
	name := c.need("name")
	if c.err != nil {
		return nil, c.err
	}
	return registered(s.Registry.GetModel(c.ctx, name))
}

func (s *server) renameRegistered(c *call) (any, error) {
	name, to := c.need("name"), c.need("new_name")
	if c.err != nil {
		return nil, c.err
	}
	return registered(s.Registry.RenameModel(c.ctx, name, to))
}

func (s *server) updateRegistered(c *call) (any, error) {
	name, text := c.need("name"), c.str("description")
	if c.err != nil {
		return nil, c.err
	}
	return registered(s.Registry.UpdateModel(c.ctx, name, text))
}

func (s *server) deleteRegistered(c *call) (any, error) {
	name := c.need("name")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Registry.DeleteModel(c.ctx, name)
}

// registrySearch reads a search; limit is the greatest page.
func (c *call) registrySearch(otherwise, limit int64) registry.Search {
	n := c.int64Or("max_results", otherwise)
	if c.err == nil && n > limit {
		c.wrong("max_results", c.single("max_results"))
	}
	if c.err == nil && n < 1 {
		c.note(invalid("Invalid value for max_results. It must be a positive integer, but got %d", n))
	}
	return registry.Search{Filter: c.str("filter"), OrderBy: c.strs("order_by"), MaxResults: int(n), PageToken: c.str("page_token")}
}

func (s *server) searchRegistered(c *call) (any, error) {
	search := c.registrySearch(registry.DefaultModels, registry.MaxModels)
	if c.err != nil {
		return nil, c.err
	}
	list, next, err := s.Registry.SearchModels(c.ctx, search)
	answer := struct {
		Models []registeredWire `json:"registered_models,omitempty"`
		Next   string           `json:"next_page_token,omitempty"`
	}{Next: next}
	for _, m := range list {
		answer.Models = append(answer.Models, registeredOf(m))
	}
	return answer, err
}

func (s *server) latestVersions(c *call) (any, error) {
	name, stages := c.need("name"), c.strs("stages")
	if c.err != nil {
		return nil, c.err
	}
	list, err := s.Registry.LatestVersions(c.ctx, name, stages)
	return versionsOf(list, ""), err
}

func (s *server) setRegisteredTag(c *call) (any, error) {
	name, key, value := c.need("name"), c.need("key"), c.str("value")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Registry.SetModelTag(c.ctx, name, key, value)
}

func (s *server) deleteRegisteredTag(c *call) (any, error) {
	name, key := c.need("name"), c.need("key")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Registry.DeleteModelTag(c.ctx, name, key)
}

// version reads a required version number.
func (c *call) version() int {
	text := c.need("version")
	if c.err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		c.note(invalid("Parameter 'version' must be an integer, got '%s'.", text))
	}
	return n
}

func (s *server) setAlias(c *call) (any, error) {
	name, alias, version := c.need("name"), c.need("alias"), c.version()
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Registry.SetAlias(c.ctx, name, alias, version, s.actor(c.r))
}

func (s *server) deleteAlias(c *call) (any, error) {
	name, alias := c.need("name"), c.need("alias")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Registry.DeleteAlias(c.ctx, name, alias)
}

func (s *server) getByAlias(c *call) (any, error) {
	name, alias := c.need("name"), c.need("alias")
	if c.err != nil {
		return nil, c.err
	}
	return version(s.Registry.GetByAlias(c.ctx, name, alias))
}

// getVersionFile sends a file of a version to a browser.
func (s *server) getVersionFile(w http.ResponseWriter, r *http.Request, _ map[string]string) error {
	q := r.URL.Query()
	n, err := strconv.Atoi(q.Get("version"))
	if q.Get("name") == "" || err != nil || q.Get("path") == "" {
		return fault.New(fault.Invalid, "Request must specify name, version and path.")
	}
	v, err := s.Registry.GetVersion(r.Context(), q.Get("name"), n)
	if err != nil {
		return err
	}
	return s.sendUnder(w, r, v.Location, q.Get("path"))
}
