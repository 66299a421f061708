package mlflow

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

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

// send streams a file as an attachment. It knows one range ("bytes=a-b") and If-None-Match; memory stays constant.
func (s *server) send(w http.ResponseWriter, r *http.Request, p string) error {
	a, open, err := s.stat(r.Context(), p)
	if err != nil {
		return err
	}
	etag := `"` + a.Digest.Hex() + `"`
	h := w.Header()
	h.Set("ETag", etag)
	h.Set("Accept-Ranges", "bytes")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	first, last, part := byteRange(r.Header.Get("Range"), a.Size)
	if part && first > last {
		h.Set("Content-Range", "bytes */"+strconv.FormatInt(a.Size, 10))
		plain(w, http.StatusRequestedRangeNotSatisfiable, "Requested Range Not Satisfiable")
		return nil
	}
	body, err := open()
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.CopyN(io.Discard, body, first); err != nil {
		return err
	}
	h.Set("Content-Type", contentType(p))
	h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(a.Name()))
	h.Set("Content-Length", strconv.FormatInt(last-first+1, 10))
	status := http.StatusOK
	if part {
		h.Set("Content-Range", "bytes "+strconv.FormatInt(first, 10)+"-"+strconv.FormatInt(last, 10)+"/"+strconv.FormatInt(a.Size, 10))
		status = http.StatusPartialContent
	}
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	if part {
		_, err = io.CopyN(w, body, last-first+1)
	} else {
		_, err = io.Copy(w, body) // to the end, where the digest is verified
	}
	if err != nil { // too late for an error answer: break the connection so that the client sees it
		s.Log.Error("mlflow: sending an artifact", "path", p, "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// byteRange reads a single range; part is false when the header is absent or not understood, and then it is the whole file.
// first > last means that the range lies outside.
func byteRange(header string, size int64) (first, last int64, part bool) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, size - 1, false
	}
	a, errA := strconv.ParseUint(from, 10, 62)
	b, errB := strconv.ParseUint(to, 10, 62)
	switch {
	case from == "" && errB == nil: // the last b bytes
		if b == 0 {
			return 1, 0, true
		}
		return max(0, size-int64(b)), size - 1, true
	case errA != nil || to != "" && errB != nil || to != "" && b < a:
		return 0, size - 1, false
	case int64(a) >= size:
		return 1, 0, true
	case to == "":
		return int64(a), size - 1, true
	}
	return int64(a), min(int64(b), size-1), true
}

// contentType gives a type that a browser does not run, whatever the file holds.
func contentType(p string) string {
	t := mime.TypeByExtension(path.Ext(p))
	base, _, _ := strings.Cut(t, ";")
	switch {
	case strings.HasPrefix(base, "image/") && base != "image/svg+xml", base == "application/json", base == "application/pdf", base == "text/csv", base == "text/plain":
		return t
	}
	switch path.Ext(p) {
	case ".txt", ".log", ".yaml", ".yml", ".md", ".toml", ".cfg", ".py":
		return "text/plain; charset=utf-8"
	}
	if path.Base(p) == "MLmodel" {
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}
