package inference

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

const oneRow = `{"inputs":[{"name":"rain_forecast_mm","shape":[1,1],"datatype":"FP32","data":[8.5]},` +
	`{"name":"temp_c","shape":[1,1],"datatype":"FP32","data":[11]},{"name":"promo","shape":[1,1],"datatype":"INT64","data":[0]},` +
	`{"name":"weekday","shape":[1,1],"datatype":"BYTES","data":["sat"]}]}`

// BenchmarkHandler is one row through the whole face and room, log included, without the network.
func BenchmarkHandler(b *testing.B) {
	room := sqlite(b, "umbrella")
	room.Start(b.Context())
	defer room.Stop() //nolint:errcheck // a benchmark
	h := Handler(room)
	binary, n := binaryRequest()
	for name, c := range map[string]struct{ path, kind, body, header string }{
		"json":        {"/v2/models/umbrella/infer", "application/json", oneRow, ""},
		"binary":      {"/v2/models/umbrella/infer", "application/octet-stream", binary, strconv.Itoa(n)},
		"invocations": {"/invocations", "application/json", `{"instances":[[8.5,11,0,"sat"]]}`, ""},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("POST", c.path, strings.NewReader(c.body))
				r.Header.Set("Content-Type", c.kind)
				if c.header != "" {
					r.Header.Set(headerLength, c.header)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != 200 {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}

// BenchmarkNetwork is the same over TCP on this machine, generator included: one connection a processor.
func BenchmarkNetwork(b *testing.B) {
	room := sqlite(b, "umbrella")
	room.Start(b.Context())
	defer room.Stop() //nolint:errcheck // a benchmark
	srv := httptest.NewServer(Handler(room))
	defer srv.Close()
	client := srv.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := client.Post(srv.URL+"/v2/models/umbrella/infer", "application/json", bytes.NewReader([]byte(oneRow)))
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != 200 {
				b.Error(r.StatusCode, err)
			}
			r.Body.Close()
		}
	})
}
