package rollout

import (
	"context"
	"embed"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations gives the schema of the intervals.
func Migrations() db.Source { return db.Source{Room: "rollout", FS: migrations} }

// Cause says why an interval began.
type Cause = string

// The causes.
const (
	CauseRelease   Cause = "release"
	CauseRetrain   Cause = "retrain"
	CauseRollback  Cause = "rollback"
	CauseEmergency Cause = "emergency"
)

// Role says what a placed package does.
type Role = string

// The roles. This build opens champions only.
const (
	RoleChampion Role = "champion" // answers
	RoleCanary   Role = "canary"   // answers a share of the requests
	RoleShadow   Role = "shadow"   // sees the requests, its answers go to the log only
)

// Deployment is one interval: a package in an environment from From until To.
type Deployment struct {
	ID          string        `json:"id"`
	Product     string        `json:"product"`
	Environment string        `json:"environment"`
	Endpoint    string        `json:"endpoint"`
	Model       string        `json:"model"`
	Role        Role          `json:"role"`
	Package     ref.Digest    `json:"package"`
	Share       float64       `json:"share"` // of the traffic, in (0, 1]
	From        time.Time     `json:"from"`
	To          time.Time     `json:"to,omitzero"`           // zero while it runs
	EffectiveAt time.Time     `json:"effective_at,omitzero"` // first answer served, zero until then: replicas change later than the decision
	Release     string        `json:"release"`               // id of the release that allowed it
	Cause       Cause         `json:"cause"`
	Reason      string        `json:"reason"`
	Actor       string        `json:"actor"`
	Previous    string        `json:"previous"`    // id of the interval that it closed
	RolledBack  bool          `json:"rolled_back"` // it was ended by a rollback
	Took        time.Duration `json:"took_ns"`     // from the request to the decision, in whole milliseconds
}

// Ref is the lineage name, "deployment:<id>".
func (d Deployment) Ref() string { return "deployment:" + d.ID }

// Open tells whether it runs now.
func (d Deployment) Open() bool { return d.To.IsZero() }

// Room keeps the deployments.
type Room struct {
	db    *db.DB
	reg   *registry.Room
	clock func() time.Time
}

// New makes the room.
func New(d *db.DB, reg *registry.Room, clock func() time.Time) *Room {
	return &Room{db: d, reg: reg, clock: clock}
}

func (r *Room) now() time.Time { return r.clock().UTC().Truncate(time.Millisecond) }

// Current lists what runs now: the open champion of every product and environment.
func (r *Room) Current(ctx context.Context) ([]Deployment, error) {
	return r.list(ctx, `to_ms IS NULL AND role = 'champion' ORDER BY product, environment`)
}

// History lists all intervals of a product in an environment, newest first.
func (r *Room) History(ctx context.Context, product, env string) ([]Deployment, error) {
	return r.list(ctx, `product = ? AND environment = ? ORDER BY from_ms DESC, role`, product, env)
}

// Between lists everything that was placed at some time in [from, to), oldest first.
func (r *Room) Between(ctx context.Context, product, env string, from, to time.Time) ([]Deployment, error) {
	return r.list(ctx, `product = ? AND environment = ? AND from_ms < ? AND (to_ms IS NULL OR to_ms > ?) ORDER BY from_ms, role`,
		product, env, db.Millis(to), db.Millis(from))
}

// At gives the champion at an instant; fault.NotFound when there was none.
func (r *Room) At(ctx context.Context, product, env string, t time.Time) (Deployment, error) {
	ds, err := r.list(ctx, `product = ? AND environment = ? AND role = 'champion' AND from_ms <= ? AND (to_ms IS NULL OR to_ms > ?)`,
		product, env, db.Millis(t), db.Millis(t))
	if err == nil && len(ds) == 0 {
		err = fault.New(fault.NotFound, "nothing was deployed in %s of %s at %s", env, product, t.UTC().Format(time.RFC3339)).
			WithHint("paraplu deployments lists the whole history")
	}
	if err != nil {
		return Deployment{}, err
	}
	return ds[0], nil
}

// MarkEffective records when a deployment answered first. Only the earliest call of the first process counts.
func (r *Room) MarkEffective(ctx context.Context, id string, at time.Time) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE rollout_deployment SET effective_ms = ? WHERE id = ? AND effective_ms = 0`, db.Millis(at), id)
		return err
	})
}

func (r *Room) list(ctx context.Context, where string, args ...any) (out []Deployment, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = deployments(tx, where, args...)
		return err
	})
	return out, err
}
