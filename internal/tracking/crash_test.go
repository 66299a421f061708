package tracking

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// crashYard is a yard that another process works in until it is killed.
type crashYard struct {
	*yard
	target string
}

func eachCrashYard(t *testing.T, fn func(y *crashYard)) {
	t.Helper()
	for name, target := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "test.db") },
		"postgres": func(t *testing.T) string { return dbtest.PostgresURL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			target := target(t)
			d := openYard(t, target)
			fn(&crashYard{newYard(t, d, t.TempDir()), target})
		})
	}
}

func openYard(t *testing.T, target string) *db.DB {
	t.Helper()
	d, err := db.Open(yardCtx, target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := db.Migrate(yardCtx, d, event.Migrations(), Migrations()); err != nil {
		t.Fatal(err)
	}
	return d
}

// child is the yard of a process that is to be killed, nil in the test itself. Its clock kills it on the given look.
func child(t *testing.T) (*yard, string) {
	target := os.Getenv("YARD_DB")
	if target == "" {
		return nil, ""
	}
	y := newYard(t, openYard(t, target), os.Getenv("YARD_DIR"))
	looks, _ := strconv.Atoi(os.Getenv("YARD_LOOKS"))
	y.clock = func() time.Time {
		if looks--; looks == 0 {
			die()
		}
		return time.Now().Add(time.Hour)
	}
	return y, os.Getenv("YARD_WORK")
}

func die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL) //nolint:errcheck // nothing comes after
	select {}
}

// killed runs the test again in a process of its own, which must die by SIGKILL.
func (y *crashYard) killed(work string, looks int) {
	y.t.Helper()
	name, _, _ := strings.Cut(y.t.Name(), "/")
	cmd := exec.Command(os.Args[0], "-test.run=^"+name+"$")
	cmd.Env = append(os.Environ(), "YARD_DB="+y.target, "YARD_DIR="+y.dir, "YARD_WORK="+work, "YARD_LOOKS="+strconv.Itoa(looks))
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); err == nil || !ok || status.Signal() != syscall.SIGKILL {
		y.t.Fatalf("%s: the process was not killed: %v\n%s", work, err, out)
	}
}

// files are all files of the object store.
func (y *yard) files() (out []string) {
	y.t.Helper()
	y.ok(filepath.Walk(y.dir, func(p string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			out = append(out, strings.TrimPrefix(p, y.dir+"/"))
		}
		return err
	}))
	return out
}

// dyingReader gives some bytes, and then the process is gone.
type dyingReader struct{ left int }

func (r *dyingReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		die()
	}
	n := min(len(p), r.left)
	r.left -= n
	return n, nil
}

// TestKilledDuringUpload kills a process while it receives a file, while it receives a part, and between the joined object
// and its row. Afterwards nothing half-written is referred to, the upload goes on, and a sweep leaves one object.
func TestKilledDuringUpload(t *testing.T) {
	if y, work := child(t); y != nil {
		switch what, id, _ := strings.Cut(work, " "); what {
		case "put":
			y.PutArtifact(yardCtx, "0/r/artifacts/x", &dyingReader{100_000}) //nolint:errcheck // never returns
		case "part":
			y.PutPart(yardCtx, id, 2, &dyingReader{100_000}) //nolint:errcheck // never returns
		case "complete":
			var list []UploadedPart
			for i, text := range []string{"one", "two"} {
				list = append(list, UploadedPart{i + 1, ref.Sum([]byte(text)).Hex()})
			}
			y.CompleteUpload(yardCtx, id, "0/r/artifacts/x", list) //nolint:errcheck // never returns
		}
		return
	}
	eachCrashYard(t, func(y *crashYard) {
		y.killed("put", 0)
		if _, err := y.StatArtifact(yardCtx, "0/r/artifacts/x"); !fault.Is(err, fault.NotFound) {
			y.t.Errorf("half a file: %v", err)
		}
		u, err := y.CreateUpload(yardCtx, "0/r/artifacts/x", 2)
		y.ok(err)
		part := func(n int, text string) UploadedPart {
			d, err := y.PutPart(yardCtx, u.ID, n, strings.NewReader(text))
			y.ok(err)
			return UploadedPart{n, d.Hex()}
		}
		one := part(1, "one")
		y.killed("part "+u.ID, 0)
		if parts := y.ids(`SELECT name FROM tracking_upload_part`); len(parts) != 1 {
			y.t.Errorf("half a part counts: %v", parts)
		}
		two := part(2, "two")
		y.killed("complete "+u.ID, 1)
		if _, err := y.StatArtifact(yardCtx, "0/r/artifacts/x"); !fault.Is(err, fault.NotFound) {
			y.t.Errorf("a file before its row: %v", err)
		}
		y.ok(y.Settle(yardCtx, y.now.Add(time.Minute))) // spares an open upload
		a, err := y.CompleteUpload(yardCtx, u.ID, u.Path, []UploadedPart{one, two})
		y.ok(err)
		body, err := y.OpenArtifact(yardCtx, a, 0)
		y.ok(err)
		defer body.Close()
		if text, err := io.ReadAll(body); err != nil || string(text) != "onetwo" {
			y.t.Errorf("the file: %q, %v", text, err)
		}
		_, err = y.blobs.Sweep(yardCtx, map[ref.Digest]bool{a.Digest: true}, y.now.Add(time.Minute), false)
		y.ok(err)
		y.ok(y.Settle(yardCtx, y.now.Add(time.Minute)))
		if files := y.files(); len(files) != 1 || !strings.HasSuffix(files[0], a.Digest.Hex()) {
			y.t.Errorf("left: %v", files)
		}
	})
}

// TestKilledDuringPurge kills a process in the middle of purging, in each of its transactions. Every time each run is there
// as a whole or gone with its fact, and in the end all are gone.
func TestKilledDuringPurge(t *testing.T) {
	if y, _ := child(t); y != nil {
		y.Purge(yardCtx, Purge{Before: time.Now().Add(time.Minute), Actor: "daisy"}) //nolint:errcheck // never returns
		return
	}
	eachCrashYard(t, func(y *crashYard) {
		exp, kept := y.experiment("old"), y.run("0")
		n := atOnce + 3
		for range n {
			y.run(exp)
		}
		y.ok(y.DeleteExperiment(yardCtx, exp))
		for _, look := range []int{2, 1, atOnce + 2, 2} { // a fact is stamped inside the transaction that deletes
			y.killed("purge", look)
			runs := y.ids(`SELECT id FROM tracking_run WHERE experiment = 1 ORDER BY id`)
			if facts := y.ids(`SELECT object FROM fact WHERE verb = ?`, event.RunPurged); len(runs)+len(facts) != n {
				y.t.Errorf("%d runs and %d facts of %d", len(runs), len(facts), n)
			}
			for _, table := range []string{"tracking_series", "tracking_param", "tracking_input"} {
				owners := y.ids(`SELECT DISTINCT run FROM `+table+` WHERE run <> ? ORDER BY run`, kept.ID)
				want(y.t, table, owners, runs...)
			}
			for _, id := range runs {
				if _, err := y.StatArtifact(yardCtx, exp+"/"+id+"/artifacts/sub/a.txt"); err != nil {
					y.t.Errorf("a run without its artifact: %v", err)
				}
			}
		}
		deleted, _ := y.purge(Purge{Before: y.now.Add(time.Minute)})
		if !slices.Contains(deleted, "experiment "+exp) {
			y.t.Errorf("deleted in the end: %v", deleted)
		}
		rows := y.rows()
		if fmt.Sprint(rows["tracking_run"], rows["tracking_model"], rows["tracking_doomed"], rows["tracking_experiment"]) != "1 1 0 0" {
			y.t.Errorf("left: %v", rows)
		}
		if again, err := y.Run(yardCtx, kept.ID); err != nil || len(again.Metrics) != 1 {
			y.t.Errorf("what was not deleted: %+v, %v", again, err)
		}
	})
}
