package mlflow

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/tracking"
)

// signedDir is below the paths of the artifact proxy what is good without a log-in: each address carries a signature over
// what it grants (tracking.Links).
//
//	PUT signed/parts/UPLOAD/NUMBER/PATH   one part of an upload
//	GET signed/files/DIGEST/SIZE/PATH     one state of a file, also when the path is written anew meanwhile
const signedDir = "/api/2.0/mlflow-artifacts/signed/"

// fileLife is how long a link to a file is good. The client asks for a new one when it runs out.
const fileLife = time.Hour

func (s *server) multipartRoutes(rpc rpcFunc, raw rawFunc) {
	rpc(artifacts, "POST", "mpu/create/{path...}", s.createUpload)
	rpc(artifacts, "POST", "mpu/complete/{path...}", s.completeUpload)
	rpc(artifacts, "POST", "mpu/abort/{path...}", s.abortUpload)
	rpc(artifacts, "GET", "presigned/{path...}", s.presign)
	raw(artifacts, "PUT", "signed/parts/{upload}/{number}/{path...}", s.putPart)
	raw(artifacts, "GET", "signed/files/{digest}/{size}/{path...}", s.getSigned)
}

// origin is scheme, host and prefix under which the client reaches this server, for addresses that must be absolute. ok is
// false when the request came through a proxy that does not tell the host: then there is no telling, and nothing that needs
// an absolute address is offered; the client sends and reads plainly instead.
func origin(r *http.Request) (base string, ok bool) {
	first := func(name string) string { v, _, _ := strings.Cut(r.Header.Get(name), ","); return strings.TrimSpace(v) }
	scheme, host, prefix := "http", r.Host, ""
	if r.TLS != nil {
		scheme = "https"
	}
	if told := first("X-Forwarded-Host"); told != "" {
		host, prefix = told, strings.TrimRight(first("X-Forwarded-Prefix"), "/")
	} else {
		for _, name := range []string{"Via", "Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
			if r.Header.Get(name) != "" {
				return "", false
			}
		}
		if !r.ProtoAtLeast(1, 1) { // as some proxies speak to what is behind them
			return "", false
		}
	}
	if told := first("X-Forwarded-Proto"); told != "" {
		scheme = strings.ToLower(told)
	}
	ok = (scheme == "http" || scheme == "https") && hostText.MatchString(host) && prefixText.MatchString(prefix)
	return scheme + "://" + host + prefix, ok
}

var (
	hostText   = regexp.MustCompile(`^[0-9A-Za-z._\-:\[\]]+$`)
	prefixText = regexp.MustCompile(`^[0-9A-Za-z._\-~/]*$`)
)

// offers tells whether uploads in parts and parallel downloads can be offered to whoever asks.
func (s *server) offers(r *http.Request) bool {
	_, ok := origin(r)
	return ok && s.Tracking.Links != nil
}

// refuse gives the client's sign for "not offered": it then sends or reads plainly.
func (s *server) refuse(r *http.Request, what string) error {
	if s.offers(r) {
		return nil
	}
	return fault.New(fault.Unsupported, "Multipart %s is not supported for the current artifact repository", what)
}

// signed gives the address of a grant.
func (s *server) signed(r *http.Request, expires time.Time, grant ...string) (string, error) {
	until := expires.Unix()
	signature, err := s.Tracking.Links.Sign(until, grant...)
	base, _ := origin(r)
	elems := strings.Split(strings.Join(grant, "/"), "/")
	for i, e := range elems {
		elems[i] = url.PathEscape(e)
	}
	return base + signedDir + strings.Join(elems, "/") + "?expires=" + strconv.FormatInt(until, 10) + "&signature=" + signature, err
}

// granted checks the signature of a request against what it asks for.
func (s *server) granted(r *http.Request, grant ...string) error {
	if s.Tracking.Links == nil {
		return fault.New(fault.Denied, "The link is not valid.")
	}
	q := r.URL.Query()
	return s.Tracking.Links.Check(q.Get("signature"), q.Get("expires"), grant...)
}

// uploadPath gives the artifact that an upload becomes: the folder of the address and the name of the file. Old clients send
// their local path, also one of Windows.
func (c *call) uploadPath() string {
	name := c.need("path")
	if c.err != nil {
		return ""
	}
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if checked, err := tracking.CheckPath(name); err != nil || checked == "" || strings.Contains(checked, "/") {
		c.note(invalid("Invalid path"))
		return ""
	}
	p := c.vars["path"] + "/" + name
	if err := checkWritable(p); err != nil {
		c.note(err)
	}
	return p
}

type credential struct {
	URL     string            `json:"url"`
	Number  int               `json:"part_number"`
	Headers map[string]string `json:"headers,omitempty"`
}

func (s *server) createUpload(c *call) (any, error) {
	if err := s.refuse(c.r, "upload"); err != nil {
		return nil, err
	}
	p, n := c.uploadPath(), c.int64Or("num_parts", 1)
	if c.err != nil {
		return nil, c.err
	}
	u, err := s.Tracking.CreateUpload(c.ctx, p, int(min(n, tracking.MaxParts+1)))
	if err != nil {
		return nil, err
	}
	answer := struct {
		ID          string       `json:"upload_id"`
		Credentials []credential `json:"credentials"`
	}{ID: u.ID, Credentials: make([]credential, u.Parts)}
	for i := range answer.Credentials {
		link, err := s.signed(c.r, time.UnixMilli(u.ExpiresMs), "parts", u.ID, strconv.Itoa(i+1), u.Path)
		if err != nil {
			return nil, err
		}
		answer.Credentials[i] = credential{URL: link, Number: i + 1}
	}
	return answer, nil
}

func (s *server) putPart(w http.ResponseWriter, r *http.Request, vars map[string]string) error {
	if err := s.granted(r, "parts", vars["upload"], vars["number"], vars["path"]); err != nil {
		return err
	}
	n, err := strconv.Atoi(vars["number"])
	if err != nil {
		return invalid("Invalid path")
	}
	var digest ref.Digest
	err = receive(r.Body, func(body io.Reader) (err error) {
		digest, err = s.Tracking.PutPart(r.Context(), vars["upload"], n, body)
		return err
	})
	if err != nil {
		return err
	}
	w.Header().Set("ETag", `"`+digest.Hex()+`"`)
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *server) completeUpload(c *call) (any, error) {
	p, id := c.uploadPath(), c.need("upload_id")
	var parts []tracking.UploadedPart
	for _, item := range c.list("parts") {
		parts = append(parts, tracking.UploadedPart{Number: int(item.int64Or("part_number", 0)), ETag: item.str("etag")})
		c.adopt(item)
	}
	if c.err != nil {
		return nil, c.err
	}
	_, err := s.Tracking.CompleteUpload(c.ctx, id, p, parts)
	return empty{}, err
}

func (s *server) abortUpload(c *call) (any, error) {
	p, id := c.uploadPath(), c.need("upload_id")
	if c.err != nil {
		return nil, c.err
	}
	return empty{}, s.Tracking.AbortUpload(c.ctx, id, p)
}

// presign gives an address from which a file can be read by several requests at once.
func (s *server) presign(c *call) (any, error) {
	if err := s.refuse(c.r, "download"); err != nil {
		return nil, err
	}
	a, _, err := s.stat(c.ctx, c.vars["path"])
	if err != nil {
		return nil, err
	}
	link, err := s.signed(c.r, s.Tracking.Now().Add(fileLife), "files", a.Digest.Hex(), strconv.FormatInt(a.Size, 10), a.Path)
	return struct {
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
		Size    int64             `json:"file_size"`
	}{link, map[string]string{}, a.Size}, err
}

func (s *server) getSigned(w http.ResponseWriter, r *http.Request, vars map[string]string) error {
	if err := s.granted(r, "files", vars["digest"], vars["size"], vars["path"]); err != nil {
		return err
	}
	size, err := strconv.ParseInt(vars["size"], 10, 64)
	if err != nil {
		return err
	}
	a := tracking.Artifact{Path: vars["path"], Digest: ref.Digest("sha256:" + vars["digest"]), Size: size}
	return s.sendFile(w, r, a, s.opener(r.Context(), a))
}

// opener opens a file of a package or of the artifacts.
func (s *server) opener(ctx context.Context, a tracking.Artifact) opener {
	if digest, file, ok := packagePath(a.Path); ok && s.Packages != nil {
		return s.packageOpener(ctx, digest, file)
	}
	return func(offset int64) (io.ReadCloser, error) { return s.Tracking.OpenArtifact(ctx, a, offset) }
}
