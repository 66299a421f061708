// Package dbtest runs a test on every database that Paraplu supports: SQLite always, and a real PostgreSQL when
// PARAPLU_TEST_POSTGRES holds its address. With PARAPLU_REQUIRE_POSTGRES=1 (make test, CI) a missing one is a failure.
package dbtest

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/ref"
)

// Run calls fn in a subtest for each database, on a fresh, migrated one that is removed afterwards.
func Run(t *testing.T, fn func(t *testing.T, d *db.DB), sources ...db.Source) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, open(t, filepath.Join(t.TempDir(), "test.db"), sources)) })
	t.Run("postgres", func(t *testing.T) { fn(t, open(t, PostgresURL(t), sources)) })
}

// SQLite gives one fresh, migrated SQLite database.
func SQLite(t testing.TB, sources ...db.Source) *db.DB {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "test.db"), sources)
}

func open(t testing.TB, target string, sources []db.Source) *db.DB {
	t.Helper()
	ctx := context.Background()
	d, err := db.Open(ctx, target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := db.Migrate(ctx, d, sources...); err != nil {
		t.Fatal(err)
	}
	return d
}

// PostgresURL gives the address of a schema made for this test and dropped after it. Without a PostgreSQL the test is
// skipped on a developer's machine and fails where it is required.
func PostgresURL(t testing.TB) string {
	t.Helper()
	base := os.Getenv("PARAPLU_TEST_POSTGRES")
	if base == "" {
		if os.Getenv("PARAPLU_REQUIRE_POSTGRES") != "" {
			t.Fatal("PARAPLU_TEST_POSTGRES is not set, and this run requires PostgreSQL; `make test` starts one")
		}
		t.Skip("no PostgreSQL: set PARAPLU_TEST_POSTGRES=postgres://…, or run `make test`")
	}
	pool, err := sql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	schema := "t_" + strings.ToLower(ref.NewID())
	if _, err := pool.Exec(`CREATE SCHEMA ` + schema); err != nil {
		t.Fatalf("PostgreSQL at PARAPLU_TEST_POSTGRES: %v", err)
	}
	t.Cleanup(func() {
		if _, err := pool.Exec(`DROP SCHEMA ` + schema + ` CASCADE`); err != nil {
			t.Errorf("dropping the schema of the test: %v", err)
		}
		pool.Close()
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}
