package dataset

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/fault"
)

// The directory object and its md5 are those of DVC 3.67 for these three files.
const dvcDir = `[{"md5": "9f9f90dbe3e5ee1218c86b8839db1995", "relpath": "a.txt"}, {"md5": "8e85b815d39c332d49e64b713c957819", "relpath": "sub/b.txt"}, {"md5": "3ecfad755fa825f7a17c5526ec44e651", "relpath": "\u00e9.csv"}]`

var dvcObjects = []string{"alpha\n", "beta\r\n", "1,2\n"}

// dvcRepo is a repository with objects in a cache (or remote) of one layout.
func dvcRepo(t *testing.T, root, layout string, files map[string]string) string {
	t.Helper()
	repo := write(t, files)
	must(t, os.MkdirAll(filepath.Join(repo, ".dvc"), 0o755))
	place := func(name, body string) {
		to := filepath.Join(repo, root, layout, name[:2], name[2:])
		must(t, os.MkdirAll(filepath.Dir(to), 0o755))
		must(t, os.WriteFile(to, []byte(body), 0o444))
	}
	for _, body := range dvcObjects {
		place(md5Of(body), body)
	}
	place("61b0331afcb3ee7eb5639b74f8abae98.dir", dvcDir)
	place(md5Of("beta\n"), "beta\r\n") // as DVC 2 names a text with DOS line ends
	return repo
}

func md5Of(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestDVC(t *testing.T) {
	three := map[string]string{
		"data.dvc":    "outs:\n- md5: 61b0331afcb3ee7eb5639b74f8abae98.dir\n  size: 16\n  nfiles: 3\n  hash: md5\n  path: data\n",
		"x/y.txt.dvc": "wdir: ..\nouts:\n- md5: 9f9f90dbe3e5ee1218c86b8839db1995\n  size: 6\n  hash: md5\n  path: z/y.txt\n",
		"dvc.lock":    "schema: '2.0'\nstages:\n  train:\n    cmd: x\n    outs:\n    - path: build/a.txt\n      hash: md5\n      md5: 9f9f90dbe3e5ee1218c86b8839db1995\n      size: 6\n",
		"old.txt.dvc": "outs:\n- md5: " + md5Of("beta\n") + "\n  size: 6\n  path: old.txt\n",
		"new.txt.dvc": "outs:\n- md5: " + md5Of("beta\n") + "\n  size: 6\n  hash: md5\n  path: new.txt\n",
	}
	for name, c := range map[string]struct{ root, layout, config string }{
		"cache of DVC 3":  {".dvc/cache", "files/md5", ""},
		"cache of DVC 2":  {".dvc/cache", ".", ""},
		"cache elsewhere": {"elsewhere", "files/md5", "[cache]\n    dir = ../elsewhere\n"},
		"local remote":    {"remote", ".", "[core]\n    remote = here\n['remote \"here\"']\n    url = ../remote\n['remote \"far\"']\n    url = s3://bucket/x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			repo := dvcRepo(t, c.root, c.layout, three)
			must(t, os.WriteFile(filepath.Join(repo, ".dvc/config"), []byte(c.config), 0o644))
			get := func(source string) (Fetched, error) {
				return DVC{Source: source, Dir: t.TempDir()}.Get(context.Background())
			}
			for source, want := range map[string]string{
				repo + "/x/y.txt.dvc": "alpha\n", repo + "//z/y.txt": "alpha\n", repo + "//build/a.txt": "alpha\n",
				repo + "//data/sub/b.txt": "beta\r\n", repo + "/old.txt.dvc": "beta\r\n",
			} {
				f, err := get(source)
				must(t, err)
				if body, err := os.ReadFile(f.Path); err != nil || string(body) != want || !strings.HasPrefix(f.Origin.ETag, "md5:") {
					t.Errorf("%s: %q, %v, %+v", source, body, err, f.Origin)
				}
			}
			f, err := get(repo + "/data.dvc")
			must(t, err)
			if body, err := os.ReadFile(filepath.Join(f.Path, "é.csv")); err != nil || string(body) != "1,2\n" {
				t.Errorf("the folder: %q, %v", body, err)
			}
			if f, err := (DVC{Source: repo + "/data.dvc", Known: &f.Origin, Dir: t.TempDir()}).Get(context.Background()); err != nil || !f.Unchanged {
				t.Errorf("fetched again: %+v, %v", f, err)
			}
			if f, err = get(repo + "//data/sub"); err != nil {
				t.Fatal(err)
			}
			if body, err := os.ReadFile(filepath.Join(f.Path, "b.txt")); err != nil || string(body) != "beta\r\n" {
				t.Errorf("part of the folder: %q, %v", body, err)
			}
			for source, kind := range map[string]fault.Kind{
				repo + "/new.txt.dvc": fault.Invalid, // an md5 of DVC 3 is of the bytes
				repo + "//nowhere":    fault.NotFound, repo + "//data/nowhere": fault.NotFound, repo + "/no.dvc": fault.NotFound,
				repo: fault.Invalid, t.TempDir() + "//x": fault.NotFound,
			} {
				if _, err := get(source); !fault.Is(err, kind) {
					t.Errorf("%s: %v, want %v", source, err, kind)
				}
			}
			flipped := filepath.Join(repo, c.root, c.layout, "9f", "9f90dbe3e5ee1218c86b8839db1995")
			must(t, os.Chmod(flipped, 0o644))
			must(t, os.WriteFile(flipped, []byte("alphb\n"), 0o644))
			if _, err := get(repo + "/data.dvc"); err == nil || !strings.Contains(err.Error(), "damaged") {
				t.Errorf("a damaged object: %v", err)
			}
			must(t, os.Remove(flipped))
			if _, err := get(repo + "/data.dvc"); !fault.Is(err, fault.NotFound) || fault.HintOf(err) == "" {
				t.Errorf("a missing object: %v", err)
			}
		})
	}
}
