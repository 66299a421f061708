package demo

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/examples/umbrella"
	"github.com/paraplu/paraplu/internal/fault"
)

func TestTheExampleIsLaidOutAndKept(t *testing.T) {
	o := Options{Dir: filepath.Join(t.TempDir(), "umbrella")}
	if err := prepare(o); err != nil {
		t.Fatal(err)
	}
	files := 0
	if err := fs.WalkDir(umbrella.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		want, err := fs.ReadFile(umbrella.Files, path)
		if err != nil {
			return err
		}
		if got, err := os.ReadFile(filepath.Join(o.Dir, path)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	}); err != nil || files < 10 {
		t.Fatalf("%d files, %v", files, err)
	}
	params, gone := filepath.Join(o.Dir, "params.yaml"), filepath.Join(o.Dir, "train.py")
	if err := os.WriteFile(params, []byte("mine: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(gone); err != nil { // as after a kill in the middle
		t.Fatal(err)
	}
	if err := prepare(o); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(params); err != nil || string(got) != "mine: 1\n" {
		t.Errorf("what the user changed was overwritten: %q, %v", got, err)
	}
	if _, err := os.Stat(gone); err != nil {
		t.Errorf("a missing file was not laid out again: %v", err)
	}
	o.Fresh = true
	if err := prepare(o); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(params); err != nil || strings.Contains(string(got), "mine") {
		t.Errorf("--fresh kept an old file: %q, %v", got, err)
	}
}

func TestAFolderOfSomebodyElseIsLeftAlone(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		dir := t.TempDir()
		thesis := filepath.Join(dir, "thesis.txt")
		if err := os.WriteFile(thesis, []byte("three years"), 0o644); err != nil {
			t.Fatal(err)
		}
		err := prepare(Options{Dir: dir, Fresh: fresh})
		if !fault.Is(err, fault.Exists) || !strings.Contains(fault.HintOf(err), "--dir") {
			t.Errorf("fresh %v: %v", fresh, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("fresh %v: %d entries, %v", fresh, len(entries), err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := prepare(Options{Dir: file}); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func TestPythonIsAskedBeforeAnythingBegins(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct{ py, words string }{
		"none":    {"", "no Python was found"},
		"broken":  {script("broken", "echo it is broken; exit 1"), "it is broken"},
		"lacking": {script("lacking", "echo mlflow skl2onnx"), "lacks mlflow skl2onnx"},
	} {
		err := checkPython(context.Background(), c.py)
		if !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), c.words) || !strings.Contains(fault.HintOf(err), "make demo") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := checkPython(context.Background(), script("good", "true")); err != nil {
		t.Error(err)
	}
}

func TestTheStoryOutsideOfATerminalIsPlainText(t *testing.T) {
	var out bytes.Buffer
	n := newNarrator(&out)
	n.title(3, "Explore")
	n.say("%s", strings.Repeat("word ", 60))
	n.command("paraplu %s", "run")
	n.progress(1, 2, "half")
	n.result(true, "fine")
	n.result(false, "not fine\nat all")
	n.did(time.Now(), "done")
	text := out.String()
	if strings.ContainsAny(text, "\x1b\r") {
		t.Errorf("escape sequences in %q", text)
	}
	for _, want := range []string{"── 3 · Explore ─", "   $ paraplu run\n", "   ✓ fine\n", "   ✗ not fine\n     at all\n", "   ✓ done (0 ms)\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if len([]rune(strings.TrimRight(line, "\n"))) > 100 {
			t.Errorf("wider than 100: %q", line)
		}
	}
}

func TestWords(t *testing.T) {
	for v, want := range map[float64]string{0: "0 EUR", 999.4: "999 EUR", 1000: "1 000 EUR", 1234567.5: "1 234 568 EUR", -20000: "−20 000 EUR"} {
		if got := eur(v, "EUR"); got != want {
			t.Errorf("eur(%v) = %q, want %q", v, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 ms", 999 * time.Millisecond: "999 ms", 1500 * time.Millisecond: "1.5 s"} {
		if got := seconds(d); got != want {
			t.Errorf("seconds(%v) = %q, want %q", d, got, want)
		}
	}
	if got := strings.Join(wrap("a bb ccc\n\ndddddddd e", 4), "|"); got != "a bb|ccc||dddddddd|e" {
		t.Errorf("wrap: %q", got)
	}
	for n, want := range []string{"no cats", "1 cat", "2 cats"} {
		if got := plural(n, "cat", "cats"); got != want {
			t.Errorf("plural(%d) = %q", n, got)
		}
	}
}

func TestQuestions(t *testing.T) {
	const head = "day,decided_at,rain_forecast_mm,weekday,month,naive\n"
	path := filepath.Join(t.TempDir(), "replay.csv")
	for name, c := range map[string]struct{ row, words string }{
		"rain":    {"2015-01-01,x,wet,Thu,1,3\n", ":2: rain_forecast_mm"},
		"month":   {"2015-01-01,x,1,Thu,January,3\n", ":2: month"},
		"naive":   {"2015-01-01,x,1,Thu,1,\n", ":2: naive"},
		"columns": {"2015-01-01,x\n", "not a CSV table"},
	} {
		if err := os.WriteFile(path, []byte(head+c.row), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readQuestions(path); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, []byte(head+"2015-01-01,2014-12-31T18:00:00Z,,Thu,1,3\n2015-01-02,x,1.5,Fri,1,4\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	q, err := readQuestions(path)
	if err != nil || len(q) != 2 || q[0].rain != nil || *q[1].rain != 1.5 || q[1].month != 1 || q[1].naive != 4 || q[0].weekday != "Thu" {
		t.Errorf("%+v, %v", q, err)
	}
}
