package quality

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

// AsOfInput joins to each decision the newest value that was known then.
type AsOfInput struct {
	Decisions string   // file, one row a decision
	Values    string   // file, one row a vintage: a value and since when it was known
	DecidedAt string   // column of the decisions
	KnownAt   string   // column of the values
	On        []Pair   // equal columns
	Keep      []string // columns of the values; nil = all that are not joined on
	Prefix    string   // of the kept columns, and of known_at
}

// Pair names a column of the decisions and the one of the values that has to be equal.
type Pair struct{ Left, Right string }

// AsOf tells what came of a join.
type AsOf struct {
	Rows    int64    `json:"rows"`
	Matched int64    `json:"matched"` // rows for which something was known
	Columns []string `json:"columns"`
}

// vintages are both files in one session.
type vintages struct {
	in      AsOfInput
	session Session
	left    []string // columns of the decisions
	keep    []string
}

// AsOf writes the decisions as CSV, each with the newest vintage whose known_at is not after the moment of the decision; where
// nothing was known yet the fields are empty. Values are written as they stand in the files. Moments without an offset are UTC.
func (r *Room) AsOf(ctx context.Context, in AsOfInput, out io.Writer) (*AsOf, error) {
	v, err := r.vintages(ctx, in)
	if err != nil {
		return nil, err
	}
	defer v.session.Close() //nolint:errcheck // nothing of it is kept
	res, err := v.session.Query(ctx, "SELECT "+v.columns("d")+", "+v.joined()+" ORDER BY d.rowid")
	if err != nil {
		return nil, err
	}
	done := &AsOf{Rows: int64(len(res.Rows)), Columns: append(append([]string{}, v.left...), v.added()...)}
	w := csv.NewWriter(out)
	record := make([]string, len(done.Columns))
	w.Write(done.Columns) //nolint:errcheck // Flush says it
	for _, row := range res.Rows {
		for i, cell := range row {
			if record[i] = ""; cell != nil {
				record[i] = fmt.Sprint(cell)
			}
		}
		if row[len(row)-1] != nil {
			done.Matched++
		}
		w.Write(record) //nolint:errcheck // Flush says it
	}
	w.Flush()
	return done, fault.Wrap(w.Error(), "writing the joined rows")
}

// VerifyAsOf recomputes the join for a table that was built by others, and refuses it when a value is not the one that was
// known at the decision: a leak that no column of the table admits.
func (r *Room) VerifyAsOf(ctx context.Context, in AsOfInput) (*AsOf, error) {
	v, err := r.vintages(ctx, in)
	if err != nil {
		return nil, err
	}
	defer v.session.Close() //nolint:errcheck // nothing of it is kept
	var differ, cells []string
	for _, c := range v.keep {
		mine, theirs := "d."+ident(in.Prefix+c), "v."+ident(c)
		if !has(v.left, in.Prefix+c) {
			return nil, fault.New(fault.Invalid, "%s has no column %q to be verified", in.Decisions, in.Prefix+c).WithHint("name the prefix and the columns: --prefix forecast_ --keep rain_mm")
		}
		same := "(" + mine + " IS NOT DISTINCT FROM " + theirs + " OR TRY_CAST(" + mine + " AS DOUBLE) = TRY_CAST(" + theirs + " AS DOUBLE))"
		differ = append(differ, "NOT coalesce("+same+", false)")
		cells = append(cells, mine, theirs)
	}
	res, err := v.session.Query(ctx, "SELECT d.rowid + 1, d."+ident(in.DecidedAt)+", v."+ident(in.KnownAt)+", "+strings.Join(cells, ", ")+v.from()+" WHERE "+strings.Join(differ, " OR ")+" ORDER BY d.rowid")
	if err != nil {
		return nil, err
	}
	all, err := v.session.Query(ctx, "SELECT count(*), count(v."+ident(in.KnownAt)+")"+v.from())
	if err != nil {
		return nil, err
	}
	done := &AsOf{Rows: toInt(all.Rows[0][0]), Matched: toInt(all.Rows[0][1]), Columns: v.keep}
	if len(res.Rows) == 0 {
		return done, nil
	}
	row := res.Rows[0]
	for i, c := range v.keep {
		if mine, theirs := row[3+2*i], row[4+2*i]; fmt.Sprint(mine) != fmt.Sprint(theirs) {
			return done, fault.New(fault.Precondition, "%s of %s of %s do not hold what was known at the decision; first row %s (decided %s): %s is %s, known then %s (since %s)",
				count(int64(len(res.Rows))), plural(done.Rows, "row"), in.Decisions, count(toInt(row[0])), show(row[1]), in.Prefix+c, show(mine), show(theirs), show(row[2])).
				WithHint("build it with the newest value that was known then: paraplu data asof")
		}
	}
	return done, fault.New(fault.Precondition, "%s of %s do not hold what was known at the decision", count(int64(len(res.Rows))), plural(done.Rows, "row"))
}

func (v *vintages) added() []string {
	var out []string
	for _, c := range v.keep {
		out = append(out, v.in.Prefix+c)
	}
	return append(out, v.in.Prefix+"known_at")
}

func (v *vintages) columns(table string) string {
	var out []string
	for _, c := range v.left {
		out = append(out, table+"."+ident(c))
	}
	return strings.Join(out, ", ")
}

func (v *vintages) joined() string {
	var out []string
	for _, c := range v.keep {
		out = append(out, "v."+ident(c))
	}
	return strings.Join(append(out, "v."+ident(v.in.KnownAt)), ", ") + v.from()
}

// from is the join: ASOF takes for each decision the last vintage that is not later.
func (v *vintages) from() string {
	conds := []string{"d.__p_at >= v.__p_at"}
	for _, p := range v.in.On {
		conds = append(conds, "d."+ident(p.Left)+" = v."+ident(p.Right))
	}
	return " FROM __p_d AS d ASOF LEFT JOIN __p_v AS v ON " + strings.Join(conds, " AND ")
}

// vintages reads both files and refuses what would make the join a guess: moments that cannot be read, and two vintages of
// the same moment.
func (r *Room) vintages(ctx context.Context, in AsOfInput) (_ *vintages, err error) {
	v := &vintages{in: in}
	var from [2]string
	var columns [2][]string
	for i, path := range []string{in.Decisions, in.Values} {
		if from[i], columns[i], err = tableOf(ctx, path); err != nil {
			return nil, err
		}
	}
	if v.session, err = r.engine.Open(ctx, in.Decisions, in.Values); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			v.session.Close() //nolint:errcheck // nothing of it is kept
		}
	}()
	for i, t := range []struct{ name, path, moment string }{{"__p_d", in.Decisions, in.DecidedAt}, {"__p_v", in.Values, in.KnownAt}} {
		if !has(columns[i], t.moment) {
			return nil, absent(t.path, t.moment, columns[i])
		}
		at := fmt.Sprintf(momentSQL, ident(t.moment))
		if _, err = v.session.Query(ctx, "CREATE TEMP TABLE "+t.name+" AS SELECT *, "+at+" AS __p_at FROM "+from[i]); err != nil {
			return nil, err
		}
		var res *Result
		if res, err = v.session.Query(ctx, "SELECT rowid + 1, "+ident(t.moment)+" FROM "+t.name+" WHERE __p_at IS NULL ORDER BY 1 LIMIT 1"); err != nil {
			return nil, err
		} else if len(res.Rows) > 0 {
			return nil, fault.New(fault.Invalid, "%s, row %s: %s is %s, which is no moment", t.path, count(toInt(res.Rows[0][0])), t.moment, show(res.Rows[0][1]))
		}
	}
	v.left = columns[0]
	return v, v.settle(ctx, columns[1])
}

// settle checks the columns of the join, and that no two vintages have the same keys and moment.
func (v *vintages) settle(ctx context.Context, right []string) error {
	joined := []string{v.in.KnownAt}
	key := []string{"__p_at"}
	for _, p := range v.in.On {
		switch {
		case !has(v.left, p.Left):
			return absent(v.in.Decisions, p.Left, v.left)
		case !has(right, p.Right):
			return absent(v.in.Values, p.Right, right)
		}
		joined, key = append(joined, p.Right), append(key, ident(p.Right))
	}
	v.keep = v.in.Keep
	if v.keep == nil {
		for _, c := range right {
			if !has(joined, c) {
				v.keep = append(v.keep, c)
			}
		}
	}
	for _, c := range v.keep {
		if !has(right, c) {
			return absent(v.in.Values, c, right)
		}
	}
	res, err := v.session.Query(ctx, "SELECT min(rowid) + 1, max(rowid) + 1 FROM __p_v GROUP BY "+strings.Join(key, ", ")+" HAVING count(*) > 1 ORDER BY 1 LIMIT 1")
	if err != nil {
		return err
	}
	if len(res.Rows) > 0 {
		return fault.New(fault.Invalid, "%s: rows %s and %s are two vintages of the same moment; which of them counts is a guess", v.in.Values, count(toInt(res.Rows[0][0])), count(toInt(res.Rows[0][1]))).
			WithHint("name all columns of the key: --on LEFT=RIGHT, or keep one of the rows")
	}
	return nil
}

func has(columns []string, name string) bool {
	for _, c := range columns {
		if c == name {
			return true
		}
	}
	return false
}

func absent(path, name string, columns []string) error {
	return fault.New(fault.Invalid, "%s has no column %q; it has %s", path, name, few(columns, 20))
}

// tableOf gives SQL that reads a CSV file as text, and its columns.
func tableOf(ctx context.Context, path string) (from string, columns []string, err error) {
	format, delimiter, err := formatOf(path, nil)
	if err != nil {
		return "", nil, err
	} else if format != "csv" {
		return "", nil, fault.New(fault.Unsupported, "%s: an as-of join reads CSV and TSV", path)
	}
	l, err := scanFile(ctx, path, delimiter, nil)
	if err != nil {
		return "", nil, notFound(err, path)
	} else if l.BrokenN > 0 {
		return "", nil, fault.New(fault.Invalid, "%s", l.Broken[0].Why).At(path, int(l.Broken[0].Line), 0)
	}
	types := make([]string, len(l.Header))
	for i, name := range l.Header {
		types[i] = literal(name) + ": 'VARCHAR'"
	}
	return "read_csv(" + literal(abs(path)) + ", auto_detect = false, header = true, delim = " + literal(string(l.Delimiter)) +
		`, quote = '"', escape = '"', nullstr = '', max_line_size = 2097152, columns = {` + strings.Join(types, ", ") + "})", l.Header, nil
}
