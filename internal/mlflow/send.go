package mlflow

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/tracking"
)

// opener opens a file at an offset.
type opener func(offset int64) (io.ReadCloser, error)

// send streams a file as an attachment: whole, or the ranges that are asked for. The ETag is the digest, so that ranges of
// two states of a path are never mixed (If-Range). Memory stays constant.
func (s *server) send(w http.ResponseWriter, r *http.Request, p string) error {
	a, open, err := s.stat(r.Context(), p)
	if err != nil {
		if inside, listErr := s.list(r.Context(), p, ""); listErr == nil && len(inside.Items) > 0 {
			return invalid("Artifact path refers to a directory, not a file: '%s'", p)
		}
		return err
	}
	return s.sendFile(w, r, a, open)
}

func (s *server) sendFile(w http.ResponseWriter, r *http.Request, a tracking.Artifact, open opener) error {
	body, err := open(0) // now, while an error can still be told
	if err != nil {
		return err
	}
	c := &content{open: open, size: a.Size, body: body}
	defer c.close()
	h := w.Header()
	h.Set("ETag", `"`+a.Digest.Hex()+`"`)
	h.Set("Content-Type", contentType(a.Path))
	h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(a.Name()))
	h.Set("Cache-Control", "no-cache") // a path may be written anew
	if !soundRange(r.Header.Get("Range")) {
		r.Header.Del("Range")
	}
	http.ServeContent(w, r, "", time.Time{}, c)
	if c.err != nil { // too late for an error answer: break the connection so that the client sees it
		s.Log.Error("mlflow: sending an artifact", "path", a.Path, "error", c.err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// content is a file as ServeContent reads it. The end of a whole file is read to, where its digest is verified.
type content struct {
	open     opener
	size, at int64
	body     io.ReadCloser // nil = not open
	bodyAt   int64         // place of the body
	err      error         // the first failure
}

// Seek only notes the place: the file is opened there when it is read.
func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.size
	}
	if offset < 0 {
		return c.at, errors.New("a place before the file")
	}
	c.at = offset
	return offset, nil
}

func (c *content) Read(p []byte) (n int, err error) {
	if c.err != nil || c.at >= c.size {
		return 0, cmp.Or(c.err, io.EOF)
	}
	if c.body == nil || c.bodyAt != c.at {
		c.close()
		if c.body, c.err = c.open(c.at); c.err != nil {
			c.body = nil
			return 0, c.err
		}
		c.bodyAt = c.at
	}
	n, err = c.body.Read(p[:min(int64(len(p)), c.size-c.at)])
	c.at += int64(n)
	c.bodyAt = c.at
	if err == nil && c.at == c.size {
		_, err = io.ReadFull(c.body, make([]byte, 1))
	}
	switch {
	case err == io.EOF && c.at < c.size:
		c.err = io.ErrUnexpectedEOF
	case err != nil && err != io.EOF:
		c.err = err
	}
	if c.err != nil {
		return 0, c.err // the last piece is not sent: what was sent is short, and the client sees it
	}
	return n, nil
}

func (c *content) close() {
	if c.body != nil {
		c.body.Close()
		c.body = nil
	}
}

// soundRange tells whether a Range header is one that must be followed; one of another unit, or with its ends turned
// round, counts as absent (RFC 9110, 14.2).
func soundRange(header string) bool {
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return false
	}
	for _, part := range strings.Split(spec, ",") {
		from, to, dash := strings.Cut(strings.TrimSpace(part), "-")
		a, errA := strconv.ParseInt(from, 10, 64)
		b, errB := strconv.ParseInt(to, 10, 64)
		if !dash || from == "" && (errB != nil || b == 0) || from != "" && errA != nil || to != "" && errB != nil || from != "" && to != "" && b < a {
			return false
		}
	}
	return true
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
