package dataset

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Newest is the alias that every dataset has: it always means the newest version and cannot be set.
const Newest = "latest"

// Alias is a name that people move from version to version.
type Alias struct {
	Dataset   string     `json:"dataset"`
	Alias     string     `json:"alias"`
	Number    int        `json:"number"` // of the version that it means; 0 = removed
	Digest    ref.Digest `json:"digest"`
	Was       int        `json:"was,omitempty"` // the version before, when it was just changed; 0 = none
	Actor     string     `json:"actor"`
	ChangedAt time.Time  `json:"changed_at"`
}

// AliasChange moves an alias to a version, or removes it.
type AliasChange struct {
	Product string
	Dataset string
	Alias   string
	To      int  // number of the version; 0 = remove
	From    *int // what it must mean now for the change to happen; 0 = it must not exist; nil = anything
	Actor   string
	Reason  string
	Via     string // source of the fact: cli, api …
}

// SetAlias makes one change. One that changes nothing is no error and leaves no fact; one whose From is no longer true is
// a fault.Conflict.
func (r *Room) SetAlias(ctx context.Context, in AliasChange) (Alias, error) {
	if err := checkAlias(in.Dataset, in.Alias); err != nil {
		return Alias{}, err
	}
	return db.Change(ctx, r.db, func(tx *db.Tx) (Alias, error) {
		a := Alias{Dataset: in.Dataset, Alias: in.Alias, Number: in.To, Actor: in.Actor, ChangedAt: db.Time(db.Millis(r.clock()))}
		old, err := aliased(tx, in.Product, in.Dataset, in.Alias)
		if err != nil {
			return a, err
		}
		a.Was = old.Number
		if in.From != nil && *in.From != old.Number {
			return a, moved(in, old)
		}
		target := in.To
		if target == 0 {
			target = old.Number
		}
		if target == 0 {
			return a, noAlias(tx, in.Product, in.Dataset, in.Alias)
		}
		vs, err := heads(tx, `WHERE product = ? AND name = ? AND number = ?`, in.Product, in.Dataset, target)
		if err != nil {
			return a, err
		}
		if len(vs) == 0 {
			return a, fault.New(fault.NotFound, "dataset %s has no version v%d", in.Dataset, in.To).WithHint("paraplu data log %s", in.Dataset)
		}
		a.Digest = vs[0].Digest
		if old.Number == in.To {
			old.Was = old.Number
			return old, nil
		}
		return a, writeAlias(tx, in, a, vs[0])
	})
}

func writeAlias(tx *db.Tx, in AliasChange, a Alias, v Version) error {
	f := event.Fact{Time: a.ChangedAt, Actor: in.Actor, Source: in.Via, Product: in.Product, Verb: event.DatasetAliased,
		Object: in.Dataset + "@" + in.Alias, Digest: string(v.Digest), Reason: in.Reason,
		Data: map[string]any{"dataset": in.Dataset, "alias": in.Alias, "number": a.Number, "was": a.Was}}
	var err error
	if in.To == 0 {
		f.Verb = event.DatasetUnaliased
		_, err = tx.Exec(`DELETE FROM dataset_alias WHERE product = ? AND name = ? AND alias = ?`, in.Product, in.Dataset, in.Alias)
	} else {
		_, err = tx.Exec(`INSERT INTO dataset_alias (product, name, alias, number, actor, changed_ms) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (product, name, alias) DO UPDATE SET number = excluded.number, actor = excluded.actor, changed_ms = excluded.changed_ms`,
			in.Product, in.Dataset, in.Alias, in.To, in.Actor, db.Millis(a.ChangedAt))
	}
	if err != nil {
		return err
	}
	return event.Append(tx, f)
}

func moved(in AliasChange, now Alias) error {
	means := "does not exist"
	if now.Number > 0 {
		means = "means v" + itoa(now.Number)
	}
	wanted := "not to exist"
	if *in.From > 0 {
		wanted = "to mean v" + itoa(*in.From)
	}
	return fault.New(fault.Conflict, "%s@%s %s, and was expected %s: somebody else changed it", in.Dataset, in.Alias, means, wanted).
		WithHint("paraplu data alias %s", in.Dataset)
}

// Aliases gives the aliases of a dataset, sorted by name.
func (r *Room) Aliases(ctx context.Context, product, name string) (out []Alias, err error) {
	return db.Get(ctx, r.db, func(tx *db.Tx) ([]Alias, error) { return aliases(tx, product, name) })
}

const aliasQuery = `SELECT a.alias, a.number, v.digest, a.actor, a.changed_ms FROM dataset_alias a
	JOIN dataset_version v ON v.product = a.product AND v.name = a.name AND v.number = a.number WHERE a.product = ? AND a.name = ?`

func aliases(tx *db.Tx, product, name string) (out []Alias, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		a, err := scanAlias(rows, name)
		out = append(out, a)
		return err
	}, aliasQuery, product, name)
	slices.SortFunc(out, func(a, b Alias) int { return strings.Compare(a.Alias, b.Alias) }) // the collation of a database is not ours
	return out, err
}

// aliased gives one alias; its Number is 0 when there is none.
func aliased(tx *db.Tx, product, name, alias string) (Alias, error) {
	a, err := scanAlias(tx.QueryRow(aliasQuery+` AND a.alias = ?`, product, name, alias), name)
	_, err = db.Found(err)
	return a, err
}

func scanAlias(row interface{ Scan(...any) error }, name string) (Alias, error) {
	a := Alias{Dataset: name}
	var ms int64
	err := row.Scan(&a.Alias, &a.Number, &a.Digest, &a.Actor, &ms)
	a.ChangedAt = db.Time(ms)
	return a, err
}

func noAlias(tx *db.Tx, product, name, alias string) error {
	known, err := aliases(tx, product, name)
	if err != nil {
		return err
	}
	words := make([]string, len(known))
	for i, a := range known {
		words[i] = a.Alias
	}
	if len(words) == 0 {
		words = []string{"none"}
	}
	return fault.New(fault.NotFound, "dataset %s has no alias %q; it has: %s", name, alias, strings.Join(words, ", ")).
		WithHint("paraplu data alias %s %s v1", name, alias)
}

// checkAlias refuses names that are read as something else after @.
func checkAlias(name, alias string) error {
	n, err := ref.ParseName(name + "@" + alias)
	switch {
	case err != nil:
		return fault.New(fault.Invalid, "%w", err)
	case n.Alias == "":
		return fault.New(fault.Invalid, "%q cannot be an alias: %s@%s is read as a version or an instant", alias, name, alias).WithHint("choose a word, such as gold")
	case alias == Newest:
		return fault.New(fault.Invalid, "%s@%s always means the newest version; it cannot be set", name, Newest)
	case shortDigest.MatchString(alias):
		return fault.New(fault.Invalid, "%q cannot be an alias: %s@%s is read as the start of a digest", alias, name, alias).WithHint("choose a word with other letters than a to f")
	}
	return nil
}
