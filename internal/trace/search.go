package trace

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// Search asks for a page of traces.
type Search struct {
	ExperimentIDs []string
	Filter        string   // see package filter, and where.go for names
	OrderBy       []string // "timestamp DESC", "tags.x ASC", …; by default the newest first
	MaxResults    int64    // 1 to 50000
	PageToken     string
}

// Limits of a search: how many traces one call looks at when the database cannot decide alone, and how many at a time.
const (
	maxPage  = 50000
	maxScan  = 20000
	maxSpans = 2000 // when spans must be unpacked
	batch    = 250
)

// Search gives traces that match. A page may hold fewer than MaxResults and still have a token, when it looked at as many
// traces as one call may.
func (r *Room) Search(ctx context.Context, s Search) (page Page, err error) {
	if s.MaxResults < 1 {
		return page, fault.New(fault.Invalid, "Invalid value %d for parameter 'max_results' supplied. It must be a positive integer", s.MaxResults)
	}
	if s.MaxResults > maxPage {
		return page, fault.New(fault.Invalid, "Invalid value %d for parameter 'max_results' supplied. It must be at most %d", s.MaxResults, maxPage)
	}
	q, err := newQuery(r.db.Dialect(), s)
	if err != nil || len(s.ExperimentIDs) == 0 {
		return page, err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		found, next, err := q.run(tx, int(s.MaxResults))
		if err != nil {
			return err
		}
		page = Page{}
		if next != nil {
			page.Next = next.token()
		}
		page.Items, err = infos(tx, found)
		return err
	})
	return page, err
}

// cursor is the content of a page token: an offset, or in the default order the sort key of the last row, so that a deep page
// costs no more than the first. Clients treat it as opaque.
type cursor struct {
	Offset int64  `json:"offset,omitempty"`
	TimeMs *int64 `json:"t,omitempty"`
	ID     string `json:"id,omitempty"`
}

func (c cursor) token() string {
	b, _ := json.Marshal(c) // numbers and texts always marshal
	return base64.StdEncoding.EncodeToString(b)
}

func parseCursor(token string) (c cursor, err error) {
	if token == "" {
		return c, nil
	}
	b, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return c, fault.New(fault.Invalid, "Invalid page token, could not base64-decode")
	}
	if json.Unmarshal(b, &c) != nil || c.Offset < 0 || c.Offset == 0 && c.TimeMs == nil || clean(c.ID) != c.ID {
		return c, fault.New(fault.Invalid, "Invalid page token, decoded value=%q", cut(clean(string(b)), 200))
	}
	return c, nil
}

// candidate is a trace that satisfies what the database decides.
type candidate struct {
	id     string
	timeMs int64
	texts  []sql.NullString // of q.texts
}

// run gives the ids of a page, and where the next one starts; nil at the end.
func (q *query) run(tx *db.Tx, limit int) (found []string, next *cursor, err error) {
	budget, step := maxScan, batch
	switch {
	case q.decided():
		step = limit + 1
		budget = step
	case len(q.spans) > 0:
		budget = maxSpans
	}
	at := q.start
	for budget > 0 {
		list, err := q.candidates(tx, at, min(step, budget))
		if err != nil {
			return nil, nil, err
		}
		hits, err := q.filter(tx, list)
		if err != nil {
			return nil, nil, err
		}
		for i, c := range list {
			if hits[i] && len(found) == limit {
				return found, &at, nil
			}
			if hits[i] {
				found = append(found, c.id)
			}
			at = q.after(at, c)
		}
		if len(list) < min(step, budget) {
			return found, nil, nil
		}
		budget -= len(list)
	}
	return found, &at, nil
}

// after gives the place behind a candidate.
func (q *query) after(at cursor, c candidate) cursor {
	if q.keyset {
		return cursor{TimeMs: &c.timeMs, ID: c.id}
	}
	return cursor{Offset: at.Offset + 1}
}

func (q *query) candidates(tx *db.Tx, at cursor, limit int) (out []candidate, err error) {
	conds, args := q.conds, append([]any{}, q.textArgs...)
	args = append(args, q.args...)
	if at.TimeMs != nil {
		conds = append(conds[:len(conds):len(conds)], `t.timestamp_ms <= ? AND (t.timestamp_ms < ? OR `+q.collate("t.id")+` > ?)`)
		args = append(args, *at.TimeMs, *at.TimeMs, at.ID)
	}
	args = append(args, q.orderArgs...)
	text := `SELECT t.id, t.timestamp_ms` + strings.Join(q.texts, "") + ` FROM trace_info t WHERE ` + strings.Join(conds, " AND ") +
		` ORDER BY ` + strings.Join(q.orders, ", ") + ` LIMIT ? OFFSET ?`
	args = append(args, limit, at.Offset)
	err = tx.Each(func(rows *sql.Rows) error {
		c := candidate{texts: make([]sql.NullString, len(q.texts))}
		dest := []any{&c.id, &c.timeMs}
		for i := range c.texts {
			dest = append(dest, &c.texts[i])
		}
		err := rows.Scan(dest...)
		out = append(out, c)
		return err
	}, text, args...)
	return out, err
}
