package registry

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations gives the schema of models and releases.
func Migrations() db.Source { return db.Source{Room: "registry", FS: migrations} }

// Package is what a release needs to know of a package.
type Package struct {
	Author     string   // who built it
	Authors    []string // everybody else who wrote a run, a commit or evidence that went into it
	SelfTested bool     // the parity rows of the package passed
}

// Packages finds a package by its digest; an unknown one is fault.NotFound.
type Packages func(ctx context.Context, digest ref.Digest) (Package, error)

// Room is the registry.
type Room struct {
	db       *db.DB
	packages Packages
	keys     keyring
	clock    func() time.Time

	// ResolveLogged gives the artifact location and the run of a logged model ("m-…"), for sources "models:/m-…".
	// Without it such a source is stored as it is.
	ResolveLogged func(ctx context.Context, id string) (location, runID string, err error)
	// ResolveRun gives the artifact location of a run. With it, a source in our own artifact store must lie below the run.
	ResolveRun func(ctx context.Context, id string) (location string, err error)
	// Changed hears of every change that MLflow has an event for; nil = nobody does.
	Changed Changed
}

// New makes the registry. keys is the folder of the members' signing keys; it is made when the first key is needed.
func New(d *db.DB, packages Packages, keys string, clock func() time.Time) *Room {
	return &Room{db: d, packages: packages, keys: keyring{dir: keys}, clock: clock}
}

// Package looks a package up.
func (r *Room) Package(ctx context.Context, digest ref.Digest) (Package, error) {
	return r.packages(ctx, digest)
}

// now is the clock in the precision that is stored.
func (r *Room) now() time.Time { return r.clock().UTC().Truncate(time.Millisecond) }

// References lists the packages that versions and releases name, so that garbage collection keeps them.
func References(tx *db.Tx) ([]ref.Digest, error) {
	var out []ref.Digest
	err := tx.Each(func(rows *sql.Rows) error {
		var d ref.Digest
		err := rows.Scan(&d)
		out = append(out, d)
		return err
	}, `SELECT package FROM registry_version WHERE package <> '' UNION SELECT package FROM registry_release ORDER BY 1`)
	return out, err
}

// Use is what a version refers to among what is tracked.
type Use struct {
	Version          string // "umbrella v3"
	Run, LoggedModel string // ids, or ""
	Location         string // of its artifacts
}

// Uses lists what the versions refer to that are not deleted.
func Uses(tx *db.Tx) ([]Use, error) {
	var out []Use
	err := tx.Each(func(rows *sql.Rows) error {
		var u Use
		var name string
		var number int
		err := rows.Scan(&name, &number, &u.Run, &u.LoggedModel, &u.Location)
		u.Version = fmt.Sprintf("%s v%d", name, number)
		out = append(out, u)
		return err
	}, `SELECT m.name, v.number, v.run_id, v.logged_model, v.location FROM registry_version v JOIN registry_model m ON m.id = v.model_id
		WHERE v.deleted = 0 ORDER BY m.name, v.number`)
	return out, err
}

// Sweep removes half-written files of the key folder that are older than the given instant. Objects are swept by blob.
func (r *Room) Sweep(before time.Time) error {
	return fault.Wrap(r.keys.sweep(before), "sweeping the keys of members")
}
