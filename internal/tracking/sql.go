package tracking

import (
	"database/sql"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
)

// chunk is the number of rows of one multi-row statement: at most nine placeholders a row stay far below every limit.
const chunk = 400

// column reads all rows of a one-column query.
func column[T any](tx *db.Tx, query string, args ...any) ([]T, error) {
	var out []T
	err := tx.Each(func(rows *sql.Rows) error {
		var v T
		if err := rows.Scan(&v); err != nil {
			return err
		}
		out = append(out, v)
		return nil
	}, query, args...)
	return out, err
}

// insert runs "head (?, …), (?, …) tail" over all rows, in chunks.
func insert(tx *db.Tx, head string, rows [][]any, tail string) error {
	for len(rows) > 0 {
		n := min(chunk, len(rows))
		var b strings.Builder
		b.WriteString(head)
		b.WriteString(" VALUES ")
		args := make([]any, 0, n*len(rows[0]))
		for i, row := range rows[:n] {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(db.In(len(row)))
			args = append(args, row...)
		}
		b.WriteByte(' ')
		b.WriteString(tail)
		if _, err := tx.Exec(b.String(), args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// eachIn runs a query that contains one "%IN%" for the ids, in chunks.
func eachIn(tx *db.Tx, ids []string, scan func(*sql.Rows) error, query string, before ...any) error {
	for len(ids) > 0 {
		n := min(chunk, len(ids))
		args := append([]any{}, before...)
		for _, id := range ids[:n] {
			args = append(args, id)
		}
		if err := tx.Each(scan, strings.Replace(query, "%IN%", db.In(n), 1), args...); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// kvs loads key-value rows of the owners into add.
func kvs(tx *db.Tx, table, owner string, ids []string, add func(id string, kv KV)) error {
	return eachIn(tx, ids, func(rows *sql.Rows) error {
		var id string
		var kv KV
		if err := rows.Scan(&id, &kv.Key, &kv.Value); err != nil {
			return err
		}
		add(id, kv)
		return nil
	}, `SELECT `+owner+`, key, value FROM `+table+` WHERE `+owner+` IN %IN% ORDER BY `+owner+`, `+textOrder(tx, "key"))
}

// textOrder gives the expression that orders text by code point on both databases.
func textOrder(tx *db.Tx, col string) string {
	if tx.Dialect() == db.Postgres {
		return col + ` COLLATE "C"`
	}
	return col
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
