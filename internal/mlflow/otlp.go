package mlflow

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/paraplu/paraplu/internal/trace"
)

// maxExport bounds a request with spans, in bytes, packed and unpacked. unpackedAtOnce is how many compressed ones are at work
// at once: a small one may become that large.
const (
	maxExport      = 32 << 20
	unpackedAtOnce = 4
)

// exportSpans takes spans over OTLP/HTTP, as protobuf or JSON. The answer speaks as the request did.
func (s *server) exportSpans(w http.ResponseWriter, r *http.Request, _ map[string]string) error {
	experiment := r.Header.Get("X-Mlflow-Experiment-Id")
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	media = strings.TrimSpace(media)
	switch {
	case experiment == "":
		detail(w, http.StatusUnprocessableEntity, []any{map[string]any{
			"type": "missing", "loc": []string{"header", "x-mlflow-experiment-id"}, "msg": "Field required", "input": nil,
		}})
		return nil
	case media != protobuf && media != "application/json":
		detail(w, http.StatusBadRequest, "Invalid Content-Type: "+media+". Expected: application/x-protobuf or application/json")
		return nil
	}
	spans, err := s.readSpans(w, r, media)
	switch {
	case errors.Is(err, trace.ErrSpan):
		detail(w, http.StatusUnprocessableEntity, "Cannot convert OpenTelemetry span to MLflow span")
		return nil
	case err != nil:
		detail(w, http.StatusBadRequest, err.Error())
		return nil
	}
	ended, err := s.Traces.AddSpans(r.Context(), experiment, spans)
	if err != nil {
		return err
	}
	if run := r.Header.Get("X-Mlflow-Run-Id"); run != "" {
		for len(ended) > 0 { // as many as one call links
			n := min(len(ended), 100)
			if err := s.Traces.LinkRun(r.Context(), run, ended[:n]); err != nil {
				return err
			}
			ended = ended[n:]
		}
	}
	if media == protobuf { // an ExportTraceServiceResponse without fields has no bytes
		w.Header().Set("Content-Type", protobuf)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	writeJSON(w, http.StatusOK, empty{})
	return nil
}

const protobuf = "application/x-protobuf"

// detail answers a failure as the framework below MLflow's endpoint does.
func detail(w http.ResponseWriter, status int, what any) {
	writeJSON(w, status, map[string]any{"detail": what})
}

func (s *server) readSpans(w http.ResponseWriter, r *http.Request, media string) ([]trace.Span, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxExport))
	if err != nil {
		return nil, invalid("The body could not be read, or is larger than %d bytes: %s", maxExport, err)
	}
	if encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding != "" && encoding != "identity" {
		select {
		case s.unpacking <- struct{}{}:
			defer func() { <-s.unpacking }()
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		if body, err = unpack(body, encoding); err != nil {
			return nil, err
		}
	}
	if media == protobuf {
		return trace.DecodeOTLP(body)
	}
	return trace.DecodeOTLPJSON(body)
}

// unpack decompresses a body of at most maxExport bytes.
func unpack(body []byte, encoding string) (out []byte, err error) {
	var src io.Reader
	switch encoding {
	case "gzip":
		src, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		src, err = zlib.NewReader(bytes.NewReader(body))
	default:
		return nil, invalid("Unsupported Content-Encoding: %s", encoding)
	}
	if err == nil {
		out, err = io.ReadAll(io.LimitReader(src, maxExport+1))
	}
	if err != nil {
		return nil, invalid("Failed to decompress %s payload", encoding)
	}
	if len(out) > maxExport {
		return nil, invalid("The body is larger than %d bytes when it is unpacked", maxExport)
	}
	return out, nil
}
