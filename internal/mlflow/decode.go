package mlflow

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/intake"
)

// maxBody bounds a JSON request, in bytes. The greatest legal one is log-inputs with large dataset profiles.
const maxBody = 64 << 20

// maxValues bounds the values in it: the greatest legal batch has a few thousand.
const maxValues = 1 << 20

// call is one decoded request. Its getters note the first wrong field in err, so a handler reads all fields and the caller
// looks once.
type call struct {
	ctx    context.Context
	r      *http.Request
	vars   map[string]string // of the path
	fields map[string]any    // JSON body with json.Number, or the query string as []string
	query  bool              // the fields come from a query string
	err    error
}

func decode(w http.ResponseWriter, r *http.Request, vars map[string]string) (*call, error) {
	c := &call{ctx: r.Context(), r: r, vars: vars}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		q, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return nil, invalid("Bad Request. The query string is malformed: %s", err)
		}
		if len(q) > 0 {
			c.query, c.fields = true, map[string]any{}
			for k, v := range q {
				for i := range v {
					if !clean(v[i]) {
						return nil, invalid("Invalid value for parameter '%s' supplied: it is not valid text", k)
					}
				}
				c.fields[k] = v
			}
			return c, nil
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, invalid("Bad Request. The body could not be read, or is larger than %d bytes: %s", maxBody, err)
	}
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		switch ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(ct) {
		case "application/json":
		case "":
			return nil, invalid("Bad Request. Content-Type header is missing.")
		default:
			return nil, invalid("Bad Request. Content-Type must be one of ['application/json'].")
		}
	}
	c.fields, err = parseBody(body)
	return c, err
}

// parseBody reads a JSON object; an empty body is an empty object, and a JSON string may hold the object (old clients).
func parseBody(body []byte) (map[string]any, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // a byte order mark, as Windows' editors write it
	if len(bytes.TrimSpace(body)) == 0 {
		return map[string]any{}, nil
	}
	v, err := parseJSON(body)
	if text, ok := v.(string); ok && err == nil {
		v, err = parseJSON([]byte(text))
	}
	if err != nil {
		return nil, invalid("Bad Request. The body is not valid JSON: %s", err)
	}
	switch v := v.(type) {
	case map[string]any:
		return v, nil
	case nil:
		return map[string]any{}, nil
	}
	return nil, invalid("Bad Request. The body must be a JSON object, not a %s.", pythonType(v))
}

func parseJSON(b []byte) (any, error) {
	if err := intake.JSON(b, maxValues); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, invalid("there is something after the end of the object")
	}
	return v, nil
}

// clean tells whether both databases can hold the text.
func clean(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
