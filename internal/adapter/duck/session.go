package duck

import (
	"context"
	"database/sql"
	"errors"

	"github.com/paraplu/paraplu/internal/quality"
)

// session is one DuckDB in memory.
type session struct {
	pool    *sql.DB
	conn    *sql.Conn
	give    func() error // the spill folder
	release func()
}

// Query runs one statement.
func (s *session) Query(ctx context.Context, text string, args ...any) (*quality.Result, error) {
	rows, err := s.conn.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, classify(ctx, err)
	}
	defer rows.Close()
	out := &quality.Result{}
	if out.Columns, err = rows.Columns(); err != nil {
		return nil, classify(ctx, err)
	}
	cells := make([]any, len(out.Columns))
	targets := make([]any, len(cells))
	for i := range cells {
		targets[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, classify(ctx, err)
		}
		row := make([]any, len(cells))
		for i, v := range cells {
			row[i] = plain(v)
		}
		out.Rows = append(out.Rows, row)
	}
	return out, classify(ctx, rows.Err())
}

// Close ends the session; a second Close does nothing.
func (s *session) Close() error {
	if s.release == nil {
		return nil
	}
	var err error
	if s.conn != nil {
		err = s.conn.Close()
	}
	if s.pool != nil {
		err = errors.Join(err, s.pool.Close())
	}
	if s.give != nil {
		err = errors.Join(err, s.give())
	}
	s.release()
	s.release = nil
	return err
}
