// Package mlflowdb reads the SQLite file of an MLflow backend store, and the artifacts beside it: a transfer.Source without a
// server. The file is opened to be read only. The schema is that of MLflow 3.18; columns and tables that an older one lacks
// read as empty.
//
//	s, err := mlflowdb.Open(ctx, "mlflow.db", "mlartifacts")
//	defer s.Close()
//
// Artifacts are found where the file says, when that is a folder of this machine. What MLflow served itself
// (mlflow-artifacts:/…) is below the folder that the caller names. Links to elsewhere are not followed.
package mlflowdb

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// Store is an open backend store.
type Store struct {
	db        *db.DB
	path      string
	artifacts string                     // folder of mlflow-artifacts:/, "" when unknown
	columns   map[string]map[string]bool // table → column
}

// Open opens a backend store. artifacts is the folder that `mlflow server` got as --artifacts-destination, or "".
func Open(ctx context.Context, path, artifacts string) (*Store, error) {
	if err := isSQLite(path); err != nil {
		return nil, err
	}
	if artifacts != "" {
		if info, err := os.Stat(artifacts); err != nil || !info.IsDir() {
			return nil, fault.New(fault.NotFound, "the folder of artifacts %s does not exist", artifacts).
				WithHint("--artifacts takes the folder that `mlflow server` has as --artifacts-destination, or its mlartifacts")
		}
	}
	d, err := db.OpenForeign(ctx, path)
	if err != nil {
		return nil, damaged(path, err)
	}
	s := &Store{db: d, path: path, artifacts: artifacts, columns: map[string]map[string]bool{}}
	if err := s.look(ctx); err != nil {
		d.Close()
		return nil, err
	}
	return s, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

func isSQLite(path string) error {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.NotFound, "%s does not exist", path).WithHint("give the address of an MLflow server, or the path of its SQLite file")
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Denied, "%s cannot be read: %w", path, err)
	case err != nil:
		return fault.Wrap(err, "opening %s", path)
	}
	defer f.Close()
	head := make([]byte, 16)
	if _, err := io.ReadFull(f, head); err != nil || string(head) != "SQLite format 3\x00" {
		return notMLflow(path, "it is no SQLite file")
	}
	return nil
}

func notMLflow(path, why string) error {
	return fault.New(fault.Invalid, "%s is not the backend store of an MLflow: %s", path, why).
		WithHint("it is the file in `mlflow server --backend-store-uri sqlite:///FILE`, often mlflow.db")
}

// damaged tells a broken file from other trouble.
func damaged(path string, err error) error {
	if db.Damaged(err) {
		return fault.New(fault.Precondition, "the SQLite file %s is damaged: %w", path, err).
			WithHint("sqlite3 %s '.recover' | sqlite3 mended.db, and import mended.db", path)
	}
	return err
}

// look reads the schema.
func (s *Store) look(ctx context.Context) error {
	err := s.each(ctx, func(rows *sql.Rows) error {
		var table, column string
		err := rows.Scan(&table, &column)
		if s.columns[table] == nil {
			s.columns[table] = map[string]bool{}
		}
		s.columns[table][column] = true
		return err
	}, `SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'`)
	if err != nil {
		return err
	}
	if s.has("tracking_run", "id") {
		return fault.New(fault.Invalid, "%s is the database of a Paraplu workspace", s.path).
			WithHint("start that workspace with paraplu up, and import from its address")
	}
	for _, t := range []string{"experiments", "runs", "metrics", "params", "tags"} {
		if s.columns[t] == nil {
			return notMLflow(s.path, "it has no table "+t)
		}
	}
	return nil
}

func (s *Store) has(table, column string) bool { return s.columns[table][column] }

// column gives an expression for a column, or for what stands for it in a store that is older than it.
func (s *Store) column(table, column, otherwise string) string {
	if s.has(table, column) {
		return column
	}
	return otherwise
}

func (s *Store) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	return damaged(s.path, s.db.View(ctx, func(tx *db.Tx) error { return tx.Each(scan, query, args...) }))
}

// resolve gives the folder of this machine that a URI of artifacts means.
func (s *Store) resolve(uri string) (string, error) {
	scheme, rest, found := strings.Cut(uri, ":")
	switch {
	case !found || strings.ContainsAny(scheme, "/\\."): // a path, as old stores have them
		if filepath.IsAbs(uri) {
			return filepath.Clean(uri), nil
		}
		return filepath.Join(filepath.Dir(s.path), uri), nil
	case scheme == "file":
		if host, ok := strings.CutPrefix(rest, "//"); ok {
			i := strings.IndexByte(host, '/')
			if i < 0 {
				i = len(host)
			}
			rest = host[i:]
		}
		return filepath.Clean(unescape(rest)), nil
	case scheme == "mlflow-artifacts" && s.artifacts != "":
		rest = strings.TrimPrefix(rest, "//")
		if !strings.HasPrefix(rest, "/") { // //host/path
			_, rest, _ = strings.Cut(rest, "/")
		}
		return filepath.Join(s.artifacts, filepath.Clean("/"+rest)), nil
	case scheme == "mlflow-artifacts":
		return "", fault.New(fault.Precondition, "the artifacts at mlflow-artifacts:/ are in a folder that the file does not name").
			WithHint("name it: --artifacts DIR, as in `mlflow server --artifacts-destination DIR` (default mlartifacts or mlruns), or leave them out: --no-artifacts")
	}
	return "", fault.New(fault.Unsupported, "artifacts at %s://… cannot be read from here", scheme).
		WithHint("import from the running MLflow server, which can read them, or leave them out: --no-artifacts")
}
