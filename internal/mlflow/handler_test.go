package mlflow_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/mlflow"
	"github.com/paraplu/paraplu/internal/tracking"
)

func request(t *testing.T, method, url string, body io.Reader, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func TestRoutesAndGuards(t *testing.T) {
	d := dbtest.SQLite(t, sources...)
	c := serve(t, d, time.Now)
	api := c.url + "/api/2.0/mlflow/"
	const form = "application/x-www-form-urlencoded"
	for _, tc := range []struct {
		method, url, body string
		header            []string
		status            int
		has               string
	}{
		{"GET", c.url + "/version", "", nil, 200, mlflow.Version},
		{"GET", c.url + "/api/3.0/mlflow/server-info", "", nil, 200, `"workspaces_enabled":false`},
		{"GET", c.url + "/ajax-api/3.0/mlflow/server-info", "", nil, 200, `"store_type":"SqlStore"`},
		{"GET", c.url + "/api/3.0/mlflow/server-info", "", nil, 200, `"multipart_downloads_enabled":true,"multipart_uploads_enabled":true`},
		{"GET", c.url + "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0", "", nil, 200, `"Default"`},
		{"POST", api + "runs/search", `{"a":[` + strings.Repeat("[],", 600_000) + `[]]}`, []string{"Content-Type", "application/json"}, 400, "more than"},
		{"GET", api + "nothing/here", "", nil, 404, "Not Found"},
		{"POST", c.url + "/api/3.0/mlflow/traces/metrics", "{}", []string{"Content-Type", "application/json"}, 404, "Not Found"},
		{"PUT", api + "experiments/create", "{}", nil, 405, "Method Not Allowed"},
		{"POST", api + "experiments/create", `{"name":"x"}`, []string{"Content-Type", form}, 400, "Content-Type must be one of"},
		{"POST", api + "experiments/create", `{"name":"x"}`, nil, 400, "Content-Type header is missing"},
		{"POST", api + "experiments/create", `{"name":"x"`, []string{"Content-Type", "application/json"}, 400, "not valid JSON"},
		{"POST", api + "experiments/create", `[1]`, []string{"Content-Type", "application/json"}, 400, "must be a JSON object"},
		{"POST", api + "experiments/create", `{"name":"a\u0000b"}`, []string{"Content-Type", "application/json"}, 400, "NUL"},
		{"POST", api + "experiments/create", `{"name":"x"}`, []string{"Content-Type", "application/json", "Origin", "https://evil.example"}, 403, "Cross-origin request blocked"},
		{"POST", api + "experiments/create", `{"name":"x"}`, []string{"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"}, 403, "Cross-origin"},
		{"GET", api + "experiments/get?experiment_id=0", "", []string{"Origin", "https://evil.example"}, 200, "Default"},
		{"POST", api + "experiments/create", `{"name":"ok"}`, []string{"Content-Type", "application/json; charset=utf-8", "Origin", c.url}, 200, "experiment_id"},
		{"GET", api + "logged-models/x?allow_deleted=maybe", "", nil, 400, "Invalid boolean value: maybe"},
		{"GET", api + "experiments/get?experiment_id=%ff", "", nil, 400, "Invalid path"},
	} {
		res, body := request(t, tc.method, tc.url, strings.NewReader(tc.body), tc.header...)
		if res.StatusCode != tc.status || !strings.Contains(body, tc.has) {
			t.Errorf("%s %s %s %v: %d %s; want %d with %q", tc.method, tc.url, tc.body, tc.header, res.StatusCode, body, tc.status, tc.has)
		}
		if tc.status == 404 && strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%s: the client reads an unknown route from a 404 that is not JSON", tc.url)
		}
	}
}

func TestForeignHostIsRefused(t *testing.T) {
	d := dbtest.SQLite(t, sources...)
	store, err := blob.Open(context.Background(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h := mlflow.Handler(mlflow.Deps{Tracking: tracking.New(d, store, time.Now), AllowHost: func(host string) bool { return host == "paraplu.local" }})
	srv := httptest.NewServer(h)
	defer srv.Close()
	if res, _ := request(t, "GET", srv.URL+"/api/2.0/mlflow/experiments/get?experiment_id=0", nil, "Host", "evil.example"); res.StatusCode != 403 {
		t.Errorf("foreign host: %d", res.StatusCode)
	}
	if res, _ := request(t, "GET", srv.URL+"/api/2.0/mlflow/experiments/get?experiment_id=0", nil, "Host", "paraplu.local"); res.StatusCode != 200 {
		t.Errorf("our host: %d", res.StatusCode)
	}
	if res, body := request(t, "GET", srv.URL+"/api/2.0/mlflow/registered-models/search", nil, "Host", "paraplu.local"); res.StatusCode != 404 {
		t.Errorf("without a registry: %d %s", res.StatusCode, body)
	}
}

// A reader without a schema takes 1 for an integer and 1.0 for a float; MLflow's values are floats.
func TestWholeValuesAreFloats(t *testing.T) {
	c := serve(t, dbtest.SQLite(t, sources...), time.Now)
	_, answer := c.do("POST", "/api/2.0/mlflow/runs/create", `{"experiment_id": "0"}`)
	run := dig(answer, "run.info.run_id")
	for value, want := range map[string]string{"1": "1.0", "-0.5": "-0.5", "1e300": "1e+300", "0": "0.0", "1000000": "1000000.0"} {
		if status, text := c.do("POST", "/api/2.0/mlflow/runs/log-metric", `{"run_id": "`+run+`", "key": "m`+value+`", "value": `+value+`, "timestamp": 1}`); status != 200 {
			t.Fatal(status, text)
		}
		if _, text := c.do("GET", "/api/2.0/mlflow/metrics/get-history?run_id="+run+"&metric_key=m"+value, ""); !strings.Contains(text, `"value":`+want+`,`) {
			t.Errorf("%s: %s, want %s", value, text, want)
		}
	}
}

// FuzzRequests sends any body and query to any call and wants no answer of 5xx: nothing a client sends is our defect.
func FuzzRequests(f *testing.F) {
	paths := []string{
		"experiments/create", "experiments/search", "runs/create", "runs/update", "runs/search", "runs/log-metric", "runs/log-batch",
		"runs/log-inputs", "runs/outputs", "runs/log-model", "logged-models", "logged-models/search", "registered-models/create",
		"model-versions/create", "registered-models/alias", "model-versions/transition-stage", "webhooks",
	}
	for i, body := range []string{
		`{"name": "a", "tags": [{"key": "k", "value": null}]}`, `{"max_results": 5, "filter": "name = 'a'", "order_by": ["name"]}`,
		`{"experiment_id": "0", "start_time": "1e3", "tags": [{}]}`, `{"run_id": "x", "status": 9}`, `{"experiment_ids": [0], "max_results": 1.5}`,
		`{"run_id": "x", "key": "m", "value": "-Infinity", "timestamp": 9223372036854775808}`, `{"run_id": "x", "metrics": [{"key": "m"}], "params": {}}`,
		`{"run_id": "x", "datasets": [{"dataset": {"name": 1}}, 3]}`, `{"run_id": "x", "models": [{"model_id": "m", "step": "x"}]}`, `{"run_id":"x","model_json":"[]"}`,
		`"{\"experiment_id\": \"0\"}"`, `{"experiment_ids": ["0"], "datasets": [{}], "order_by": [{"field_name": "metrics.x", "ascending": "no"}]}`,
		`{"name": "m"}`, `{"name": "m", "source": "models:/m-x", "model_id": "m-y"}`, `{"name": "m", "alias": "a", "version": "99999999999999999999"}`, `null`,
		`{"name": "w", "url": "https://a", "events": [{"entity": 1, "action": 1}, {"entity": "PROMPT", "action": "SET"}, {}], "status": 2}`,
	} {
		f.Add(byte(i), []byte(body))
	}
	d := dbtest.SQLite(f, sources...)
	h := handler(f, d, "mem://", time.Now)
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		path := "/api/2.0/mlflow/" + paths[int(which)%len(paths)]
		req := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code >= 500 {
			t.Fatalf("POST %s %q: %d %s", path, body, w.Code, w.Body)
		}
	})
}
