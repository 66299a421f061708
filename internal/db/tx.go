package db

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"
)

// Tx is a running transaction. It is not safe for concurrent use.
type Tx struct {
	ctx     context.Context
	tx      *sql.Tx
	dialect Dialect
}

// Ctx gives the context of the transaction.
func (t *Tx) Ctx() context.Context { return t.ctx }

// Dialect tells the database, for the rare statement that must differ.
func (t *Tx) Dialect() Dialect { return t.dialect }

// Raw gives the driver's transaction to a library that writes its own tables in it (package job). Rooms use the methods
// above and below, which know the dialect.
func (t *Tx) Raw() *sql.Tx { return t.tx }

// Exec runs a statement with ? placeholders.
func (t *Tx) Exec(query string, args ...any) (sql.Result, error) {
	return t.tx.ExecContext(t.ctx, t.rebind(query), args...)
}

// Query runs a query with ? placeholders; close the rows.
func (t *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	return t.tx.QueryContext(t.ctx, t.rebind(query), args...)
}

// QueryRow runs a query that answers at most one row; Scan gives sql.ErrNoRows when there is none.
func (t *Tx) QueryRow(query string, args ...any) *sql.Row {
	return t.tx.QueryRowContext(t.ctx, t.rebind(query), args...)
}

// Prepare prepares a statement with ? placeholders for many executions inside the transaction.
func (t *Tx) Prepare(query string) (*sql.Stmt, error) {
	return t.tx.PrepareContext(t.ctx, t.rebind(query))
}

// Each runs a query and calls scan for every row. It closes the rows and reports their error.
func (t *Tx) Each(scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := t.Query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Get gives the result of fn, which reads one consistent state (View).
func Get[T any](ctx context.Context, d *DB, fn func(*Tx) (T, error)) (out T, err error) {
	err = d.View(ctx, func(tx *Tx) error {
		out, err = fn(tx)
		return err
	})
	return out, err
}

// Change gives the result of fn, which writes in one serialised transaction (Update).
func Change[T any](ctx context.Context, d *DB, fn func(*Tx) (T, error)) (out T, err error) {
	err = d.Update(ctx, func(tx *Tx) error {
		out, err = fn(tx)
		return err
	})
	return out, err
}

// Found turns the error of a QueryRow Scan into (found, error).
func Found(err error) (bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// IsUnique tells whether err is the violation of a unique or primary key.
func IsUnique(err error) bool {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code == "23505"
	}
	var se sqlite3.Error
	return errors.As(err, &se) && (se.ExtendedCode == sqlite3.ErrConstraintUnique || se.ExtendedCode == sqlite3.ErrConstraintPrimaryKey)
}

// In gives "(?, ?, …)" for n ≥ 1 values, for the right side of IN.
func In(n int) string { return "(?" + strings.Repeat(", ?", n-1) + ")" }

var rebound sync.Map // query with ? → query with $n

func (t *Tx) rebind(query string) string {
	if t.dialect != Postgres {
		return query
	}
	if q, ok := rebound.Load(query); ok {
		return q.(string)
	}
	q := dollars(query)
	if len(query) < 2000 { // long texts are built on the fly and would only fill the map
		rebound.Store(query, q)
	}
	return q
}

// dollars replaces each ? outside quotes by $1, $2, …
func dollars(query string) string {
	var b strings.Builder
	n, quote := 0, byte(0)
	for i := range len(query) {
		c := query[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '?':
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
