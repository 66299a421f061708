package inference

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/serving"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// newRoom serves the named export folders of modelpack's test data, each at an endpoint of its name.
func newRoom(t testing.TB, d *db.DB, exports ...string) *serving.Room {
	t.Helper()
	ctx := context.Background()
	b, err := blob.Open(ctx, "file://"+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	clock := func() time.Time { return noon }
	packs := modelpack.New(d, b, modelpack.OpenKeys(t.TempDir()), clock)
	var placed []serving.Placement
	for i, name := range exports {
		p, _, err := packs.Build(ctx, modelpack.BuildInput{Product: "umbrella", Name: name, CreatedAt: noon, Actor: "daisy",
			ExportDir: filepath.Join("..", "modelpack", "testdata", name)})
		if err != nil {
			t.Fatal(err)
		}
		placed = append(placed, serving.Placement{Product: "umbrella", Environment: "production", Endpoint: name, Model: name,
			Package: p.Digest, Deployment: fmt.Sprintf("d%d", i+1), Version: "3"})
	}
	room := serving.New(d, packs, func(context.Context) ([]serving.Placement, error) { return placed, nil }, clock)
	if err := room.Reconcile(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := room.Flush(ctx); err != nil {
			t.Error(err)
		}
	})
	return room
}

func sqlite(t testing.TB, exports ...string) *serving.Room {
	return newRoom(t, dbtest.SQLite(t, event.Migrations(), modelpack.Migrations(), serving.Migrations()), exports...)
}

func ask(t testing.TB, h http.Handler, method, path string, body string, headers ...string) *http.Response {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Result()
}

func read(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestGolden asks what is in testdata/*.http: a request line, headers, an empty line, the body; then the line "---" and the
// expected status, headers and body. Run with UPDATE_GOLDEN=1 to write what is answered.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d golden files (%v)", len(files), err)
	}
	both := Handler(sqlite(t, "umbrella", "iris"))
	one := Handler(sqlite(t, "umbrella"))
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".http"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			request, want, _ := strings.Cut(string(text), "\n---\n")
			head, body, _ := strings.Cut(request, "\n\n")
			lines := strings.Split(head, "\n")
			method, path, _ := strings.Cut(lines[0], " ")
			headers := []string{"X-Request-Id", "r1"}
			h := both
			for _, l := range lines[1:] {
				k, v, _ := strings.Cut(l, ": ")
				if k == "Models" {
					h = one
				}
				headers = append(headers, k, v)
			}
			r := ask(t, h, method, path, body, headers...)
			got := fmt.Sprintf("%d %s\n\n%s\n", r.StatusCode, r.Header.Get("Content-Type"), strings.TrimRight(read(t, r), "\n"))
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, []byte(request+"\n---\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// The same request sent twice leaves one row; id and event time reach the log, on both databases.
func TestInferReachesTheLog(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		room := newRoom(t, d, "umbrella")
		h := Handler(room)
		body := `{"id":"2015-03-02","parameters":{"event_time":"2015-03-02"},"inputs":[
			{"name":"rain_forecast_mm","shape":[1],"datatype":"FP32","data":[8]},{"name":"temp_c","shape":[1,1],"datatype":"FP32","data":[[11]]},
			{"name":"promo","shape":[1],"datatype":"INT64","data":[0]},{"name":"weekday","shape":[1],"datatype":"BYTES","data":["sat"]}]}`
		for range 2 {
			r := ask(t, h, "POST", "/v2/models/umbrella/infer", body)
			if text := read(t, r); r.StatusCode != 200 || r.Header.Get("X-Request-Id") == "" {
				t.Fatal(r.StatusCode, text)
			}
		}
		if r := ask(t, h, "POST", "/v2/models/umbrella/infer", body, "X-Request-Id", "\xff\xfe"); r.StatusCode != 200 || r.Header.Get("X-Request-Id") == "\xff\xfe" {
			t.Error("an id that is no text:", r.StatusCode, r.Header)
		}
		batch := `{"dataframe_records":[{"rain_forecast_mm":null,"temp_c":9.5,"promo":1,"weekday":"mon"},{"temp_c":9.5,"promo":1.0,"weekday":"mon"}],
			"params":{"prediction_ids":["a","b"],"event_times":["2015-03-03","2015-03-04T00:00:00+01:00"]}}`
		if r := ask(t, h, "POST", "/invocations", batch, "Content-Type", "application/json"); r.StatusCode != 200 {
			t.Fatal(read(t, r))
		}
		ctx := context.Background()
		if err := room.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		ps, err := room.Predictions(ctx, "umbrella", time.Time{}, time.Time{})
		if err != nil || len(ps) != 3 {
			t.Fatalf("%d rows, want 3 (%v)", len(ps), err)
		}
		got := ""
		for _, p := range ps {
			got += p.ID + " " + p.EventTime.Format(time.RFC3339) + "\n"
		}
		if want := "2015-03-02 2015-03-02T00:00:00Z\na 2015-03-03T00:00:00Z\nb 2015-03-03T23:00:00Z\n"; got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}, event.Migrations(), modelpack.Migrations(), serving.Migrations())
}

func TestLimitsOfTheBody(t *testing.T) {
	h := handler(sqlite(t, "umbrella"), 2000)
	if r := ask(t, h, "POST", "/v2/models/umbrella/infer", strings.Repeat(" ", 3000)); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Error(r.StatusCode, read(t, r))
	}
	bomb := gzipped(t, bytes.Repeat([]byte(" "), 1<<20))
	if r := ask(t, h, "POST", "/v2/models/umbrella/infer", bomb, "Content-Encoding", "gzip"); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Error(r.StatusCode, read(t, r))
	}
	if r := ask(t, h, "POST", "/v2/models/umbrella/infer", gzipped(t, []byte("{}")), "Content-Encoding", "gzip"); r.StatusCode != 400 || !strings.Contains(read(t, r), `no \"inputs\"`) {
		t.Error(r.StatusCode)
	}
	if r := ask(t, h, "POST", "/v2/models/umbrella/infer", "xx", "Content-Encoding", "gzip"); r.StatusCode != 400 {
		t.Error(r.StatusCode)
	}
}

// A name whose package was refused answers 503 with the reason and Retry-After; the others go on.
func TestRefusedPackageIs503(t *testing.T) {
	d := dbtest.SQLite(t, event.Migrations(), modelpack.Migrations(), serving.Migrations())
	b, err := blob.Open(t.Context(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	packs := modelpack.New(d, b, modelpack.OpenKeys(t.TempDir()), time.Now)
	placed := func(context.Context) ([]serving.Placement, error) {
		return []serving.Placement{{Product: "umbrella", Environment: "production", Model: "umbrella", Package: ref.Sum(nil)}}, nil
	}
	room := serving.New(d, packs, placed, time.Now)
	h := Handler(room)
	if r := ask(t, h, "GET", "/v2/health/ready", ""); r.StatusCode != 503 || read(t, r) != `{"ready":false}` {
		t.Errorf("before the start: %d", r.StatusCode)
	}
	if err := room.Reconcile(t.Context()); err == nil {
		t.Fatal("an unknown package was accepted")
	}
	for _, path := range []string{"/v2/models/umbrella/infer", "/invocations"} {
		r := ask(t, h, "POST", path, oneRow, "Content-Type", "application/json")
		if path == "/invocations" {
			r = ask(t, h, "POST", path, `{"instances":[[1]]}`, "Content-Type", "application/json")
		}
		if text := read(t, r); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || !strings.Contains(text, "there is no package") {
			t.Errorf("%s: %d %s", path, r.StatusCode, text)
		}
	}
	for path, status := range map[string]int{"/v2/models/umbrella/ready": 503, "/v2/models/umbrella": 503, "/ping": 404, "/v2/health/ready": 200} {
		if r := ask(t, h, "GET", path, ""); r.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, status)
		}
	}
	r := ask(t, h, "POST", "/v2/repository/index", "")
	if text := read(t, r); !strings.Contains(text, `"state":"UNAVAILABLE"`) || !strings.Contains(text, "there is no package") {
		t.Error(text)
	}
}

// Every answer that says JSON is JSON, whatever is asked.
func checkAnswer(t *testing.T, r *http.Response) {
	t.Helper()
	body := read(t, r)
	if r.StatusCode == 500 {
		t.Fatalf("500: %s", body)
	}
	if r.Header.Get("Content-Type") == "application/json" && !json.Valid([]byte(body)) {
		t.Fatalf("%d: not JSON: %q", r.StatusCode, body)
	}
}

// A body within the limit of bytes may still become gigabytes; it is refused before anything is built from it.
func TestBodiesOfTooManyValues(t *testing.T) {
	h := Handler(sqlite(t, "umbrella"))
	objects, cells := strings.Repeat(`{},`, 300_000), strings.Repeat(`[],`, maxCells/2+1)
	for _, c := range []struct{ path, kind, body string }{
		{"/invocations", "application/json", `{"dataframe_records":[` + objects + `{}]}`},
		{"/invocations", "application/json", `{"instances":[` + cells + `[]]}`},
		{"/invocations", "text/csv", "a\n" + strings.Repeat("\n", maxCells+1)},
		{"/v2/models/umbrella/infer", "application/json", `{"inputs":[` + objects + `{}]}`},
		{"/v2/repository/index", "application/json", `{"x":[` + objects + `{}]}`},
	} {
		r := ask(t, h, "POST", c.path, c.body, "Content-Type", c.kind)
		if text := read(t, r); r.StatusCode != 400 || !strings.Contains(text, "more than") {
			t.Errorf("%s %.30s: %d %.200s", c.path, c.body, r.StatusCode, text)
		}
	}
}
