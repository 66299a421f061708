package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/mattn/go-sqlite3"

	"github.com/paraplu/paraplu/internal/fault"
)

// Dialect names the database behind a DB.
type Dialect string

// The two databases.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// maxAttempts bounds how often a transaction that lost a race is run again.
const maxAttempts = 12

// DB is an open database. It is safe for concurrent use.
type DB struct {
	dialect Dialect
	path    string // SQLite file, "" otherwise
	write   *sql.DB
	read    *sql.DB
	turns   turns // of the one writing connection of SQLite
}

// Open opens "postgres://…", or "sqlite:PATH" or a plain path. The folder of a SQLite file is made if it is missing.
func Open(ctx context.Context, target string) (*DB, error) {
	if strings.HasPrefix(target, "postgres://") || strings.HasPrefix(target, "postgresql://") {
		return openPostgres(ctx, target)
	}
	if foreign.MatchString(target) {
		return nil, fault.New(fault.Invalid, "the address of the database is neither a path nor postgres://…").
			WithHint("--db 'postgres://user@host:5432/name', or leave it out to use the embedded SQLite file")
	}
	return openSQLite(ctx, strings.TrimPrefix(target, "sqlite:"))
}

// foreign are addresses of servers in forms that are not known here. Taken for a path, such a one would become the name of
// a file, with its password.
var foreign = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://|(^|\s)(host|hostaddr|user|password|dbname)\s*=`)

func openPostgres(ctx context.Context, dsn string) (*DB, error) {
	pool, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, fault.New(fault.Invalid, "PostgreSQL address %s: %w", redact(dsn), err)
	}
	pool.SetMaxOpenConns(16)
	pool.SetMaxIdleConns(4)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	if err := pool.PingContext(ctx); err != nil {
		pool.Close()
		return nil, fault.New(fault.Unavailable, "cannot reach PostgreSQL at %s: %w", redact(dsn), err).
			WithHint("check the address, or leave out --db to use the embedded SQLite file")
	}
	return &DB{dialect: Postgres, write: pool, read: pool}, nil
}

func openSQLite(ctx context.Context, path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fault.Wrap(err, "making the folder of the database")
	}
	dsn := func(extra string) string {
		return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=10000&_foreign_keys=1&_stmt_cache_size=64" + extra
	}
	write, err := sql.Open("sqlite3", dsn("&_txlock=immediate"))
	if err != nil {
		return nil, fault.Wrap(err, "opening %s", path)
	}
	write.SetMaxOpenConns(1)
	read := sql.OpenDB(&readConnector{dsn: dsn("&_query_only=1")})
	read.SetMaxOpenConns(8)
	read.SetMaxIdleConns(2)
	read.SetConnMaxIdleTime(time.Minute) // what they map is let go
	d := &DB{dialect: SQLite, path: path, write: write, read: read}
	if err := firstPing(ctx, write); err != nil {
		d.Close()
		return nil, openError(path, err)
	}
	return d, nil
}

// firstPing connects. Processes that open a new file at the same moment all switch it to WAL, and SQLite does not wait for that
// as it does for other locks: the ones that come second try again.
func firstPing(ctx context.Context, pool *sql.DB) error {
	for began := time.Now(); ; {
		err := pool.PingContext(ctx)
		var se sqlite3.Error
		if !errors.As(err, &se) || se.Code != sqlite3.ErrBusy || time.Since(began) > 10*time.Second {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// mapped is how much of the file readers map into memory, in bytes. Pages that are mapped are shared with the cache of the
// system: a search of a large database then costs neither a call nor a copy for each page, and no memory of this process.
const mapped = 1 << 30

// readConnector opens connections that only read.
type readConnector struct {
	driver sqlite3.SQLiteDriver
	dsn    string
}

func (c *readConnector) Driver() driver.Driver { return &c.driver }

func (c *readConnector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	if _, err := conn.(*sqlite3.SQLiteConn).Exec(fmt.Sprint("PRAGMA mmap_size = ", mapped), nil); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func openError(path string, err error) error {
	var se sqlite3.Error
	if errors.As(err, &se) && se.Code == sqlite3.ErrNotADB {
		return fault.New(fault.Invalid, "%s is not a Paraplu database (or is damaged): %w", path, err).
			WithHint("restore it from a backup, or move it away to start with an empty workspace")
	}
	return fault.Wrap(Classify(err), "opening the database %s", path)
}

// Close closes all connections.
func (d *DB) Close() error {
	if d.read == d.write {
		return d.write.Close()
	}
	return errors.Join(d.read.Close(), d.write.Close())
}

// Dialect tells which database it is.
func (d *DB) Dialect() Dialect { return d.dialect }

// Pool gives the connections that write to a library that runs its own statements (package job). On SQLite it is one
// connection, so such a statement and Update wait for each other.
func (d *DB) Pool() *sql.DB { return d.write }

// Ping tells whether the database answers.
func (d *DB) Ping(ctx context.Context) error { return Classify(d.read.PingContext(ctx)) }

// View runs fn in a read-only transaction over one consistent state.
func (d *DB) View(ctx context.Context, fn func(*Tx) error) error {
	opts := &sql.TxOptions{ReadOnly: true}
	if d.dialect == Postgres {
		opts.Isolation = sql.LevelRepeatableRead
	}
	for attempt := 1; ; attempt++ {
		err := d.run(ctx, d.read, opts, fn)
		if !errors.Is(err, errLostConn) || attempt == maxAttempts {
			return err
		}
	}
}

// Update runs fn in a serialised transaction and commits it. A transaction that lost a race is run again. On SQLite,
// transactions that wait for each other share one commit (see group.go); when Update returns nil, the work is on the disk.
func (d *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	opts := &sql.TxOptions{Isolation: sql.LevelSerializable} // of PostgreSQL
	for attempt := 1; ; attempt++ {
		var err error
		if d.dialect == SQLite {
			err = d.updateSQLite(ctx, fn)
		} else {
			err = d.run(ctx, d.write, opts, fn)
		}
		if err == nil || !lostRace(err) || attempt == maxAttempts {
			return err
		}
		select {
		case <-ctx.Done():
			return Classify(ctx.Err())
		case <-time.After(time.Duration(attempt*attempt) * time.Millisecond):
		}
	}
}

func (d *DB) run(ctx context.Context, pool *sql.DB, opts *sql.TxOptions, fn func(*Tx) error) error {
	stx, err := pool.BeginTx(ctx, opts)
	if err != nil {
		return lost(ctx, err)
	}
	defer stx.Rollback() //nolint:errcheck // no effect after Commit
	if err := fn(&Tx{ctx: ctx, tx: stx, dialect: d.dialect}); err != nil {
		return lost(ctx, err)
	}
	return Classify(stx.Commit())
}

// lost tells errLostConn from other errors of a transaction before its commit.
func lost(ctx context.Context, err error) error {
	if errors.Is(err, driver.ErrBadConn) && ctx.Err() == nil {
		return fault.New(fault.Unavailable, "%w: %w", errLostConn, err)
	}
	return Classify(err)
}

// errLostConn says that the connection was gone before the commit: a connection that an earlier, cancelled query closed can
// come out of the pool once more. Nothing was done, so the transaction is run again.
var errLostConn = errors.New("the connection to the database was lost")

func lostRace(err error) bool {
	if errors.Is(err, errLostConn) {
		return true
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code == "40001" || pe.Code == "40P01"
	}
	var se sqlite3.Error
	return errors.As(err, &se) && (se.Code == sqlite3.ErrBusy || se.Code == sqlite3.ErrLocked)
}

// Classify turns a driver's error into a fault of the right kind: full disk, busy, unreachable. Others pass unchanged.
func Classify(err error) error {
	var se sqlite3.Error
	var pe *pgconn.PgError
	var ce *pgconn.ConnectError
	var f *fault.Error
	switch {
	case err == nil || errors.As(err, &f):
		return err
	case errors.As(err, &pe):
		return classifyPostgres(pe)
	case errors.As(err, &ce):
		return fault.New(fault.Unavailable, "PostgreSQL cannot be reached: %w", err)
	case errors.As(err, &se):
		switch se.Code {
		case sqlite3.ErrFull, sqlite3.ErrIoErr:
			return fault.New(fault.Exhausted, "the database could not write; is the disk full? (%w)", err).
				WithHint("free some space and run the same command again; nothing was half-written")
		case sqlite3.ErrBusy, sqlite3.ErrLocked:
			return fault.New(fault.Conflict, "the database is busy: %w", err).WithHint("run the command again")
		case sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm:
			return fault.New(fault.Denied, "the database cannot be written: %w", err).WithHint("check the owner and permissions of the .paraplu folder")
		}
	case errors.Is(err, sql.ErrConnDone):
		return fault.New(fault.Unavailable, "the database connection is closed: %w", err)
	}
	return err
}

// classifyPostgres reads the SQLSTATE.
func classifyPostgres(err *pgconn.PgError) error {
	switch {
	case err.Code == "22021" || err.Code == "22P05":
		return fault.New(fault.Invalid, "a text holds NUL or bytes that are not UTF-8, which the database cannot hold: %w", err)
	case err.Code == "53100":
		return fault.New(fault.Exhausted, "the disk of the database is full: %w", err)
	case err.Code == "53300" || strings.HasPrefix(err.Code, "57P"):
		return fault.New(fault.Unavailable, "PostgreSQL does not take requests now: %w", err)
	}
	return err
}

// redact gives user, host and database of an address. Passwords can also stand in the query, so that is left out.
func redact(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return "postgres://…"
	}
	u.RawQuery, u.Fragment = "", ""
	return u.Redacted()
}

// Millis gives Unix milliseconds, the stored form of an instant; the zero time is 0.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Time is the inverse of Millis, in UTC.
func Time(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// String names the database without secrets.
func (d *DB) String() string {
	if d.dialect == SQLite {
		return "sqlite " + d.path
	}
	return string(d.dialect)
}
