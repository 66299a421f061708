package quality

import (
	"context"
)

// Engine answers SQL, in the dialect of DuckDB, over files. It is safe for concurrent use.
type Engine interface {
	// Version names the engine and its version; it is part of the identity of a report.
	Version() string
	// Open gives a session that can read exactly these files, and nothing else of the machine.
	Open(ctx context.Context, files ...string) (Session, error)
	// Scratch makes a folder for copies of files. done removes it; when the process is killed, the next one does.
	Scratch() (dir string, done func(), err error)
}

// Session is a private place for temporary tables and views. It is used by one goroutine and closed by who opened it.
type Session interface {
	// Query runs one statement; ? stands for an argument. A statement that answers nothing gives an empty Result. The end
	// of ctx stops it.
	Query(ctx context.Context, sql string, args ...any) (*Result, error)
	// Close drops everything that the session made.
	Close() error
}

// Result is the answer of a query. Values are int64, float64, string, bool, time.Time (UTC) or nil; lists are []any of those.
type Result struct {
	Columns []string
	Rows    [][]any
}

// Table is rows in memory that a query may read by name.
type Table struct {
	Columns []Column
	Rows    [][]any // each as long as Columns
}

// Column is the name and type of one column of a Table: DOUBLE, VARCHAR, BIGINT, TIMESTAMP, DATE or BOOLEAN.
type Column struct {
	Name string
	Type string
}
