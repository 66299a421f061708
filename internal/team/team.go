package team

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations gives the schema of products and signatures.
func Migrations() db.Source { return db.Source{Room: "team", FS: migrations} }

// Member is a person of a product.
type Member = spec.Member

// Room keeps products and their people.
type Room struct {
	db    *db.DB
	clock func() time.Time
}

// New makes the room.
func New(d *db.DB, clock func() time.Time) *Room { return &Room{db: d, clock: clock} }

func (r *Room) now() time.Time { return r.clock().UTC().Truncate(time.Millisecond) }

// row is a stored product.
type row struct {
	spec    *spec.Product
	digest  ref.Digest
	synced  time.Time
	created time.Time
}

// Sync stores the product as the file says it now; changed is false when it said so already. A fact is written for each
// change.
func (r *Room) Sync(ctx context.Context, p *spec.Product, actor string) (changed bool, err error) {
	if actor == "" {
		return false, fault.New(fault.Invalid, "storing product %s: it is not said who does it", p.Name).WithHint("add --as NAME")
	}
	text, err := json.Marshal(p)
	if err != nil {
		return false, fault.Wrap(err, "storing product %s", p.Name)
	}
	digest := p.Digest()
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		now := r.now()
		changed = false
		var old ref.Digest
		var revision int
		found, err := db.Found(tx.QueryRow(`SELECT spec_digest, revision FROM team_product WHERE name = ?`, p.Name).Scan(&old, &revision))
		if err != nil || found && old == digest {
			return err
		}
		changed = true
		revision++
		if _, err := tx.Exec(`INSERT INTO team_product (name, spec, spec_digest, revision, actor, created_ms, synced_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, spec_digest = excluded.spec_digest, revision = excluded.revision,
			actor = excluded.actor, synced_ms = excluded.synced_ms`,
			p.Name, string(text), string(digest), revision, actor, db.Millis(now), db.Millis(now)); err != nil {
			return fault.Wrap(err, "storing product %s", p.Name)
		}
		return event.Append(tx, event.Fact{Time: now, Actor: actor, Product: p.Name, Verb: event.ProductSynced, Object: p.Name, Digest: string(digest),
			Key:  fmt.Sprintf("product.synced:%s:%s#%d", p.Name, digest, revision),
			Data: map[string]any{"revision": revision, "was": old, "canvas": CanvasDigest(p), "members": len(p.Team.Members), "risk": p.Risk}})
	})
	return changed, err
}

func load(tx *db.Tx, product string) (*row, error) {
	var out row
	var text string
	var synced, created int64
	found, err := db.Found(tx.QueryRow(`SELECT spec, spec_digest, synced_ms, created_ms FROM team_product WHERE name = ?`, product).
		Scan(&text, &out.digest, &synced, &created))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.New(fault.NotFound, "there is no product %q here", product).WithHint("run paraplu status in the folder of its paraplu.yaml; that stores it")
	}
	out.spec, out.synced, out.created = &spec.Product{}, db.Time(synced), db.Time(created)
	if err := json.Unmarshal([]byte(text), out.spec); err != nil {
		return nil, fault.New(fault.Internal, "the stored product %s is damaged: %w", product, err).WithHint("run paraplu status in the folder of its paraplu.yaml; that stores it again")
	}
	return &out, nil
}

// with runs fn over a stored product in one consistent state.
func with[T any](ctx context.Context, r *Room, product string, fn func(tx *db.Tx, p *row) (T, error)) (out T, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		p, err := load(tx, product)
		if err != nil {
			return err
		}
		out, err = fn(tx, p)
		return err
	})
	return out, err
}

// Product gives the stored paraplu.yaml; paths and places are not part of it.
func (r *Room) Product(ctx context.Context, product string) (*spec.Product, error) {
	return with(ctx, r, product, func(_ *db.Tx, p *row) (*spec.Product, error) { return p.spec, nil })
}

// Members lists the people of a product in the order of the file.
func (r *Room) Members(ctx context.Context, product string) ([]Member, error) {
	return with(ctx, r, product, func(_ *db.Tx, p *row) ([]Member, error) { return p.spec.Team.Members, nil })
}

// Responsibilities lists who answers for what: the preset in the order of the lifecycle, then what the file adds.
func (r *Room) Responsibilities(ctx context.Context, product string) ([]Responsibility, error) {
	return with(ctx, r, product, func(_ *db.Tx, p *row) ([]Responsibility, error) { return Resolve(p.spec), nil })
}

// Accountable gives the member who answers for an activity, and the backup (zero when there is none). Nobody is
// fault.Precondition, an unknown activity fault.NotFound.
func (r *Room) Accountable(ctx context.Context, product, activity string) (who, backup Member, err error) {
	_, err = with(ctx, r, product, func(_ *db.Tx, p *row) (any, error) {
		for _, resp := range Resolve(p.spec) {
			if resp.Activity != activity {
				continue
			}
			var ok bool
			if who, ok = p.spec.Member(resp.Accountable); !ok {
				return nil, fault.New(fault.Precondition, "nobody of %s answers for %q", product, activity).
					WithHint("name somebody under team.responsibilities.%s.accountable in paraplu.yaml", activity)
			}
			backup, _ = p.spec.Member(resp.Backup)
			return nil, nil
		}
		return nil, fault.New(fault.NotFound, "%s knows no activity %q", product, activity).WithHint("the activities are: %s", strings.Join(spec.Activities, "; "))
	})
	return who, backup, err
}

// ProductRow is one line of the list of products.
type ProductRow struct {
	Name        string     `json:"name"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Risk        string     `json:"risk"`
	Digest      ref.Digest `json:"digest"` // of paraplu.yaml
	Stage       string     `json:"stage"`  // the first that is not passed, "" when all are
	Owner       string     `json:"owner"`  // who answers for that stage
	CreatedAt   time.Time  `json:"created_at"`
	SyncedAt    time.Time  `json:"synced_at"`
}

// Products lists all products by name.
func (r *Room) Products(ctx context.Context) ([]ProductRow, error) {
	var out []ProductRow
	err := r.db.View(ctx, func(tx *db.Tx) error {
		var names []string
		if err := tx.Each(func(rows *sql.Rows) error {
			var n string
			err := rows.Scan(&n)
			names = append(names, n)
			return err
		}, `SELECT name FROM team_product ORDER BY name`); err != nil {
			return err
		}
		for _, n := range names {
			p, err := load(tx, n)
			if err != nil {
				return err
			}
			stages, err := r.stages(tx, p)
			if err != nil {
				return err
			}
			line := ProductRow{Name: n, Title: p.spec.Title, Description: p.spec.Description, Risk: p.spec.Risk, Digest: p.digest, CreatedAt: p.created, SyncedAt: p.synced}
			if s := current(stages); s != nil {
				line.Stage, line.Owner = s.Stage, s.Accountable
			}
			out = append(out, line)
		}
		return nil
	})
	return out, err
}
