package job_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/job"
)

// patience is how long a test waits for what must come. It is no measure: a slow machine may take its time.
const patience = time.Minute

func queue(t *testing.T, d *db.DB, handlers map[string]job.Handler) *job.Queue {
	t.Helper()
	q, err := job.New(d, job.Config{Poll: 10 * time.Millisecond, Backoff: func(int) time.Duration { return time.Millisecond }})
	must(t, err)
	for kind, h := range handlers {
		q.Handle(kind, h)
	}
	return q
}

func start(t *testing.T, q *job.Queue) {
	t.Helper()
	must(t, q.Start(context.Background()))
	t.Cleanup(func() { must(t, q.Stop(context.Background())) })
}

func insert(t *testing.T, d *db.DB, q *job.Queue, kind string, args any, o job.Options) {
	t.Helper()
	must(t, d.Update(context.Background(), func(tx *db.Tx) error { return q.Insert(tx, kind, args, o) }))
}

func left(t *testing.T, d *db.DB, q *job.Queue) (n int) {
	t.Helper()
	must(t, d.View(context.Background(), func(tx *db.Tx) (err error) { n, err = q.Jobs(tx); return err }))
	return n
}

func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestJobsLiveAndDieWithTheirTransaction(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ran := make(chan string, 10)
		q := queue(t, d, map[string]job.Handler{"say": func(_ context.Context, j job.Job) error {
			var text string
			err := json.Unmarshal(j.Args, &text)
			ran <- text
			return err
		}})
		boom := errors.New("boom")
		if err := d.Update(context.Background(), func(tx *db.Tx) error {
			if err := q.Insert(tx, "say", "never", job.Options{}); err != nil {
				return err
			}
			return boom
		}); !errors.Is(err, boom) {
			t.Fatal(err)
		}
		insert(t, d, q, "say", "before the start", job.Options{})
		start(t, q)
		if got := next(t, ran); got != "before the start" {
			t.Errorf("ran %q", got)
		}
		insert(t, d, q, "say", "while it runs", job.Options{})
		if got := next(t, ran); got != "while it runs" {
			t.Errorf("ran %q", got)
		}
		must(t, q.Stop(context.Background())) // finishes what runs
		must(t, q.Stop(context.Background()))
		if n := left(t, d, q); n != 0 || len(ran) != 0 {
			t.Errorf("%d jobs are left, %d ran more", n, len(ran))
		}
	}, job.Migrations())
}

func TestFailedJobsAreTriedAgainUntilTheirAttemptsAreUsed(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		type try struct {
			kind    string
			attempt int
			last    bool
		}
		tries := make(chan try, 20)
		note := func(err func(j job.Job) error) job.Handler {
			return func(_ context.Context, j job.Job) error {
				tries <- try{j.Kind, j.Attempt, j.Last}
				return err(j)
			}
		}
		q := queue(t, d, map[string]job.Handler{
			"fails":  note(func(job.Job) error { return errors.New("again") }),
			"panics": note(func(job.Job) error { panic("a defect") }),
			"waits":  note(func(job.Job) error { return job.Later(2*time.Millisecond, errors.New("soon")) }),
			"ends":   note(func(job.Job) error { return job.Never(errors.New("hopeless")) }),
			"works":  note(func(job.Job) error { return nil }),
		})
		kinds := []string{"fails", "panics", "waits", "ends", "works"}
		for _, kind := range kinds {
			insert(t, d, q, kind, nil, job.Options{Attempts: 2})
		}
		start(t, q)
		got := map[try]int{}
		for range 8 { // 2 + 2 + 2 + 1 + 1
			got[next(t, tries)]++
		}
		must(t, q.Stop(context.Background()))
		if n := left(t, d, q); n != 0 {
			t.Errorf("%d jobs are left", n)
		}
		for _, want := range []try{{"fails", 1, false}, {"fails", 2, true}, {"panics", 1, false}, {"panics", 2, true}, {"waits", 1, false},
			{"waits", 2, true}, {"ends", 1, false}, {"works", 1, false}} {
			if got[want] != 1 {
				t.Errorf("%+v: %d times", want, got[want])
			}
		}
	}, job.Migrations())
}

func TestOneJobOfAKeyWaits(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ran := make(chan struct{}, 10)
		q := queue(t, d, map[string]job.Handler{"sweep": func(context.Context, job.Job) error { ran <- struct{}{}; return nil }})
		for i := range 3 {
			insert(t, d, q, "sweep", i, job.Options{Key: "daily"})
		}
		insert(t, d, q, "sweep", 3, job.Options{Key: "hourly"})
		insert(t, d, q, "sweep", 4, job.Options{Key: "hourly", At: time.Now().Add(time.Hour)})
		if n := left(t, d, q); n != 2 {
			t.Errorf("%d jobs wait, want one of each key", n)
		}
		start(t, q)
		next(t, ran)
		next(t, ran)
		must(t, q.Stop(context.Background()))
		insert(t, d, q, "sweep", 5, job.Options{Key: "daily", At: time.Now().Add(time.Hour)}) // the first is done
		if n := left(t, d, q); n != 1 {
			t.Errorf("%d jobs wait, want the one that is not due", n)
		}
	}, job.Migrations())
}

// Two processes on one database are two queues with handles of their own.
func TestTwoProcessesShareTheJobs(t *testing.T) {
	const jobs = 40
	share := func(t *testing.T, target string) {
		var mu sync.Mutex
		ran := map[string]int{}
		done := make(chan struct{}, 2*jobs)
		var queues []*job.Queue
		var handles []*db.DB
		for range 2 {
			d, err := db.Open(context.Background(), target)
			must(t, err)
			t.Cleanup(func() { d.Close() })
			must(t, db.Migrate(context.Background(), d, job.Migrations()))
			q := queue(t, d, map[string]job.Handler{"count": func(_ context.Context, j job.Job) error {
				mu.Lock()
				ran[string(j.Args)]++
				mu.Unlock()
				done <- struct{}{}
				return nil
			}})
			queues, handles = append(queues, q), append(handles, d)
		}
		for i := range jobs {
			insert(t, handles[i%2], queues[i%2], "count", i, job.Options{})
		}
		for _, q := range queues {
			start(t, q)
		}
		for range jobs {
			next(t, done)
		}
		for _, q := range queues {
			must(t, q.Stop(context.Background()))
		}
		for i := range jobs {
			if n := ran[fmt.Sprint(i)]; n != 1 {
				t.Errorf("job %d ran %d times", i, n)
			}
		}
	}
	t.Run("sqlite", func(t *testing.T) { share(t, t.TempDir()+"/two.db") })
	t.Run("postgres", func(t *testing.T) { share(t, dbtest.PostgresURL(t)) })
}
