package mlflow

import (
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/trace"
	"github.com/paraplu/paraplu/internal/tracking"
	"github.com/paraplu/paraplu/internal/webhook"
)

// Version is the MLflow version that this face speaks; clients choose features by it.
const Version = "3.18.0"

// Deps is what the face needs.
type Deps struct {
	Tracking *tracking.Room
	Registry *registry.Room // nil = no model registry: its calls answer 404
	Traces   *trace.Room    // nil = no traces: their calls answer 404
	Webhooks *webhook.Room  // nil = no webhooks: their calls answer 404

	Packages Packages // nil = no packages are shown among the artifacts

	// Actor tells who asks, for facts; nil or "" = the user that the run names.
	Actor func(*http.Request) string
	// AllowHost refuses foreign Host headers (DNS rebinding); nil allows all.
	AllowHost func(host string) bool
	Log       *slog.Logger // nil = the default logger
}

// Prefixes lists the paths that the application mounts Handler on. A path that ends in "/" stands for all below it.
func Prefixes() []string {
	return []string{
		"/api/2.0/mlflow/", "/api/3.0/mlflow/", "/ajax-api/2.0/mlflow/", "/ajax-api/3.0/mlflow/",
		"/api/2.0/mlflow-artifacts/", "/ajax-api/2.0/mlflow-artifacts/",
		"/get-artifact", "/model-versions/get-artifact", "/version", "/v1/traces",
	}
}

// Health answers /health: 200 and OK.
func Health(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "OK") }

// Handler serves the MLflow API.
func Handler(d Deps) http.Handler {
	if d.Log == nil {
		d.Log = slog.Default()
	}
	s := &server{Deps: d, cross: http.NewCrossOriginProtection(), unpacking: make(chan struct{}, unpackedAtOnce)}
	s.routes = s.table()
	return s
}

type server struct {
	Deps
	cross     *http.CrossOriginProtection
	routes    []route
	unpacking chan struct{} // holds one for each compressed request at work
}

// ServeHTTP guards a request, finds its route and answers. A defect in a handler becomes an error, never a dead process.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			s.Log.Error("mlflow: panic", "method", r.Method, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
			writeError(w, errorBody{Code: "INTERNAL_ERROR", Message: "The server met a defect; its log has the details.", status: http.StatusInternalServerError})
		} else if v != nil {
			panic(v)
		}
	}()
	if s.AllowHost != nil && r.URL.Path != "/version" && !s.AllowHost(r.Host) {
		plain(w, http.StatusForbidden, "Invalid Host header - possible DNS rebinding attack detected")
		return
	}
	if s.cross.Check(r) != nil {
		plain(w, http.StatusForbidden, "Cross-origin request blocked")
		return
	}
	rt, vars, otherMethod := s.find(r.Method, r.URL.Path)
	switch {
	case !cleanURL(r.URL):
		s.fail(w, r, invalid("Invalid path"))
	case rt != nil:
		s.serve(w, r, rt, vars)
	case otherMethod:
		plain(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	default:
		plain(w, http.StatusNotFound, "Not Found")
	}
}

// cleanURL tells whether path and query are text that both databases can hold.
func cleanURL(u *url.URL) bool {
	query, err := url.QueryUnescape(u.RawQuery)
	return clean(u.Path) && (err != nil || clean(query)) // a malformed query is refused when it is read
}

func (s *server) serve(w http.ResponseWriter, r *http.Request, rt *route, vars map[string]string) {
	if rt.raw != nil {
		if err := rt.raw(w, r, vars); err != nil {
			s.fail(w, r, err)
		}
		return
	}
	c, err := decode(w, r, vars)
	if err == nil {
		var answer any
		if answer, err = rt.call(c); err == nil && c.err == nil {
			writeJSON(w, http.StatusOK, answer)
			return
		}
		if c.err != nil { // a field was wrong; the room was not asked, or its answer is moot
			err = c.err
		}
	}
	s.fail(w, r, err)
}

func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	body := errorOf(err)
	if body.status >= 500 && body.status != http.StatusNotImplemented {
		s.Log.Error("mlflow: request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	writeError(w, body)
}

func (s *server) actor(r *http.Request) string {
	if s.Actor == nil {
		return ""
	}
	return s.Actor(r)
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text) //nolint:errcheck // the client is gone
}

// find gives the route of a method and path, and whether the path exists for another method.
func (s *server) find(method, path string) (*route, map[string]string, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	other := false
	for i := range s.routes {
		rt := &s.routes[i]
		vars, ok := rt.match(path)
		if !ok {
			continue
		}
		if rt.method == method {
			return rt, vars, false
		}
		other = true
	}
	return nil, nil, other
}

// route is one call. Its path is below one of the bases; "{x}" binds one element, "{x...}" the rest.
type route struct {
	method string
	bases  []string
	path   string
	elems  []string
	call   func(*call) (any, error)
	raw    func(http.ResponseWriter, *http.Request, map[string]string) error
}

func (rt *route) match(path string) (map[string]string, bool) {
	for _, base := range rt.bases {
		rest, ok := strings.CutPrefix(path, base)
		if !ok {
			continue
		}
		if rt.elems == nil {
			if rest == rt.path {
				return nil, true
			}
			continue
		}
		if vars, ok := bind(rt.elems, rest); ok {
			return vars, true
		}
	}
	return nil, false
}

func bind(elems []string, rest string) (map[string]string, bool) {
	vars := map[string]string{}
	for i, e := range elems {
		name, isVar := strings.CutPrefix(e, "{")
		name = strings.TrimSuffix(name, "}")
		if all, ok := strings.CutSuffix(name, "..."); isVar && ok {
			vars[all] = rest
			return vars, rest != ""
		}
		elem, after, more := strings.Cut(rest, "/")
		if rest = after; more && after == "" { // a slash at the end
			return nil, false
		}
		if isVar && elem != "" {
			vars[name] = elem
		} else if isVar || elem != e {
			return nil, false
		}
		if i == len(elems)-1 && rest != "" {
			return nil, false
		}
	}
	return vars, true
}
