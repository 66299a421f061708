package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/paraplu/paraplu/"

type file struct {
	path    string // from the root of the module
	room    string // first folder below internal/, "" outside
	test    bool
	doc     bool // has a package comment
	imports []string
}

// TestImports walks every Go file of the module and holds its imports against the tables.
func TestImports(t *testing.T) {
	files := load(t)
	if len(files) < 50 {
		t.Fatalf("only %d Go files found: the walk is broken", len(files))
	}
	for _, f := range files {
		if f.room == "" {
			continue
		}
		own, known := level[f.room]
		if !known {
			t.Errorf("%s: folder internal/%s is on no level; place it in internal/arch and ARCHITECTURE.md", f.path, f.room)
			continue
		}
		for _, imp := range f.imports {
			if why := refuse(f, own, imp); why != "" {
				t.Errorf("%s imports %s: %s", f.path, imp, why)
			}
		}
	}
}

func refuse(f file, own int, imp string) string {
	if rest, ours := strings.CutPrefix(imp, module); ours {
		return refuseOurs(f, own, rest)
	}
	if !strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") {
		return "" // standard library
	}
	if f.test {
		return ""
	}
	if own == 0 {
		return "level 0 uses the standard library only"
	}
	for prefix, allowed := range sdks {
		if strings.HasPrefix(imp, prefix) {
			if slices.Contains(allowed, f.room) {
				return ""
			}
			return "only " + strings.Join(allowed, ", ") + " may import this module"
		}
	}
	return "this module is not in the table of internal/arch; add it with a line in docs/adr"
}

func refuseOurs(f file, own int, rest string) string {
	below, ok := strings.CutPrefix(rest, "internal/")
	if !ok {
		if strings.HasPrefix(rest, "examples/") && (own >= 6 || f.test) {
			return ""
		}
		return "only commands and tests import examples"
	}
	target, _, _ := strings.Cut(below, "/")
	theirs, known := level[target]
	switch {
	case target == f.room:
		return ""
	case !known:
		return "folder internal/" + target + " is on no level"
	case f.test && theirs <= 4: // a test may use real parts instead of mocks
		return ""
	case theirs < own:
		return ""
	case slices.Contains(rooms[f.room], target), slices.Contains(peers[f.room], target):
		return ""
	case theirs == own:
		return "the same level, and there is no arrow between them"
	}
	return "a higher level"
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented, seen := map[string]bool{}, map[string]string{}
	for _, f := range load(t) {
		if f.test {
			continue
		}
		dir := filepath.Dir(f.path)
		seen[dir] = f.path
		documented[dir] = documented[dir] || f.doc
	}
	for dir := range seen {
		if !documented[dir] {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

func TestArchitecturePageNamesEveryRoom(t *testing.T) {
	page, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for room := range level {
		if !strings.Contains(string(page), room) {
			t.Errorf("ARCHITECTURE.md does not name internal/%s", room)
		}
		if _, err := os.Stat("../" + room); err != nil && room != "filter" {
			t.Errorf("the table names internal/%s, which is not there", room)
		}
	}
}

func load(t *testing.T) []file {
	t.Helper()
	var files []file
	root := "../.."
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case "node_modules", "testdata", ".git", ".venv", ".cache", "bin", "dist":
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		f := file{path: rel, test: strings.HasSuffix(p, "_test.go"), doc: parsed.Doc != nil}
		if below, ok := strings.CutPrefix(rel, "internal/"); ok {
			f.room, _, _ = strings.Cut(below, "/")
		}
		if strings.HasSuffix(filepath.Dir(rel), "test") && f.room != "" {
			f.test = true // packages such as dbtest serve tests only
		}
		for _, i := range parsed.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, name)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
