package quality

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Names inside a session. A column of a file may not begin with the prefix.
const (
	prefix   = "__p_"
	dataView = "__p_data"
	rowName  = "__p_row"
)

// field is one column of an opened file.
type field struct {
	name     string
	physical string // type in the file: VARCHAR in CSV
	kind     string // DuckDB type of the typed column
	typed    string // SQL of the typed value: the quoted name
	raw      string // SQL of the value as it is written
	cast     bool   // typed is a cast of raw and may be NULL where raw is not
	prop     *Property
}

func (f *field) numeric() bool {
	switch f.kind {
	case "DOUBLE", "BIGINT", "HUGEINT", "UBIGINT":
		return true
	}
	return false
}

// text gives SQL of the value as text.
func (f *field) text() string {
	if f.physical == "VARCHAR" || f.cast && f.prop != nil && !suits(f.physical, f.prop.Type) {
		return f.raw
	}
	return "CAST(" + f.raw + " AS VARCHAR)"
}

// finite gives SQL of the value that aggregates may use: NaN and infinity are left out.
func (f *field) finite() string {
	if f.kind == "DOUBLE" {
		return "CASE WHEN isfinite(" + f.typed + ") THEN " + f.typed + " END"
	}
	return f.typed
}

// source is a delivery, opened and typed.
type source struct {
	session Session
	format  string // csv, jsonl, parquet
	fields  []field
	rows    int64
	layout  *layout // csv and jsonl
	digest  ref.Digest
	parquet string // absolute path, "" of other formats
	done    func() // removes copies; nil if there are none
}

// folder gives a place for copies of the file, which close removes.
func (s *source) folder(e Engine) (dir string, err error) {
	dir, s.done, err = e.Scratch()
	return dir, err
}

func (s *source) field(name string) *field {
	for i := range s.fields {
		if s.fields[i].name == name {
			return &s.fields[i]
		}
	}
	return nil
}

func (s *source) close() {
	if s.session != nil {
		s.session.Close() //nolint:errcheck // nothing of it is kept
	}
	if s.done != nil {
		s.done()
	}
}

// formatOf names the format of a file by its name or the contract.
func formatOf(path string, c *Contract) (format string, delimiter byte, err error) {
	delimiter = ','
	ext := strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))
	if c != nil {
		for _, s := range c.Servers {
			if s.Type == "local" {
				ext = first(strings.ToLower(s.Format), ext)
				if len(s.Delimiter) == 1 {
					delimiter = s.Delimiter[0]
				}
			}
		}
	}
	switch ext {
	case "csv", "txt":
		return "csv", delimiter, nil
	case "tsv":
		return "csv", '\t', nil
	case "parquet", "pq":
		return "parquet", 0, nil
	case "jsonl", "ndjson", "json":
		return "jsonl", 0, nil
	}
	return "", 0, fault.New(fault.Unsupported, "%s: the format %q is not read", path, ext).WithHint("CSV, TSV, JSON lines and Parquet are; or set servers.format in the contract")
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// open reads a file into a session, typed by the properties (nil: everything as text or as the file says). digest names its
// content, when the caller has just computed it.
func (r *Room) open(ctx context.Context, path string, digest ref.Digest, c *Contract, props []Property) (_ *source, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "%s does not exist", path)
	} else if err != nil {
		return nil, fault.Wrap(err, "opening %s", path)
	} else if !info.Mode().IsRegular() {
		return nil, fault.New(fault.Unsupported, "%s is a folder; one file is checked at a time", path)
	}
	s := &source{digest: digest}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	var delimiter byte
	if s.format, delimiter, err = formatOf(path, c); err != nil {
		return nil, err
	}
	if digest == "" {
		if s.digest, err = Digest(ctx, path); err != nil {
			return nil, err
		}
	}
	switch s.format {
	case "csv":
		err = r.openCSV(ctx, s, path, delimiter, props)
	case "jsonl":
		err = r.openLines(ctx, s, path, props)
	default:
		err = r.openParquet(ctx, s, path, props)
	}
	if err != nil {
		return s.failed(err)
	}
	if err := unchanged(path, info); err != nil {
		return nil, err
	}
	res, err := s.session.Query(ctx, "SELECT count(*) FROM "+dataView)
	if err != nil {
		return nil, err
	}
	s.rows = toInt(res.Rows[0][0])
	return s, nil
}

// unchanged tells whether a file is as it was.
func unchanged(path string, before os.FileInfo) error {
	if now, err := os.Stat(path); err != nil || now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime()) || !os.SameFile(now, before) {
		return fault.New(fault.Conflict, "%s changed while it was being checked", path).WithHint("wait until the file is complete, then run the same command again")
	}
	return nil
}

// failed keeps the digest of a file that is no table: the report about it needs a name.
func (s *source) failed(err error) (*source, error) {
	var u *unreadableError
	if errors.As(err, &u) {
		s.close()
		return &source{format: s.format, digest: s.digest, layout: s.layout}, err
	}
	s.close()
	return nil, err
}

// Digest names the content of a file.
func Digest(ctx context.Context, path string) (ref.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fault.Wrap(err, "opening %s", path)
	}
	defer f.Close()
	h := ref.NewHasher()
	if _, err := io.Copy(h, reading{ctx, f}); err != nil {
		return "", fault.Wrap(err, "reading %s", path)
	}
	return h.Digest(), nil
}

// reading is a reader that ends with its context.
type reading struct {
	ctx context.Context
	io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// materialise reads text columns once, and keeps both the text and the typed value of each.
func (s *source) materialise(ctx context.Context, from string, names []string, props []Property) error {
	selects := []string{}
	for i, name := range names {
		if strings.HasPrefix(name, prefix) {
			return unreadable(1, "the column name "+show(name)+" begins with "+prefix+", which is kept for the checks")
		}
		f := s.describe(name, "VARCHAR", props)
		raw := ident(cell(i))
		if f.cast {
			f.raw = ident(prefix + "raw" + count10(i))
			selects = append(selects, castText(f.prop, raw)+" AS "+f.typed, raw+" AS "+f.raw)
		} else {
			selects = append(selects, raw+" AS "+f.typed)
		}
		s.fields = append(s.fields, f)
	}
	for _, q := range []string{
		"CREATE TEMP TABLE " + prefix + "base AS SELECT " + strings.Join(selects, ", ") + " FROM " + from,
		"CREATE TEMP VIEW " + dataView + " AS SELECT rowid + 1 AS " + rowName + ", * FROM " + prefix + "base",
	} {
		if _, err := s.session.Query(ctx, q); err != nil {
			if fault.Is(err, fault.Invalid) {
				return unreadable(1, err.Error())
			}
			return err
		}
	}
	return nil
}

// describe gives the field of a column that is read as text.
func (s *source) describe(name, physical string, props []Property) field {
	f := field{name: name, physical: physical, kind: "VARCHAR", typed: ident(name), raw: ident(name)}
	if i := slices.IndexFunc(props, func(p Property) bool { return p.Column == name }); i >= 0 {
		f.prop = &props[i]
		f.kind = duckType(f.prop)
		f.cast = f.kind != "VARCHAR" || len(missingValues(f.prop)) > 0
	}
	return f
}
