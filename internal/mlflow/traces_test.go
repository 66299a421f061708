package mlflow_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db/dbtest"
)

func squeeze(t *testing.T, body string, w func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var b bytes.Buffer
	z := w(&b)
	if _, err := io.WriteString(z, body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(w io.Writer) io.WriteCloser  { return gzip.NewWriter(w) }
func deflated(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }

// Requests to /v1/traces that a calls file cannot hold: protobuf, compression, and what is meant to hurt.
func TestExportOfSpans(t *testing.T) {
	c := serve(t, dbtest.SQLite(t, sources...), time.Now)
	const span = "\x0a\x38\x12\x36\x12\x34" + // one span of 52 bytes in its wrappers
		"\x0a\x10AAAAAAAAAAAAAAAA" + "\x12\x08BBBBBBBB" + "\x2a\x04root" + "\x39\x01\x00\x00\x00\x00\x00\x00\x00" + "\x41\x02\x00\x00\x00\x00\x00\x00\x00"
	const proto, json = "application/x-protobuf", "application/json"
	bomb := squeeze(t, strings.Repeat("\x00", 33<<20), gzipped)
	many := squeeze(t, `{"resourceSpans":[`+strings.Repeat("{},", 400_000)+"{}]}", gzipped)
	for what, tc := range map[string]struct {
		body, media, encoding string
		status                int
		has                   string
	}{
		"protobuf":          {span, proto, "", 200, ""},
		"gzip":              {squeeze(t, span, gzipped), proto, "gzip", 200, ""},
		"GZIP":              {squeeze(t, span, gzipped), proto + "; charset=utf-8", "GZIP", 200, ""},
		"deflate":           {squeeze(t, span, deflated), proto, "deflate", 200, ""},
		"half of gzip":      {squeeze(t, span, gzipped)[:20], proto, "gzip", 400, "Failed to decompress gzip payload"},
		"no gzip":           {span, proto, "gzip", 400, "Failed to decompress gzip payload"},
		"brotli":            {span, proto, "br", 400, "Unsupported Content-Encoding: br"},
		"a bomb":            {bomb, proto, "gzip", 400, "larger than"},
		"a bomb of objects": {many, json, "gzip", 400, "objects, more than"},
		"half of protobuf":  {span[:30], proto, "", 400, "Invalid OpenTelemetry format"},
		"nothing":           {"", proto, "", 400, "no spans found"},
		"a JSON list":       {"[1]", json, "", 400, "Invalid OpenTelemetry format"},
		"a JSON text":       {`{"resourceSpans": "x"}`, json, "", 400, "Invalid OpenTelemetry format"},
		"a form":            {"a=b", "application/x-www-form-urlencoded", "", 400, "Invalid Content-Type"},
		"no media type":     {span, "", "", 400, "Invalid Content-Type"},
	} {
		res, body := request(t, "POST", c.url+"/v1/traces", strings.NewReader(tc.body),
			"Content-Type", tc.media, "Content-Encoding", tc.encoding, "x-mlflow-experiment-id", "0")
		if res.StatusCode != tc.status || !strings.Contains(body, tc.has) {
			t.Errorf("%s: %d %.200s; want %d with %q", what, res.StatusCode, body, tc.status, tc.has)
		}
		if want := strings.TrimSuffix(tc.media, "; charset=utf-8"); res.StatusCode == 200 && res.Header.Get("Content-Type") != want {
			t.Errorf("%s: the answer is %s", what, res.Header.Get("Content-Type"))
		}
	}
	if res, body := request(t, "POST", c.url+"/v1/traces", strings.NewReader(span), "Content-Type", proto, "x-mlflow-experiment-id", "0", "Origin", "https://evil.example"); res.StatusCode != 403 {
		t.Errorf("another site: %d %s", res.StatusCode, body)
	}
	const id = "tr-41414141414141414141414141414141"
	_, body := request(t, "GET", c.url+"/api/3.0/mlflow/traces/get?trace_id="+id, nil)
	if !strings.Contains(body, `"spans":[{"trace_id":"QUFBQUFBQUFBQUFBQUFBQQ==","span_id":"QkJCQkJCQkI=","name":"root"`) || strings.Count(body, `"span_id"`) != 1 {
		t.Errorf("five times the same span: %s", body)
	}
}

// The header x-mlflow-run-id ties whole traces to a run.
func TestExportOfSpansToARun(t *testing.T) {
	c := serve(t, dbtest.SQLite(t, sources...), time.Now)
	span := func(trace, parent string) string {
		return `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"` + trace + `","spanId":"02","name":"x"` + parent + `}]}]}]}`
	}
	for _, body := range []string{span("01", ""), span("03", `,"parentSpanId":"09"`)} {
		if res, text := request(t, "POST", c.url+"/v1/traces", strings.NewReader(body), "Content-Type", "application/json", "x-mlflow-experiment-id", "0", "x-mlflow-run-id", "r1"); res.StatusCode != 200 {
			t.Fatal(text)
		}
	}
	_, text := c.do("POST", "/api/3.0/mlflow/traces/search", `{"locations":[{"mlflow_experiment":{"experiment_id":"0"}}],"filter":"run_id = 'r1'"}`)
	if strings.Count(text, `"trace_id"`) != 1 || !strings.Contains(text, `"tr-00000000000000000000000000000001"`) {
		t.Error(text)
	}
}
