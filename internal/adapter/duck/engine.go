package duck

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
)

// Config limits what DuckDB may use. Zero values have defaults.
type Config struct {
	Threads     int    // of one session; 0 = all cores
	MemoryLimit string // of one session, "1GB"; "" = 2GB
	TempDir     string // where large queries spill; "" = the system's folder
	Sessions    int    // open at the same time, others wait; 0 = 4
}

// Engine opens sessions. It is safe for concurrent use and holds nothing between them.
type Engine struct {
	cfg   Config
	slots chan struct{}
	spill *spill
}

var _ quality.Engine = (*Engine)(nil)

// New gives an engine; DuckDB starts with the first session.
func New(cfg Config) *Engine {
	if cfg.MemoryLimit == "" {
		cfg.MemoryLimit = "2GB"
	}
	if cfg.TempDir == "" {
		cfg.TempDir = filepath.Join(os.TempDir(), "paraplu-duck")
	}
	if cfg.Sessions <= 0 {
		cfg.Sessions = 4
	}
	return &Engine{cfg: cfg, slots: make(chan struct{}, cfg.Sessions), spill: &spill{root: cfg.TempDir}}
}

// Version gives "duckdb 1.5.6".
func (e *Engine) Version() string { return "duckdb " + libraryVersion() }

// libraryVersion asks the linked library once.
var libraryVersion = sync.OnceValue(func() string {
	c, err := duckdb.NewConnector("", nil)
	if err != nil {
		return "unknown"
	}
	pool := sql.OpenDB(c)
	defer pool.Close()
	var v string
	if err := pool.QueryRow(`SELECT version()`).Scan(&v); err != nil {
		return "unknown"
	}
	return strings.TrimPrefix(v, "v")
})

// Open gives a session that can read exactly these files. It waits for a free place.
func (e *Engine) Open(ctx context.Context, files ...string) (quality.Session, error) {
	s, err := e.open(ctx, files)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (e *Engine) open(ctx context.Context, files []string) (_ *session, err error) {
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.New(fault.Canceled, "waiting for the analytics engine: %w", ctx.Err())
	}
	s := &session{release: func() { <-e.slots }}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	spill, give, err := e.spill.take("s")
	if err != nil {
		return nil, err
	}
	s.give = give
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fault.Wrap(err, "starting DuckDB")
	}
	s.pool = sql.OpenDB(connector)
	if s.conn, err = s.pool.Conn(ctx); err != nil {
		return nil, classify(ctx, err)
	}
	settings, err := e.settings(spill, files)
	if err != nil {
		return nil, err
	}
	for _, q := range settings {
		if _, err := s.conn.ExecContext(ctx, q); err != nil {
			return nil, fault.Wrap(classify(ctx, err), "limiting DuckDB (%s)", q)
		}
	}
	return s, nil
}

// settings are in the order in which they must be made: the last two cannot be undone.
func (e *Engine) settings(spill string, files []string) ([]string, error) {
	out := []string{
		"SET memory_limit = " + quote(e.cfg.MemoryLimit),
		"SET temp_directory = " + quote(spill),
		"SET TimeZone = 'UTC'",
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
	}
	if e.cfg.Threads > 0 {
		out = append(out, fmt.Sprintf("SET threads = %d", e.cfg.Threads))
	}
	if len(files) > 0 {
		quoted := make([]string, len(files))
		for i, f := range files {
			abs, err := filepath.Abs(f)
			if err != nil {
				return nil, fault.Wrap(err, "finding %s", f)
			}
			quoted[i] = quote(abs)
		}
		out = append(out, "SET allowed_paths = ["+strings.Join(quoted, ", ")+"]")
	}
	return append(out, "SET enable_external_access = false", "SET lock_configuration = true"), nil
}

// Scratch makes a folder for copies of files. done removes it; when the process is killed, the next one does.
func (e *Engine) Scratch() (dir string, done func(), err error) {
	dir, give, err := e.spill.take("c")
	if err != nil {
		return "", nil, err
	}
	done = func() { give() } //nolint:errcheck // tried again by the next process
	if err := os.Mkdir(dir, 0o700); err != nil {
		done()
		return "", nil, fault.Wrap(err, "making a folder for copies")
	}
	return dir, done, nil
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// classify turns an error of DuckDB into a fault: the user's SQL is Invalid, no memory or disk is Exhausted.
func classify(ctx context.Context, err error) error {
	var de *duckdb.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.New(fault.Canceled, "the query was stopped: %w", ctx.Err())
	case !errors.As(err, &de):
		return err
	}
	switch de.Type {
	case duckdb.ErrorTypeOutOfMemory:
		return fault.New(fault.Exhausted, "the query needs more memory than it may use: %s", firstLine(de)).WithHint("raise the memory limit of the engine, or check a smaller file")
	case duckdb.ErrorTypeIO:
		return fault.New(fault.Exhausted, "the engine could not read or write: %s", firstLine(de))
	case duckdb.ErrorTypePermission:
		return fault.New(fault.Denied, "%s", firstLine(de))
	case duckdb.ErrorTypeInternal, duckdb.ErrorTypeFatal:
		return fault.New(fault.Internal, "DuckDB failed: %s", firstLine(de))
	}
	return fault.New(fault.Invalid, "%s", firstLine(de))
}

// firstLine leaves out the picture of the statement, which is ours and not the user's.
func firstLine(de *duckdb.Error) string {
	line, _, _ := strings.Cut(de.Msg, "\n")
	return line
}
