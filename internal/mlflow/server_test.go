package mlflow_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/job"
	"github.com/paraplu/paraplu/internal/mlflow"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/trace"
	"github.com/paraplu/paraplu/internal/tracking"
	"github.com/paraplu/paraplu/internal/webhook"
)

var sources = []db.Source{event.Migrations(), tracking.Migrations(), registry.Migrations(), trace.Migrations(), job.Migrations(),
	webhook.Migrations()}

// client talks to a face over real rooms and a real database.
type client struct {
	t   *testing.T
	url string
	db  *db.DB
}

func serve(t *testing.T, d *db.DB, clock func() time.Time) *client {
	t.Helper()
	srv := httptest.NewServer(handler(t, d, "file://"+t.TempDir(), ticking(clock)))
	t.Cleanup(srv.Close)
	return &client{t: t, url: srv.URL, db: d}
}

// ticking gives a later millisecond each time, so that an order by time of creation is the order of the calls.
func ticking(clock func() time.Time) func() time.Time {
	var mu sync.Mutex
	var last time.Time
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		if last = last.Add(time.Millisecond); last.Before(clock()) {
			last = clock()
		}
		return last
	}
}

// handler is the face over real rooms.
func handler(t testing.TB, d *db.DB, objects string, clock func() time.Time) http.Handler {
	t.Helper()
	store, err := blob.Open(context.Background(), objects)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	track := tracking.New(d, store, clock)
	track.Links = tracking.OpenLinks(t.TempDir(), clock)
	none := func(context.Context, ref.Digest) (registry.Package, error) {
		return registry.Package{}, fault.New(fault.NotFound, "no packages here")
	}
	reg := registry.New(d, none, t.TempDir(), clock)
	reg.ResolveLogged, reg.ResolveRun = track.ResolveLogged, track.ResolveRun
	jobs, err := job.New(d, job.Config{Poll: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	hooks := webhook.New(d, jobs, t.TempDir(), webhook.Config{AllowPrivate: true}, clock)
	reg.Changed = hooks.Notify
	if err := jobs.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { jobs.Stop(context.Background()) }) //nolint:errcheck // the test is over
	return mlflow.Handler(mlflow.Deps{Tracking: track, Registry: reg, Traces: trace.New(d, track.Home, clock), Webhooks: hooks})
}

// do sends a request and gives status and body. A body is sent as JSON, unless the header "Name: value" says otherwise.
func (c *client) do(method, path, body string, header ...string) (int, string) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range header {
		if name, value, ok := strings.Cut(h, ":"); ok {
			req.Header.Set(name, strings.TrimSpace(value))
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(string(b))
}

// TestStockClient runs the conformance suite of tests/mlflow with the real MLflow client of PARAPLU_PYTHON.
func TestStockClient(t *testing.T) {
	python := os.Getenv("PARAPLU_PYTHON")
	if python == "" {
		if os.Getenv("PARAPLU_REQUIRE_PYTHON") != "" {
			t.Fatal("PARAPLU_PYTHON is not set, and this run requires the real MLflow client; `make test` sets it")
		}
		t.Skip("no Python: set PARAPLU_PYTHON to an interpreter with mlflow, scikit-learn and pytest")
	}
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		mux, h := http.NewServeMux(), handler(t, d, "file://"+t.TempDir(), time.Now)
		for _, prefix := range mlflow.Prefixes() { // as the application does
			mux.Handle(prefix, h)
		}
		mux.HandleFunc("/health", mlflow.Health)
		srv := httptest.NewServer(mux)
		t.Cleanup(srv.Close)
		suite, err := filepath.Abs("../../tests/mlflow")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 9*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, python, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", suite)
		if only := os.Getenv("PARAPLU_PYTEST"); only != "" {
			cmd.Args = append(cmd.Args, "-k", only)
		}
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), "PARAPLU_URL="+srv.URL, "PYTHONDONTWRITEBYTECODE=1")
		if d.Dialect() == db.Postgres { // the gigabyte goes to the same objects
			cmd.Env = append(cmd.Env, "PARAPLU_SKIP_LARGE=1")
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		t.Log(lastLine(out))
	}, sources...)
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return fmt.Sprint(lines[len(lines)-1])
}
