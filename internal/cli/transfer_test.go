package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/db/dbtest"
)

// peer is a real MLflow server with its files.
type peer struct{ url, dir string }

func (p peer) db() string { return filepath.Join(p.dir, "mlflow.db") }

// python gives the interpreter that has MLflow.
func python(t *testing.T) string {
	t.Helper()
	py := os.Getenv("PARAPLU_PYTHON")
	switch {
	case py == "" && os.Getenv("PARAPLU_REQUIRE_PYTHON") == "1":
		t.Fatal("PARAPLU_PYTHON is not set, and PARAPLU_REQUIRE_PYTHON=1 wants it")
	case py == "" || testing.Short():
		t.Skip("needs a real MLflow: set PARAPLU_PYTHON, leave out -short")
	}
	return py
}

// mlflowServer starts one; it ends with the test.
func mlflowServer(t *testing.T) peer {
	t.Helper()
	said := ""
	for range 3 { // somebody may take the port meanwhile
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := peer{url: "http://" + ln.Addr().String(), dir: t.TempDir()}
		ln.Close()
		if said = p.start(t); said == "" {
			return p
		}
	}
	t.Fatalf("mlflow server does not start: %s", said)
	return peer{}
}

// start gives "" when the server answers, or what it said when it ended.
func (p peer) start(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(python(t), "-m", "mlflow", "server", "--workers", "1", "--port", p.url[strings.LastIndexByte(p.url, ':')+1:],
		"--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "art")
	cmd.Dir, cmd.Env = p.dir, quietEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with its workers
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = cmd.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // it may have ended
		cmd.Wait()                                      //nolint:errcheck // it was killed
	})
	said := ""
	r := bufio.NewReader(out)
	for !strings.Contains(said, "Uvicorn running on") {
		text, err := r.ReadString('\n')
		if said += text; err != nil {
			return said
		}
	}
	go io.Copy(io.Discard, r) //nolint:errcheck // until it ends
	return ""
}

func quietEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MLFLOW_") })
	return append(env, "MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=1", "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore")
}

// fill plays testdata/fill.py of package transfer, with its real clients.
func (p peer) fill(t *testing.T, args ...string) {
	t.Helper()
	script, err := filepath.Abs("../transfer/testdata/fill.py")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python(t), append([]string{script, p.url}, args...)...)
	cmd.Dir, cmd.Env = t.TempDir(), quietEnv()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// line is one command line in a workspace.
type line struct{ home, db string }

func (l line) command(args ...string) *exec.Cmd {
	cmd := exec.Command("paraplu", append([]string{"--home", l.home, "--json"}, args...)...)
	cmd.Env = append(quietEnv(), "PARAPLU_DB="+l.db)
	return cmd
}

// report is what an import or export prints, as far as these tests read it.
type report struct {
	Experiments, Runs, Files, Versions struct{ New, Changed, Same, Failed int }
	Models                             struct{ New, Changed, Same, Failed int } `json:"logged_models"`
	Registered                         struct{ New, Changed, Same, Failed int } `json:"registered_models"`
	Points, Bytes                      int64
	Problems                           []struct {
		Why   string
		Count int
		What  []string
	}
}

// run gives the report of a command and its exit code.
func (l line) run(t *testing.T, args ...string) (r report, code int) {
	t.Helper()
	cmd := l.command(args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if jsonErr := json.Unmarshal(out.Bytes(), &r); jsonErr != nil {
		t.Fatalf("%v: %v: %v\n%s%s", args, err, jsonErr, &out, &errOut)
	}
	return r, cmd.ProcessState.ExitCode()
}

func (l line) mustRun(t *testing.T, args ...string) report {
	t.Helper()
	r, code := l.run(t, args...)
	if code != 0 || len(r.Problems) > 0 {
		t.Fatalf("%v: exit code %d, problems %+v", args, code, r.Problems)
	}
	return r
}

// face serves a workspace and gives its address.
func (l line) face(t *testing.T) string {
	t.Helper()
	a, err := app.Open(context.Background(), app.Config{Home: l.home, DB: l.db, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(a.Handler())
	t.Cleanup(func() {
		srv.Close()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return srv.URL
}

// killer is a proxy before a server that ends a process with SIGKILL at a request: before it arrives, or behind the back of
// the client, when the server has done it already.
type killer struct {
	at      int64 // number of the request
	done    bool  // kill after the server has done it
	seen    atomic.Int64
	process *os.Process
	killed  atomic.Bool
	proxy   *httputil.ReverseProxy
}

func (k *killer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if k.seen.Add(1) != k.at {
		k.proxy.ServeHTTP(w, r)
		return
	}
	if k.done {
		k.proxy.ServeHTTP(httptest.NewRecorder(), r)
	}
	k.killed.Store(true)
	k.process.Kill() //nolint:errcheck // it is the one that asks
	panic(http.ErrAbortHandler)
}

// runKilled runs a command against a proxied server and tells whether it was killed. command gets the address of the proxy.
func runKilled(t *testing.T, front *front, k *killer, cmd *exec.Cmd) bool {
	t.Helper()
	front.handler.Store(k)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	k.process = cmd.Process
	front.open()
	err := cmd.Wait()
	if !k.killed.Load() && err != nil {
		t.Fatalf("the command failed: %v\n%s", err, &out)
	}
	return k.killed.Load()
}

// front is one address for many proxies: the address is what a transfer is noted under.
type front struct {
	handler atomic.Pointer[killer]
	gate    chan struct{} // requests wait for the process to be known
	url     string
}

func newFront(t *testing.T) *front {
	f := &front{gate: make(chan struct{}, 1)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-f.gate
		f.gate <- struct{}{}
		f.handler.Load().ServeHTTP(w, r)
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	t.Cleanup(srv.Close)
	f.url = srv.URL
	return f
}

func (f *front) open() { f.gate <- struct{}{} }
func (f *front) shut() {
	select {
	case <-f.gate:
	default:
	}
}

func proxyTo(t *testing.T, target string) *httputil.ReverseProxy {
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	p := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u) // also the Host, which MLflow looks at
	}}
	p.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	return p
}

// TestTransfer holds what an import made against its source, and what an export made against both, over the same calls.
func TestTransfer(t *testing.T) {
	python(t)
	t.Parallel()
	source := mlflowServer(t)
	source.fill(t)
	want := snapshot(t, source.url)
	t.Run("databases", func(t *testing.T) {
		for name, target := range map[string]func(testing.TB) string{"sqlite": func(testing.TB) string { return "" }, "postgres": dbtest.PostgresURL} {
			t.Run(name, func(t *testing.T) { importsAll(t, source, want, target(t)) })
		}
	})
	t.Run("file", func(t *testing.T) { importsFile(t, source, want) })
	t.Run("trouble", func(t *testing.T) { survivesTrouble(t, source, want) })
	l := line{home: t.TempDir()}
	t.Run("killed", func(t *testing.T) { survivesKills(t, source, want, l) })
	t.Run("export", func(t *testing.T) { exportsAll(t, want, l) })
	t.Run("grown", func(t *testing.T) { importsGrowth(t, source) })
}

func importsAll(t *testing.T, source peer, want map[string]any, target string) {
	l := line{t.TempDir(), target}
	counted := l.mustRun(t, "import", "mlflow", source.url, "--dry-run")
	r := l.mustRun(t, "import", "mlflow", source.url)
	if r.Points < 30_000 || r.Models.New != 1 || r.Registered.New != 4 || r.Versions.New != 5 {
		t.Errorf("%+v", r)
	}
	if counted.Runs != r.Runs || counted.Files != r.Files || counted.Bytes != r.Bytes || counted.Versions != r.Versions || counted.Models != r.Models {
		t.Errorf("counted %+v, brought %+v", counted, r)
	}
	again := l.mustRun(t, "import", "mlflow", source.url)
	if n := again.Runs.New + again.Runs.Changed + again.Files.New + again.Files.Changed + again.Versions.New + again.Versions.Changed + again.Models.Changed +
		again.Experiments.New + again.Experiments.Changed + again.Registered.Changed + int(again.Points+again.Bytes); n != 0 {
		t.Errorf("the second import brought something: %+v", again)
	}
	l.mustRun(t, "import", "mlflow", source.url, "--all")
	here := l.face(t)
	compare(t, want, snapshot(t, here))
	if out, err := l.command("import", "mlflow", here).CombinedOutput(); err == nil || !strings.Contains(string(out), "this very workspace") {
		t.Errorf("importing itself: %v %s", err, out)
	}
}

// importsFile also puts a second copy beside the first, under other names.
func importsFile(t *testing.T, source peer, want map[string]any) {
	l := line{home: t.TempDir()}
	if r, code := l.run(t, "import", "mlflow", source.db()); code == 0 || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Why, "mlflow-artifacts") {
		t.Errorf("without artifacts: %d %+v", code, r.Problems)
	}
	l.mustRun(t, "import", "mlflow", "sqlite:///"+source.db(), "--artifacts", filepath.Join(source.dir, "art"))
	l.mustRun(t, "import", "mlflow", source.url) // the same things, from another address
	compare(t, want, snapshot(t, l.face(t)))

	other := line{home: t.TempDir()}
	other.mustRun(t, "import", "mlflow", source.url, "--prefix", "old-", "--no-artifacts")
	names := map[string]bool{}
	for _, e := range snapshot(t, other.face(t))["experiments"].(map[string]any) {
		names[e.(map[string]any)["name"].(string)] = true
	}
	if !names["old-umbrella"] || !names["old-Default"] || names["umbrella"] {
		t.Errorf("experiments with a prefix: %v", names)
	}
}

// survivesKills ends the import at many requests, each time with SIGKILL, and goes on in the same workspace.
func survivesKills(t *testing.T, source peer, want map[string]any, l line) {
	f, proxy := newFront(t), proxyTo(t, source.url)
	kills := 0
	for at := int64(3); ; at += 7 + at/3 { // a life begins with looking at what is there
		f.shut()
		if !runKilled(t, f, &killer{at: at, proxy: proxy}, l.command("import", "mlflow", f.url)) {
			break
		}
		kills++
	}
	if kills < 5 {
		t.Errorf("only %d kills", kills)
	}
	compare(t, want, snapshot(t, l.face(t)))
	if out, err := l.command("doctor").CombinedOutput(); err != nil {
		t.Errorf("doctor: %v\n%s", err, out)
	}
}

// exportsAll brings the workspace to a second, empty MLflow, also with kills, and compares both MLflows.
func exportsAll(t *testing.T, want map[string]any, l line) {
	target := mlflowServer(t)
	f, proxy := newFront(t), proxyTo(t, target.url)
	for _, at := range []int64{9, 26, 61, 97, 150} {
		f.shut()
		runKilled(t, f, &killer{at: at, done: true, proxy: proxy}, l.command("export", "mlflow", f.url))
	}
	f.shut()
	runKilled(t, f, &killer{proxy: proxy}, l.command("export", "mlflow", f.url))
	r := l.mustRun(t, "export", "mlflow", f.url)
	if r.Runs.New+r.Runs.Changed+r.Files.New+r.Files.Changed+r.Versions.New+int(r.Points) != 0 {
		t.Errorf("the last export brought something: %+v", r)
	}
	compare(t, renamed(t, want, nil), renamed(t, snapshot(t, target.url), idsOf(t, target.url)))
}

func importsGrowth(t *testing.T, source peer) {
	l := line{home: t.TempDir()}
	l.mustRun(t, "import", "mlflow", source.url)
	source.fill(t, "grow")
	r := l.mustRun(t, "import", "mlflow", source.url)
	if r.Runs.New != 1 || r.Runs.Changed != 1 || r.Files.New != 2 || r.Files.Changed != 0 || r.Points != 3 || r.Registered.Changed != 1 {
		t.Errorf("%+v", r)
	}
	compare(t, snapshot(t, source.url), snapshot(t, l.face(t)))
}

// survivesTrouble makes the source fail at some things: the rest comes, the report says what is missing, and a repetition
// brings it.
func survivesTrouble(t *testing.T, source peer, want map[string]any) {
	l := line{home: t.TempDir()}
	proxy := proxyTo(t, source.url)
	var trouble atomic.Bool
	trouble.Store(true)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case trouble.Load() && strings.HasSuffix(r.URL.Path, "get-history") && r.URL.Query().Get("metric_key") == "nan":
			http.Error(w, `{"error_code": "INTERNAL_ERROR", "message": "the disk is bad"}`, http.StatusInternalServerError)
		case trouble.Load() && strings.HasSuffix(r.URL.Path, "large.bin"):
			w.Write([]byte("too short")) //nolint:errcheck // the client sees it
		case trouble.Load() && strings.HasSuffix(r.URL.Path, "MLmodel"):
			http.NotFound(w, r)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	r, code := l.run(t, "import", "mlflow", srv.URL)
	whys := fmt.Sprint(r.Problems)
	if code == 0 || !strings.Contains(whys, "the disk is bad") || !strings.Contains(whys, "404") || r.Runs.Failed != 1 || r.Models.Failed != 1 {
		t.Errorf("exit code %d, %+v", code, r)
	}
	trouble.Store(false)
	l.mustRun(t, "import", "mlflow", srv.URL)
	compare(t, want, snapshot(t, l.face(t)))
}

// compare reports where two snapshots differ.
func compare(t *testing.T, want, got map[string]any) {
	t.Helper()
	if n := len(want["runs"].(map[string]any)); n < 15 {
		t.Fatalf("only %d runs to compare", n)
	}
	diff(t, "", want, got)
}

func diff(t *testing.T, at string, want, got any) {
	t.Helper()
	a, okA := want.(map[string]any)
	b, okB := got.(map[string]any)
	if okA && okB {
		keys := map[string]bool{}
		for k := range a {
			keys[k] = true
		}
		for k := range b {
			keys[k] = true
		}
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			diff(t, at+"/"+k, a[k], b[k])
		}
		return
	}
	if !reflect.DeepEqual(want, got) {
		t.Errorf("%s\nwant %.300v\n got %.300v", at, want, got)
	}
}

// reader asks an MLflow server.
type reader struct {
	t   *testing.T
	url string
}

func (r reader) ask(method, path string, body any) map[string]any {
	r.t.Helper()
	text, _ := json.Marshal(body) //nolint:errcheck // maps of texts
	req, err := http.NewRequest(method, r.url+path, bytes.NewReader(text))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatalf("%s %s: %s %v %v", method, path, res.Status, err, out)
	}
	return out
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// snapshot reads everything that MLflow's API shows. Lists of pairs become maps; what no server can keep from another is left
// out: the times of the default experiment, the tags that say where things came from, and empty texts.
func snapshot(t *testing.T, url string) map[string]any {
	t.Helper()
	r := reader{t, url}
	exps, runs, models, registered := map[string]any{}, map[string]any{}, map[string]any{}, map[string]any{}
	var ids []string
	for _, e := range list(r.ask("POST", "/api/2.0/mlflow/experiments/search", map[string]any{"max_results": 1000, "view_type": "ALL"})["experiments"]) {
		e := tidied(e).(map[string]any)
		id := e["experiment_id"].(string)
		if id == "0" {
			delete(e, "creation_time")
			delete(e, "last_update_time")
		}
		ids, exps[id] = append(ids, id), e
	}
	for _, run := range list(r.ask("POST", "/api/2.0/mlflow/runs/search", map[string]any{"experiment_ids": ids, "run_view_type": "ALL", "max_results": 1000})["runs"]) {
		id := run.(map[string]any)["info"].(map[string]any)["run_id"].(string)
		run := tidied(r.ask("GET", "/api/2.0/mlflow/runs/get?run_id="+id, nil)["run"]).(map[string]any) // a search leaves inputs out
		info := run["info"].(map[string]any)
		run["history"], run["files"] = r.histories(id, run), r.files(info["artifact_uri"].(string))
		runs[id] = run
	}
	for _, m := range list(r.ask("POST", "/api/2.0/mlflow/logged-models/search", map[string]any{"experiment_ids": ids})["models"]) {
		m := tidied(m).(map[string]any)
		info := m["info"].(map[string]any)
		m["files"] = r.files(info["artifact_uri"].(string))
		models[info["model_id"].(string)] = m
	}
	for _, filter := range []string{"", "tags.`mlflow.prompt.is_prompt` = 'true'"} {
		q := "?max_results=1000&filter=" + escape(filter)
		for _, m := range list(r.ask("GET", "/api/2.0/mlflow/registered-models/search"+q, nil)["registered_models"]) {
			m := tidied(m).(map[string]any)
			delete(m, "latest_versions") // of the versions below
			registered[m["name"].(string)] = m
		}
		for _, v := range list(r.ask("GET", "/api/2.0/mlflow/model-versions/search"+q, nil)["model_versions"]) {
			v := tidied(v).(map[string]any)
			delete(v, "model_id") // MLflow does not keep it
			delete(v, "aliases")  // and shows these with the model only
			v["where"] = r.ask("GET", "/api/2.0/mlflow/model-versions/get-download-uri?name="+escape(v["name"].(string))+"&version="+v["version"].(string), nil)["artifact_uri"]
			registered[v["name"].(string)+"/"+v["version"].(string)] = v
		}
	}
	return map[string]any{"experiments": exps, "runs": runs, "models": models, "registered": registered}
}

func escape(s string) string { return url.QueryEscape(s) }

func (r reader) histories(run string, of map[string]any) map[string]any {
	out := map[string]any{}
	data, _ := of["data"].(map[string]any)
	for _, m := range list(data["metrics"]) {
		key := m.(map[string]any)["key"].(string)
		var points []any
		for token := ""; ; {
			page := r.ask("GET", "/api/2.0/mlflow/metrics/get-history?max_results=25000&run_id="+run+"&metric_key="+escape(key)+"&page_token="+escape(token), nil)
			for _, p := range list(page["metrics"]) {
				p := p.(map[string]any)
				points = append(points, []any{p["timestamp"], p["step"], p["value"]})
			}
			if token, _ = page["next_page_token"].(string); token == "" {
				break
			}
		}
		out[key] = points
	}
	return out
}

// files gives digests by path.
func (r reader) files(uri string) map[string]any {
	out := map[string]any{}
	root := strings.TrimPrefix(uri, "mlflow-artifacts:/")
	var walk func(dir string)
	walk = func(dir string) {
		for _, f := range list(r.ask("GET", "/api/2.0/mlflow-artifacts/artifacts?path="+escape(strings.TrimSuffix(root+"/"+dir, "/")), nil)["files"]) {
			f := f.(map[string]any)
			name := strings.TrimPrefix(dir+"/"+f["path"].(string), "/")
			if f["is_dir"] == true {
				walk(name)
				continue
			}
			u := url.URL{Path: "/api/2.0/mlflow-artifacts/artifacts/" + root + "/" + name}
			res, err := http.Get(r.url + strings.ReplaceAll(u.EscapedPath(), "+", "%2B"))
			if err != nil || res.StatusCode != http.StatusOK {
				r.t.Fatalf("%s: %v %v", name, err, res)
			}
			h := sha256.New()
			n, err := io.Copy(h, res.Body)
			res.Body.Close()
			if err != nil {
				r.t.Fatal(err)
			}
			out[name] = fmt.Sprintf("%d bytes, %x", n, h.Sum(nil))
		}
	}
	walk("")
	return out
}

// tidied makes lists of pairs maps, sorts lists of objects, and leaves out what is empty.
func tidied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "workspace")
		delete(v, "run_uuid")
		for k, x := range v {
			x = tidied(x)
			if k == "tags" || k == "params" {
				x = pairs(x)
			}
			if x == nil || x == "" || reflect.DeepEqual(x, map[string]any{}) || reflect.DeepEqual(x, []any{}) {
				delete(v, k)
				continue
			}
			v[k] = x
		}
	case []any:
		for i := range v {
			v[i] = tidied(v[i])
		}
		text := func(x any) string { b, _ := json.Marshal(x); return string(b) } //nolint:errcheck // it came from JSON
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(text(a), text(b)) })
	}
	return v
}

func pairs(v any) any {
	out := map[string]any{}
	for _, p := range list(v) {
		p := p.(map[string]any)
		key, _ := p["key"].(string)
		value, _ := p["value"].(string)
		if !strings.HasPrefix(key, "paraplu.") && key != "mlflow.modelVersions" {
			out[key] = value
		}
	}
	return out
}

// idsOf reads from the tags of an export which of ours a thing was: theirs → ours.
func idsOf(t *testing.T, url string) map[string]string {
	r := reader{t, url}
	var ids []string
	for _, e := range list(r.ask("POST", "/api/2.0/mlflow/experiments/search", map[string]any{"max_results": 1000, "view_type": "ALL"})["experiments"]) {
		ids = append(ids, e.(map[string]any)["experiment_id"].(string))
	}
	out := map[string]string{}
	read := func(list []any, at, id, tag string) {
		for _, x := range list {
			x := x.(map[string]any)
			info := x["info"].(map[string]any)
			tags := x[at].(map[string]any)["tags"]
			for _, p := range tags.([]any) {
				if p := p.(map[string]any); p["key"] == tag {
					if _, twice := out[info[id].(string)]; twice {
						t.Errorf("%s is there twice", info[id])
					}
					out[info[id].(string)] = p["value"].(string)
				}
			}
		}
	}
	read(list(r.ask("POST", "/api/2.0/mlflow/runs/search", map[string]any{"experiment_ids": ids, "run_view_type": "ALL", "max_results": 1000})["runs"]), "data", "run_id", "paraplu.run_id")
	read(list(r.ask("POST", "/api/2.0/mlflow/logged-models/search", map[string]any{"experiment_ids": ids})["models"]), "info", "model_id", "paraplu.model_id")
	return out
}

// renamed gives a snapshot with the ids of the first source, and without what only the server sets: times of making,
// who made it. Runs that are there twice collide and are missed.
func renamed(t *testing.T, s map[string]any, ours map[string]string) map[string]any {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for theirs, id := range ours {
		text = strings.ReplaceAll(text, theirs, id)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	if len(out["runs"].(map[string]any)) != len(s["runs"].(map[string]any)) {
		t.Errorf("%d runs, %d ids", len(s["runs"].(map[string]any)), len(out["runs"].(map[string]any)))
	}
	timeless(out)
	return out
}

func timeless(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range []string{"creation_time", "last_update_time", "creation_timestamp", "last_updated_timestamp", "creation_timestamp_ms", "last_updated_timestamp_ms"} {
			delete(v, k)
		}
		for _, x := range v {
			timeless(x)
		}
	case []any:
		for _, x := range v {
			timeless(x)
		}
	}
}
