package steps_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/steps"
)

// TestMain is also the process that gets killed: with CRASH_DIR set it lives one round of a product's life and ends.
func TestMain(m *testing.M) {
	dir := os.Getenv("CRASH_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	round, err := strconv.Atoi(os.Getenv("CRASH_ROUND"))
	if err == nil {
		err = lifeIn(dir, os.Getenv("CRASH_DB"), round)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("complete")
}

func lifeIn(dir, target string, round int) error {
	d, err := db.Open(ctx, target)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := db.Migrate(ctx, d, sources()...); err != nil {
		return err
	}
	s, err := open(d, dir, time.Now)
	if err != nil {
		return err
	}
	defer s.Blob.Close()
	return live(s, dir, round)
}

// live brings the delivery of a round into production. Each round has other data, and the other model.
func live(s *steps.Steps, dir string, round int) error {
	p, err := spec.Load(dir)
	if err != nil {
		return err
	}
	p.Release.Gates = []string{"contract", "leakage", "parity", "beats-baseline"} // the models take turns, so neither beats the other
	if _, err := s.Team.Sync(ctx, p, "daisy"); err != nil {
		return err
	}
	w := &writer{dir: dir}
	if w.write("deliveries/sales.csv", sales(30, round)); w.err != nil {
		return w.err
	}
	if _, err := s.Deliver(ctx, p, "sales", filepath.Join(dir, "deliveries/sales.csv"), "bo"); err != nil {
		return err
	}
	plan, err := s.Pipeline.Plan(ctx, pipeline.PlanInput{Product: p, Set: map[string]any{"train.model": []string{"umbrella", "umbrella2"}[round%2]}})
	if err != nil {
		return err
	}
	if _, err := s.Pipeline.Run(ctx, plan, pipeline.RunOptions{Actor: "daisy"}); err != nil {
		return err
	}
	made, err := s.Package(ctx, p, "daisy")
	if err != nil {
		return err
	}
	rel, err := s.Request(ctx, p, made.Package.Digest, "daisy")
	if err != nil {
		return err
	}
	if rel.State == registry.InReview {
		if _, err := s.Approve(ctx, p, rel.ID, "bo", "go"); err != nil {
			return err
		}
	}
	_, err = s.Place(ctx, p, made.Package.Digest, "eddy", steps.PlaceOptions{Cause: "release"})
	return err
}

// crashTest is a workspace whose rounds are lived by other processes.
type crashTest struct {
	*house
	target string
}

func (c *crashTest) start(round int) (*exec.Cmd, *bytes.Buffer) {
	c.t.Helper()
	cmd, out := exec.Command(os.Args[0]), &bytes.Buffer{}
	cmd.Env = append(os.Environ(), "CRASH_DIR="+c.dir, "CRASH_DB="+c.target, "CRASH_ROUND="+strconv.Itoa(round))
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	return cmd, out
}

func (c *crashTest) complete(round int) time.Duration {
	c.t.Helper()
	began := time.Now()
	cmd, out := c.start(round)
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "complete") {
		c.t.Fatalf("round %d: %v\n%s", round, err, out)
	}
	return time.Since(began)
}

// TestKillNineAtAnyMoment kills a process that brings data into production, again and again, at random moments. Then the
// same command completes, and nothing is there twice, missing or left over.
func TestKillNineAtAnyMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills many processes")
	}
	const kills, enough = 30, 45 * time.Second
	each(t, func(h *house) {
		c := &crashTest{h, databaseOf(h)}
		whole := c.complete(0)
		random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
		began, killed, round := time.Now(), 0, 1
		for killed < kills && time.Since(began) < enough {
			cmd, out := c.start(round)
			moment := time.AfterFunc(time.Duration(random.Int64N(int64(whole))), func() { cmd.Process.Kill() })
			err := cmd.Wait()
			moment.Stop()
			var exit *exec.ExitError
			switch {
			case errors.As(err, &exit) && exit.ExitCode() == -1:
				killed++
			case err != nil:
				c.t.Fatalf("round %d after %d kills: %v\n%s", round, killed, err, out)
			}
			if random.IntN(3) == 0 { // else the same command again
				round++
			}
		}
		c.complete(round)
		if killed < 5 {
			c.t.Errorf("only %d of the processes were killed before they ended", killed)
		}
		before := len(c.facts())
		c.complete(round)
		c.consistent()
		after := c.facts()
		for _, f := range after[before:] {
			if f.Verb != event.ExecutionFinished { // every execution is one, although it found all in the cache
				c.t.Errorf("a round that was complete left another fact: %s %s", f.Verb, f.Object)
			}
		}
		c.t.Logf("%d kills in %d rounds of %s", killed, round, whole.Round(time.Millisecond))
	})
}

// databaseOf gives the address of the database of a house, for another process.
func databaseOf(h *house) string {
	h.t.Helper()
	if path, ok := strings.CutPrefix(h.s.DB.String(), "sqlite "); ok {
		return path
	}
	var schema string
	if err := h.s.DB.View(ctx, func(tx *db.Tx) error { return tx.QueryRow(`SELECT current_schema()`).Scan(&schema) }); err != nil {
		h.t.Fatal(err)
	}
	base, sep := os.Getenv("PARAPLU_TEST_POSTGRES"), "?"
	if strings.Contains(base, "?") {
		sep = "&"
	}
	return base + sep + "search_path=" + schema
}

// consistent holds the whole workspace against what must be true of every workspace.
func (h *house) consistent() {
	h.t.Helper()
	if _, err := h.s.Sweep(ctx, 0, false); err != nil {
		h.t.Fatal(err)
	}
	h.clean()
	once, natural := map[string]bool{}, map[string]bool{}
	for i, f := range h.facts() {
		if f.Seq != int64(i+1) {
			h.t.Fatalf("fact %d has the number %d", i+1, f.Seq)
		}
		if f.Key != "" && once[f.Key] {
			h.t.Errorf("two facts have the key %s", f.Key)
		}
		once[f.Key] = true
		name := ""
		switch f.Verb {
		case event.DatasetPublished, event.DeploymentPlaced, event.ExecutionFinished, event.ModelVersioned, event.GatesEvaluated, event.ApprovalGiven:
			name = f.Verb + " " + f.Object
		case event.PackageBuilt:
			name = f.Verb + " " + f.Digest
		}
		if name != "" && natural[name] {
			h.t.Errorf("it happened twice: %s", name)
		}
		natural[name] = true
	}
	h.versions()
	h.deployments()
	h.nothingLeftOver()
}

// versions: every dataset version and model version has its own number, without gaps, and one fact.
func (h *house) versions() {
	h.t.Helper()
	list, err := h.s.Datasets.Versions(ctx, "shop", "sales")
	if err != nil {
		h.t.Fatal(err)
	}
	if n := len(h.facts(event.DatasetPublished)); n != len(list) {
		h.t.Errorf("%d dataset versions and %d facts of them", len(list), n)
	}
	for i, v := range list {
		if v.Number != len(list)-i {
			h.t.Errorf("version %d stands at place %d", v.Number, len(list)-i)
		}
		if i > 0 && v.Digest == list[i-1].Digest {
			h.t.Errorf("%s and %s are the same", v, list[i-1])
		}
	}
	packs, err := h.s.Packs.List(ctx, "shop")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, facts := range []int{len(h.facts(event.PackageBuilt)), len(h.facts(event.ModelVersioned))} {
		if facts != len(packs) {
			h.t.Errorf("%d packages, and %d facts", len(packs), facts)
		}
	}
}

// deployments: one champion, no gap (Inspect proves it), one fact for each interval, a reference for each package.
func (h *house) deployments() {
	h.t.Helper()
	list, err := h.s.Rollout.History(ctx, "shop", "production")
	if err != nil {
		h.t.Fatal(err)
	}
	open := 0
	for _, d := range list {
		if d.Open() {
			open++
		}
	}
	facts := len(h.facts(event.DeploymentPlaced, event.DeploymentRolledBack))
	if facts != len(list) || len(list) > 0 && open != 1 {
		h.t.Errorf("%d intervals, %d of them open, and %d facts", len(list), open, facts)
	}
}

// nothingLeftOver: no half-made files, no execution that still runs.
func (h *house) nothingLeftOver() {
	h.t.Helper()
	if err := fs.WalkDir(os.DirFS(h.dir), ".paraplu", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (strings.HasSuffix(path, ".tmp") || strings.Contains(path, "/tmp/") || strings.HasPrefix(d.Name(), ".half-") || strings.HasPrefix(d.Name(), ".tmp-")) {
			h.t.Errorf("left over: %s", path)
		}
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	list, err := h.s.Pipeline.Executions(ctx, "shop", 0)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range list {
		if e.State == pipeline.Running {
			h.t.Errorf("execution %s still runs", e.ID)
		}
	}
}
