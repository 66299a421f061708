package steps_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// TestFullDisk fills the disk under the workspace to the last kilobytes and brings data into production. It must work or
// say that the disk is full; when there is space again the workspace is whole, and the same command completes.
func TestFullDisk(t *testing.T) {
	h := &house{t: t, dir: t.TempDir()}
	if err := layOut(h.dir); err != nil {
		t.Fatal(err)
	}
	small(t, filepath.Join(h.dir, ".paraplu"), "12m")
	d, err := db.Open(ctx, filepath.Join(h.dir, ".paraplu", "paraplu.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := db.Migrate(ctx, d, sources()...); err != nil {
		t.Fatal(err)
	}
	if h.s, err = open(d, h.dir, time.Now); err != nil {
		t.Fatal(err)
	}
	defer h.s.Blob.Close()
	refused := 0
	for round := range 24 {
		free := 6 * round // kB; a whole round takes about 100
		t.Run(fmt.Sprintf("%dk", free), func(t *testing.T) {
			h.t = t
			filler := filepath.Join(h.dir, ".paraplu", "filler")
			fill(t, filler, free<<10)
			err := live(h.s, h.dir, round)
			if err != nil {
				refused++
				if !fault.Is(err, fault.Exhausted) {
					t.Errorf("a full disk is %s: %v", fault.KindOf(err), err)
				}
				t.Logf("refused: %v", err)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			for _, finding := range h.inspect(true) {
				if !strings.Contains(finding, "is not referred to") { // an object whose transaction never came
					t.Errorf("damage: %s", finding)
				}
			}
			if err := live(h.s, h.dir, round); err != nil {
				t.Fatalf("with space again: %v", err)
			}
			h.consistent()
		})
	}
	if refused < 3 {
		t.Errorf("only %d rounds were refused: the disk was never full", refused)
	}
}

// small puts a small disk of its own under a folder.
func small(t *testing.T, dir, size string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small disk cannot be mounted here (%v); root can", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fill writes a file that leaves so many bytes on its disk.
func fill(t *testing.T, path string, leave int) {
	t.Helper()
	var stat syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &stat); err != nil {
		t.Fatal(err)
	}
	n := int(stat.Bavail)*int(stat.Bsize) - leave
	if n < 0 {
		t.Fatalf("%d bytes are free, fewer than %d", n+leave, leave)
	}
	if err := os.WriteFile(path, make([]byte, n), 0o644); err != nil {
		t.Fatal(err)
	}
}
