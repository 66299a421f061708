package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/fault"
)

var ctx = context.Background()

// each runs a test with SQLite in the workspace and with PostgreSQL outside of it.
func each(t *testing.T, fn func(t *testing.T, cfg app.Config)) {
	t.Helper()
	for name, target := range map[string]func(t testing.TB) string{"sqlite": func(testing.TB) string { return "" }, "postgres": dbtest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			fn(t, app.Config{Home: t.TempDir(), DB: target(t), Addr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
		})
	}
}

func open(t testing.TB, cfg app.Config) *app.App {
	t.Helper()
	a, err := app.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func start(t testing.TB, a *app.App) {
	t.Helper()
	if err := a.Start(ctx, app.StartOptions{Monitors: true}); err != nil {
		t.Fatal(err)
	}
}

// get sends a request and gives status and body.
func get(t testing.TB, method, url string, edit func(*http.Request)) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(r)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func TestAnEmptyFolderIsServed(t *testing.T) {
	each(t, func(t *testing.T, cfg app.Config) {
		a := open(t, cfg)
		if a.URL() != "" {
			t.Errorf("URL %q before the start", a.URL())
		}
		start(t, a)
		start(t, a) // a second start changes nothing
		url := a.URL()
		if status, h, body := get(t, "GET", url+"/health", nil); status != 200 || body != "OK" || !strings.HasPrefix(h.Get("Content-Type"), "text/plain") {
			t.Errorf("/health: %d %q %v", status, body, h)
		}
		if _, err := a.Product(); !fault.Is(err, fault.NotFound) || fault.HintOf(err) == "" {
			t.Errorf("product of an empty folder: %v", err)
		}
		for range 2 {
			if err := a.Stop(ctx); err != nil {
				t.Error(err)
			}
		}
		if a.URL() != "" {
			t.Errorf("URL %q after the stop", a.URL())
		}
		if c, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second); err == nil {
			c.Close()
			t.Error("the port is still open after the stop")
		}
		for range 2 {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// ready waits until the deployments were looked at once; a server that starts says 503 until then.
func ready(t testing.TB, a *app.App) {
	t.Helper()
	for began := time.Now(); ; <-time.After(5 * time.Millisecond) {
		status, _, body := get(t, "GET", a.URL()+"/v2/health/ready", nil)
		switch {
		case status == 200:
			return
		case status != 503 || time.Since(began) > 30*time.Second:
			t.Fatalf("not ready after %s: %d %s", time.Since(began), status, body)
		}
	}
}

// TestFaces asks each face something that only it answers.
func TestFaces(t *testing.T) {
	each(t, func(t *testing.T, cfg app.Config) {
		a := open(t, cfg)
		start(t, a)
		ready(t, a)
		for _, c := range []struct {
			method, path string
			status       int
			kind, words  string
		}{
			{"GET", "/", 0, "", ""}, // the pages: 200 in a built binary, 503 with a sentence in a plain `go build`
			{"GET", "/api/v1/products", 200, "application/json", ""},
			{"GET", "/api/v1/nonsense", 404, "", ""},
			{"GET", "/api/9", 404, "", ""},
			{"GET", "/api/9/x", 404, "", ""},
			{"GET", "/api/2.0/nonsense", 404, "", ""},
			{"GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", 200, "application/json", "Default"},
			{"GET", "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0", 200, "application/json", "Default"},
			{"GET", "/api/2.0/mlflow/experiments/get?experiment_id=77", 404, "application/json", "RESOURCE_DOES_NOT_EXIST"},
			{"GET", "/version", 200, "", ""},
			{"GET", "/v2", 200, "application/json", "paraplu"},
			{"GET", "/v2/health/live", 200, "", ""},
			{"GET", "/v2/health/ready", 200, "", ""},
			{"POST", "/v2/models/none/infer", 400, "application/json", ""},
			{"GET", "/ping", 404, "application/json", ""}, // of MLflow's scoring server: not ready while nothing is placed
			{"POST", "/invocations", 415, "", ""},
			{"GET", "/health", 200, "text/plain", "OK"},
			{"POST", "/health", 405, "", ""},
		} {
			status, h, body := get(t, c.method, a.URL()+c.path, func(r *http.Request) { r.Header.Set("Accept", "text/html, */*") })
			if c.status != 0 && status != c.status || !strings.HasPrefix(h.Get("Content-Type"), c.kind) || !strings.Contains(body, c.words) {
				t.Errorf("%s %s: %d %s %.200s", c.method, c.path, status, h.Get("Content-Type"), body)
			}
			if status == 500 || status == 501 {
				t.Errorf("%s %s: %d %.200s", c.method, c.path, status, body)
			}
		}
	})
}

// TestWhoMayAsk: a server without log-in answers this machine only, and no page of another site.
func TestWhoMayAsk(t *testing.T) {
	each(t, func(t *testing.T, cfg app.Config) {
		a := open(t, cfg)
		start(t, a)
		port := a.URL()[strings.LastIndex(a.URL(), ":"):]
		create := "/api/2.0/mlflow/experiments/create"
		for name, c := range map[string]struct {
			method, path string
			edit         func(*http.Request)
			refused      bool
		}{
			"this machine":          {"GET", "/api/v1/products", func(r *http.Request) { r.Host = "localhost" + port }, false},
			"IPv6 loopback":         {"GET", "/api/v1/products", func(r *http.Request) { r.Host = "[::1]" + port }, false},
			"a name of it":          {"GET", "/api/v1/products", func(r *http.Request) { r.Host = "paraplu.localhost" + port }, false},
			"DNS rebinding":         {"GET", "/api/v1/products", func(r *http.Request) { r.Host = "evil.example" + port }, true},
			"rebinding on MLflow":   {"GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", func(r *http.Request) { r.Host = "evil.example" }, true},
			"rebinding on v2":       {"GET", "/v2", func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, true},
			"rebinding on pages":    {"GET", "/", func(r *http.Request) { r.Host = "evil.localhost.example" }, true},
			"another site, read":    {"GET", "/api/v1/products", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, false},
			"another site, write":   {"POST", create, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, true},
			"another origin, write": {"POST", create, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, true},
			"another origin, infer": {"POST", "/v2/models/x/infer", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, true},
			"own page, write":       {"POST", create, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, false},
			"a program, write":      {"POST", create, nil, false},
		} {
			if status, _, body := get(t, c.method, a.URL()+c.path, c.edit); (status == 403) != c.refused {
				t.Errorf("%s: %d %.200s", name, status, body)
			}
		}
	})
}

func TestConfigErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	junk := filepath.Join(t.TempDir(), "junk.db")
	if err := os.WriteFile(junk, []byte(strings.Repeat("this is no database ", 100)), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		edit  func(*app.Config)
		kind  fault.Kind
		words string
	}{
		"no such folder":   {func(c *app.Config) { c.Home = "/nowhere/at/all" }, fault.NotFound, "/nowhere/at/all does not exist"},
		"a file as home":   {func(c *app.Config) { c.Home = file }, fault.NotFound, "does not exist"},
		"no port":          {func(c *app.Config) { c.Addr = "127.0.0.1" }, fault.Invalid, "is not HOST:PORT"},
		"everywhere":       {func(c *app.Config) { c.Addr = "0.0.0.0:0" }, fault.Denied, "has no log-in"},
		"every interface":  {func(c *app.Config) { c.Addr = ":0" }, fault.Denied, "has no log-in"},
		"IPv6 everywhere":  {func(c *app.Config) { c.Addr = "[::]:0" }, fault.Denied, "has no log-in"},
		"another name":     {func(c *app.Config) { c.Addr = "example.org:80" }, fault.Denied, "has no log-in"},
		"no such store":    {func(c *app.Config) { c.Store = "s3://bucket" }, fault.Invalid, "object store"},
		"no PostgreSQL":    {func(c *app.Config) { c.DB = "postgres://me:secret@127.0.0.1:1/x?connect_timeout=1" }, fault.Unavailable, "cannot reach PostgreSQL"},
		"not our database": {func(c *app.Config) { c.DB = junk }, fault.Invalid, "is not a Paraplu database"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := app.Config{Home: t.TempDir(), Addr: "127.0.0.1:0"}
			c.edit(&cfg)
			a, err := app.Open(ctx, cfg)
			if err == nil {
				a.Close()
			}
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.words) || fault.HintOf(err) == "" {
				t.Errorf("error %v (%s, hint %q); want %s with %q and a hint", err, fault.KindOf(err), fault.HintOf(err), c.kind, c.words)
			}
			if strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
	if text := (app.Config{DB: "postgres://me:secret@db/x"}).String(); strings.Contains(text, "secret") {
		t.Errorf("the configuration tells the password: %s", text)
	}
}

func TestAllowRemote(t *testing.T) {
	a := open(t, app.Config{Home: t.TempDir(), Addr: "0.0.0.0:0", AllowRemote: true})
	start(t, a)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(a.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	status, _, body := get(t, "GET", "http://127.0.0.1:"+port+"/api/v1/products", func(r *http.Request) { r.Host = "paraplu.example" })
	if status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

func TestAPortInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a := open(t, app.Config{Home: t.TempDir(), Addr: ln.Addr().String()})
	err = a.Start(ctx, app.StartOptions{})
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), ln.Addr().String()+" is in use") || !strings.Contains(fault.HintOf(err), "--addr 127.0.0.1:") {
		t.Errorf("error %v, hint %q", err, fault.HintOf(err))
	}
	if a.URL() != "" {
		t.Error("it did not start and has an address")
	}
	ln.Close()
	if err := a.Start(ctx, app.StartOptions{}); err != nil {
		t.Errorf("with the port free again: %v", err)
	}
}

// TestTwentyStartsLeakNothing: goroutines and file descriptors are back where they were.
func TestTwentyStartsLeakNothing(t *testing.T) {
	each(t, func(t *testing.T, cfg app.Config) {
		once := func() {
			a, err := app.Open(ctx, cfg)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // an App may be started again
				start(t, a)
				for _, path := range []string{"/health", "/api/v1/products", "/v2", "/api/2.0/mlflow/experiments/get?experiment_id=0"} {
					if status, _, body := get(t, "GET", a.URL()+path, nil); status != 200 {
						t.Fatalf("%s: %d %s", path, status, body)
					}
				}
				if err := a.Stop(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		}
		once() // what starts once a process
		goroutines, files := settled(t)
		for range 20 {
			once()
		}
		moreGoroutines, moreFiles := settled(t)
		if moreGoroutines > goroutines+2 || moreFiles > files+2 {
			buf := make([]byte, 1<<20)
			t.Errorf("goroutines %d → %d, open files %d → %d\n%s", goroutines, moreGoroutines, files, moreFiles, buf[:runtime.Stack(buf, true)])
		}
	})
}

// settled counts goroutines and open files when both have stopped falling.
func settled(t *testing.T) (goroutines, files int) {
	t.Helper()
	goroutines, files = 1<<30, 1<<30
	for range 100 {
		runtime.GC()
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skipf("open files cannot be counted here: %v", err)
		}
		g, f := runtime.NumGoroutine(), len(fds)
		if g >= goroutines && f >= files {
			return min(g, goroutines), min(f, files)
		}
		goroutines, files = min(g, goroutines), min(f, files)
		runtime.Gosched()
		<-time.After(5 * time.Millisecond)
	}
	return goroutines, files
}

// TestTwoAppsOneWorkspace: a command works while a server runs, and each sees what the other did.
func TestTwoAppsOneWorkspace(t *testing.T) {
	each(t, func(t *testing.T, cfg app.Config) {
		server, command := open(t, cfg), open(t, cfg)
		start(t, server)
		done := make(chan error)
		const each = 20
		for i, a := range []*app.App{server, command} {
			go func() {
				for n := range each {
					if _, err := a.Tracking.CreateExperiment(ctx, fmt.Sprintf("%d-%d", i, n), "", nil); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		for i := range 2 {
			for n := range each {
				if _, err := server.Tracking.ExperimentByName(ctx, fmt.Sprintf("%d-%d", i, n)); err != nil {
					t.Errorf("the server does not see experiment %d-%d: %v", i, n, err)
				}
			}
		}
		if findings, err := command.Inspect(ctx, true); err != nil || len(findings) > 0 {
			t.Errorf("%q, %v", findings, err)
		}
	})
}

func TestMigrationsHaveTheirOwnVersions(t *testing.T) {
	seen, rooms := map[string]string{}, map[string]bool{}
	for _, s := range app.Sources() {
		if rooms[s.Room] {
			t.Errorf("room %s is there twice", s.Room)
		}
		rooms[s.Room] = true
		names := 0
		entries, err := readDir(s, "migrations")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range entries {
			version, rest, ok := strings.Cut(name, "_")
			if !ok || len(version) != 14 || !strings.HasPrefix(rest, s.Room+"_") && !strings.HasPrefix(rest, s.Room) {
				t.Errorf("%s of room %s is not VERSION_%s_….sql", name, s.Room, s.Room)
			}
			dialect := ""
			for _, d := range []string{"sqlite", "postgres"} {
				if strings.HasSuffix(name, "."+d+".sql") {
					dialect = d
				}
			}
			for _, other := range []string{"", "sqlite", "postgres"} { // a file for both databases stands alone
				if first, dup := seen[version+other]; dup && (other == dialect || other == "" || dialect == "") {
					t.Errorf("%s and %s have the same version", first, name)
				}
			}
			seen[version+dialect] = name
			names++
		}
		if names == 0 {
			t.Errorf("room %s has no migrations", s.Room)
		}
	}
	if len(rooms) < 10 {
		t.Errorf("only %d rooms have tables", len(rooms))
	}
}

func TestStepEnv(t *testing.T) {
	a := open(t, app.Config{Home: t.TempDir(), Addr: "127.0.0.1:0", Python: "/opt/py/bin/python"})
	if env := strings.Join(a.StepEnv(), "\n"); !strings.Contains(env, "PATH=/opt/py/bin:") || strings.Contains(env, "MLFLOW_TRACKING_URI") {
		t.Errorf("without a server: %s", env)
	}
	start(t, a)
	if env := strings.Join(a.StepEnv(), "\n"); !strings.Contains(env, "MLFLOW_TRACKING_URI="+a.URL()) {
		t.Errorf("with a server: %s", env)
	}
}

// TestStepsFindTheServerOfAnotherProcess: `paraplu run` beside `paraplu up` logs to it, unless a person chose another
// address; a server that was killed is not found.
func TestStepsFindTheServerOfAnotherProcess(t *testing.T) {
	t.Setenv("MLFLOW_TRACKING_URI", "")
	home := t.TempDir()
	a := open(t, app.Config{Home: home, Addr: "127.0.0.1:0"})
	address := func() string {
		for _, e := range a.StepEnv() {
			if uri, ok := strings.CutPrefix(e, "MLFLOW_TRACKING_URI="); ok {
				return uri
			}
		}
		return ""
	}
	cmd, in, url := serving(t, app.Config{Home: home})
	if got := address(); got != url {
		t.Errorf("steps log to %q, the server is %s", got, url)
	}
	t.Setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
	if got := address(); got != "" {
		t.Errorf("a person chose another address, and steps get %q", got)
	}
	t.Setenv("MLFLOW_TRACKING_URI", "")
	in.Close()
	cmd.Wait() //nolint:errcheck // it ends because its input ends
	if got := address(); got != "" {
		t.Errorf("the server has ended, and steps get %q", got)
	}
	cmd, _, _ = serving(t, app.Config{Home: home})
	cmd.Process.Kill()
	cmd.Wait() //nolint:errcheck // it was killed
	if got := address(); got != "" {
		t.Errorf("the server was killed, and steps get %q", got)
	}
}

func TestProductIsReadAgainWhenItChanged(t *testing.T) {
	a := open(t, app.Config{Home: t.TempDir(), Addr: "127.0.0.1:0"})
	file := filepath.Join(a.Home(), "paraplu.yaml")
	for _, name := range []string{"one", "three"} {
		if err := os.WriteFile(file, []byte("product: {name: "+name+"}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if p, err := a.Product(); err != nil || p.Name != name {
			t.Errorf("%+v, %v; want %s", p, err, name)
		}
	}
	if err := os.WriteFile(file, []byte("product: {name: one, colour: red}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Product(); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "paraplu.yaml:1:") {
		t.Errorf("error %v", err)
	}
	if _, err := a.Synced(ctx, "me"); err == nil {
		t.Error("a wrong product was made known")
	}
}

func TestACancelledOpen(t *testing.T) {
	gone, cancel := context.WithCancel(ctx)
	cancel()
	a, err := app.Open(gone, app.Config{Home: t.TempDir(), Addr: "127.0.0.1:0"})
	if err == nil {
		a.Close()
		t.Fatal("opened")
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
