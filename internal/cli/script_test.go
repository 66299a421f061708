package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/paraplu/paraplu/internal/ref"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"paraplu": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts plays sessions of users. Each begins with `stand`, which lays out the small product of testdata/stand, with
// `station`, the one of testdata/station, or with `fremont`, the example, and adds these words to testscript's own:
//
//	exits N COMMAND…      the command ends with exactly this code
//	clean stdout|stderr   shows the last output again, with digests, ids, times and ports replaced, for cmp
//	json [KEY VALUE]      the last output is JSON; its dotted KEY has this VALUE; len is the length of a list
//	keep NAME KEY         $NAME is the value of a dotted KEY of the last output
//	await FILE            waits until the file exists
//	flip FILE             turns all bits of the middle byte of a file
//	object FILE           $OBJECT is the stored object with the content of the file
//	serve, stopped N      starts `paraplu up`, $URL is where; ends it with SIGINT, it exits with N
//	logged                five runs in two experiments of the current folder, with ids, times and values that never differ
//	fetch STATUS PATH [BODY]   asks $URL; the answer becomes stdout
//	files DIR             serves a folder over HTTP at $FILES
//	busy                  $BUSY is a port that somebody else listens on
//
// [python] holds with PARAPLU_PYTHON, which PARAPLU_REQUIRE_PYTHON=1 wants; [mounts] where a test may mount file systems.
// UPDATE=1 rewrites what `cmp` compares with.
func TestScripts(t *testing.T) { play(t, "testdata/script") }

// TestViolations plays one delivery for each way in which real data go wrong, with every word of what is said about it.
func TestViolations(t *testing.T) { play(t, "testdata/script/violations") }

func play(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:           dir,
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PARAPLU_PYTHON", os.Getenv("PARAPLU_PYTHON"))
			e.Values[server] = &running{}
			e.Setenv("BIN", filepath.SplitList(os.Getenv("PATH"))[0])
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "mounts": // file systems of our own, in a name space of our own
				return exec.Command("unshare", "-rm", "true").Run() == nil, nil
			case "python":
				if os.Getenv("PARAPLU_PYTHON") == "" && os.Getenv("PARAPLU_REQUIRE_PYTHON") == "1" {
					return false, fmt.Errorf("PARAPLU_PYTHON is not set, and PARAPLU_REQUIRE_PYTHON=1 wants it")
				}
				return os.Getenv("PARAPLU_PYTHON") != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"stand": layOut("testdata/stand"), "station": layOut("testdata/station"), "fremont": layOut("../../examples/fremont"), "exits": exits, "clean": clean, "json": jsonCmd, "await": await, "flip": flip, "object": object, "keep": keep,
			"serve": serve, "stopped": stopped, "fetch": fetch, "busy": busy, "logged": loggedRuns,
			"files": serveFiles,
		},
	})
}

// layOut copies a product and goes there.
func layOut(folder string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		src, err := filepath.Abs(filepath.Join(root(), folder))
		ts.Check(err)
		name := filepath.Base(folder)
		ts.Check(os.CopyFS(ts.MkAbs(name), os.DirFS(src)))
		ts.Check(ts.Chdir(name))
	}
}

// root is the folder of this package: testscript leaves the working directory of the process alone.
func root() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return dir
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG…")
	}
	err := ts.Exec(args[1], args[2:]...)
	if got := fmt.Sprint(code(ts, err)); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

func code(ts *testscript.TestScript, err error) int {
	if err == nil {
		return 0
	}
	exit, ok := err.(*exec.ExitError)
	if !ok {
		ts.Fatalf("%v", err)
	}
	if sig := exit.Sys().(syscall.WaitStatus); sig.Signaled() {
		return 128 + int(sig.Signal())
	}
	return exit.ExitCode()
}

// volatile is what differs from run to run, with what stands for it.
var volatile = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "DIGEST"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "RUN"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "digest"},
	{regexp.MustCompile(`\b0[0-9a-hjkmnp-tv-z]{25}\b`), "ID"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?`), "TIME"},
	{regexp.MustCompile(` +\d+(\.\d+)?(ms|s|µs)\b`), " DURATION"},
	{regexp.MustCompile(`\(\d+(\.\d+)?(ms|s|µs)\)`), "(DURATION)"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "HOST:PORT"},
	{regexp.MustCompile(`(?m)[ \t]+$`), ""},
}

func clean(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("WORK"), "WORK")
	for _, v := range volatile {
		text = v.re.ReplaceAllString(text, v.with)
	}
	fmt.Fprint(ts.Stdout(), text)
}

func jsonCmd(ts *testscript.TestScript, _ bool, args []string) {
	v := lastJSON(ts)
	if len(args) == 0 {
		return
	}
	if got := dig(ts, v, args[0]); got != args[1] {
		ts.Fatalf("%s is %s, want %s", args[0], got, args[1])
	}
}

func keep(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], dig(ts, lastJSON(ts), args[1]))
}

func lastJSON(ts *testscript.TestScript) (v any) {
	text := ts.ReadFile("stdout")
	if text == "" {
		text = ts.ReadFile("stderr") // an error
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		ts.Fatalf("not JSON: %v\n%s", err, text)
	}
	return v
}

// dig gives the value at a dotted key; len is the length of a list.
func dig(ts *testscript.TestScript, v any, path string) string {
	all := v
	for _, key := range strings.Split(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[key]
			if !ok {
				ts.Fatalf("no key %s of %s in\n%v", key, path, all)
			}
			v = next
		case []any:
			if key == "len" {
				v = len(at)
				continue
			}
			i := 0
			if _, err := fmt.Sscan(key, &i); err != nil || i >= len(at) {
				ts.Fatalf("no item %s of %s in\n%v", key, path, all)
			}
			v = at[i]
		default:
			ts.Fatalf("%s leads nowhere in\n%v", path, all)
		}
	}
	return fmt.Sprint(v)
}

func await(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s did not appear", args[0])
		}
	}
}

func flip(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	body, err := os.ReadFile(path)
	ts.Check(err)
	body[len(body)/2] ^= 0xff
	ts.Check(os.Chmod(path, 0o644))
	ts.Check(os.WriteFile(path, body, 0o644))
}

func object(ts *testscript.TestScript, _ bool, args []string) {
	body, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	hex := ref.Sum(body).Hex()
	found, err := filepath.Glob(ts.MkAbs(".paraplu/objects/sha256/*/" + hex))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%d objects have the content of %s", len(found), args[0])
	}
	ts.Setenv("OBJECT", found[0])
}

// server is the key of the `paraplu up` of a script.
var server = new(int)

type running struct {
	cmd *exec.Cmd
	end chan error
	url string
}

// start starts `paraplu up` in a folder and gives it when the port answers.
func start(bin, dir string, args ...string) (*running, error) {
	r := &running{cmd: exec.Command(bin, append([]string{"up", "--addr", "127.0.0.1:0", "--json"}, args...)...), end: make(chan error, 1)}
	r.cmd.Dir = dir
	r.cmd.Env = append(os.Environ(), "HOME=/no-home", "PARAPLU_LOG=error")
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var errOut strings.Builder
	r.cmd.Stderr = &errOut
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	var info struct{ URL string }
	rest := bufio.NewReader(out)
	err = json.NewDecoder(rest).Decode(&info)
	r.url = info.URL
	go func() {
		io.Copy(io.Discard, rest) //nolint:errcheck // until it ends
		r.end <- r.cmd.Wait()
	}()
	if err != nil {
		<-r.end
		return nil, fmt.Errorf("paraplu up did not say where it is: %w\n%s", err, errOut.String())
	}
	return r, healthy(r.url)
}

// healthy waits until /health answers 200: what is released may be loading.
func healthy(url string) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		resp, err := http.Get(url + "/health")
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("/health answers %s", resp.Status)
		}
	}
}

func serve(ts *testscript.TestScript, _ bool, args []string) {
	r, err := start(filepath.Join(ts.Getenv("BIN"), "paraplu"), ts.MkAbs("."), args...)
	if r != nil {
		ts.Defer(func() { r.cmd.Process.Kill() }) //nolint:errcheck // it may have ended
	}
	ts.Check(err)
	ts.Setenv("URL", r.url)
	*ts.Value(server).(*running) = *r
}

func stopped(ts *testscript.TestScript, _ bool, args []string) {
	r := ts.Value(server).(*running)
	ts.Check(r.cmd.Process.Signal(os.Interrupt))
	select {
	case err := <-r.end:
		if got := fmt.Sprint(code(ts, err)); got != args[0] {
			ts.Fatalf("paraplu up ended with %s, want %s", got, args[0])
		}
	case <-time.After(15 * time.Second):
		ts.Fatalf("paraplu up did not end")
	}
}

// TestUpIsQuick: in an empty folder the port answers within a second. The best of three counts, since others use this machine.
func TestUpIsQuick(t *testing.T) {
	bin, err := exec.LookPath("paraplu")
	if err != nil {
		t.Fatal(err)
	}
	best := time.Hour
	for range 3 {
		began := time.Now()
		r, err := start(bin, t.TempDir())
		if r != nil {
			defer r.cmd.Process.Kill() //nolint:errcheck // it may have ended
		}
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(began))
		r.cmd.Process.Signal(os.Interrupt) //nolint:errcheck // seen by its end
		if err := <-r.end; err != nil {
			t.Errorf("paraplu up ended with %v", err)
		}
	}
	if best > time.Second {
		t.Errorf("/health answers after %s", best)
	}
	t.Logf("/health answers after %s", best.Round(time.Millisecond))
}

// TestSecondInterrupt: the first Ctrl-C asks a step to end, the second one does not wait for it.
func TestSecondInterrupt(t *testing.T) {
	dir := t.TempDir()
	yaml := "product: {name: deaf}\npipeline: {steps: {deaf: {cmd: \"trap '' INT TERM; echo started; while [ ! -e go ]; do sleep 0.05; done\"}}}\n"
	if err := os.WriteFile(filepath.Join(dir, "paraplu.yaml"), []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("paraplu", "run")
	cmd.Dir = dir
	errOut, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill() //nolint:errcheck // it may have ended
	defer os.WriteFile(filepath.Join(dir, "go"), nil, 0o644)
	lines := bufio.NewScanner(errOut)
	for _, want := range []string{"started", "Ctrl-C again"} {
		for !strings.Contains(lines.Text(), want) {
			if !lines.Scan() {
				t.Fatalf("it ended before it said %q", want)
			}
		}
		cmd.Process.Signal(os.Interrupt) //nolint:errcheck // seen by its end
	}
	began := time.Now()
	io.Copy(io.Discard, errOut) //nolint:errcheck // until it ends
	cmd.Wait()                  //nolint:errcheck // by a signal
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s to end", took)
	}
	out, err := exec.Command("paraplu", "doctor", "--workspace", "--deep", "--home", dir).CombinedOutput()
	if err != nil {
		t.Errorf("the workspace is not whole: %v\n%s", err, out)
	}
}

func fetch(ts *testscript.TestScript, _ bool, args []string) {
	method, body := "GET", ""
	if len(args) > 2 {
		method, body = "POST", ts.ReadFile(args[2])
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		status, text := ask(ts, method, ts.Getenv("URL")+args[1], body)
		if fmt.Sprint(status) == args[0] {
			fmt.Fprintln(ts.Stdout(), text)
			return
		}
		// a package may still be loading
		if status != http.StatusServiceUnavailable && status != http.StatusNotFound || time.Now().After(deadline) {
			ts.Fatalf("%s %s answered %d, want %s:\n%s", method, args[1], status, args[0], text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func ask(ts *testscript.TestScript, method, url, body string) (int, string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	return resp.StatusCode, string(text)
}

func serveFiles(ts *testscript.TestScript, _ bool, args []string) {
	server := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	ts.Defer(server.Close)
	ts.Setenv("FILES", server.URL)
}

func busy(ts *testscript.TestScript, _ bool, _ []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { ln.Close() })
	ts.Setenv("BUSY", ln.Addr().String())
}
