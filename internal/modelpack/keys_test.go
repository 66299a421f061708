package modelpack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/paraplu/paraplu/internal/fault"
)

func TestKeysAreMadeOnceAndPrivate(t *testing.T) {
	k := OpenKeys(filepath.Join(t.TempDir(), "keys"))
	hints := make(chan string)
	for range 8 {
		go func() {
			pub, err := k.PublicPEM()
			if err != nil {
				t.Error(err)
			}
			hints <- hint(pub)
		}()
	}
	first := <-hints
	for range 7 {
		if h := <-hints; h != first {
			t.Fatal("two keys were made")
		}
	}
	info, err := os.Stat(filepath.Join(k.dir, privateName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	public := filepath.Join(k.dir, publicName)
	if err := os.WriteFile(public, []byte("of an earlier key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if pub, err := k.PublicPEM(); err != nil || hint(pub) != first {
		t.Errorf("%s %v", pub, err)
	}
	if pub, err := os.ReadFile(public); err != nil || hint(pub) != first {
		t.Errorf("the public key beside the private one is another: %s %v", pub, err)
	}
	if err := os.Chmod(filepath.Join(k.dir, privateName), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := k.signer(); !fault.Is(err, fault.Denied) {
		t.Errorf("a key that others can read: %v", err)
	}
}
