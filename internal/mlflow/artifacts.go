package mlflow

import (
	"net/http"
	"path"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/tracking"
)

// maxUpload bounds the body of the UI's upload-artifact, in bytes.
const maxUpload = 10 << 20

func (s *server) artifactRoutes(rpc rpcFunc, raw rawFunc) {
	rpc(artifacts, "GET", "artifacts", s.listStore)
	raw(artifacts, "GET", "artifacts/{path...}", s.getStore)
	raw(artifacts, "PUT", "artifacts/{path...}", s.putStore)
	raw(artifacts, "DELETE", "artifacts/{path...}", s.deleteStore)
	for _, op := range []string{"create", "complete", "abort"} {
		raw(artifacts, "POST", "mpu/"+op+"/{path...}", notOffered("Multipart upload is not supported for the current artifact repository"))
	}
	raw(artifacts, "GET", "presigned/{path...}", notOffered("Multipart download is not supported for the current artifact repository"))
	raw(v2, "POST", "artifacts/presigned-upload-url", notOffered("Presigned upload is not supported for the current artifact repository"))
	raw(v2, "POST", "artifacts/presigned-download-url", notOffered("Presigned download is not supported for the current artifact repository"))
	rpc(v2, "GET", "artifacts/list", s.listRun)
	rpc(v2, "GET", "logged-models/{model_id}/artifacts/directories", s.listModel)
	raw(ajax, "GET", "logged-models/{model_id}/artifacts/files", s.getModelFile)
	raw(root, "GET", "get-artifact", s.getRunFile)
	raw(ajax, "POST", "upload-artifact", s.uploadFile)
}

func notOffered(msg string) func(http.ResponseWriter, *http.Request, map[string]string) error {
	return func(http.ResponseWriter, *http.Request, map[string]string) error {
		return fault.New(fault.Unsupported, "%s", msg)
	}
}

// files gives the entries of a folder; each path is under prefix, "" for bare names.
func (s *server) files(c *call, dir, prefix string) ([]fileWire, error) {
	list, err := s.list(c.ctx, dir)
	var out []fileWire
	for _, a := range list {
		f := fileWire{Path: path.Join(prefix, a.Name()), IsDir: a.IsDir}
		if !a.IsDir {
			f.Size = &a.Size
		}
		out = append(out, f)
	}
	return out, err
}

func (s *server) listStore(c *call) (any, error) {
	dir := c.str("path")
	if c.err != nil {
		return nil, c.err
	}
	files, err := s.files(c, dir, "")
	if len(files) == 0 {
		return empty{}, err
	}
	return map[string][]fileWire{"files": files}, err
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

func (s *server) listUnder(c *call, uri, rel string) (any, error) {
	p, err := under(uri, rel)
	if err != nil {
		return nil, err
	}
	rel, err = tracking.CheckPath(rel)
	if err != nil {
		return nil, err
	}
	files, err := s.files(c, p, rel)
	answer := struct {
		RootURI string     `json:"root_uri"`
		Files   []fileWire `json:"files,omitempty"`
	}{uri, files}
	return answer, err
}

func (s *server) listRun(c *call) (any, error) {
	id, rel := c.need("run_id"), c.str("path")
	if c.err != nil {
		return nil, c.err
	}
	run, err := s.Tracking.Run(c.ctx, id)
	if err != nil {
		return nil, err
	}
	return s.listUnder(c, run.ArtifactURI, rel)
}

func (s *server) listModel(c *call) (any, error) {
	rel := c.str("artifact_directory_path")
	if c.err != nil {
		return nil, c.err
	}
	m, err := s.Tracking.Model(c.ctx, c.vars["model_id"], false)
	if err != nil {
		return nil, err
	}
	return s.listUnder(c, m.ArtifactURI, rel)
}

func (s *server) getStore(w http.ResponseWriter, r *http.Request, vars map[string]string) error {
	return s.send(w, r, vars["path"])
}

func (s *server) putStore(w http.ResponseWriter, r *http.Request, vars map[string]string) error {
	if err := checkWritable(vars["path"]); err != nil {
		return err
	}
	if _, err := s.Tracking.PutArtifact(r.Context(), vars["path"], r.Body); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, empty{})
	return nil
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
	id := q.Get("run_id")
	if id == "" {
		id = q.Get("run_uuid")
	}
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
		return invalid(`Request must include the "artifact_file_path" query parameter.`)
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

func (s *server) uploadFile(w http.ResponseWriter, r *http.Request, _ map[string]string) error {
	q := r.URL.Query()
	switch {
	case q.Get("run_uuid") == "":
		return invalid("Request must specify run_uuid.")
	case q.Get("path") == "":
		return invalid("Request must specify path.")
	case r.ContentLength > maxUpload:
		return invalid("Artifact size is too large. Max size is 10MB.")
	case r.ContentLength == 0:
		return invalid("Request must specify data.")
	}
	run, err := s.Tracking.Run(r.Context(), q.Get("run_uuid"))
	if err != nil {
		return err
	}
	p, err := under(run.ArtifactURI, q.Get("path"))
	if err == nil {
		err = checkWritable(p)
	}
	if err != nil {
		return err
	}
	if _, err := s.Tracking.PutArtifact(r.Context(), p, http.MaxBytesReader(w, r.Body, maxUpload)); err != nil {
		return invalid("Artifact size is too large. Max size is 10MB. (%s)", err)
	}
	writeJSON(w, http.StatusOK, empty{})
	return nil
}
