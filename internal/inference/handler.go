package inference

import (
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/serving"
)

// maxBody bounds a request in bytes, also after decompression.
const maxBody = 64 << 20

// Patterns are the paths of this face, for the mux that puts the faces side by side.
var Patterns = []string{"/v2", "/v2/", "/invocations", "/ping", "/models/{model}/invocations"}

type face struct {
	room   *serving.Room
	max    int64
	unpack chan struct{} // places for packed bodies: a few bytes may become max bytes
}

// unpackAtOnce bounds how many packed bodies are unpacked and worked on at the same time; others wait.
const unpackAtOnce = 4

// Handler serves the face over a room.
func Handler(room *serving.Room) http.Handler { return handler(room, maxBody) }

func handler(room *serving.Room, limit int64) http.Handler {
	f := &face{room: room, max: limit, unpack: make(chan struct{}, unpackAtOnce)}
	mux := http.NewServeMux()
	for pattern, fn := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /v2":                                     f.server,
		"GET /v2/{$}":                                 f.server,
		"GET /v2/health/live":                         f.serverLive,
		"GET /v2/health/ready":                        f.serverReady,
		"GET /v2/models":                              f.models,
		"GET /v2/models/stats":                        f.statistics,
		"GET /v2/models/{model}":                      f.metadata,
		"GET /v2/models/{model}/ready":                f.modelReady,
		"GET /v2/models/{model}/stats":                f.statistics,
		"POST /v2/models/{model}/infer":               f.infer,
		"GET /v2/models/{model}/versions/{v}":         f.metadata,
		"GET /v2/models/{model}/versions/{v}/ready":   f.modelReady,
		"GET /v2/models/{model}/versions/{v}/stats":   f.statistics,
		"POST /v2/models/{model}/versions/{v}/infer":  f.infer,
		"POST /v2/repository/index":                   f.index,
		"POST /v2/repository/models/{model}/{action}": f.repository,
		"/v2/": f.unknown,
	} {
		mux.Handle(pattern, f.wrap(fn, writeError))
	}
	mux.Handle("POST /invocations", f.wrap(f.invocations, writeMLflowError))
	mux.Handle("POST /models/{model}/invocations", f.wrap(f.invocations, writeMLflowError))
	mux.Handle("GET /ping", f.wrap(f.ping, writeMLflowError))
	return mux
}

const requestIDHeader = "X-Request-Id"

type requestIDKey struct{}

// wrap gives every request an id, limits and unpacks its body, and writes the error that the handler returns.
func (f *face) wrap(fn func(http.ResponseWriter, *http.Request) error, fail func(http.ResponseWriter, int, string, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if id == "" || len(id) > 128 || !utf8.ValidString(id) { // the log could not hold it
			id = ref.NewID()
		}
		w.Header().Set(requestIDHeader, id)
		r = r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
		r.Body = http.MaxBytesReader(w, r.Body, f.max)
		if r.Header.Get("Content-Encoding") != "" {
			select {
			case f.unpack <- struct{}{}:
				defer func() { <-f.unpack }()
			case <-r.Context().Done():
				return
			}
		}
		err := fn(w, r)
		if err == nil {
			return
		}
		status := statusOf(err)
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		if status == http.StatusInternalServerError {
			slog.Error("inference failed", "request", id, "path", r.URL.Path, "error", err)
		}
		fail(w, status, id, err)
	})
}

func requestID(r *http.Request) string {
	id, _ := r.Context().Value(requestIDKey{}).(string)
	return id
}

func statusOf(err error) int {
	var large *http.MaxBytesError
	if errors.As(err, &large) || errors.Is(err, errLarge) {
		return http.StatusRequestEntityTooLarge
	}
	return fault.KindOf(err).Status()
}

// message is what the caller may read; defects of ours are told by the request id only.
func message(status int, id string, err error) string {
	if status == http.StatusInternalServerError {
		return "the server failed to answer; the operator finds the reason under request id " + id
	}
	if status == http.StatusRequestEntityTooLarge {
		return "the request is too large"
	}
	if hint := fault.HintOf(err); hint != "" && status == http.StatusBadRequest {
		return err.Error() + " (" + hint + ")"
	}
	return err.Error()
}

func writeError(w http.ResponseWriter, status int, id string, err error) {
	writeJSON(w, status, map[string]string{"error": message(status, id, err)})
}

// writeJSON writes with the Content-Type exactly application/json: some clients compare the whole value.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(b) //nolint:errcheck // the caller has gone
}

var errLarge = errors.New("too large")

// body reads the whole request, unpacked.
func (f *face) body(r *http.Request) ([]byte, error) {
	src := io.Reader(r.Body)
	var err error
	switch r.Header.Get("Content-Encoding") {
	case "", "identity":
		return readBody(r)
	case "gzip":
		src, err = gzip.NewReader(src)
	case "deflate":
		src, err = zlib.NewReader(src)
	default:
		return nil, fault.New(fault.Invalid, "Content-Encoding %q is not identity, gzip or deflate", r.Header.Get("Content-Encoding"))
	}
	if err == nil {
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(src, f.max+1)); err == nil {
			if int64(len(b)) > f.max {
				return nil, errLarge
			}
			return b, nil
		}
	}
	return nil, unreadable(err)
}

func readBody(r *http.Request) ([]byte, error) {
	if n := r.ContentLength; n > 0 && n <= 1<<20 {
		b := make([]byte, n)
		_, err := io.ReadFull(r.Body, b)
		return b, unreadable(err)
	}
	b, err := io.ReadAll(r.Body)
	return b, unreadable(err)
}

func unreadable(err error) error {
	var large *http.MaxBytesError
	if err == nil || errors.As(err, &large) {
		return err
	}
	return fault.New(fault.Invalid, "the body of the request cannot be read: %w", err)
}

func (f *face) unknown(_ http.ResponseWriter, r *http.Request) error {
	return fault.New(fault.NotFound, "there is nothing at %s %s", r.Method, r.URL.Path)
}
