package modelpack

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
)

// TestReferenceToolVerifies lets OpenSSF's own tool, model_signing, verify a package written to a folder, and refuse it
// after one byte was changed.
func TestReferenceToolVerifies(t *testing.T) {
	python := os.Getenv("PARAPLU_PYTHON")
	if python == "" || exec.Command(python, "-c", "import model_signing").Run() != nil {
		if os.Getenv("PARAPLU_REQUIRE_PYTHON") == "1" {
			t.Fatal("PARAPLU_PYTHON names no interpreter with model-signing, and PARAPLU_REQUIRE_PYTHON=1 wants it")
		}
		t.Skip("PARAPLU_PYTHON names no interpreter with model-signing")
	}
	f := newFixture(t, dbtest.SQLite(t, event.Migrations(), Migrations()))
	p := f.build(t, input("umbrella"))
	dest := filepath.Join(t.TempDir(), "umbrella")
	if err := f.WriteDir(context.Background(), p.Digest, dest); err != nil {
		t.Fatal(err)
	}
	pub, err := f.keys.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key.pub.pem")
	if err := os.WriteFile(key, pub, 0o644); err != nil {
		t.Fatal(err)
	}
	verify := func() ([]byte, error) {
		return exec.Command(python, "-m", "model_signing", "verify", "key", dest,
			"--signature", filepath.Join(dest, signaturePath), "--public_key", key).CombinedOutput()
	}
	if out, err := verify(); err != nil {
		t.Fatalf("the reference tool refuses our signature: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dest, "CARD.md"), []byte("another card"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := verify(); err == nil {
		t.Fatalf("the reference tool accepts a changed file:\n%s", out)
	}
}
