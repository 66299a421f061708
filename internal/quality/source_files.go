package quality

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

// openLines reads a file of JSON objects, one a line.
func (r *Room) openLines(ctx context.Context, s *source, path string, props []Property) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.Wrap(err, "opening %s", path)
	}
	defer f.Close()
	dir, err := s.folder(r.engine)
	if err != nil {
		return err
	}
	clean, err := os.Create(filepath.Join(dir, "readable.jsonl"))
	if err != nil {
		return fault.Wrap(err, "copying the readable lines of %s", path)
	}
	w := bufio.NewWriter(clean)
	l, err := scanLines(ctx, f, w)
	if err == nil {
		err = w.Flush()
	}
	if cerr := clean.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	s.layout = l
	if s.session, err = r.engine.Open(ctx, clean.Name()); err != nil {
		return err
	}
	selects := make([]string, len(l.Header))
	for i, name := range l.Header {
		selects[i] = fmt.Sprintf("json_extract_string(json, %s) AS %s", literal(`$."`+name+`"`), ident(cell(i)))
	}
	from := "(SELECT " + strings.Join(selects, ", ") + " FROM read_ndjson_objects(" + literal(abs(clean.Name())) + ", format = 'newline_delimited', maximum_object_size = 2097152))"
	return s.materialise(ctx, from, l.Header, props)
}

// scanLines checks every line and copies the good ones. The header is every key, in the order of first sight.
func scanLines(ctx context.Context, in io.Reader, keep io.Writer) (*layout, error) {
	l := &layout{}
	seen := map[string]bool{}
	b := bufio.NewReaderSize(in, 1<<18)
	for line := int64(1); ; line++ {
		if line%1024 == 0 && ctx.Err() != nil {
			return nil, fault.New(fault.Canceled, "reading was stopped: %w", ctx.Err())
		}
		text, err := readLine(b)
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		trimmed := bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
		if len(trimmed) == 0 {
			if l.Blank++; l.Blank == 1 {
				l.BlankAt = line
			}
			continue
		}
		if why := l.object(trimmed, seen); why != "" {
			l.BrokenN++
			if len(l.Broken) < maxBroken {
				l.Broken = append(l.Broken, broken{line, why})
			}
			continue
		}
		l.Records++
		if delta := line - l.Records; len(l.lines) == 0 || l.lines[len(l.lines)-1].delta != delta {
			l.lines = append(l.lines, shift{l.Records, delta})
		}
		if _, err := keep.Write(append(trimmed, '\n')); err != nil {
			return nil, err
		}
	}
	switch {
	case l.Records == 0 && l.BrokenN > 0:
		return nil, unreadable(l.Broken[0].Line, "no line is a JSON object: "+l.Broken[0].Why)
	case l.Records == 0:
		return nil, unreadable(1, "the file is empty")
	}
	return l, nil
}

func (l *layout) object(text []byte, seen map[string]bool) string {
	if len(text) > maxLine {
		return fmt.Sprintf("it is longer than %s bytes", count(maxLine))
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return "it is no JSON object: " + err.Error()
	}
	if len(m) == 0 {
		return "the object is empty"
	}
	fresh := []string{}
	for k := range m {
		if !seen[k] {
			fresh = append(fresh, k)
		}
	}
	slices.Sort(fresh)
	for _, k := range fresh {
		if k == "" || strings.ContainsAny(k, "\"\\\x00") || len(seen) >= maxColumns {
			return fmt.Sprintf("the key %s cannot be a column", show(k))
		}
		seen[k] = true
		l.Header = append(l.Header, k)
	}
	return ""
}

// readLine gives one line, cut to a little more than the longest that is accepted.
func readLine(b *bufio.Reader) ([]byte, error) {
	var out []byte
	for {
		chunk, err := b.ReadSlice('\n')
		if len(out) <= maxLine {
			out = append(out, chunk...)
		}
		switch {
		case err == bufio.ErrBufferFull:
		case err == io.EOF && len(out) > 0:
			return out, nil
		default:
			return out, err
		}
	}
}

// openParquet makes views over the file; nothing is copied.
func (r *Room) openParquet(ctx context.Context, s *source, path string, props []Property) error {
	var err error
	if s.session, err = r.engine.Open(ctx, path); err != nil {
		return err
	}
	s.parquet = abs(path)
	from := "read_parquet(" + literal(abs(path)) + ", file_row_number = true)"
	res, err := s.session.Query(ctx, "DESCRIBE SELECT * FROM "+from)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Exhausted) {
		return unreadable(1, "the file is not Parquet, or it is damaged: "+err.Error())
	} else if err != nil {
		return err
	}
	selects := []string{"file_row_number + 1 AS " + rowName}
	for i, row := range res.Rows {
		name, physical := fmt.Sprint(row[0]), fmt.Sprint(row[1])
		if name == "file_row_number" {
			continue
		}
		f := s.describe(name, physical, props)
		raw := ident(name)
		switch {
		case f.prop == nil:
			f.kind, f.cast = physical, false
			selects = append(selects, raw)
		case suits(physical, f.prop.Type):
			f.cast = len(missingValues(f.prop)) > 0
			f.raw = ident(prefix + "raw" + count10(i))
			typed := "CAST(" + raw + " AS " + f.kind + ")"
			if f.cast {
				typed = "CASE WHEN CAST(" + raw + " AS VARCHAR) NOT IN (" + strings.Join(missingValues(f.prop), ", ") + ") THEN " + typed + " END"
			}
			selects = append(selects, typed+" AS "+f.typed, raw+" AS "+f.raw)
		default:
			f.raw, f.cast = ident(prefix+"raw"+count10(i)), true
			selects = append(selects, castText(f.prop, "CAST("+raw+" AS VARCHAR)")+" AS "+f.typed, "CAST("+raw+" AS VARCHAR) AS "+f.raw)
		}
		s.fields = append(s.fields, f)
	}
	_, err = s.session.Query(ctx, "CREATE TEMP VIEW "+dataView+" AS SELECT "+strings.Join(selects, ", ")+" FROM "+from)
	return err
}
