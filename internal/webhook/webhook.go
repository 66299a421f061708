package webhook

import (
	"crypto/x509"
	"embed"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/job"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations gives the schema of webhooks.
func Migrations() db.Source { return db.Source{Room: "webhook", FS: migrations} }

// Status says whether a webhook is told of events.
type Status string

// The two of MLflow.
const (
	Active   Status = "ACTIVE"
	Disabled Status = "DISABLED"
)

// Webhook is an address that wants to be told. Its secret stays in the room.
type Webhook struct {
	ID          string
	Name        string
	Description string
	URL         string
	Events      []string // "model_version.created", …; see Events
	Status      Status
	CreatedAt   time.Time
	UpdatedAt   time.Time

	sealed []byte // encrypted secret; empty = none
}

const (
	// Attempts is how often a delivery is tried in all: for about an hour and a half.
	Attempts = 8
	// Keep is how long a delivery is remembered after its end.
	Keep = 30 * 24 * time.Hour

	spare      = 12               // runs of a job that may end without a note, because their process died
	timeout    = 30 * time.Second // of one attempt, as in MLflow
	maxAnswer  = 64 << 10         // bytes that are read of an answer
	maxWait    = time.Hour        // that Retry-After may ask for
	deliverJob = "webhook.deliver"
)

// Config says how deliveries are sent. The zero value of a field means its default.
type Config struct {
	AllowPrivate bool                            // http, and addresses of this machine and of private networks, are allowed
	Roots        *x509.CertPool                  // who is trusted to sign certificates; default: the system's
	Backoff      func(attempt int) time.Duration // wait after a failed attempt (1, 2, …); default 1 s, 4 s, 16 s, … with jitter
	Log          *slog.Logger                    // default slog.Default
}

// Room is the webhooks of a workspace.
type Room struct {
	db     *db.DB
	jobs   *job.Queue
	key    keyFile
	cfg    Config
	client *http.Client
	clock  func() time.Time
}

// New makes the room and takes over the delivery jobs of the queue. keys is the folder of the key that encrypts secrets; it
// is made when the first secret is stored.
func New(d *db.DB, jobs *job.Queue, keys string, cfg Config, clock func() time.Time) *Room {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Backoff == nil {
		cfg.Backoff = grow
	}
	r := &Room{db: d, jobs: jobs, key: keyFile{dir: keys}, cfg: cfg, client: newClient(cfg), clock: clock}
	jobs.Handle(deliverJob, r.deliver)
	return r
}

// grow is the default backoff: a second, and four times as much after each attempt, plus or minus a quarter.
func grow(attempt int) time.Duration {
	wait := time.Second << (2 * min(attempt-1, 6))
	return time.Duration(float64(wait) * (0.75 + rand.Float64()/2))
}

// now is the clock in the precision that is stored.
func (r *Room) now() time.Time { return r.clock().UTC().Truncate(time.Millisecond) }

// Sweep removes half-written files of the key folder that are older than the given instant. Without a room there are none.
func (r *Room) Sweep(before time.Time) error {
	if r == nil {
		return nil
	}
	return fault.Wrap(r.key.sweep(before), "sweeping the key of webhooks")
}
