package db

import (
	"context"
	"database/sql"
	"errors"
	"net/url"

	"github.com/mattn/go-sqlite3"

	"github.com/paraplu/paraplu/internal/fault"
)

// OpenForeign opens a SQLite file of another program to be read. Nothing is written to it; Update fails.
func OpenForeign(ctx context.Context, path string) (*DB, error) {
	pool, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&_query_only=1&_busy_timeout=10000")
	if err != nil {
		return nil, fault.Wrap(err, "opening %s", path)
	}
	pool.SetMaxOpenConns(8)
	d := &DB{dialect: SQLite, path: path, write: pool, read: pool}
	if err := d.Ping(ctx); err != nil {
		pool.Close()
		return nil, fault.Wrap(err, "opening %s", path)
	}
	return d, nil
}

// Damaged tells whether err says that a SQLite file is not one, or is broken inside.
func Damaged(err error) bool {
	var se sqlite3.Error
	return errors.As(err, &se) && (se.Code == sqlite3.ErrCorrupt || se.Code == sqlite3.ErrNotADB)
}
