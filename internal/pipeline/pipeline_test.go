package pipeline_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/spec"
)

var ctx = context.Background()

// bench is a workspace with a room over a fresh database.
type bench struct {
	t     testing.TB
	dir   string
	db    *db.DB
	blobs *blob.Store
	room  *pipeline.Room
}

// each runs a test on both databases.
func each(t *testing.T, files map[string]string, fn func(b *bench)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, d *db.DB) { fn(open(t, d, t.TempDir(), files)) }, event.Migrations(), pipeline.Migrations())
}

// local runs a test on SQLite, for what does not touch SQL.
func local(t testing.TB, files map[string]string) *bench {
	t.Helper()
	return open(t, dbtest.SQLite(t, event.Migrations(), pipeline.Migrations()), t.TempDir(), files)
}

func open(t testing.TB, d *db.DB, dir string, files map[string]string) *bench {
	t.Helper()
	store, err := blob.Open(ctx, "file://"+filepath.Join(dir, ".paraplu", "objects"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	b := &bench{t: t, dir: dir, db: d, blobs: store, room: pipeline.New(d, store, time.Now)}
	for name, text := range files {
		b.write(name, text)
	}
	return b
}

func (b *bench) write(name, text string) {
	b.t.Helper()
	file := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) read(name string) string {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

func (b *bench) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(b.dir, name))
	return err == nil
}

func (b *bench) product() *spec.Product {
	b.t.Helper()
	p, err := spec.Load(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (b *bench) plan(in pipeline.PlanInput) (*pipeline.Plan, error) {
	b.t.Helper()
	in.Product = b.product()
	return b.room.Plan(ctx, in)
}

func (b *bench) mustPlan(in pipeline.PlanInput) *pipeline.Plan {
	b.t.Helper()
	p, err := b.plan(in)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// run plans and runs; the error is that of Run.
func (b *bench) run(in pipeline.PlanInput, opt pipeline.RunOptions) (*pipeline.Execution, error) {
	b.t.Helper()
	if opt.Actor == "" {
		opt.Actor = "daisy"
	}
	return b.room.Run(ctx, b.mustPlan(in), opt)
}

func (b *bench) mustRun() *pipeline.Execution {
	b.t.Helper()
	e, err := b.run(pipeline.PlanInput{}, pipeline.RunOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

// results gives "name result" for each step.
func results(e *pipeline.Execution) string {
	var list []string
	for _, s := range e.Steps {
		list = append(list, s.Name+" "+string(s.Result))
	}
	return strings.Join(list, ", ")
}

func (b *bench) wantResults(e *pipeline.Execution, want string) {
	b.t.Helper()
	if got := results(e); got != want {
		b.t.Errorf("results\n got %s\nwant %s", got, want)
	}
}

// chain counts how often each step ran in runs/.
var chain = map[string]string{
	"paraplu.yaml": `product: {name: shop}
pipeline:
  steps:
    features: {cmd: "echo x >> runs.features; sort raw.csv > build/features.csv", deps: [raw.csv], outs: [build/features.csv]}
    train:
      cmd: "echo x >> runs.train; mkdir build/model; cat build/features.csv $PARAPLU_PARAMS > build/model/weights; echo note > build/model/note"
      deps: [build/features.csv, code]
      params: [train]
      outs: [build/model]
    evaluate:
      cmd: "echo x >> runs.evaluate; wc -l < build/model/weights > build/holdout; echo '{\"wape\": 0.25, \"by\": {\"wet\": 1}, \"note\": \"text\"}' > build/metrics.json"
      deps: [build/model]
      outs: [build/holdout]
      metrics: [build/metrics.json]
`,
	"params.yaml": "train: {depth: 3, rate: 0.1}\nother: 1\n",
	"raw.csv":     "b\na\n",
	"code/fit.py": "pass\n",
}

func (b *bench) runs(step string) int {
	data, _ := os.ReadFile(filepath.Join(b.dir, "runs."+step))
	return bytes.Count(data, []byte("x"))
}

func TestRunThenNothingToDo(t *testing.T) {
	each(t, chain, func(b *bench) {
		var out bytes.Buffer
		e, err := b.run(pipeline.PlanInput{}, pipeline.RunOptions{Out: &out})
		if err != nil {
			b.t.Fatal(err)
		}
		b.wantResults(e, "features ran, train ran, evaluate ran")
		if b.read("build/features.csv") != "a\nb\n" {
			b.t.Error("features are wrong")
		}
		if s, _ := e.Step("evaluate"); s.Metrics["wape"] != 0.25 || s.Metrics["by.wet"] != 1 || len(s.Metrics) != 2 {
			b.t.Errorf("metrics %v", s.Metrics)
		}
		again := b.mustRun()
		b.wantResults(again, "features cached, train cached, evaluate cached")
		for _, s := range again.Steps {
			if s.Why != "unchanged since execution "+e.ID {
				b.t.Errorf("%s: %s", s.Name, s.Why)
			}
			if b.runs(s.Name) != 1 {
				b.t.Errorf("%s ran %d times", s.Name, b.runs(s.Name))
			}
		}
		stored, err := b.room.Executions(ctx, "shop", 0)
		if err != nil || len(stored) != 2 || stored[0].ID != again.ID || stored[1].State != pipeline.Succeeded {
			b.t.Fatalf("stored %+v, %v", stored, err)
		}
		if s, _ := stored[0].Step("evaluate"); s.Metrics["wape"] != 0.25 || len(s.Outs) != 2 {
			b.t.Errorf("stored step %+v", s)
		}
		b.wantFact(e)
		if made, err := b.room.Origin(ctx, "shop", "train"); err != nil || made.ID != e.ID || len(made.Steps) != 3 {
			b.t.Errorf("origin %+v, %v", made, err)
		}
		if _, err := b.room.Origin(ctx, "shop", "nobody"); !fault.Is(err, fault.NotFound) {
			b.t.Errorf("origin of nothing: %v", err)
		}
		if _, err := b.room.Execution(ctx, "nobody"); err == nil {
			b.t.Error("an unknown execution exists")
		}
	})
}

func (b *bench) facts() (list []event.Fact) {
	b.t.Helper()
	err := b.db.View(ctx, func(tx *db.Tx) (err error) {
		list, err = event.List(tx, event.Filter{Verbs: []string{event.ExecutionFinished}})
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

func (b *bench) wantFact(e *pipeline.Execution) {
	b.t.Helper()
	facts := b.facts()
	if len(facts) != 2 || facts[0].Key != "execution:"+e.ID || facts[0].Actor != "daisy" {
		b.t.Fatalf("facts %+v", facts)
	}
	f := facts[0]
	lineage := func(list []string) (paths string) {
		for _, s := range list {
			path, digest, _ := strings.Cut(strings.TrimPrefix(s, "file:"), "@")
			if len(digest) != len("sha256:")+64 {
				b.t.Errorf("lineage %s", s)
			}
			paths += path + " "
		}
		return paths
	}
	if in, out := lineage(f.Inputs), lineage(f.Outputs); in != "code raw.csv " || out != "build/features.csv build/holdout build/metrics.json build/model " {
		b.t.Errorf("inputs %q outputs %q", in, out)
	}
	var told pipeline.Told
	if err := f.Decode(&told); err != nil || told.State != pipeline.Succeeded || len(told.Steps) != 3 || told.Steps[2].Metrics["wape"] != 0.25 {
		b.t.Errorf("told %+v, %v", told, err)
	}
}

// TestWhy changes one thing after a run and reads what plan and run say.
func TestWhy(t *testing.T) {
	edit := func(name, old, new string) func(b *bench) {
		return func(b *bench) { b.write(name, strings.Replace(b.read(name), old, new, 1)) }
	}
	cases := []struct {
		name   string
		change func(b *bench)
		in     pipeline.PlanInput
		want   string // plan, one line per step; # is the first execution
		ran    string // steps that ran afterwards
	}{
		{"nothing", func(*bench) {}, pipeline.PlanInput{},
			"cached: unchanged since execution #|cached: unchanged since execution #|cached: unchanged since execution #", ""},
		{"data", edit("raw.csv", "a", "c"), pipeline.PlanInput{},
			"run: raw.csv changed (aea8a04c → bb9ead4c)|undecided: waits for features|undecided: waits for train", "features train evaluate"},
		{"data that gives the same features", func(b *bench) { b.write("raw.csv", "a\nb\n") }, pipeline.PlanInput{},
			"run: raw.csv changed (aea8a04c → 911169dd)|undecided: waits for features|undecided: waits for train", "features"},
		{"command", edit("paraplu.yaml", "sort raw.csv", "sort -r raw.csv"), pipeline.PlanInput{},
			"run: command changed (echo x >> runs.features; sort raw.csv > build/features.csv → echo x >> runs.features; sort -r raw.csv > build/features.c…)|undecided: waits for features|undecided: waits for train", "features train evaluate"},
		{"param", edit("params.yaml", "depth: 3", "depth: 4"), pipeline.PlanInput{},
			"cached: unchanged since execution #|run: param train.depth changed (3 → 4)|undecided: waits for train", "train evaluate"},
		{"param that nobody reads", edit("params.yaml", "other: 1", "other: 2"), pipeline.PlanInput{},
			"cached: unchanged since execution #|cached: unchanged since execution #|cached: unchanged since execution #", ""},
		{"override", func(*bench) {}, pipeline.PlanInput{Set: map[string]any{"train.rate": 0.2}},
			"cached: unchanged since execution #|run: param train.rate changed (0.1 → 0.2)|undecided: waits for train", "train evaluate"},
		{"override to the same", func(*bench) {}, pipeline.PlanInput{Set: map[string]any{"train.depth": "3"}},
			"cached: unchanged since execution #|cached: unchanged since execution #|cached: unchanged since execution #", ""},
		{"file in a folder", edit("code/fit.py", "pass", "fit"), pipeline.PlanInput{},
			"cached: unchanged since execution #|run: code changed (* → *)|undecided: waits for train", "train"},
		{"what tools leave behind", func(b *bench) { b.write("code/__pycache__/fit.pyc", "x") }, pipeline.PlanInput{},
			"cached: unchanged since execution #|cached: unchanged since execution #|cached: unchanged since execution #", ""},
		{"environment", edit("paraplu.yaml", "deps: [raw.csv],", "deps: [raw.csv], env: {LC_ALL: C},"), pipeline.PlanInput{},
			`run: env LC_ALL changed ("" → "C")|undecided: waits for features|undecided: waits for train`, "features"},
		{"requirements", func(b *bench) { b.write("requirements.txt", "numpy") }, pipeline.PlanInput{},
			"run: environment requirements.txt is a new dependency|undecided: waits for features|undecided: waits for train", "features train evaluate"},
		{"new dependency", edit("paraplu.yaml", "deps: [raw.csv]", "deps: [raw.csv, code/fit.py]"), pipeline.PlanInput{},
			"run: code/fit.py is a new dependency|undecided: waits for features|undecided: waits for train", "features"},
		{"description", edit("paraplu.yaml", "params: [train]", "params: [train]\n      desc: fits"), pipeline.PlanInput{},
			"cached: unchanged since execution #|cached: unchanged since execution #|cached: unchanged since execution #", ""},
		{"force", func(*bench) {}, pipeline.PlanInput{Force: true},
			"run: --force|run: --force|run: --force", "features train evaluate"},
		{"force one target", func(*bench) {}, pipeline.PlanInput{Force: true, Targets: []string{"features"}}, "run: --force", "features"},
		{"missing output", func(b *bench) { os.Remove(filepath.Join(b.dir, "build/features.csv")) }, pipeline.PlanInput{},
			"cached: unchanged since execution #; restores build/features.csv (it was missing)|cached: unchanged since execution #|cached: unchanged since execution #", ""},
		{"changed output", func(b *bench) { b.write("build/model/note", "mine") }, pipeline.PlanInput{},
			"cached: unchanged since execution #|cached: unchanged since execution #; restores build/model (it was changed here)|cached: unchanged since execution #", ""},
		{"several", func(b *bench) {
			edit("params.yaml", "depth: 3, rate: 0.1", "depth: 4, rate: 0.2, more: [1]")(b)
			edit("code/fit.py", "pass", "fit")(b)
		}, pipeline.PlanInput{},
			"cached: unchanged since execution #|run: code changed (* → *); param train.depth changed (3 → 4); param train.more is new ([1]); and 1 more|undecided: waits for train", "train evaluate"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := local(t, chain)
			first := b.mustRun()
			c.change(b)
			plan := b.mustPlan(c.in)
			var lines []string
			for _, s := range plan.Steps {
				lines = append(lines, string(s.Action)+": "+strings.ReplaceAll(s.Why, first.ID, "#"))
			}
			if got := strings.Join(lines, "|"); !matches(got, c.want) {
				t.Errorf("plan\n got %s\nwant %s", got, c.want)
			}
			e, err := b.run(c.in, pipeline.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var ran []string
			for _, s := range e.Steps {
				if s.Result == pipeline.StepRan {
					ran = append(ran, s.Name)
				}
			}
			if got := strings.Join(ran, " "); got != c.ran {
				t.Errorf("ran %q, want %q", got, c.ran)
			}
			if b.read("build/model/note") != "note\n" || !b.exists("build/features.csv") {
				t.Error("outputs are not as recorded")
			}
			e, err = b.run(pipeline.PlanInput{Targets: c.in.Targets, Set: c.in.Set}, pipeline.RunOptions{})
			if err != nil || e.Count(pipeline.StepCached) != len(e.Steps) {
				t.Errorf("the same again: %s, %v", results(e), err)
			}
		})
	}
}

// matches compares with * for eight hex digits.
func matches(got, want string) bool {
	for {
		i := strings.IndexByte(want, '*')
		if i < 0 {
			return got == want
		}
		if len(got) < i+8 || got[:i] != want[:i] {
			return false
		}
		got, want = got[i+8:], want[i+1:]
	}
}

func TestLogIsKept(t *testing.T) {
	b := local(t, map[string]string{"paraplu.yaml": `product: {name: shop}
pipeline: {steps: {talk: {cmd: "printf 'one\n50%%\r100%%\ntwo'; echo err >&2", outs: []}, long-name: {cmd: "echo hi"}}}
`})
	var out bytes.Buffer
	e, err := b.run(pipeline.PlanInput{}, pipeline.RunOptions{Out: &out, Jobs: 1})
	if err != nil {
		t.Fatal(err)
	}
	if want := "talk      │ one\ntalk      │ 100%\ntalk      │ twoerr\nlong-name │ hi\n"; out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
	if log := b.log(e.ID, "talk"); log != "one\n50%\r100%\ntwoerr\n" {
		t.Errorf("log %q", log)
	}
	if _, err := b.room.Log(ctx, e.ID, "nobody"); err == nil {
		t.Error("a log of nobody")
	}
}

func (b *bench) log(execution, step string) string {
	b.t.Helper()
	r, err := b.room.Log(ctx, execution, step)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}
