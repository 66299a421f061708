package quality

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

// side is one of the two tables, open as a view or temporary table.
type side struct {
	name    string // of the view
	format  string
	from    string // SQL that reads the files
	columns []sideColumn
	rows    int64
}

type sideColumn struct {
	name     string
	physical string // VARCHAR in text formats
	kind     string // integer, number, date, timestamp, boolean, string; empty = no value at all; else the type of the file
}

func (c sideColumn) text() string {
	if c.physical == "VARCHAR" {
		return ident(c.name)
	}
	return "CAST(" + ident(c.name) + " AS VARCHAR)"
}

// value gives SQL of the value in its type.
func (c sideColumn) value() string {
	if c.physical != "VARCHAR" || c.kind == "string" || c.kind == "empty" {
		return ident(c.name)
	}
	return inferCast(c.kind, ident(c.name))
}

func (s *side) column(name string) *sideColumn {
	for i := range s.columns {
		if s.columns[i].name == name {
			return &s.columns[i]
		}
	}
	return nil
}

func (d *differ) close() {
	if d.session != nil {
		d.session.Close() //nolint:errcheck // nothing of it is kept
	}
	for _, f := range d.scratch {
		os.RemoveAll(f) //nolint:errcheck // in the temporary folder
	}
}

// open reads the layout of all files, opens one session over them and finds the types.
func (d *differ) open(engine Engine) (err error) {
	var files []string
	if d.a, err = d.prepare("before", d.in.Before, &files); err != nil {
		return err
	}
	if d.b, err = d.prepare("after", d.in.After, &files); err != nil {
		return err
	}
	if d.session, err = engine.Open(d.ctx, files...); err != nil {
		return err
	}
	for _, s := range []*side{d.a, d.b} {
		if err := d.load(s); err != nil {
			return fault.Wrap(err, "reading the table %s", s.name)
		}
	}
	return nil
}

// prepare looks at the files of one side. They are of one format and one layout.
func (d *differ) prepare(name string, paths []string, files *[]string) (*side, error) {
	s := &side{name: prefix + name}
	if len(paths) == 0 {
		return nil, fault.New(fault.Invalid, "there is no table %s", name)
	}
	var quoted []string
	var first *layout
	for _, path := range paths {
		format, delimiter, err := formatOf(path, d.in.Contract)
		if err != nil {
			return nil, err
		}
		if s.format != "" && s.format != format {
			return nil, fault.New(fault.Unsupported, "the files are tables of several formats: %s and %s", s.format, format)
		}
		s.format = format
		if format == "csv" {
			l, clean, err := d.csv(path, delimiter)
			if err != nil {
				return nil, err
			}
			if first != nil && (!slices.Equal(first.Header, l.Header) || first.Delimiter != l.Delimiter) {
				return nil, fault.New(fault.Unsupported, "%s has other columns than the files before it", path)
			}
			first, path = l, clean
		}
		*files = append(*files, path)
		quoted = append(quoted, literal(abs(path)))
	}
	list := "[" + strings.Join(quoted, ", ") + "]"
	switch s.format {
	case "parquet":
		s.from = "read_parquet(" + list + ", union_by_name = true)"
	case "jsonl":
		s.from = "read_json(" + list + ", format = 'newline_delimited', union_by_name = true, sample_size = -1, maximum_depth = 1, convert_strings_to_integers = false)"
	default:
		columns := make([]string, len(first.Header))
		for i, h := range first.Header {
			columns[i] = literal(h) + ": 'VARCHAR'"
		}
		s.from = "read_csv(" + list + ", auto_detect = false, header = true, delim = " + literal(string(first.Delimiter)) +
			`, quote = '"', escape = '"', nullstr = '', max_line_size = 2097152, columns = {` + strings.Join(columns, ", ") + "})"
	}
	return s, nil
}

// csv finds the layout of a file; when it has records that are no rows, a copy without them is read, and a note says so.
func (d *differ) csv(path string, delimiter byte) (*layout, string, error) {
	l, err := scanFile(d.ctx, path, delimiter, nil)
	if err != nil {
		return nil, "", fault.Wrap(err, "reading %s", path)
	}
	if l.BrokenN == 0 {
		return l, path, nil
	}
	d.out.Notes = append(d.out.Notes, fmt.Sprintf("%s: %s cannot be read and %s left out; the first is line %d", path, plural(l.BrokenN, "row"),
		map[bool]string{true: "is", false: "are"}[l.BrokenN == 1], l.Broken[0].Line))
	dir, err := os.MkdirTemp("", "paraplu-diff-")
	if err != nil {
		return nil, "", fault.Wrap(err, "copying the readable rows of %s", path)
	}
	d.scratch = append(d.scratch, dir)
	copied, err := clean(d.ctx, dir, path, delimiter)
	if err != nil {
		return nil, "", fault.Wrap(err, "copying the readable rows of %s", path)
	}
	return l, copied, nil
}

// load makes the view of one side: text formats are read once, Parquet is read where it lies.
func (d *differ) load(s *side) error {
	what := "TEMP TABLE "
	if s.format == "parquet" {
		what = "TEMP VIEW "
	}
	if _, err := d.query("CREATE " + what + s.name + " AS SELECT * FROM " + s.from); err != nil {
		return err
	}
	res, err := d.query("DESCRIBE " + s.name)
	if err != nil {
		return err
	}
	for _, row := range res.Rows {
		s.columns = append(s.columns, sideColumn{name: fmt.Sprint(row[0]), physical: fmt.Sprint(row[1])})
	}
	if res, err = d.query("SELECT count(*) FROM " + s.name); err != nil {
		return err
	}
	s.rows = toInt(res.Rows[0][0])
	return d.infer(s)
}

// infer gives every column the narrowest type that all its values have.
func (d *differ) infer(s *side) error {
	for part := range slices.Chunk(s.columns, 40) {
		var selects []string
		for i := range part {
			c := &part[i]
			selects = append(selects, "count("+ident(c.name)+")")
			for _, kind := range inferable {
				sql := "NULL"
				if c.physical == "VARCHAR" {
					sql = inferCast(kind, ident(c.name))
				}
				selects = append(selects, "count("+sql+")")
			}
		}
		res, err := d.query("SELECT " + strings.Join(selects, ", ") + " FROM " + s.name)
		if err != nil {
			return err
		}
		for i := range part {
			part[i].guess(res.Rows[0][i*(len(inferable)+1):])
		}
	}
	return nil
}

func (c *sideColumn) guess(counts []any) {
	n := toInt(counts[0])
	if n == 0 {
		c.kind = "empty"
		return
	}
	if c.physical != "VARCHAR" {
		c.kind = strings.ToLower(c.physical)
		for _, kind := range inferable {
			if suits(c.physical, kind) && (kind != "number" || !suits(c.physical, "integer")) {
				c.kind = kind
				return
			}
		}
		return
	}
	c.kind = "string"
	for i, kind := range inferable {
		if toInt(counts[i+1]) == n {
			c.kind = kind
			return
		}
	}
}
