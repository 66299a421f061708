package dataset

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// Versions gives all versions of a dataset, newest first; none is no error.
func (r *Room) Versions(ctx context.Context, product, name string) (out []Version, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = selectVersions(tx, `WHERE product = ? AND name = ? ORDER BY number DESC`, product, name)
		return err
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

// Resolve finds the version of "weather" (the newest), "weather@v3", "weather@sha256:…" or "weather@0845078a" (the first
// digits of a digest). Of several versions with one content the newest is meant.
func (r *Room) Resolve(ctx context.Context, product, text string) (Version, error) {
	name, err := ref.ParseName(text)
	if err != nil {
		return Version{}, fault.New(fault.Invalid, "%w", err)
	}
	all, err := r.Versions(ctx, product, name.Base)
	if err != nil {
		return Version{}, err
	}
	if len(all) == 0 {
		return Version{}, r.unknown(ctx, product, name.Base)
	}
	prefix := name.Digest.Hex()
	if name.Digest == "" && name.Alias != "" {
		if !shortDigest.MatchString(name.Alias) {
			return Version{}, fault.New(fault.Invalid, "%q: %q is neither a version (v1) nor the start of a digest", text, name.Alias)
		}
		prefix = name.Alias
	}
	if prefix == "" && name.Version == 0 {
		return all[0], nil
	}
	var found *Version
	for i, v := range all {
		switch {
		case name.Version > 0:
			if v.Number == name.Version {
				return v, nil
			}
		case !hasPrefix(v.Digest, prefix):
		case found == nil:
			found = &all[i]
		case found.Digest != v.Digest:
			return Version{}, fault.New(fault.Invalid, "%q means several versions: %s and %s", text, found.Digest, v.Digest).WithHint("write more digits")
		}
	}
	if found == nil {
		return Version{}, fault.New(fault.NotFound, "dataset %s has no version %s; it has v1 to v%d", name.Base, text, all[0].Number).
			WithHint("paraplu data log %s", name.Base)
	}
	return *found, nil
}

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
