package tracking

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
)

// A search of runs is answered without looking at all runs of an experiment:
//
//   - In the order of start, and in the order of one metric, an index gives the runs in order, and a page begins where the
//     one before ended. A part of the runs for which the index is in order is one experiment in one stage, so there is one
//     query for each part, and the parts are merged.
//   - A clause that few runs fulfil is found by its own index first; then only those runs are looked at, in any order.
//   - A param or tag that not too many runs have is a list, made once, in which a run is looked up faster than in the table.
//
// Everything else is one query over all runs with an offset (SearchRuns).
const (
	maxParts = 40  // above that one query takes all parts together
	fewRuns  = 500 // so many runs that fulfil a clause are few

	// Of more runs than that, no list is made: for one clause of several, and for a clause alone.
	manyRuns, manyAlone = 20000, 5000
)

// runSearch is one search on its way.
type runSearch struct {
	tx          *db.Tx
	clauses     []clause
	experiments []int64
	stages      []string
	from        cursor
	limit       int64    // of runs, one more than the page
	few         []string // if narrowed, all runs that can match
	narrowed    bool
	listed      *clause // the clause on a param or tag whose runs are listed before the walk; nil if there is none
}

// part is a set of runs as conditions on r; experiments is the same on another table with that column.
type part struct {
	runs        string
	experiments string
}

func (s *runSearch) parts() []part {
	all := numbers(s.experiments)
	switch {
	case s.narrowed: // expressions, so that no index is tempted to give the order instead of the few
		return []part{{"(r.experiment + 0) IN (" + all + ") AND (r.stage || '') IN (" + quoted(s.stages) + ")", "(o.experiment + 0) IN (" + all + ")"}}
	case len(s.experiments)*len(s.stages) > maxParts:
		return []part{{"r.experiment IN (" + all + ") AND r.stage IN (" + quoted(s.stages) + ")", "o.experiment IN (" + all + ")"}}
	}
	var out []part
	for _, e := range s.experiments {
		for _, stage := range s.stages {
			out = append(out, part{fmt.Sprintf("r.experiment = %d AND r.stage = '%s'", e, stage), fmt.Sprint("o.experiment = ", e)})
		}
	}
	return out
}

// together is all runs as one part.
func (s *runSearch) together() part {
	if parts := s.parts(); len(parts) == 1 {
		return parts[0]
	}
	return part{runs: "r.experiment IN (" + numbers(s.experiments) + ") AND r.stage IN (" + quoted(s.stages) + ")"}
}

// numbers gives ids with commas, for the text of a query.
func numbers(ids []int64) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(out, ", ")
}

func quoted(words []string) string { return "'" + strings.Join(words, "', '") + "'" }

// base is the query of a part with all clauses of the filter.
func (s *runSearch) base(p part) (*query, error) {
	q := &query{dialect: s.tx.Dialect()}
	q.where(p.runs)
	if s.narrowed {
		args := make([]any, len(s.few))
		for i, id := range s.few {
			args[i] = id
		}
		q.where("r.id IN "+db.In(len(args)), args...)
	}
	for i, c := range s.clauses {
		if &s.clauses[i] == s.listed && !s.narrowed {
			text, args := among(q.dialect, map[string]string{"parameter": "tracking_param", "tag": "tracking_tag"}[entities[c.Entity]], c.Key, c.Value.Text)
			q.where(text, args...)
		} else if err := q.runClause(c); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// narrow looks for a clause that few runs fulfil, and for the rarest of the others whose runs an index lists.
func (s *runSearch) narrow() error {
	rarest := manyRuns + 1
	if len(s.clauses) == 1 { // a walk finds a page of so many sooner than a list is made
		rarest = manyAlone + 1
	}
	for i, c := range s.clauses {
		text, args := s.driver(c)
		if text == "" {
			continue
		}
		n := 0
		if err := s.tx.QueryRow(`SELECT count(*) FROM (SELECT 1`+text+fmt.Sprintf(" LIMIT %d) x", rarest), args...).Scan(&n); err != nil {
			return err
		}
		switch {
		case n <= fewRuns && (!s.narrowed || n < len(s.few)):
			ids, err := column[string](s.tx, "SELECT run"+text, args...)
			if err != nil || n == 0 {
				s.narrowed = true
				return err
			}
			s.few, s.narrowed = ids, true
		case n < rarest && entities[c.Entity] != "metric":
			s.listed, rarest = &s.clauses[i], n
		}
	}
	return nil
}

// driver gives FROM and WHERE of a query by an index for the runs that fulfil a clause, "" if there is none.
func (s *runSearch) driver(c clause) (string, []any) {
	entity, err := entityOf(c.Entity)
	if err != nil {
		return "", nil
	}
	table := map[string]string{"parameter": "tracking_param", "tag": "tracking_tag"}[entity]
	switch {
	case table != "" && c.Op == filter.Eq:
		return owners(table, c.Key, c.Value.Text)
	case entity == "metric" && c.Op != filter.Ne:
		return ` FROM tracking_series WHERE experiment IN (` + numbers(s.experiments) + `) AND key = ? AND is_nan = 0 AND value ` + sqlOp(c.Op) + ` ?`,
			[]any{c.Key, c.Value.Number}
	}
	return "", nil
}

// indexed is how many characters of a value the index of params and tags holds.
const indexed = 64

// owners gives FROM and WHERE of a query for the runs with a param or tag, which the index answers alone if the value is not
// longer than what it holds.
func owners(table, key, value string) (string, []any) {
	text, args := fmt.Sprintf(` FROM %s WHERE key = ? AND substr(value, 1, %d) = substr(?, 1, %d)`, table, indexed, indexed), []any{key, value}
	if utf8.RuneCountInString(value) >= indexed {
		text, args = text+" AND value = ?", append(args, value)
	}
	return text, args
}

// among gives the condition that a run has a param or tag, as a list that is made once. On SQLite the sign keeps the list from
// giving the order, which an index of runs gives.
func among(dialect db.Dialect, table, key, value string) (string, []any) {
	text, args := owners(table, key, value)
	id := "r.id"
	if dialect == db.SQLite {
		id = "+r.id"
	}
	return id + " IN (SELECT run" + text + ")", args
}

// byStart gives runs by their start, the latest first, after a place. without leaves out runs that have a metric.
func (s *runSearch) byStart(after *startAt, without string, limit int64) ([]Run, error) {
	var out []Run
	for _, p := range s.parts() {
		q, err := s.base(p)
		if err != nil {
			return nil, err
		}
		if without != "" {
			q.where(`NOT EXISTS (SELECT 1 FROM tracking_series x WHERE x.run = r.id AND x.key = ?)`, without)
		}
		q.startOrder(after)
		text, args := q.text(runColumns, "tracking_run r", fmt.Sprint(" LIMIT ", limit))
		if err := s.tx.Each(func(rows *sql.Rows) error {
			run, err := scanRun(rows.Scan)
			out = append(out, run)
			return err
		}, text, args...); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, laterStart)
	return out[:min(int64(len(out)), limit)], nil
}

// startAt is a place in the order of start.
type startAt struct {
	ms int64
	id string
}

func laterStart(a, b Run) int {
	if c := cmp.Compare(b.StartMs, a.StartMs); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}

// startOrder orders by start after a place.
func (q *query) startOrder(after *startAt) {
	if after != nil {
		q.where(`r.start_ms <= ? AND (r.start_ms < ? OR `+q.collate("r.id")+` > ?)`, after.ms, after.ms, after.id)
	}
	q.orderBy("r.start_ms", false, true)
	q.orderBy(q.collate("r.id"), false, false)
}

// ranked is a run with its place in the order of a metric: rank 0 has a number, 1 NaN, 2 no such metric.
type ranked struct {
	Run
	rank  int
	value float64
}

// byMetric gives runs by the last value of a metric: numbers, then NaN, then runs without it, each by start.
func (s *runSearch) byMetric(key string, desc bool) ([]ranked, error) {
	var out []ranked
	from := 0
	if s.from.Rank != nil {
		from = *s.from.Rank
	}
	for rank := from; rank <= 2 && int64(len(out)) < s.limit; rank++ {
		var after *startAt
		if s.from.Rank != nil && rank == from {
			after = &startAt{*s.from.Start, s.from.ID}
		}
		runs, err := s.ofRank(rank, key, desc, after, s.limit-int64(len(out)))
		if err != nil {
			return nil, err
		}
		out = append(out, runs...)
	}
	return out, nil
}

func (s *runSearch) ofRank(rank int, key string, desc bool, after *startAt, limit int64) ([]ranked, error) {
	var out []ranked
	if rank == 2 {
		runs, err := s.byStart(after, key, limit)
		for _, run := range runs {
			out = append(out, ranked{Run: run, rank: 2})
		}
		return out, err
	}
	for _, p := range s.parts() {
		q, err := s.base(p)
		if err != nil {
			return nil, err
		}
		q.where("o.run = r.id AND o.key = ?", key)
		q.where(fmt.Sprintf("%s AND o.is_nan = %d", p.experiments, rank))
		q.metricOrder(rank, desc, after, s.from.Value)
		from := "tracking_series o CROSS JOIN tracking_run r" // in this order: the index of o is in order
		if s.narrowed {
			from = "tracking_run r CROSS JOIN tracking_series o"
		}
		text, args := q.text(runColumns+", o.value", from, fmt.Sprint(" LIMIT ", limit))
		if err := s.tx.Each(func(rows *sql.Rows) error {
			r := ranked{rank: rank}
			var err error
			r.Run, err = scanRun(func(dest ...any) error { return rows.Scan(append(dest, &r.value)...) })
			out = append(out, r)
			return err
		}, text, args...); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b ranked) int {
		c := cmp.Compare(a.value, b.value)
		if desc {
			c = -c
		}
		return cmp.Or(c, laterStart(a.Run, b.Run))
	})
	return out[:min(int64(len(out)), limit)], nil
}

// metricOrder orders by the value of o, then by start, after a place.
func (q *query) metricOrder(rank int, desc bool, after *startAt, value float64) {
	if rank == 1 {
		q.startOrder(after)
		return
	}
	if after != nil {
		beyond := ">"
		if desc {
			beyond = "<"
		}
		q.where(`o.value `+beyond+`= ? AND (o.value `+beyond+` ? OR r.start_ms < ? OR r.start_ms = ? AND `+q.collate("r.id")+` > ?)`,
			value, value, after.ms, after.ms, after.id)
	}
	q.orderBy("o.value", false, desc)
	q.startOrder(nil)
}

// inOrder answers the page in one of the orders that an index gives; ok is false when the order is another.
func (s *runSearch) inOrder(orders []filter.Order) (runs []ranked, ok bool, err error) {
	switch {
	case s.from.Offset > 0: // a page of a search in another order, or of an earlier version
		return nil, false, nil
	case isStartOrder(orders):
		if s.from.Rank != nil {
			return nil, true, foreignToken()
		}
		var after *startAt
		if s.from.Start != nil {
			after = &startAt{*s.from.Start, s.from.ID}
		}
		list, err := s.byStart(after, "", s.limit)
		for _, run := range list {
			runs = append(runs, ranked{Run: run, rank: -1})
		}
		return runs, true, err
	case len(orders) == 1 && entities[orders[0].Entity] == "metric":
		if s.from.Start != nil && s.from.Rank == nil {
			return nil, true, foreignToken()
		}
		runs, err := s.byMetric(orders[0].Key, orders[0].Desc)
		return runs, true, err
	}
	if s.from.Start != nil {
		return nil, true, foreignToken()
	}
	return nil, false, nil
}

func foreignToken() error {
	return fault.New(fault.Invalid, "Invalid page token: it belongs to a search in another order")
}

// isStartOrder tells whether terms mean the default order.
func isStartOrder(orders []filter.Order) bool {
	if len(orders) > 0 && runAttributes[orders[0].Key] == "r.start_ms" && entities[orders[0].Entity] == "attribute" && orders[0].Desc {
		orders = orders[1:]
		if len(orders) > 0 && orders[0].Key == "run_id" && entities[orders[0].Entity] == "attribute" && !orders[0].Desc {
			orders = orders[1:]
		}
	}
	return len(orders) == 0
}
