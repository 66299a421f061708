package db

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing/fstest"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/paraplu/paraplu/internal/fault"
)

// Source is the migrations of one room: files migrations/*.sql in goose form. Versions are unique over all rooms. A file
// that ends in ".sqlite.sql" or ".postgres.sql" is for that database only: triggers, which have no common text.
type Source struct {
	Room string
	FS   fs.FS
}

// Migrate brings the database to the newest schema. Several processes may call it at once; one does the work.
func Migrate(ctx context.Context, d *DB, sources ...Source) error {
	merged, err := merge(d.dialect, sources)
	if err != nil {
		return err
	}
	if len(merged) == 0 {
		return nil
	}
	unlock, err := d.lockFile()
	if err != nil {
		return err
	}
	defer unlock()
	dialect, opts := goose.DialectSQLite3, []goose.ProviderOption{goose.WithAllowOutofOrder(true), goose.WithDisableGlobalRegistry(true)}
	if d.dialect == Postgres {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return fault.Wrap(err, "preparing migrations")
		}
		dialect, opts = goose.DialectPostgres, append(opts, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, d.write, merged, opts...)
	if err != nil {
		return fault.Wrap(err, "preparing migrations")
	}
	if _, err := p.Up(ctx); err != nil {
		return fault.Wrap(Classify(err), "bringing the database to the schema of this version")
	}
	return nil
}

// merge puts all rooms' files side by side and speaks the dialect's names of types.
func merge(dialect Dialect, sources []Source) (fstest.MapFS, error) {
	merged := fstest.MapFS{}
	seen := map[string]string{}
	for _, s := range sources {
		names, err := fs.Glob(s.FS, "migrations/*.sql")
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("room %s has no migrations", s.Room)
		}
		for _, name := range names {
			text, err := fs.ReadFile(s.FS, name)
			if err != nil {
				return nil, err
			}
			base := path.Base(name)
			if only, has := strings.CutSuffix(base, "."+string(other(dialect))+".sql"); has && only != "" {
				continue
			}
			version, _, _ := strings.Cut(base, "_")
			if first, dup := seen[version]; dup {
				return nil, fmt.Errorf("migrations %s and %s have the same version", first, base)
			}
			seen[version] = base
			if dialect == Postgres {
				text = bytes.ReplaceAll(text, []byte(" BLOB"), []byte(" BYTEA"))
			}
			merged[base] = &fstest.MapFile{Data: text}
		}
	}
	return merged, nil
}

func other(d Dialect) Dialect {
	if d == SQLite {
		return Postgres
	}
	return SQLite
}
