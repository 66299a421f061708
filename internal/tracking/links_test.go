package tracking

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

func TestPagesOfArtifacts(t *testing.T) {
	eachYard(t, func(y *yard) {
		for _, name := range []string{"b", "a", "ä", "Z", "c/d"} {
			y.put("0/r/"+name, "x")
		}
		var got []string
		after := ""
		for {
			page, err := y.listArtifacts(yardCtx, "0/r", after, 2)
			y.ok(err)
			for _, a := range page.Items {
				got = append(got, a.Name())
			}
			if page.Next == "" {
				break
			}
			at, err := parseCursor(page.Next)
			y.ok(err)
			after = at.Path
		}
		want(y.t, "all pages", got, "Z", "a", "b", "c", "ä")
	})
}

func TestLinkKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "links")
	now := func() time.Time { return time.Unix(100, 0) }
	signature, err := OpenLinks(dir, now).Sign(200, "ab", "c")
	if err != nil {
		t.Fatal(err)
	}
	other := OpenLinks(dir, now) // another process
	if err := other.Check(signature, "200", "ab", "c"); err != nil {
		t.Error(err)
	}
	for _, grant := range [][]string{{"a", "bc"}, {"abc"}, {"ab", "c", ""}, {"ab"}} {
		if err := other.Check(signature, "200", grant...); !fault.Is(err, fault.Denied) {
			t.Errorf("%q: %v", grant, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, linkKey)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
	if err := os.WriteFile(filepath.Join(dir, linkKey), []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLinks(dir, now).Sign(200); fault.HintOf(err) == "" {
		t.Errorf("a damaged key: %v", err)
	}
}
