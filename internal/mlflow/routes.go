package mlflow

import (
	"net/http"
	"strings"
)

var (
	v2        = []string{"/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/"}
	v3        = []string{"/api/3.0/mlflow/", "/ajax-api/3.0/mlflow/"}
	ajax      = []string{"/ajax-api/2.0/mlflow/"}
	artifacts = []string{"/api/2.0/mlflow-artifacts/", "/ajax-api/2.0/mlflow-artifacts/"}
	root      = []string{"/"}
)

// table lists every call of the face.
func (s *server) table() []route {
	var out []route
	rpc := func(bases []string, methods, path string, fn func(*call) (any, error)) {
		for _, m := range strings.Split(methods, " ") {
			out = append(out, newRoute(m, bases, path, fn, nil))
		}
	}
	raw := func(bases []string, method, path string, fn func(http.ResponseWriter, *http.Request, map[string]string) error) {
		out = append(out, newRoute(method, bases, path, nil, fn))
	}
	s.experimentRoutes(rpc)
	s.runRoutes(rpc)
	s.modelRoutes(rpc)
	s.artifactRoutes(rpc, raw)
	if s.Registry != nil {
		s.registryRoutes(rpc, raw)
	}
	if s.Traces != nil {
		s.traceRoutes(rpc, raw)
	}
	if s.Webhooks != nil {
		s.webhookRoutes(rpc)
	}
	rpc(v3, "GET", "server-info", s.serverInfo)
	raw(root, "GET", "version", func(w http.ResponseWriter, _ *http.Request, _ map[string]string) error {
		plain(w, http.StatusOK, Version)
		return nil
	})
	return out
}

type rpcFunc = func(bases []string, methods, path string, fn func(*call) (any, error))
type rawFunc = func(bases []string, method, path string, fn func(http.ResponseWriter, *http.Request, map[string]string) error)

func newRoute(method string, bases []string, path string, fn func(*call) (any, error), raw func(http.ResponseWriter, *http.Request, map[string]string) error) route {
	rt := route{method: method, bases: bases, path: path, call: fn, raw: raw}
	if strings.Contains(path, "{") {
		rt.elems = strings.Split(path, "/")
	}
	return rt
}

// serverInfo says what this server offers. The name of the workspace lets an import see that its source is itself.
func (s *server) serverInfo(c *call) (any, error) {
	multipart := s.offers(c.r)
	name, err := s.Tracking.Workspace(c.ctx)
	return map[string]any{
		"store_type": "SqlStore", "workspaces_enabled": false, "trace_archival_enabled": false,
		"multipart_uploads_enabled": multipart, "multipart_downloads_enabled": multipart, "paraplu_workspace": name,
	}, err
}
