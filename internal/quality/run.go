package quality

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

// batch bounds the aggregates of one SELECT: planning grows faster than linear with their number.
const batch = 300

// queryLimit bounds one statement of a contract.
const queryLimit = 2 * time.Minute

// run is one walk of the rules over one delivery.
type run struct {
	src      *source
	object   string // name of the view for queries of the contract
	rules    []*rule
	keys     []*field
	gone     []string // columns of the contract that the file does not have
	asOf     time.Time
	previous map[string]float64 // measures of the delivery before
	known    known              // aggregates that need no scan
}

func (x *run) query(ctx context.Context, sql string, args ...any) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	return x.src.session.Query(ctx, sql, args...)
}

// all runs every rule. The error is about the run itself (cancelled); what goes wrong with one rule is its outcome.
func (x *run) all(ctx context.Context) error {
	if err := x.view(ctx); err != nil {
		return err
	}
	pending := x.bind(ctx)
	x.known = x.shortcuts(ctx, pending)
	if err := x.scan(ctx, pending); err != nil {
		return err
	}
	for _, r := range x.rules {
		if r.Status == Skipped || r.Status == Broken {
			continue
		}
		if r.probe != nil {
			if err := x.attempt(ctx, r, func() error { return r.probe(ctx, x, r) }); err != nil {
				return err
			}
		}
		if r.Status == "" {
			r.Status = OK
		}
		if r.Status == Fail {
			if err := x.attempt(ctx, r, func() error { return x.details(ctx, r) }); err != nil {
				return err
			}
		}
	}
	x.swapped()
	x.quiet()
	return ctx.Err()
}

// attempt turns an error into the outcome of the rule, unless the whole run was stopped.
func (x *run) attempt(ctx context.Context, r *rule, do func() error) error {
	err := do()
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return fault.New(fault.Canceled, "the check was stopped: %w", ctx.Err())
	case fault.Is(err, fault.Canceled):
		r.broken("it took longer than %v and was stopped", queryLimit)
	default:
		x.cannot(r, err)
	}
	return nil
}

// cannot says why a rule has no outcome. One that names a column which is missing is skipped: the missing column is the error.
func (x *run) cannot(r *rule, err error) {
	for _, word := range words(r.sql + " " + strings.Join(r.selects(), " ")) {
		if slices.Contains(x.gone, word) {
			r.skip("not run, because the column %s is missing", word)
			r.Severity = Info
			return
		}
	}
	r.broken("it could not be run: %s", err)
}

// quiet takes back what only follows from another failure: a statistic of a column that could not be read.
func (x *run) quiet() {
	unread := map[string]bool{}
	for _, r := range x.rules {
		if r.Rule == "type" && r.Status == Fail {
			unread[r.Column] = true
		}
	}
	for _, r := range x.rules {
		if r.Status == Fail && r.empty && (unread[r.Column] || x.src.rows == 0) {
			r.skip("not run, because there are no values")
			r.Severity = Info
		}
	}
}

// view gives the queries of the contract a table with the object's name and only the columns of the file.
func (x *run) view(ctx context.Context) error {
	names := make([]string, len(x.src.fields))
	for i, f := range x.src.fields {
		names[i] = f.typed
	}
	_, err := x.query(ctx, "CREATE TEMP VIEW "+ident(x.object)+" AS SELECT "+strings.Join(names, ", ")+" FROM "+dataView)
	return err
}

// bind tries the SQL of the contract on no rows, so that a mistake in one rule does not stop the shared scan.
func (x *run) bind(ctx context.Context) []*rule {
	var out []*rule
	for _, r := range x.rules {
		if r.Status == Skipped || r.Status == Broken {
			continue
		}
		s := r.selects()
		if len(s) == 0 {
			if r.judge != nil {
				r.take(nil)
			}
			continue
		}
		if r.user {
			if _, err := x.query(ctx, "SELECT "+strings.Join(s, ", ")+" FROM (SELECT * FROM "+dataView+" LIMIT 0)"); err != nil {
				x.cannot(r, err)
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// scan computes all aggregates in as few SELECTs as possible; equal ones are computed once.
func (x *run) scan(ctx context.Context, rules []*rule) error {
	for len(rules) > 0 {
		index, list := map[string]int{}, []string{}
		n := 0
		for n < len(rules) && (n == 0 || len(list) < batch) {
			for _, s := range rules[n].selects() {
				if _, found := x.known[s]; found {
					continue
				}
				if _, ok := index[s]; !ok {
					index[s] = len(list)
					list = append(list, s)
				}
			}
			n++
		}
		part := rules[:n]
		rules = rules[n:]
		res, err := &Result{Rows: [][]any{nil}}, error(nil)
		if len(list) > 0 {
			res, err = x.query(ctx, "SELECT "+strings.Join(list, ", ")+" FROM "+dataView)
		}
		if ctx.Err() != nil {
			return fault.New(fault.Canceled, "the check was stopped: %w", ctx.Err())
		}
		if err != nil && len(part) > 1 {
			if err := x.single(ctx, part); err != nil {
				return err
			}
			continue
		} else if err != nil {
			x.cannot(part[0], err)
			continue
		}
		for _, r := range part {
			r.take(x.pick(res.Rows[0], index, r.selects()))
		}
	}
	return nil
}

func (x *run) pick(row []any, index map[string]int, selects []string) []any {
	out := make([]any, len(selects))
	for i, s := range selects {
		if v, found := x.known[s]; found {
			out[i] = v
		} else {
			out[i] = row[index[s]]
		}
	}
	return out
}

// single runs the rules of a failed batch one by one, so that only the guilty one has no outcome.
func (x *run) single(ctx context.Context, rules []*rule) error {
	for _, r := range rules {
		if err := x.scan(ctx, []*rule{r}); err != nil {
			return err
		}
	}
	return nil
}

// details adds to a failed rule its first bad rows and what they probably mean.
func (x *run) details(ctx context.Context, r *rule) error {
	if r.bad != "" && len(r.Samples) == 0 && r.Bad > 0 && r.probe == nil {
		if err := x.sample(ctx, r, r.both(r.bad), r.cell); err != nil {
			return err
		}
	}
	if len(r.Samples) > 0 && r.Bad > 0 && r.Rule != "readable" && r.Rule != "gap" {
		s := r.Samples[0]
		r.Message += "; first " + s.place()
		if s.Value != "" && s.Value != redacted && s.Value != "(empty)" {
			r.Message += ": " + s.Value
		}
	}
	if r.explain != nil && r.Hint == "" {
		r.Hint = r.explain(ctx, x, r)
	}
	return nil
}

// sample reads the first rows for which cond holds, in the order of the file.
func (x *run) sample(ctx context.Context, r *rule, cond, cell string) error {
	if r.most == 0 {
		return nil
	}
	if cell == "" {
		cell = "''"
		if r.field != nil {
			cell = r.field.raw
		}
	}
	selects := []string{rowName, cell}
	for _, k := range x.keys {
		selects = append(selects, k.raw)
	}
	res, err := x.query(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT %d", strings.Join(selects, ", "), dataView, cond, rowName, r.most))
	if err != nil {
		return err
	}
	for _, row := range res.Rows {
		s := Sample{Row: toInt(row[0]), Column: first(r.label, r.Column), Value: show(row[1])}
		if s.Line = x.line(s.Row); r.secret {
			s.Value = redacted
		}
		if row[1] == "" {
			s.Value = ""
		}
		var parts []string
		for i, k := range x.keys {
			if k != r.field && row[2+i] != nil {
				parts = append(parts, k.name+" "+show(row[2+i]))
			}
		}
		s.Key = strings.Join(parts, ", ")
		r.Samples = append(r.Samples, s)
	}
	return nil
}

// sampleRows samples the rows whose numbers a query answers.
func (x *run) sampleRows(ctx context.Context, r *rule, numbers string) error {
	return x.sample(ctx, r, rowName+" IN ("+numbers+")", "")
}

// line gives the line of the file of a row, 0 if the format has none.
func (x *run) line(row int64) int64 {
	if x.src.layout == nil {
		return 0
	}
	return x.src.layout.line(row)
}

func (x *run) place(row int64) string {
	return Sample{Row: row, Line: x.line(row)}.place()
}

// swapped looks at two columns whose middles are both wrong and would both be right in the other's place.
func (x *run) swapped() {
	for i, a := range x.rules {
		for _, b := range x.rules[i+1:] {
			va, low, high, ok := a.middle()
			vb, low2, high2, ok2 := b.middle()
			if !ok || !ok2 || a.Column == b.Column || va < low2 || va > high2 || vb < low || vb > high {
				continue
			}
			hint := fmt.Sprintf("the contents of %s and %s look exchanged", a.Column, b.Column)
			a.Hint, b.Hint = hint, hint
		}
	}
}

// middle gives the failed statistic of a rule with its range.
func (r *rule) middle() (v, low, high float64, ok bool) {
	if r.Status != Fail || r.low == nil || r.high == nil || len(r.last) == 0 {
		return 0, 0, 0, false
	}
	v, ok = toFloat(r.last[0])
	return v, *r.low, *r.high, ok
}
