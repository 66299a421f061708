package dataset

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// Versions gives all versions of a dataset, newest first; none is no error.
func (r *Room) Versions(ctx context.Context, product, name string) (out []Version, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		if out, err = selectVersions(tx, `WHERE product = ? AND name = ? ORDER BY number DESC`, product, name); err != nil {
			return err
		}
		return withOrigins(tx, out)
	})
	return out, err
}

// Latest gives the newest version of a dataset, or NotFound.
func (r *Room) Latest(ctx context.Context, product, name string) (Version, error) {
	v, found, err := r.latest(ctx, product, name)
	if err == nil && !found {
		err = r.unknown(ctx, product, name)
	}
	return v, err
}

func (r *Room) latest(ctx context.Context, product, name string) (v Version, found bool, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		v, found, err = latest(tx, product, name)
		return err
	})
	return v, found, err
}

// Newest gives the newest version with its origin and without its files; nil when there is none.
func (r *Room) Newest(ctx context.Context, product, name string) (*Version, error) {
	return db.Get(ctx, r.db, func(tx *db.Tx) (*Version, error) {
		vs, err := heads(tx, `WHERE product = ? AND name = ? ORDER BY number DESC LIMIT 1`, product, name)
		if err != nil || len(vs) == 0 {
			return nil, err
		}
		return &vs[0], withOrigins(tx, vs)
	})
}

// Names gives the names of the datasets of a product, sorted.
func (r *Room) Names(ctx context.Context, product string) (out []string, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		return tx.Each(func(rows *sql.Rows) error {
			var s string
			err := rows.Scan(&s)
			out = append(out, s)
			return err
		}, `SELECT DISTINCT name FROM dataset_version WHERE product = ?`, product)
	})
	slices.Sort(out) // the collation of a database is not ours
	return out, err
}

// List gives the newest version of every dataset of a product, sorted by name.
func (r *Room) List(ctx context.Context, product string) ([]Version, error) {
	names, err := r.Names(ctx, product)
	if err != nil {
		return nil, err
	}
	var out []Version
	for _, name := range names {
		v, err := r.Latest(ctx, product, name)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// shortDigest is how people write a digest: its first digits.
var shortDigest = regexp.MustCompile(`^[0-9a-f]{6,64}$`)

// Resolve finds the version that a person names: "weather" or "weather@latest" (the newest), "weather@v3",
// "weather@sha256:…", "weather@0845078a" (the first digits of a digest), "weather@2015-06-01" (the newest one published by
// the end of that UTC day), "weather@2015-06-01T12:00:00Z" (by that instant) or "weather@gold" (an alias). Of several
// versions with one content the newest is meant.
func (r *Room) Resolve(ctx context.Context, product, text string) (Version, error) {
	name, err := ref.ParseName(text)
	if err != nil {
		return Version{}, fault.New(fault.Invalid, "%w", err)
	}
	v, err := db.Get(ctx, r.db, func(tx *db.Tx) (*Version, error) {
		all, err := heads(tx, `WHERE product = ? AND name = ? ORDER BY number DESC`, product, name.Base)
		if err != nil || len(all) == 0 {
			return nil, err
		}
		v, err := pick(tx, all, name, text)
		if err != nil {
			return nil, err
		}
		return &v, files(tx, &v)
	})
	if err != nil {
		return Version{}, err
	}
	if v == nil {
		return Version{}, r.unknown(ctx, product, name.Base)
	}
	return *v, nil
}

// pick chooses from all versions of a dataset, newest first.
func pick(tx *db.Tx, all []Version, name ref.Name, text string) (Version, error) {
	switch {
	case name.Version > 0:
		return numbered(all, name.Version, text)
	case !name.AsOf.IsZero():
		for _, v := range all {
			if !v.CreatedAt.After(name.AsOf) {
				return v, nil
			}
		}
		first := all[len(all)-1]
		return Version{}, fault.New(fault.NotFound, "dataset %s had no version yet at %s; %s is the first, of %s", name.Base,
			name.AsOf.Format(time.RFC3339), first, first.CreatedAt.Format(time.RFC3339)).WithHint("paraplu data log %s", name.Base)
	case name.Digest != "":
		return digested(all, name.Digest.Hex(), text)
	case name.Alias == "" || name.Alias == Newest:
		return all[0], nil
	case shortDigest.MatchString(name.Alias):
		return digested(all, name.Alias, text)
	}
	a, err := aliased(tx, all[0].Product, name.Base, name.Alias)
	if err != nil {
		return Version{}, err
	}
	if a.Number == 0 {
		return Version{}, noAlias(tx, all[0].Product, name.Base, name.Alias)
	}
	return numbered(all, a.Number, text)
}

func numbered(all []Version, number int, text string) (Version, error) {
	for _, v := range all {
		if v.Number == number {
			return v, nil
		}
	}
	return Version{}, noVersion(all, text)
}

func digested(all []Version, prefix, text string) (Version, error) {
	var found *Version
	for i, v := range all {
		switch {
		case !hasPrefix(v.Digest, prefix):
		case found == nil:
			found = &all[i]
		case found.Digest != v.Digest:
			return Version{}, fault.New(fault.Invalid, "%q means several versions: %s and %s", text, found.Digest, v.Digest).WithHint("write more digits")
		}
	}
	if found == nil {
		return Version{}, noVersion(all, text)
	}
	return *found, nil
}

func noVersion(all []Version, text string) error {
	return fault.New(fault.NotFound, "dataset %s has no version %s; it has v1 to v%d", all[0].Dataset, text, all[0].Number).
		WithHint("paraplu data log %s", all[0].Dataset)
}

// heads reads versions without their files: those may be many.
func heads(tx *db.Tx, tail string, args ...any) (out []Version, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		v, err := scan(rows)
		out = append(out, v)
		return err
	}, `SELECT `+versionColumns+` FROM dataset_version `+tail, args...)
	return out, err
}

func itoa(n int) string { return strconv.Itoa(n) }

func hasPrefix(d ref.Digest, prefix string) bool {
	h := d.Hex()
	return len(prefix) <= len(h) && h[:len(prefix)] == prefix
}

func (r *Room) unknown(ctx context.Context, product, name string) error {
	names, err := r.Names(ctx, product)
	if err != nil {
		return err
	}
	f := fault.New(fault.NotFound, "product %s has no version of dataset %q", product, name).WithHint("paraplu data add %s", name)
	if near := spec.Nearest(name, names); near != "" {
		f.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return f
}

// Find gives the versions that hold a file with this digest, or that have it themselves, newest first.
func (r *Room) Find(ctx context.Context, product string, d ref.Digest) (out []Version, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = selectVersions(tx, `WHERE product = ? AND (digest = ? OR EXISTS (SELECT 1 FROM dataset_file f
			WHERE f.product = dataset_version.product AND f.name = dataset_version.name AND f.number = dataset_version.number AND f.digest = ?))
			ORDER BY created_ms DESC, name, number DESC`, product, string(d), string(d))
		return err
	})
	return out, err
}

// Open reads one file of a version; path may be empty when there is only one.
func (r *Room) Open(ctx context.Context, v Version, path string) (io.ReadCloser, error) {
	for _, f := range v.Files {
		if f.Path == path || path == "" && len(v.Files) == 1 {
			return r.blobs.Get(ctx, f.Digest)
		}
	}
	return nil, fault.New(fault.NotFound, "%s has no file %q; it has %d files", v, path, len(v.Files))
}
