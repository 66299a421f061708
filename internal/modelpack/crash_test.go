package modelpack

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/ref"
)

func openWorkspace(t testing.TB, dir string) *Room {
	t.Helper()
	ctx := context.Background()
	d, err := db.Open(ctx, filepath.Join(dir, "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := db.Migrate(ctx, d, event.Migrations(), Migrations()); err != nil {
		t.Fatal(err)
	}
	b, err := blob.Open(ctx, "file://"+filepath.Join(dir, "objects"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return New(d, b, OpenKeys(filepath.Join(dir, "keys")), clock)
}

func nth(i int) BuildInput {
	in := input("umbrella2")
	in.CreatedAt = created.Add(time.Duration(i) * time.Second)
	return in
}

// TestCrashChild is the process that gets killed; it builds one package after the other.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv("MODELPACK_CRASH_DIR")
	if dir == "" {
		t.Skip("only as the child of TestKilledBuildsComplete")
	}
	r := openWorkspace(t, dir)
	for i := range 10_000 {
		if _, _, err := r.Build(context.Background(), nth(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// kill -9 at any moment: the same calls again complete; there is one fact a package and no row without its objects.
func TestKilledBuildsComplete(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	openWorkspace(t, dir) // migrations and key are not what is tested
	for range 6 {
		cmd := exec.Command(os.Args[0], "-test.run=TestCrashChild$")
		cmd.Env = append(os.Environ(), "MODELPACK_CRASH_DIR="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(60+rand.IntN(200))*time.Millisecond, func() { cmd.Process.Kill() }) //nolint:errcheck // it may be gone
		cmd.Wait()                                                                                                //nolint:errcheck // it was killed
		timer.Stop()
	}
	r := openWorkspace(t, dir)
	ctx := context.Background()
	before, err := r.List(ctx, "")
	if err != nil || len(before) == 0 {
		t.Fatalf("%d packages were built before the last kill (%v)", len(before), err)
	}
	for i := range len(before) + 1 {
		if _, _, err := r.Build(ctx, nth(i)); err != nil {
			t.Fatal(err)
		}
	}
	packs, err := r.List(ctx, "")
	if err != nil || len(packs) != len(before)+1 {
		t.Fatalf("%d packages, want %d (%v)", len(packs), len(before)+1, err)
	}
	for _, p := range packs {
		if _, err := r.Verify(ctx, p.Digest); err != nil || len(p.Signatures) != 1 {
			t.Errorf("%s: %d signatures, %v", p.Digest, len(p.Signatures), err)
		}
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		facts, err := event.List(tx, event.Filter{})
		seen := map[string]bool{}
		for _, f := range facts {
			seen[f.Digest] = true
		}
		if len(facts) != len(packs) || len(seen) != len(packs) {
			t.Errorf("%d facts about %d packages, want %d", len(facts), len(seen), len(packs))
		}
		refs, err2 := References(tx)
		if err2 != nil {
			return err2
		}
		for _, d := range refs {
			if ok, err := r.blobs.Has(ctx, ref.Digest(d)); err != nil || !ok {
				t.Errorf("object %s is referenced and not there (%v)", d, err)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d packages over 6 kills", len(packs))
}
