package duck

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
)

// columnTypes are the types that a Table may have.
var columnTypes = map[string]bool{"DOUBLE": true, "VARCHAR": true, "BIGINT": true, "TIMESTAMP": true, "DATE": true, "BOOLEAN": true}

// cancelEvery is after how many rows a load looks whether it is still wanted.
const cancelEvery = 8192

// Query loads the tables into a fresh database, runs one statement over them and forgets everything.
func (e *Engine) Query(ctx context.Context, tables map[string]quality.Table, text string, args ...any) (*quality.Result, error) {
	s, err := e.open(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for name, t := range tables {
		if err := s.load(ctx, name, t); err != nil {
			return nil, fault.Wrap(err, "loading table %s", name)
		}
	}
	return s.Query(ctx, text, args...)
}

func (s *session) load(ctx context.Context, name string, t quality.Table) error {
	return s.put(ctx, name, t.Columns, func(add func([]any) error) error {
		for _, row := range t.Rows {
			if err := add(row); err != nil {
				return err
			}
		}
		return nil
	})
}

// put makes a table and adds the rows that rows gives, one by one.
func (s *session) put(ctx context.Context, name string, columns []quality.Column, rows func(add func([]any) error) error) error {
	defs := make([]string, len(columns))
	for i, c := range columns {
		if !columnTypes[c.Type] {
			return fault.New(fault.Invalid, "column %s has the type %q; known: BIGINT, BOOLEAN, DATE, DOUBLE, TIMESTAMP, VARCHAR", c.Name, c.Type)
		}
		defs[i] = ident(c.Name) + " " + c.Type
	}
	if _, err := s.conn.ExecContext(ctx, "CREATE TABLE "+ident(name)+" ("+strings.Join(defs, ", ")+")"); err != nil {
		return classify(ctx, err)
	}
	return s.conn.Raw(func(raw any) error {
		a, err := duckdb.NewAppenderFromConn(raw.(driver.Conn), "", name)
		if err != nil {
			return classify(ctx, err)
		}
		if err := rows(adder(ctx, a, columns)); err != nil {
			a.Clear() //nolint:errcheck // the table is given up
			a.Close() //nolint:errcheck
			return err
		}
		return classify(ctx, a.CloseWithCancel(ctx))
	})
}

// adder gives what appends one row.
func adder(ctx context.Context, a *duckdb.Appender, columns []quality.Column) func([]any) error {
	cells, n := make([]driver.Value, len(columns)), 0
	return func(row []any) error {
		if n++; (n-1)%cancelEvery == 0 && ctx.Err() != nil {
			return fault.New(fault.Canceled, "the query was stopped: %w", ctx.Err())
		}
		if len(row) != len(cells) {
			return fault.New(fault.Invalid, "row %d has %d values for %d columns", n, len(row), len(cells))
		}
		for j, v := range row {
			cell, ok := fit(columns[j].Type, v)
			if !ok {
				return fault.New(fault.Invalid, "row %d, column %s: %v (%T) is no %s", n, columns[j].Name, v, v, columns[j].Type)
			}
			cells[j] = cell
		}
		if err := a.AppendRow(cells...); err != nil {
			return fmt.Errorf("row %d: %w", n, err)
		}
		return nil
	}
}

// fit gives v as the type of a column; numbers fit when nothing is lost.
func fit(kind string, v any) (driver.Value, bool) {
	switch x := v.(type) {
	case nil:
		return nil, true
	case int:
		return fit(kind, int64(x))
	case int32:
		return fit(kind, int64(x))
	case float32:
		return fit(kind, float64(x))
	case int64:
		if kind == "DOUBLE" {
			return float64(x), true
		}
		return x, kind == "BIGINT"
	case float64:
		if kind == "BIGINT" {
			return int64(x), x == float64(int64(x))
		}
		return x, kind == "DOUBLE"
	case string:
		return x, kind == "VARCHAR"
	case bool:
		return x, kind == "BOOLEAN"
	case time.Time:
		return x.UTC(), kind == "TIMESTAMP" || kind == "DATE"
	}
	return nil, false
}

func ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
