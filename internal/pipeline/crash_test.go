package pipeline_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/spec"
)

// The test binary is also the victim: with this variable it runs the pipeline of a folder and ends.
const victim = "PARAPLU_TEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victim) == "" {
		os.Exit(m.Run())
	}
	if err := runVictim(os.Getenv(victim), os.Getenv(victim+"_DB")); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func runVictim(dir, target string) error {
	d, err := db.Open(ctx, target)
	if err != nil {
		return err
	}
	defer d.Close()
	store, err := blob.Open(ctx, "file://"+filepath.Join(dir, ".paraplu", "objects"))
	if err != nil {
		return err
	}
	defer store.Close()
	p, err := spec.Load(dir)
	if err != nil {
		return err
	}
	room := pipeline.New(d, store, time.Now)
	plan, err := room.Plan(ctx, pipeline.PlanInput{Product: p})
	if err != nil {
		return err
	}
	_, err = room.Run(ctx, plan, pipeline.RunOptions{Actor: "daisy", Out: os.Stdout, Jobs: 2})
	return err
}

// start runs the victim. Its output is read line by line.
func (b *bench) start(target string) (*exec.Cmd, *bufio.Scanner) {
	b.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), victim+"="+b.dir, victim+"_DB="+target)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// five steps, two of which can run at once; each prints three lines and counts its runs.
func five() map[string]string {
	text := ""
	for i, deps := range []string{"[in]", "[s1]", "[s1]", "[s2, s3]", "[s4]"} {
		n := i + 1
		text += fmt.Sprintf("    s%d: {cmd: \"echo x >> runs.s%d; echo 1 && mkdir s%d && seq 1 %d000 > s%d/a && echo 2 && cat %s > s%d/b && echo 3\", deps: %s, outs: [s%d]}\n",
			n, n, n, n, n, strings.NewReplacer("[in]", "in", "[", "", "]", "/b", ",", "/b").Replace(deps), n, deps, n)
	}
	files := steps(text)
	files["in"] = "seed\n"
	return files
}

func TestKilledAtAnyPoint(t *testing.T) {
	for name, target := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "test.db") },
		"postgres": func(t *testing.T) string { return dbtest.PostgresURL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			rounds := 12
			if testing.Short() {
				rounds = 2
			}
			for round := range rounds {
				killed(t, target(t), rand.New(rand.NewPCG(uint64(round), 7)))
			}
		})
	}
}

// killed kills the victim up to four times, then lets it finish, and checks after each death what must hold.
func killed(t *testing.T, target string, rnd *rand.Rand) {
	d, err := db.Open(ctx, target)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := db.Migrate(ctx, d, event.Migrations(), pipeline.Migrations()); err != nil {
		t.Fatal(err)
	}
	b := open(t, d, t.TempDir(), five())
	for range 1 + rnd.IntN(4) {
		cmd, lines := b.start(target)
		for range rnd.IntN(16) {
			lines.Scan()
		}
		time.Sleep(time.Duration(rnd.IntN(4000)) * time.Microsecond) // not to wait for anything: to die somewhere else
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() //nolint:errcheck // killed
	}
	done := b.recorded()
	before := map[string]int{}
	for _, s := range done {
		before[s] = b.runs(s)
	}
	cmd, lines := b.start(target)
	said := ""
	for lines.Scan() {
		said += lines.Text() + "\n"
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("after the kills: %v\n%s", err, said)
	}
	for _, s := range done {
		if b.runs(s) != before[s] {
			t.Errorf("%s had succeeded and ran again", s)
		}
	}
	b.wantFive()
	b.wantConsistent()
}

// recorded lists the steps that succeeded.
func (b *bench) recorded() (list []string) {
	b.t.Helper()
	all, err := b.room.Executions(ctx, "shop", 0)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range all {
		for _, s := range e.Steps {
			if s.Result == pipeline.StepRan {
				list = append(list, s.Name)
			}
		}
	}
	return list
}

// wantFive checks the outputs byte by byte.
func (b *bench) wantFive() {
	b.t.Helper()
	for i := range 5 {
		var want strings.Builder
		for n := range (i + 1) * 1000 {
			fmt.Fprintln(&want, n+1)
		}
		if b.read(fmt.Sprintf("s%d/a", i+1)) != want.String() {
			b.t.Errorf("s%d/a is wrong", i+1)
		}
	}
	if b.read("s5/b") != "seed\nseed\n" {
		b.t.Errorf("s5/b is %q", b.read("s5/b"))
	}
}

// wantConsistent checks that nothing is open, lost or told twice.
func (b *bench) wantConsistent() {
	b.t.Helper()
	all, err := b.room.Executions(ctx, "shop", 0)
	if err != nil {
		b.t.Fatal(err)
	}
	told := map[string]int{}
	for _, f := range b.facts() {
		told[f.Object]++
	}
	ran := map[string]int{}
	for i, e := range all {
		switch {
		case e.State == pipeline.Succeeded && told[e.ID] == 1:
		case e.State == pipeline.Abandoned && told[e.ID] == 0 && i > 0:
		default:
			b.t.Errorf("execution %d is %s and has %d facts", i, e.State, told[e.ID])
		}
		for _, s := range e.Steps {
			if s.Result == pipeline.StepRan {
				ran[s.Name]++
			}
		}
	}
	for i := range 5 {
		if s := fmt.Sprintf("s%d", i+1); ran[s] != 1 {
			b.t.Errorf("%s succeeded %d times", s, ran[s])
		}
	}
	for _, dir := range []string{".paraplu/tmp", ".paraplu/objects/tmp"} {
		left, err := filepath.Glob(filepath.Join(b.dir, dir, "*"))
		if err != nil {
			b.t.Fatal(err)
		}
		for _, f := range left {
			if !strings.HasPrefix(filepath.Base(f), "put-") {
				b.t.Errorf("left behind: %s", f)
			}
		}
	}
}

// What a killed execution left running is ended before the next one touches the workspace.
func TestOrphansAreEnded(t *testing.T) {
	target := filepath.Join(t.TempDir(), "test.db")
	d, err := db.Open(ctx, target)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := db.Migrate(ctx, d, event.Migrations(), pipeline.Migrations()); err != nil {
		t.Fatal(err)
	}
	b := open(t, d, t.TempDir(), steps(`    a: {cmd: "test -e second || { sh -c 'echo $$ > pid; echo started; cat gate; echo late > out'; }; echo right > out", outs: [out]}`+"\n"))
	if err := syscall.Mkfifo(filepath.Join(b.dir, "gate"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd, lines := b.start(target)
	for lines.Scan() && !strings.Contains(lines.Text(), "started") {
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() //nolint:errcheck // killed
	pid, err := strconv.Atoi(strings.TrimSpace(b.read("pid")))
	if err != nil || !alive(pid) {
		t.Fatalf("the orphan %d does not live: the test proves nothing (%v)", pid, err)
	}
	b.write("second", "")
	b.wantResults(b.mustRun(), "a ran")
	if alive(pid) {
		t.Error("the orphan still lives")
	}
	if b.read("out") != "right\n" {
		t.Errorf("out is %q", b.read("out"))
	}
	all, err := b.room.Executions(ctx, "shop", 0)
	if err != nil || len(all) != 2 || all[1].State != pipeline.Abandoned {
		t.Errorf("%+v, %v", all, err)
	}
}
