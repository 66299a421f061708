package inference

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// TestForeignClients lets tritonclient, MLflow's scoring client and plain requests ask a real server. Clients that are
// not installed are left out; requests and pytest must be there.
func TestForeignClients(t *testing.T) {
	python := os.Getenv("PARAPLU_PYTHON")
	if python == "" {
		if os.Getenv("PARAPLU_REQUIRE_PYTHON") != "" {
			t.Fatal("PARAPLU_PYTHON is not set, and this run requires foreign clients; `make test` sets it")
		}
		t.Skip("no Python: set PARAPLU_PYTHON to an interpreter with pytest, requests, mlflow and tritonclient[http]")
	}
	room := sqlite(t, "umbrella", "iris")
	room.Start(t.Context())
	defer func() {
		if err := room.Stop(); err != nil {
			t.Error(err)
		}
	}()
	srv := httptest.NewServer(Handler(room))
	defer srv.Close()
	cmd := exec.Command(python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", filepath.Join("..", "..", "tests", "inference"))
	cmd.Env = append(os.Environ(), "PARAPLU_INFERENCE_URL="+srv.URL, "PYTHONDONTWRITEBYTECODE=1", "MLFLOW_DISABLE_TELEMETRY=true", "GIT_PYTHON_REFRESH=quiet")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	const fewest = 9 // the tests that need requests alone
	m := regexp.MustCompile(`(\d+) passed`).FindSubmatch(out)
	if m == nil {
		t.Fatal("no test ran")
	}
	if n, err := strconv.Atoi(string(m[1])); err != nil || n < fewest {
		t.Fatalf("%d tests passed, want at least %d", n, fewest)
	}
}
