package serving

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/ref"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations gives the schema of the room.
func Migrations() db.Source { return db.Source{Room: "serving", FS: migrations} }

// References gives no digests: the log names packages, which modelpack keeps.
func References(*db.Tx) ([]ref.Digest, error) { return nil, nil }

// Placement says that a package answers at an endpoint. It comes from the deployments.
type Placement struct {
	Product     string
	Environment string
	Endpoint    string // name in the URL; "" = Model
	Model       string // registered model
	Package     ref.Digest
	Deployment  string // id
	Version     string // label for people: a version number or an alias; "" = the short digest
}

func (p Placement) key() string {
	if p.Endpoint != "" {
		return p.Endpoint
	}
	return p.Model
}

func (p Placement) version() string {
	if p.Version != "" {
		return p.Version
	}
	return p.Package.Short()
}

// Room answers requests. It is safe for concurrent use.
type Room struct {
	db     *db.DB
	packs  *modelpack.Room
	placed func(context.Context) ([]Placement, error)
	clock  func() time.Time
	engine Engine
	log    *journal
	slots  *slots

	live        atomic.Pointer[map[string]*endpoint] // replaced as a whole, never changed
	reconciling sync.Mutex                           // one reconciliation at a time
	states      states
	settled     atomic.Bool // the deployments were followed once

	life   sync.Mutex // Start and Stop
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// New gives the room. placed tells which packages answer where; it is asked again after every new fact.
func New(d *db.DB, packs *modelpack.Room, placed func(context.Context) ([]Placement, error), clock func() time.Time) *Room {
	r := &Room{db: d, packs: packs, placed: placed, clock: clock, engine: GoEngine{}, log: newJournal(d, clock), slots: newSlots()}
	r.live.Store(&map[string]*endpoint{})
	r.states.byKey = map[string]*state{}
	return r
}

// followEvery is how often the newest fact is looked at: the longest delay until a deployment takes effect, about.
const followEvery = 150 * time.Millisecond

// Start follows the deployments and writes the log until Stop, or until ctx ends. Starting twice is starting once.
func (r *Room) Start(ctx context.Context) {
	r.life.Lock()
	defer r.life.Unlock()
	if r.cancel != nil {
		return
	}
	ctx, r.cancel = context.WithCancel(ctx)
	r.done.Go(func() {
		event.Watch(ctx, r.db, followEvery, func(ctx context.Context) error { return r.reconcile(ctx, false) }, func(err error) {
			if !errors.Is(err, errLater) {
				slog.Warn("serving cannot follow the deployments", "error", err)
			}
		})
	})
	r.done.Go(func() { r.log.loop(ctx) })
}

// stopWithin bounds how long Stop waits for requests under way and for the last group of the log.
const stopWithin = 10 * time.Second

// Stop ends everything: no new request is taken, those under way are finished, the log is written. Stopping twice is
// stopping once. It gives the error of the last write of the log.
func (r *Room) Stop() error {
	r.life.Lock()
	defer r.life.Unlock()
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	r.done.Wait()
	r.cancel = nil
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	r.reconciling.Lock()
	old := *r.live.Swap(&map[string]*endpoint{})
	r.reconciling.Unlock()
	for _, ep := range old {
		ep.retire()
	}
	for _, ep := range old {
		select {
		case <-ep.closed:
		case <-ctx.Done():
		}
	}
	return r.log.flush(ctx)
}

// Flush writes every answer given so far to the database.
func (r *Room) Flush(ctx context.Context) error { return r.log.flush(ctx) }
