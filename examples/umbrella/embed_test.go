package umbrella_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/paraplu/paraplu/examples/umbrella"
	"github.com/paraplu/paraplu/internal/spec"
)

// The embedded folder, copied as the demo does, is a valid product whose declared files are there.
func TestEmbeddedProductIsValid(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, umbrella.Files); err != nil {
		t.Fatal(err)
	}
	product, err := spec.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if product == nil {
		t.Fatal("no product")
	}
	for _, name := range []string{
		"README.md", "params.yaml", "simulate.py", "product.py", "features.py", "train.py", "evaluate.py", "explore.py",
		"contracts/weather.odcs.yaml", "contracts/forecasts.odcs.yaml", "contracts/sales.odcs.yaml",
		"runbooks/performance.md", "runbooks/value.md", "data-source/seattle-weather.csv",
	} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s is missing or empty in the embedded example", name)
		}
	}
}

// Nothing that a run leaves behind may be embedded.
func TestEmbedsNoCaches(t *testing.T) {
	err := fs.WalkDir(umbrella.Files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, name := range []string{"__pycache__", "build", "data", ".paraplu", "mlruns", "tests"} {
			if entry.Name() == name {
				t.Errorf("%s is embedded", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
