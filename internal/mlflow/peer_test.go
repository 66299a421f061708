package mlflow_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// differences is the list of what we answer otherwise than MLflow, on purpose. Each row of its table starts with a name.
const differences = "../../docs/spec/mlflow-differences.md"

// TestSameAsMLflow searches at random and plays testdata/calls against a real `mlflow server`: one that runs at PARAPLU_PEER_MLFLOW, or one of its
// own with PARAPLU_PYTHON. An answer that differs must name a row of the list of differences, and be the one recorded;
// a row that no answer needs is stale. -update records MLflow's answers where a difference is named.
func TestSameAsMLflow(t *testing.T) {
	peer := startPeer(t)
	files, _ := filepath.Glob("testdata/calls/*.calls")
	used, played := map[string]bool{}, 0
	known := namesOf(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			played++
			header, list := readCalls(t, file)
			answers := play(&client{t: t, url: peer}, list)
			out := strings.Join(header, "\n") + "\n"
			for i, e := range list {
				compare(t, e, answers[i])
				if used[e.differs] = true; e.differs != "" && !known[e.differs] {
					t.Errorf("%s\nthe difference %q is not in %s", e.request, e.differs, differences)
				}
				out += e.text(e.want)
			}
			if *update {
				write(t, file, out)
			}
		})
	}
	t.Run("random searches", func(t *testing.T) { searchBoth(t, peer) })
	for name := range known {
		if !used[name] && played == len(files) { // not a part of them, by -run
			t.Errorf("the difference %q of %s does not occur in testdata/calls", name, differences)
		}
	}
}

// compare judges one answer of MLflow; with -update it takes the answer over where a difference is named.
func compare(t *testing.T, e *exchange, answer string) {
	if *update && e.differs != "" {
		e.theirs = shorten(answer)
	}
	switch {
	case e.differs == "" && answer != e.want:
		t.Errorf("%s\nMLflow %s\n  ours %s", e.request, answer, e.want)
	case e.differs != "" && answer == e.want:
		t.Errorf("%s\nanswers are the same, yet a difference is named: %s", e.request, e.differs)
	case e.differs != "" && shorten(answer) != e.theirs:
		t.Errorf("%s\nMLflow answers %s\n     recorded %s", e.request, shorten(answer), e.theirs)
	}
}

var address = regexp.MustCompile(`0x[0-9a-f]{6,}`)

// shorten cuts an answer before the SQL text that some errors of MLflow end with, which has times and numbers.
func shorten(answer string) string {
	const limit = 300
	if text, _, ok := strings.Cut(answer, `\n[SQL`); ok {
		answer = text + "…"
	}
	answer = address.ReplaceAllString(answer, "0x…")
	if r := []rune(answer); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return answer
}

var row = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|")

func namesOf(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(differences)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		names[m[1]] = true
	}
	return names
}

// startPeer gives the address of a real MLflow server.
func startPeer(t *testing.T) string {
	t.Helper()
	if peer := os.Getenv("PARAPLU_PEER_MLFLOW"); peer != "" {
		return strings.TrimSuffix(peer, "/")
	}
	python := os.Getenv("PARAPLU_PYTHON")
	if python == "" {
		if os.Getenv("PARAPLU_REQUIRE_PYTHON") != "" {
			t.Fatal("PARAPLU_PYTHON is not set, and this run requires a real MLflow server; `make test` sets it")
		}
		t.Skip("no MLflow: set PARAPLU_PYTHON to an interpreter with mlflow, or PARAPLU_PEER_MLFLOW to the address of a server")
	}
	dir, address := t.TempDir(), freeAddress(t)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(python, "-m", "mlflow", "server", "--workers", "1", "--port", port,
		"--backend-store-uri", "sqlite:///"+filepath.Join(dir, "peer.db"), "--artifacts-destination", filepath.Join(dir, "artifacts"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(os.Environ(), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false", "MLFLOW_DISABLE_TELEMETRY=true",
		"MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true", "MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https") // as our own server in these tests
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it has children, which end with it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		cmd.Wait() //nolint:errcheck // killed
		close(gone)
	}()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // gone already
		<-gone
	})
	waitFor(t, "http://"+address+"/health", gone, log.Name())
	return "http://" + address
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// waitFor asks until the address answers or the process is gone.
func waitFor(t *testing.T, url string, gone <-chan struct{}, logName string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if res, err := http.Get(url); err == nil {
			io.Copy(io.Discard, res.Body) //nolint:errcheck // only the status counts
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-tick.C:
			continue
		case <-gone:
		case <-ctx.Done():
		}
		text, _ := os.ReadFile(logName)
		t.Fatalf("MLflow's server did not start:\n%s", text)
	}
}
