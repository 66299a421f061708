package spec_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
)

var update = flag.Bool("update", false, "rewrite the expected files in testdata")

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs.\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil || len(list) == 0 {
		t.Fatalf("no files %s (%v)", pattern, err)
	}
	return list
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestBadFiles(t *testing.T) {
	for _, file := range files(t, "testdata/bad/*/*.yaml") {
		t.Run(file, func(t *testing.T) {
			p, err := spec.Parse("paraplu.yaml", read(t, file))
			if err == nil || p != nil {
				t.Fatal("accepted")
			}
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("kind %v", fault.KindOf(err))
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

func TestGoodFiles(t *testing.T) {
	for _, file := range files(t, "testdata/good/*.yaml") {
		t.Run(file, func(t *testing.T) {
			p, err := spec.Parse("paraplu.yaml", read(t, file))
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".json", string(b)+"\n")
			var back spec.Product
			if err := json.Unmarshal(b, &back); err != nil {
				t.Fatal(err)
			}
			if back.Digest() != p.Digest() {
				t.Error("the digest is lost on the way through JSON")
			}
		})
	}
}

func TestExampleUmbrella(t *testing.T) {
	p, err := spec.Load("../../examples/umbrella")
	if err != nil {
		t.Fatal(err)
	}
	order, err := p.Pipeline.Graph().Order()
	if err != nil || strings.Join(order, " ") != "features train evaluate" {
		t.Errorf("order %v, %v", order, err)
	}
	if p.Canvas.Value.TooFew != 7 || p.Canvas.Value.TooMany != 1.5 || p.Canvas.Outcome.KnownAfter.Std() != 24*time.Hour {
		t.Errorf("canvas %+v", p.Canvas)
	}
	if d, ok := p.Dataset("forecasts"); !ok || !d.Simulated || d.KnownAt != "issued_at" {
		t.Errorf("forecasts %+v", d)
	}
}

func TestLoadChecksFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := spec.Load(dir); !fault.Is(err, fault.NotFound) || fault.HintOf(err) == "" {
		t.Errorf("no file: %v", err)
	}
	text := `product: {name: umbrella}
data:
  weather: {path: data/none.csv, contract: contracts/weather.yaml}
monitor:
  value: {runbook: runbooks/value.md}
`
	if err := os.WriteFile(filepath.Join(dir, spec.FileName), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := spec.Load(dir)
	want := fmt.Sprintf("%[1]s:3:34: data.weather.contract: the contract contracts/weather.yaml does not exist\n"+
		"%[1]s:5:11: monitor.value.runbook: the runbook runbooks/value.md does not exist", filepath.Join(dir, spec.FileName))
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestDefaults(t *testing.T) {
	for risk, want := range map[string]string{"low": "0 180d", "medium": "1 180d", "high": "2 90d"} {
		p, err := spec.Parse("x.yaml", []byte("product: {name: p, risk: "+risk+"}\nrelease: {environment: live}"))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(p.Release.Approvals.People, " ", p.Release.Approvals.Expires); got != want {
			t.Errorf("%s: %s, want %s", risk, got, want)
		}
		if p.Deploy.Endpoint != "p" || p.Deploy.Environment != "live" || len(p.Deploy.Rollout) != 1 || p.Monitor.Window.Std() != 168*time.Hour {
			t.Errorf("defaults %+v %+v", p.Deploy, p.Monitor)
		}
		if p.Has("deploy") || !p.Has("release") {
			t.Errorf("sections %v", p.Sections)
		}
	}
}

func TestDigestIgnoresForm(t *testing.T) {
	digest := func(text string) string {
		p, err := spec.Parse("x.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return string(p.Digest())
	}
	a := digest("product: {name: p, title: T}\nretrain: {step: s, set: {a: 1, b: 2}}\npipeline: {steps: {s: {cmd: x}}}\n")
	b := digest("# comment\npipeline:\n  steps:\n    s:\n      cmd: x\nretrain: {set: {b: 2, a: 1}, step: s}\nproduct:\n  title: T\n  name: p\n")
	c := digest("product: {name: p, title: T}\nretrain: {step: s, set: {a: 1, b: 3}}\npipeline: {steps: {s: {cmd: x}}}\n")
	if a != b {
		t.Error("form changes the digest")
	}
	if a == c {
		t.Error("a value does not change the digest")
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"7d": 168 * time.Hour, "1w": 168 * time.Hour, "1h30m": 90 * time.Minute, "90s": 90 * time.Second,
		"1m1ms": time.Minute + time.Millisecond, "0s": 0, "999w": 999 * 168 * time.Hour,
	} {
		got, err := spec.ParseDuration(text)
		if err != nil || got.Std() != want {
			t.Errorf("%s: %v, %v", text, got.Std(), err)
		}
		if again, err := spec.ParseDuration(got.String()); err != nil || again != got {
			t.Errorf("%s prints as %s: %v", text, got, err)
		}
	}
	for _, text := range []string{"", "7", "d", "1.5h", "-1d", "1h1d", "1d 2h", "100000s", "1000w", "10000d", "1y"} {
		if d, err := spec.ParseDuration(text); err == nil {
			t.Errorf("%q is %v", text, d)
		}
	}
}

func TestNearest(t *testing.T) {
	list := []string{"deps", "outs", "params", "metrics", "always_changed"}
	for word, want := range map[string]string{
		"dep": "deps", "DEPS": "deps", "parmas": "params", "metric": "metrics", "allways_changed": "always_changed",
		"x": "", "colour": "", strings.Repeat("deps", 1000): "",
	} {
		if got := spec.Nearest(word, list); got != want {
			t.Errorf("%.20s: %q, want %q", word, got, want)
		}
	}
}

func TestTooLarge(t *testing.T) {
	_, err := spec.Parse("paraplu.yaml", []byte("# "+strings.Repeat("x", 1<<20)+"\nproduct: {name: p}\n"))
	if err == nil || !strings.Contains(err.Error(), "larger than 1024 KiB") {
		t.Error(err)
	}
}

func TestManyProblemsAreCut(t *testing.T) {
	_, err := spec.Parse("paraplu.yaml", []byte("product: {name: p}\n"+strings.Repeat("? zzz\n", 80)))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 51 || !strings.HasSuffix(lines[50], "and 30 more problems") {
		t.Errorf("%d lines, last %q", len(lines), lines[len(lines)-1])
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*/*.yaml", "testdata/good/*.yaml", "../../examples/umbrella/paraplu.yaml"} {
		list, _ := filepath.Glob(pattern)
		for _, file := range list {
			if data, err := os.ReadFile(file); err == nil && len(data) < 5000 {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := spec.Parse("paraplu.yaml", data)
		if (p == nil) == (err == nil) {
			t.Fatalf("product %v, error %v", p, err)
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "paraplu.yaml") || !fault.Is(err, fault.Invalid) {
				t.Fatalf("error without a place or kind: %v", err)
			}
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back spec.Product
		if err := json.Unmarshal(again, &back); err != nil || back.Digest() != p.Digest() {
			t.Fatalf("not the same after JSON: %v\n%s", err, again)
		}
		if _, err := p.Pipeline.Graph().Order(); err != nil {
			t.Fatalf("accepted with %v", err)
		}
	})
}
