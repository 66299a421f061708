package job_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/job"
)

// TestKilledInTheMiddleOfAJob kills a process while it does a job. Once the job is old enough to count as left behind, another
// process does it again; the test moves the clock of the rows instead of waiting.
func TestKilledInTheMiddleOfAJob(t *testing.T) {
	if target := os.Getenv("JOB_TEST_DB"); target != "" {
		killed(t, target)
		return
	}
	run := func(t *testing.T, target string) {
		child := exec.Command(os.Args[0], "-test.run=^TestKilledInTheMiddleOfAJob$")
		child.Env = append(os.Environ(), "JOB_TEST_DB="+target)
		out, err := child.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the child was to be killed: %v\n%s", err, out)
		}
		ctx := context.Background()
		d, err := db.Open(ctx, target)
		must(t, err)
		defer d.Close()
		ran := make(chan int, 9)
		q := queue(t, d, map[string]job.Handler{"long": func(_ context.Context, j job.Job) error { ran <- j.Attempt; return nil }})
		must(t, d.Update(ctx, func(tx *db.Tx) error {
			ago := map[db.Dialect]string{db.SQLite: `strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour')`, db.Postgres: `now() - interval '1 hour'`}
			if _, err := tx.Exec(`UPDATE river_job SET attempted_at = ` + ago[d.Dialect()] + ` WHERE state = 'running'`); err != nil {
				return err
			}
			_, err := tx.Exec(`UPDATE river_leader SET elected_at = ` + ago[d.Dialect()] + `, expires_at = ` + ago[d.Dialect()])
			return err
		}))
		if n := left(t, d, q); n != 1 {
			t.Fatalf("%d jobs, want the one that was begun", n)
		}
		start(t, q)
		if attempt := next(t, ran); attempt != 2 {
			t.Errorf("attempt %d", attempt)
		}
		must(t, q.Stop(ctx))
		if n := left(t, d, q); n != 0 || len(ran) != 0 {
			t.Errorf("%d jobs are left, %d ran more", n, len(ran))
		}
	}
	t.Run("sqlite", func(t *testing.T) { run(t, filepath.Join(t.TempDir(), "killed.db")) })
	t.Run("postgres", func(t *testing.T) { run(t, dbtest.PostgresURL(t)) })
}

// killed is the child: its job kills the process that does it.
func killed(t *testing.T, target string) {
	d, err := db.Open(context.Background(), target)
	must(t, err)
	must(t, db.Migrate(context.Background(), d, job.Migrations()))
	q := queue(t, d, map[string]job.Handler{"long": func(context.Context, job.Job) error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) }})
	insert(t, d, q, "long", nil, job.Options{})
	must(t, q.Start(context.Background()))
	select {}
}
