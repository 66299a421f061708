package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"

	"github.com/paraplu/paraplu/internal/fault"
)

// Asked is a column of the answer to Ask. Type is BIGINT, DOUBLE, BOOLEAN, DATE, TIMESTAMP or VARCHAR.
type Asked struct {
	Name, Type string
}

// Ask runs a query of a person in a read-only transaction. It runs twice: once to see which types the values have (a column
// of SQLite may hold any), once to give the rows. A decimal number becomes a double. answer calls rows once; a row is valid
// until the next one.
func (d *DB) Ask(ctx context.Context, query string, answer func(columns []Asked, rows func(each func(row []any) error) error) error) error {
	return d.View(ctx, func(tx *Tx) error {
		var columns []Asked
		if err := asked(tx, query, &columns, func(row []any) error {
			for i, v := range row {
				columns[i].Type = wider(columns[i].Type, v)
			}
			return nil
		}); err != nil {
			return err
		}
		for i := range columns {
			if columns[i].Type == "" {
				columns[i].Type = "VARCHAR"
			}
		}
		return answer(columns, func(each func([]any) error) error {
			var again []Asked
			return asked(tx, query, &again, func(row []any) error {
				for i, v := range row {
					row[i] = as(columns[i].Type, v)
				}
				return each(row)
			})
		})
	})
}

// asked runs the query once. Values are int64, float64, bool, time.Time, string, date or nil.
func asked(tx *Tx, query string, columns *[]Asked, each func([]any) error) error {
	rows, err := tx.tx.QueryContext(tx.ctx, query) // as it is written: a ? of PostgreSQL is an operator
	if err != nil {
		return wrongQuery(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	for _, t := range types {
		*columns = append(*columns, Asked{Name: t.Name()})
	}
	row, targets := make([]any, len(types)), make([]any, len(types))
	for i := range row {
		targets[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		for i := range row {
			row[i] = simple(types[i], row[i])
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return wrongQuery(rows.Err())
}

type date struct{ time.Time }

func simple(t *sql.ColumnType, v any) any {
	kind := t.DatabaseTypeName()
	switch x := v.(type) {
	case []byte:
		return simple(t, string(x))
	case string:
		if kind == "NUMERIC" {
			if f, err := strconv.ParseFloat(x, 64); err == nil {
				return f
			}
		}
	case int32:
		return int64(x)
	case float32:
		return float64(x)
	case time.Time:
		if strings.EqualFold(kind, "DATE") {
			return date{x.UTC()}
		}
		return x.UTC()
	}
	return v
}

// wider gives the narrowest type that holds what a column had so far, and v.
func wider(have string, v any) string {
	now := ""
	switch v.(type) {
	case nil:
		return have
	case int64:
		now = "BIGINT"
	case float64:
		now = "DOUBLE"
	case bool:
		now = "BOOLEAN"
	case date:
		now = "DATE"
	case time.Time:
		now = "TIMESTAMP"
	default:
		now = "VARCHAR"
	}
	numbers := map[string]bool{"BIGINT": true, "DOUBLE": true}
	switch {
	case have == "" || have == now:
		return now
	case numbers[have] && numbers[now]:
		return "DOUBLE"
	}
	return "VARCHAR"
}

func as(kind string, v any) any {
	switch x := v.(type) {
	case nil:
		return nil
	case date:
		if kind == "DATE" {
			return x.Time
		}
		return x.Format(time.DateOnly)
	case time.Time:
		if kind == "TIMESTAMP" {
			return x
		}
		return x.Format(time.RFC3339Nano)
	case int64:
		if kind == "DOUBLE" {
			return float64(x)
		}
	}
	if _, text := v.(string); kind == "VARCHAR" && !text {
		return fmt.Sprint(v)
	}
	return v
}

// wrongQuery tells a query that a person wrote wrong from a database that fails.
func wrongQuery(err error) error {
	var pe *pgconn.PgError
	var se sqlite3.Error
	switch {
	case errors.As(err, &pe) && (strings.HasPrefix(pe.Code, "42") || strings.HasPrefix(pe.Code, "22")):
		return fault.New(fault.Invalid, "the query cannot be run: %s", pe.Message)
	case errors.As(err, &pe) && pe.Code == "25006":
		return fault.New(fault.Denied, "the query writes, and it may only read: %s", pe.Message)
	case errors.As(err, &se) && se.Code == sqlite3.ErrError:
		return fault.New(fault.Invalid, "the query cannot be run: %s", se.Error())
	case errors.As(err, &se) && se.Code == sqlite3.ErrReadonly:
		return fault.New(fault.Denied, "the query writes, and it may only read")
	}
	return err
}

// WithoutPassword gives an address of PostgreSQL without its password, so that it can be kept; other addresses are given as they are.
func WithoutPassword(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		return dsn
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	q.Del("password")
	u.RawQuery = q.Encode()
	return u.String()
}
