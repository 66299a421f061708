package db_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/fault"
)

var source = db.Source{Room: "test", FS: fstest.MapFS{"migrations/20260101000000_test.sql": {Data: []byte(`-- +goose Up
CREATE TABLE counter (name TEXT PRIMARY KEY, n BIGINT NOT NULL, raw BLOB);
`)}}}

func TestUpdatesAreSerialised(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		must(t, d.Update(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO counter (name, n, raw) VALUES ('what?', 0, ?)`, []byte{0, 255})
			return err
		}))
		const workers, each = 6, 10
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range each {
					err := d.Update(ctx, func(tx *db.Tx) error {
						var n int64
						if err := tx.QueryRow(`SELECT n FROM counter WHERE name = ?`, "what?").Scan(&n); err != nil {
							return err
						}
						_, err := tx.Exec(`UPDATE counter SET n = ? WHERE name = ?`, n+1, "what?")
						return err
					})
					if err != nil && !fault.Is(err, fault.Conflict) && !errors.Is(err, sql.ErrNoRows) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		must(t, d.View(ctx, func(tx *db.Tx) error {
			var n int64
			var raw []byte
			if err := tx.QueryRow(`SELECT n, raw FROM counter`).Scan(&n, &raw); err != nil {
				return err
			}
			if n != workers*each || len(raw) != 2 {
				t.Errorf("n = %d, want %d; raw %v", n, workers*each, raw)
			}
			return nil
		}))
	}, source)
}

func TestFailedUpdateLeavesNothing(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		boom := errors.New("boom")
		err := d.Update(ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(`INSERT INTO counter (name, n) VALUES ('a', 1)`); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatalf("error = %v", err)
		}
		must(t, d.View(ctx, func(tx *db.Tx) error {
			var n int64
			found, err := db.Found(tx.QueryRow(`SELECT n FROM counter`).Scan(&n))
			if found {
				t.Error("the row of a failed transaction is there")
			}
			return err
		}))
	}, source)
}

func TestViewRefusesWrites(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		err := d.View(context.Background(), func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO counter (name, n) VALUES ('a', 1)`)
			return err
		})
		if err == nil {
			t.Error("a write inside View succeeded")
		}
	}, source)
}

func TestUniqueViolationIsRecognised(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		insert := func() error {
			return d.Update(context.Background(), func(tx *db.Tx) error {
				_, err := tx.Exec(`INSERT INTO counter (name, n) VALUES ('a', 1)`)
				return err
			})
		}
		must(t, insert())
		if err := insert(); !db.IsUnique(err) {
			t.Errorf("IsUnique(%v) = false", err)
		}
	}, source)
}

func TestMigrateTwiceAndConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x", "test.db")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			d, err := db.Open(context.Background(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			for range 2 {
				if err := db.Migrate(context.Background(), d, source); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestOpenErrorsSayWhatToDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not.db")
	must(t, os.WriteFile(path, []byte("this is a text, not a database at all"), 0o644))
	if _, err := db.Open(context.Background(), path); !fault.Is(err, fault.Invalid) || fault.HintOf(err) == "" {
		t.Errorf("damaged file: %v (hint %q)", err, fault.HintOf(err))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := db.Open(ctx, "postgres://u:secret@127.0.0.1:1/x"); !fault.Is(err, fault.Unavailable) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("closed port: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An address may hold a password: neither an error nor the name of a file shows it.
func TestAddressesKeepTheirSecrets(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, target := range []string{
		"postgres://u:SECRET@127.0.0.1:1/x", "postgres://127.0.0.1:1/x?user=u&password=SECRET", "postgres://u@127.0.0.1:1/x?sslpassword=SECRET",
		"postgres://u:SEC%ZZRET@127.0.0.1:1/x", "postgres://u:SEC#RET@127.0.0.1:1/x", "POSTGRES://u:SECRET@127.0.0.1:1/x",
		"postgresql+psycopg2://u:SECRET@127.0.0.1:1/x", "mysql://u:SECRET@127.0.0.1:1/x", "host=127.0.0.1 port=1 user=u password=SECRET",
	} {
		d, err := db.Open(context.Background(), target)
		if err == nil {
			d.Close()
			t.Errorf("%s was opened", target)
			continue
		}
		if text := err.Error() + fault.HintOf(err); strings.Contains(text, "SEC") || strings.Contains(text, "RET") {
			t.Errorf("%s: %s", target, text)
		}
	}
	if left, _ := filepath.Glob("*"); len(left) > 0 {
		t.Errorf("files: %q", left)
	}
}

// What the database cannot hold is the caller's mistake and not a defect.
func TestTextsThatPostgresCannotHold(t *testing.T) {
	d, err := db.Open(context.Background(), dbtest.PostgresURL(t))
	must(t, err)
	defer d.Close()
	err = d.View(context.Background(), func(tx *db.Tx) error {
		var s string
		return tx.QueryRow(`SELECT CAST(? AS TEXT)`, "a\x00b").Scan(&s)
	})
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("NUL: %v", err)
	}
}
