package mlflow

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

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
