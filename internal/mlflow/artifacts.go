package mlflow

import (
	"cmp"
	"net/http"
	"path"

	"github.com/paraplu/paraplu/internal/tracking"
)

func (s *server) artifactRoutes(rpc rpcFunc, raw rawFunc) {
	rpc(artifacts, "GET", "artifacts", s.listStore)
	raw(artifacts, "GET", "artifacts/{path...}", s.getStore)
	raw(artifacts, "PUT", "artifacts/{path...}", s.putStore)
	raw(artifacts, "DELETE", "artifacts/{path...}", s.deleteStore)
	s.multipartRoutes(rpc, raw)
	raw(v2, "POST", "artifacts/presigned-upload-url", proxied("Presigned upload is not supported for proxied artifact storage (artifact URI scheme: mlflow-artifacts). "+
		"This endpoint requires a direct cloud storage artifact URI."))
	raw(v2, "POST", "artifacts/presigned-download-url", proxied("Presigned download is not supported for runs with proxied artifact storage (artifact URI scheme: mlflow-artifacts). "+
		"This endpoint requires a run with a direct cloud storage artifact URI."))
	rpc(v2, "GET", "artifacts/list", s.listRun)
	rpc(v2, "GET", "logged-models/{model_id}/artifacts/directories", s.listModel)
	raw(ajax, "GET", "logged-models/{model_id}/artifacts/files", s.getModelFile)
	raw(root, "GET", "get-artifact", s.getRunFile)
	raw(ajax, "POST", "upload-artifact", s.uploadFile)
}

// proxied refuses what is for artifacts that the client reads and writes at a cloud itself.
func proxied(msg string) func(http.ResponseWriter, *http.Request, map[string]string) error {
	return func(http.ResponseWriter, *http.Request, map[string]string) error { return invalid("%s", msg) }
}

// filesOf gives entries on the wire; each path is under prefix, "" for bare names.
func filesOf(list []tracking.Artifact, prefix string) (out []fileWire) {
	for _, a := range list {
		f := fileWire{Path: path.Join(prefix, a.Name()), IsDir: a.IsDir}
		if !a.IsDir {
			f.Size = &a.Size
		}
		out = append(out, f)
	}
	return out
}

// listStore gives all of a folder at once: this call knows no pages.
func (s *server) listStore(c *call) (any, error) {
	dir := c.str("path")
	if c.err != nil {
		return nil, c.err
	}
	var list []tracking.Artifact
	page, err := s.list(c.ctx, dir, "")
	for list = page.Items; err == nil && page.Next != ""; list = append(list, page.Items...) {
		page, err = s.list(c.ctx, dir, page.Next)
	}
	if len(list) == 0 {
		return empty{}, err
	}
	return map[string][]fileWire{"files": filesOf(list, "")}, err
}

// under gives the path in our store of a relative path below a URI.
func under(uri, rel string) (string, error) {
	rel, err := tracking.CheckPath(rel)
	if err != nil {
		return "", err
	}
	base, err := tracking.ArtifactPath(uri)
	return path.Join(base, rel), err
}

func (s *server) listUnder(c *call, uri, rel, token string) (any, error) {
	p, err := under(uri, rel)
	if err != nil {
		return nil, err
	}
	rel, err = tracking.CheckPath(rel)
	if err != nil {
		return nil, err
	}
	page, err := s.list(c.ctx, p, token)
	answer := struct {
		RootURI string     `json:"root_uri"`
		Files   []fileWire `json:"files,omitempty"`
		Next    string     `json:"next_page_token,omitempty"`
	}{uri, filesOf(page.Items, rel), page.Next}
	return answer, err
}

func (s *server) listRun(c *call) (any, error) {
	id, rel, token := c.need("run_id"), c.str("path"), c.str("page_token")
	if c.err != nil {
		return nil, c.err
	}
	run, err := s.Tracking.Run(c.ctx, id)
	if err != nil {
		return nil, err
	}
	return s.listUnder(c, run.ArtifactURI, rel, token)
}

func (s *server) listModel(c *call) (any, error) {
	rel, token := c.str("artifact_directory_path"), c.str("page_token")
	if c.err != nil {
		return nil, c.err
	}
	m, err := s.Tracking.Model(c.ctx, c.vars["model_id"], false)
	if err != nil {
		return nil, err
	}
	return s.listUnder(c, m.ArtifactURI, rel, token)
}

func (s *server) getStore(w http.ResponseWriter, r *http.Request, vars map[string]string) error {
	return s.send(w, r, vars["path"])
}

func (s *server) deleteStore(w http.ResponseWriter, r *http.Request, vars map[string]string) error {
	if err := checkWritable(vars["path"]); err != nil {
		return err
	}
	if err := s.Tracking.DeleteArtifact(r.Context(), vars["path"]); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, empty{})
	return nil
}

func (s *server) getRunFile(w http.ResponseWriter, r *http.Request, _ map[string]string) error {
	q := r.URL.Query()
	id := cmp.Or(q.Get("run_id"), q.Get("run_uuid"))
	if id == "" || q.Get("path") == "" {
		return invalid("Request must specify run_id and path.")
	}
	run, err := s.Tracking.Run(r.Context(), id)
	if err != nil {
		return err
	}
	return s.sendUnder(w, r, run.ArtifactURI, q.Get("path"))
}

func (s *server) getModelFile(w http.ResponseWriter, r *http.Request, vars map[string]string) error {
	rel := r.URL.Query().Get("artifact_file_path")
	if rel == "" {
		writeError(w, errorBody{Code: "BAD_REQUEST", Message: `Request must include the "artifact_file_path" query parameter.`, status: http.StatusBadRequest})
		return nil
	}
	m, err := s.Tracking.Model(r.Context(), vars["model_id"], false)
	if err != nil {
		return err
	}
	return s.sendUnder(w, r, m.ArtifactURI, rel)
}

func (s *server) sendUnder(w http.ResponseWriter, r *http.Request, uri, rel string) error {
	p, err := under(uri, rel)
	if err != nil {
		return err
	}
	return s.send(w, r, p)
}
