package mlflow_test

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/mlflow"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/tracking"
)

// shelf is one package in memory: file → content.
type shelf map[string]string

var shelfDigest = ref.Sum([]byte("the package"))

func (s shelf) Get(_ context.Context, d ref.Digest) (*modelpack.Package, error) {
	if d != shelfDigest {
		return nil, fault.New(fault.NotFound, "no package %s", d.Short())
	}
	p := &modelpack.Package{Digest: d}
	for name, text := range s {
		p.Files = append(p.Files, modelpack.File{Path: name, Digest: ref.Sum([]byte(text)), Size: int64(len(text))})
	}
	return p, nil
}

func (s shelf) Open(_ context.Context, _ ref.Digest, path string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(s[path])), nil
}

func TestPackagesAreShownAndImmutable(t *testing.T) {
	d := dbtest.SQLite(t, sources...)
	store, err := blob.Open(context.Background(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	srv := httptest.NewServer(mlflow.Handler(mlflow.Deps{Tracking: tracking.New(d, store, time.Now),
		Packages: shelf{"MLmodel": "flavors:", "model.onnx": "onnx", "data/rows.jsonl": "{}", "data/b.txt": "b"}}))
	defer srv.Close()
	base, api := "packages/"+shelfDigest.Hex(), srv.URL+"/api/2.0/mlflow-artifacts/artifacts"
	for _, tc := range []struct {
		method, url string
		status      int
		has         string
	}{
		{"GET", api + "?path=" + base, 200, `{"files":[{"path":"MLmodel","is_dir":false,"file_size":8},{"path":"data","is_dir":true},{"path":"model.onnx","is_dir":false,"file_size":4}]}`},
		{"GET", api + "?path=" + base + "/data", 200, `"b.txt"`},
		{"GET", api + "/" + base + "/MLmodel", 200, "flavors:"},
		{"GET", api + "/" + base + "/data/b.txt", 200, "b"},
		{"GET", api + "/" + base + "/none", 404, "No such artifact"},
		{"GET", api + "/packages/" + strings.Repeat("0", 64) + "/MLmodel", 404, "no package"},
		{"PUT", api + "/" + base + "/MLmodel", 403, "immutable"},
		{"PUT", api + "/x/..%2f" + base + "/MLmodel", 400, "Invalid path"},
		{"PUT", api + "/.%2fpackages/evil", 403, "immutable"},
		{"DELETE", api + "/packages", 403, "immutable"},
	} {
		res, body := request(t, tc.method, tc.url, strings.NewReader("x"))
		if res.StatusCode != tc.status || !strings.Contains(body, tc.has) {
			t.Errorf("%s %s: %d %s; want %d with %s", tc.method, tc.url, res.StatusCode, body, tc.status, tc.has)
		}
	}
}
