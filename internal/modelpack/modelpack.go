package modelpack

import (
	"context"
	"embed"
	"io"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations gives the schema of the room.
func Migrations() db.Source { return db.Source{Room: "modelpack", FS: migrations} }

// Room builds, keeps and verifies packages. It is safe for concurrent use.
type Room struct {
	db    *db.DB
	blobs *blob.Store
	keys  *Keys
	clock func() time.Time
}

// New gives the room over a database, an object store and a key folder.
func New(d *db.DB, b *blob.Store, keys *Keys, clock func() time.Time) *Room {
	return &Room{db: d, blobs: b, keys: keys, clock: clock}
}

// Package is a stored package.
type Package struct {
	Digest     ref.Digest `json:"digest"`
	Product    string     `json:"product"`
	Name       string     `json:"name"`
	Manifest   *Manifest  `json:"manifest"`
	Files      []File     `json:"files"`      // by path
	Size       int64      `json:"size"`       // bytes of all files
	CreatedAt  time.Time  `json:"created_at"` // as the package says
	BuiltAt    time.Time  `json:"built_at"`   // when it came into this workspace
	Actor      string     `json:"actor"`      // who built it
	Signatures []Referrer `json:"signatures"` // bundles that refer to it
}

// Referrer is an object that refers to a package, such as its signature.
type Referrer struct {
	Kind      string     `json:"kind"` // "signature"
	Digest    ref.Digest `json:"digest"`
	KeyHint   string     `json:"key_hint"` // SHA-256 of the public key's PEM text, hex
	CreatedAt time.Time  `json:"created_at"`
}

// Get gives a package by its digest.
func (r *Room) Get(ctx context.Context, digest ref.Digest) (p *Package, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		p, err = load(tx, digest)
		return err
	})
	return p, err
}

// List gives the packages of a product, newest first; "" gives those of all products.
func (r *Room) List(ctx context.Context, product string) (ps []*Package, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		ps, err = list(tx, product)
		return err
	})
	return ps, err
}

// References gives the digests of all objects that packages need, for the collection of garbage.
func References(tx *db.Tx) ([]ref.Digest, error) { return references(tx) }

// Origin is what a package says it was made from among what is tracked.
type Origin struct {
	Package        ref.Digest
	Run, Execution string // ids, or ""
}

// Origins gives the origins of all packages.
func Origins(tx *db.Tx) (out []Origin, err error) {
	ps, err := all(tx, "")
	for _, p := range ps {
		out = append(out, Origin{p.Digest, p.Manifest.Lineage.Run, p.Manifest.Lineage.Execution})
	}
	return out, err
}

// Open opens one file of a package; its bytes are verified while they are read. "model.sig" opens the newest signature.
func (r *Room) Open(ctx context.Context, digest ref.Digest, path string) (io.ReadCloser, error) {
	p, err := r.Get(ctx, digest)
	if err != nil {
		return nil, err
	}
	if path == signaturePath && len(p.Signatures) > 0 {
		return r.blobs.Get(ctx, p.Signatures[0].Digest)
	}
	for _, f := range p.Files {
		if f.Path == path {
			return r.blobs.Get(ctx, f.Digest)
		}
	}
	return nil, fault.New(fault.NotFound, "package %s has no file %q", digest.Short(), path)
}

// Sweep removes half-written files of the key folder that are older than the given instant. Objects are swept by blob.
func (r *Room) Sweep(before time.Time) error {
	return fault.Wrap(r.keys.sweep(before), "sweeping the keys of packages")
}
