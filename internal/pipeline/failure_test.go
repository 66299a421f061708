package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/ref"
)

func steps(text string) map[string]string {
	return map[string]string{"paraplu.yaml": "product: {name: shop}\npipeline:\n  steps:\n" + text}
}

func TestFailedStep(t *testing.T) {
	each(t, steps(`    good: {cmd: "echo x >> runs.good; echo 1 > a", outs: [a]}
    bad: {cmd: "seq 1 30; echo half > b; test -e repaired && exit 0; exit 3", deps: [a], outs: [b]}
    after: {cmd: "cp b c", deps: [b], outs: [c]}
    aside: {cmd: "echo 2 > d", outs: [d]}
`), func(b *bench) {
		b.write("b", "an older result")
		e, err := b.run(pipeline.PlanInput{}, pipeline.RunOptions{})
		if !fault.Is(err, fault.StepFailed) {
			b.t.Fatalf("%v", err)
		}
		b.wantResults(e, "good ran, bad failed, after skipped, aside ran")
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != 22 || !strings.HasPrefix(lines[0], "step bad failed after ") || !strings.HasSuffix(lines[0], ": exit code 3") ||
			lines[2] != "  11" || lines[21] != "  30" {
			b.t.Errorf("error %q", lines)
		}
		if hint := fault.HintOf(err); !strings.Contains(hint, "what it had written (b) is in .paraplu/failed/bad; the steps before it are kept") {
			b.t.Errorf("hint %q", hint)
		}
		if b.exists("b") || b.read(".paraplu/failed/bad/b") != "half\n" {
			b.t.Error("half of a result is left")
		}
		stored, err := b.room.Execution(ctx, e.ID)
		if err != nil || stored.State != pipeline.Failed || stored.Steps[1].ExitCode != 3 || stored.Steps[2].Why != "bad failed" || stored.Error == "" {
			b.t.Errorf("stored %+v %v", stored, err)
		}
		if log := b.log(e.ID, "bad"); !strings.HasPrefix(log, "1\n2\n") {
			b.t.Errorf("log %q", log)
		}
		b.write("repaired", "")
		again := b.mustRun()
		b.wantResults(again, "good cached, bad ran, after ran, aside cached")
		if b.runs("good") != 1 || b.read("c") != "half\n" {
			b.t.Error("good ran twice, or c is wrong")
		}
		if s, _ := again.Step("bad"); s.Why != "never run" {
			b.t.Errorf("why %q", s.Why)
		}
	})
}

// TestErrorsForPeople: each mistake names what, where, and what to do.
func TestErrorsForPeople(t *testing.T) {
	cases := []struct {
		name, steps string
		files       map[string]string
		in          pipeline.PlanInput
		kind        fault.Kind
		want        []string // parts of the error, then of the hint
	}{
		{"missing file", "    train: {cmd: x, deps: [data/raw.csv], outs: [m]}\n", nil, pipeline.PlanInput{}, fault.NotFound,
			[]string{"paraplu.yaml:4:21: step train needs a file that does not exist: data/raw.csv, which no step writes", "add the file"}},
		{"missing out of a folder", "    make: {cmd: mkdir out, outs: [out]}\n    use: {cmd: x, deps: [out/model]}\n", nil, pipeline.PlanInput{}, fault.NotFound,
			[]string{"step use needs a file that does not exist: out/model, which the step make should write"}},
		{"missing parameter", "    train: {cmd: x, params: [train.deptt]}\n", map[string]string{"params.yaml": "train: {depth: 1}"}, pipeline.PlanInput{}, fault.NotFound,
			[]string{`paraplu.yaml:4:21: step train reads the parameter train.deptt, which is not in params.yaml; did you mean "train.depth"?`}},
		{"missing parameter file", "    train: {cmd: x, params: [train]}\n", nil, pipeline.PlanInput{}, fault.NotFound,
			[]string{"the parameter file params.yaml does not exist", "pipeline.params"}},
		{"unknown target", "    train: {cmd: x}\n", nil, pipeline.PlanInput{Targets: []string{"trian"}}, fault.NotFound,
			[]string{"trian is not a step of the pipeline; steps: train", "did you mean train?"}},
		{"unknown override", "    train: {cmd: x, params: [a]}\n", map[string]string{"params.yaml": "a: {depth: 1}"},
			pipeline.PlanInput{Set: map[string]any{"a.dept": 2}}, fault.NotFound, []string{`no parameter a.dept to set in params.yaml; did you mean "a.depth"?`}},
		{"override of another type", "    train: {cmd: x, params: [a]}\n", map[string]string{"params.yaml": "a: {depth: 1}"},
			pipeline.PlanInput{Set: map[string]any{"a.depth": "deep"}}, fault.Invalid, []string{`setting parameter a.depth: it is a number, and "deep" is a text`}},
		{"broken parameters", "    train: {cmd: x, params: [a]}\n", map[string]string{"params.yaml": "a: 1\na: 2"}, pipeline.PlanInput{}, fault.Invalid,
			[]string{"params.yaml:2:1: the parameter a is written twice"}},
		{"alias bomb", "    train: {cmd: x, params: [a]}\n", map[string]string{"params.yaml": bomb()}, pipeline.PlanInput{}, fault.Exhausted, []string{"alias bomb"}},
		{"out not written", "    train: {cmd: 'true', outs: [m, n]}\n", nil, pipeline.PlanInput{}, fault.StepFailed,
			[]string{"step train: it ended well, but did not write m, n", "remove it from outs"}},
		{"metrics with NaN", "    train: {cmd: 'echo {\\\"a\\\": NaN} > m.json', metrics: [m.json]}\n", nil, pipeline.PlanInput{}, fault.Invalid,
			[]string{"the metrics file m.json is not a JSON object", "NaN"}},
		{"no such command", "    train: {cmd: no-such-command-here}\n", nil, pipeline.PlanInput{}, fault.StepFailed,
			[]string{"exit code 127: a command was not found\nits last lines:\n  "}},
		{"killed", "    train: {cmd: 'kill -9 $$'}\n", nil, pipeline.PlanInput{}, fault.StepFailed, []string{"killed by signal 9; when nobody did it, the machine was out of memory"}},
		{"script stops at the first failure", "    train: {cmd: \"false\\ntouch reached\", outs: [reached]}\n", nil, pipeline.PlanInput{}, fault.StepFailed, []string{"exit code 1"}},
		{"list stops at the first failure", "    train: {cmd: ['exit 4', 'touch reached'], outs: [reached]}\n", nil, pipeline.PlanInput{}, fault.StepFailed, []string{"exit code 4"}},
		{"timeout", "    train: {cmd: sleep 100, timeout: 20ms}\n", nil, pipeline.PlanInput{}, fault.StepFailed, []string{"it took longer than its timeout of 20ms"}},
		{"a socket as output", "    train: {cmd: mkfifo out, outs: [out]}\n", nil, pipeline.PlanInput{}, fault.Invalid, []string{"out is neither a file nor a folder"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := local(t, steps(c.steps))
			for name, text := range c.files {
				b.write(name, text)
			}
			plan, err := b.plan(c.in)
			if err == nil {
				_, err = b.room.Run(ctx, plan, pipeline.RunOptions{})
			}
			if !fault.Is(err, c.kind) {
				t.Fatalf("kind %v of %v", fault.KindOf(err), err)
			}
			both := err.Error() + "\n" + fault.HintOf(err)
			for _, part := range c.want {
				if !strings.Contains(both, part) {
					t.Errorf("%q\nlacks %q", both, part)
				}
			}
			if b.exists("reached") {
				t.Error("it went on after a failure")
			}
		})
	}
}

func bomb() string {
	text := "a: &v0 [x, x]\n"
	for i := range 30 {
		text += fmt.Sprintf("k%d: &v%d [*v%d, *v%d]\n", i, i+1, i, i)
	}
	return text
}

// when closes a channel at the first write that holds a word.
type when struct {
	word string
	done chan struct{}
	seen bool
}

func (w *when) Write(p []byte) (int, error) {
	if !w.seen && bytes.Contains(p, []byte(w.word)) {
		w.seen = true
		close(w.done)
	}
	return len(p), nil
}

func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(data), ") Z ")
}

func TestCancelEndsTheGroup(t *testing.T) {
	for name, command := range map[string]string{
		"polite":   `sleep 1000 & echo $! > pid; echo started; wait`,
		"stubborn": `trap '' TERM; sleep 1000 & echo $! > pid; echo started; while :; do wait; done`,
	} {
		t.Run(name, func(t *testing.T) {
			each(t, steps(fmt.Sprintf("    a: {cmd: %q, outs: [pid]}\n    b: {cmd: x, deps: [pid]}\n", command)), func(b *bench) {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				out := &when{word: "started", done: make(chan struct{})}
				go func() { <-out.done; cancel() }()
				e, err := b.room.Run(ctx, b.mustPlan(pipeline.PlanInput{}), pipeline.RunOptions{Out: out, Grace: 50 * time.Millisecond})
				if !fault.Is(err, fault.Canceled) {
					b.t.Fatalf("%v", err)
				}
				b.wantResults(e, "a canceled, b skipped")
				pid, err := strconv.Atoi(strings.TrimSpace(b.read(".paraplu/failed/a/pid")))
				if err != nil {
					b.t.Fatal(err)
				}
				for deadline := time.Now().Add(5 * time.Second); alive(pid); {
					if time.Now().After(deadline) {
						b.t.Fatalf("the process %d of the step still lives", pid)
					}
				}
				stored, err := b.room.Execution(context.Background(), e.ID)
				if err != nil || stored.State != pipeline.Canceled || stored.Steps[1].Why != "the execution was cancelled" {
					b.t.Errorf("stored %+v, %v", stored, err)
				}
			})
		})
	}
}

func TestBackgroundProcessEndsWithItsStep(t *testing.T) {
	b := local(t, steps(`    a: {cmd: "sleep 1000 & echo $! > pid", outs: [pid]}`+"\n"))
	e, err := b.run(pipeline.PlanInput{}, pipeline.RunOptions{Grace: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	b.wantResults(e, "a ran")
	pid, _ := strconv.Atoi(strings.TrimSpace(b.read("pid")))
	for deadline := time.Now().Add(5 * time.Second); alive(pid); {
		if time.Now().After(deadline) {
			t.Fatal("it still lives")
		}
	}
}

// A full terminal or pipe (here: /dev/full) loses nothing: the log is stored anyway.
func TestOutThatFails(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	b := local(t, steps("    a: {cmd: 'seq 1 10000; echo 1 > a', outs: [a]}\n"))
	e, err := b.run(pipeline.PlanInput{}, pipeline.RunOptions{Out: full})
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := e.Step("a"); s.LogBytes != 48894 {
		t.Errorf("the log has %d bytes", s.LogBytes)
	}
}

// The object store fails while a step is kept: the step counts as failed, nothing half is left, and the same command
// completes when the store works again.
func TestObjectStoreThatFails(t *testing.T) {
	each(t, steps(`    a: {cmd: "echo x >> runs.a; echo 1 > a", outs: [a]}
    b: {cmd: "echo x >> runs.b; cp a b; test -e repaired || { mv .paraplu/objects saved; echo > .paraplu/objects; }", deps: [a], outs: [b]}
`), func(b *bench) {
		e, err := b.run(pipeline.PlanInput{}, pipeline.RunOptions{})
		if err == nil {
			b.t.Fatal("it went well without a store")
		}
		b.wantResults(e, "a ran, b failed")
		if b.exists("b") || !b.exists(".paraplu/failed/b/b") {
			b.t.Error("a result that was not kept is left in the workspace")
		}
		if err := os.Remove(filepath.Join(b.dir, ".paraplu/objects")); err != nil {
			b.t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(b.dir, "saved"), filepath.Join(b.dir, ".paraplu/objects")); err != nil {
			b.t.Fatal(err)
		}
		b.write("repaired", "")
		b.wantResults(b.mustRun(), "a cached, b ran")
		b.wantResults(b.mustRun(), "a cached, b cached")
		if b.runs("a") != 1 || b.runs("b") != 2 {
			b.t.Errorf("a ran %d, b %d times", b.runs("a"), b.runs("b"))
		}
	})
}

func TestStoredOutputsThatVanished(t *testing.T) {
	b := local(t, chain)
	b.mustRun()
	if err := os.RemoveAll(filepath.Join(b.dir, ".paraplu/objects/sha256")); err != nil {
		t.Fatal(err)
	}
	b.wantResults(b.mustRun(), "features cached, train cached, evaluate cached") // the workspace has them
	if err := os.RemoveAll(filepath.Join(b.dir, "build")); err != nil {
		t.Fatal(err)
	}
	e := b.mustRun()
	b.wantResults(e, "features ran, train ran, evaluate ran")
	if s, _ := e.Step("train"); s.Why != "its outputs are no longer in the object store" {
		t.Errorf("why %q", s.Why)
	}
}

func TestOneExecutionAtATime(t *testing.T) {
	b := local(t, steps("    a: {cmd: 'echo started; cat gate'}\n"))
	gate := filepath.Join(b.dir, "gate")
	if err := syscall.Mkfifo(gate, 0o644); err != nil {
		t.Fatal(err)
	}
	out := &when{word: "started", done: make(chan struct{})}
	first := make(chan error)
	plan := b.mustPlan(pipeline.PlanInput{})
	go func() {
		_, err := b.room.Run(ctx, plan, pipeline.RunOptions{Out: out})
		first <- err
	}()
	<-out.done
	if _, err := b.run(pipeline.PlanInput{}, pipeline.RunOptions{}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second execution: %v", err)
	}
	if err := os.WriteFile(gate, []byte("go"), 0); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// Two steps that wait for each other end only when they run at the same time.
func TestStepsRunInParallel(t *testing.T) {
	b := local(t, steps("    a: {cmd: 'echo 1 > ab; cat ba'}\n    b: {cmd: 'cat ab; echo 1 > ba'}\n    c: {cmd: 'true'}\n"))
	for _, name := range []string{"ab", "ba"} {
		if err := syscall.Mkfifo(filepath.Join(b.dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var events []string
	e, err := b.run(pipeline.PlanInput{}, pipeline.RunOptions{Jobs: 2, Progress: func(ev pipeline.StepEvent) {
		events = append(events, fmt.Sprintf("%s %s %d/%d", ev.Step, ev.Result, ev.Position+1, ev.Total))
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.wantResults(e, "a ran, b ran, c ran")
	if len(events) != 6 || events[0] != "a  1/3" || events[1] != "b  2/3" || !slices.Contains(events, "c ran 3/3") {
		t.Errorf("events %q", events)
	}
}

// A dependency that changes while the step runs makes the result worthless for later.
func TestDependencyChangesMeanwhile(t *testing.T) {
	b := local(t, steps("    a: {cmd: 'cp in out; echo more >> in', deps: [in], outs: [out]}\n"))
	b.write("in", "1\n")
	e := b.mustRun()
	if s, _ := e.Step("a"); !strings.Contains(s.Why, "not kept for later, because while it ran: in changed") {
		t.Errorf("why %q", s.Why)
	}
	if s, _ := b.mustPlan(pipeline.PlanInput{}).Step("a"); s.Action != pipeline.WillRun || s.Digest == e.Steps[0].Digest {
		t.Errorf("plan %+v", s)
	}
	b.write("in", "1\n") // as before the step ran: still not trusted
	b.wantResults(b.mustRun(), "a ran")
}

func TestNoPipeline(t *testing.T) {
	b := local(t, map[string]string{"paraplu.yaml": "product: {name: shop}\n"})
	if _, err := b.plan(pipeline.PlanInput{}); !fault.Is(err, fault.Precondition) || fault.HintOf(err) == "" {
		t.Error(err)
	}
}

// Everything that the room refers to is enough to restore every output; the rest is swept.
func TestReferencesAreEnough(t *testing.T) {
	each(t, chain, func(b *bench) {
		first := b.mustRun()
		if _, err := b.blobs.PutBytes(ctx, []byte("an orphan")); err != nil {
			b.t.Fatal(err)
		}
		keep := map[ref.Digest]bool{}
		err := b.db.View(ctx, func(tx *db.Tx) error {
			list, err := b.room.References(tx)
			for _, d := range list {
				if keep[d] {
					b.t.Errorf("%s is listed twice", d)
				}
				keep[d] = true
			}
			return err
		})
		if err != nil {
			b.t.Fatal(err)
		}
		swept, err := b.blobs.Sweep(ctx, keep, time.Now().Add(time.Hour), false)
		if err != nil || swept.Removed != 1 {
			b.t.Fatalf("%+v, %v", swept, err)
		}
		before := b.read("build/model/weights")
		if err := os.RemoveAll(filepath.Join(b.dir, "build")); err != nil {
			b.t.Fatal(err)
		}
		b.wantResults(b.mustRun(), "features cached, train cached, evaluate cached")
		if b.read("build/model/weights") != before || b.read("build/model/note") != "note\n" {
			b.t.Error("restored something else")
		}
		if log := b.log(first.ID, "train"); log != "" {
			b.t.Errorf("log %q", log)
		}
	})
}

// TestHalfMadeFilesAreCleared: what a killed process left is removed by the next execution; what another process is writing
// at this moment is not.
func TestHalfMadeFilesAreCleared(t *testing.T) {
	each(t, steps("    one: {cmd: echo 1 > a, outs: [a]}\n"), func(b *bench) {
		for _, name := range []string{"hashes-left", "log-left", "hashes-written"} {
			b.write(".paraplu/tmp/"+name, "half")
		}
		writer, err := os.Open(filepath.Join(b.dir, ".paraplu/tmp/hashes-written"))
		if err != nil {
			b.t.Fatal(err)
		}
		defer writer.Close()
		if err := syscall.Flock(int(writer.Fd()), syscall.LOCK_EX); err != nil {
			b.t.Fatal(err)
		}
		b.mustRun()
		for name, want := range map[string]bool{"hashes-left": false, "log-left": false, "hashes-written": true} {
			if b.exists(".paraplu/tmp/"+name) != want {
				b.t.Errorf("%s is there: %v", name, !want)
			}
		}
	})
}
