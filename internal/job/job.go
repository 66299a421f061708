package job

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// MaxRun is how long one attempt of a job may take; its context ends then.
const MaxRun = 45 * time.Second

// rescueAfter is when a job that is marked as running counts as left behind by a dead process.
const rescueAfter = MaxRun + 15*time.Second

// Job is what a handler gets.
type Job struct {
	ID      int64
	Kind    string
	Args    json.RawMessage // as given to Insert
	Attempt int             // 1 for the first
	Last    bool            // there will be no other attempt
}

// Handler does the work of one kind of job. It may run twice, see the package.
type Handler func(ctx context.Context, j Job) error

// Config says how a Queue works. The zero value of a field means its default.
type Config struct {
	Workers int                             // jobs at once in this process; default 4
	Poll    time.Duration                   // between two looks for jobs; default 1 s
	Backoff func(attempt int) time.Duration // wait after a failed attempt (1, 2, …); default 1 s, 16 s, 81 s, … with jitter
	Log     *slog.Logger                    // default slog.Default
}

// Options of one job.
type Options struct {
	// Key, if set, makes the job the only one of its kind and key that waits or runs; a second one is not inserted.
	Key      string
	At       time.Time // not before; zero = now
	Attempts int       // at most; 0 = 25
}

// Queue inserts and works jobs. It is safe for concurrent use.
type Queue struct {
	db     *db.DB
	cfg    Config
	insert *river.Client[*sql.Tx]

	mu       sync.Mutex
	handlers map[string]Handler
	working  *river.Client[*sql.Tx] // nil = not started
}

// New makes a queue on a migrated database. It starts nothing; a process that only inserts never needs Start.
func New(d *db.DB, cfg Config) (*Queue, error) {
	if cfg.Workers == 0 {
		cfg.Workers = 4
	}
	if cfg.Poll == 0 {
		cfg.Poll = time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	client, err := river.NewClient(driver(d.Dialect(), d.Pool()), &river.Config{Logger: cfg.Log})
	if err != nil {
		return nil, fault.Wrap(err, "preparing the job queue")
	}
	return &Queue{db: d, cfg: cfg, insert: client, handlers: map[string]Handler{}}, nil
}

func driver(dialect db.Dialect, pool *sql.DB) riverdriver.Driver[*sql.Tx] {
	if dialect == db.Postgres {
		return riverdatabasesql.New(pool)
	}
	return riversqlite.New(pool)
}

// Handle says who does the jobs of a kind. It is called before Start, once for each kind.
func (q *Queue) Handle(kind string, h Handler) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.handlers[kind] = h
}

// Insert adds a job inside the transaction of its cause; args are kept as JSON.
func (q *Queue) Insert(tx *db.Tx, kind string, args any, o Options) error {
	body, err := json.Marshal(args)
	if err != nil {
		return fmt.Errorf("arguments of the job %s: %w", kind, err)
	}
	opts := &river.InsertOpts{MaxAttempts: o.Attempts, ScheduledAt: o.At}
	if o.Key != "" {
		opts.UniqueOpts = river.UniqueOpts{ByArgs: true, ByState: waiting}
	}
	_, err = q.insert.InsertTx(tx.Ctx(), tx.Raw(), envelope{kind: kind, Key: o.Key, Body: body}, opts)
	return fault.Wrap(db.Classify(err), "inserting the job %s", kind)
}

// waiting are the states of a job that is not done.
var waiting = []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
	rivertype.JobStateRunning, rivertype.JobStateScheduled}

// envelope is the stored form of a job; only the key counts for uniqueness.
type envelope struct {
	kind string
	Key  string          `json:"key,omitempty" river:"unique"`
	Body json.RawMessage `json:"body"`
}

// Kind implements river.JobArgs.
func (e envelope) Kind() string { return e.kind }

// Start works jobs until Stop. Starting twice does nothing.
func (q *Queue) Start(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.working != nil || len(q.handlers) == 0 {
		return nil
	}
	workers := river.NewWorkers()
	for kind, h := range q.handlers {
		river.AddWorkerArgs(workers, envelope{kind: kind}, &worker{handle: h, backoff: q.cfg.Backoff})
	}
	client, err := river.NewClient(driver(q.db.Dialect(), q.db.Pool()), &river.Config{
		Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: q.cfg.Workers}},
		// Without PollOnly, river asks SQLite twenty times a second for notes of new jobs, for 1.2 % of a core.
		PollOnly: true, FetchPollInterval: q.cfg.Poll, FetchCooldown: min(q.cfg.Poll, 100*time.Millisecond),
		JobTimeout: MaxRun, RescueStuckJobsAfter: rescueAfter, FetchOnlyKnownKinds: true,
		Logger: slog.New(quiet{q.cfg.Log.Handler()}),
	})
	if err == nil {
		err = client.Start(context.WithoutCancel(ctx))
	}
	if err != nil {
		return fault.Wrap(err, "starting the job queue")
	}
	q.working = client
	return nil
}

// Stop lets running jobs finish until ctx ends, then cuts them off; they run again after the next start. Stopping twice
// does nothing.
func (q *Queue) Stop(ctx context.Context) error {
	q.mu.Lock()
	client := q.working
	q.working = nil
	q.mu.Unlock()
	if client == nil {
		return nil
	}
	err := client.Stop(ctx)
	if err != nil && ctx.Err() != nil {
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = client.StopAndCancel(hard)
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return fault.Wrap(err, "stopping the job queue")
}

// Jobs counts the jobs that wait or run.
func (q *Queue) Jobs(tx *db.Tx) (n int, err error) {
	err = tx.QueryRow(`SELECT count(*) FROM river_job WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled')`).Scan(&n)
	return n, err
}
