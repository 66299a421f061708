package quality

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/fault"
)

const (
	maxLine    = 1 << 20 // bytes of one record; longer ones are taken for damage
	maxBroken  = 20      // broken records that are kept with their reason
	maxColumns = 4096
)

// broken is a record that is no row of the table.
type broken struct {
	Line int64
	Why  string
}

// layout is what a CSV file looks like, found before any value is read.
type layout struct {
	Delimiter byte
	Foreign   bool     // the delimiter is not the one that was expected
	Header    []string // trimmed of the byte-order mark
	Records   int64    // well-formed rows
	Broken    []broken // the first ones
	BrokenN   int64    // all of them
	Blank     int64    // empty lines between or after the rows
	BlankAt   int64    // line of the first
	lines     []shift  // where line − row changes
}

// shift says that from this row on the line is row + delta.
type shift struct{ row, delta int64 }

// line gives the line of the file where a row (from 1) begins.
func (l *layout) line(row int64) int64 {
	lo, hi := 0, len(l.lines)
	for lo < hi {
		if mid := (lo + hi) / 2; l.lines[mid].row <= row {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return row + 1
	}
	return row + l.lines[lo-1].delta
}

// scanCSV walks over the records. Those that cannot be rows (other number of fields, NUL bytes, broken quotes, too long) are
// counted with their line; the others go to keep, if it is not nil, with their line end.
func scanCSV(ctx context.Context, in io.Reader, want byte, keep func([]byte) error) (*layout, error) {
	s := &scanner{in: bufio.NewReaderSize(in, 1<<18), line: 1}
	if err := s.start(want); err != nil {
		return nil, err
	}
	l := s.layout
	if keep != nil {
		if err := keep(s.header); err != nil {
			return nil, err
		}
	}
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return nil, fault.New(fault.Canceled, "reading was stopped: %w", ctx.Err())
		}
		at := s.line
		record, fields, why, err := s.record(l.Delimiter)
		if err == io.EOF {
			return l, nil
		} else if err != nil {
			return nil, err
		}
		if fields == 0 && why == "" {
			if l.Blank++; l.Blank == 1 {
				l.BlankAt = at
			}
			continue
		}
		if why == "" && fields != len(l.Header) {
			why = fmt.Sprintf("it has %s, the header has %d", plural(int64(fields), "field"), len(l.Header))
			if s.ended {
				why += "; the file ends there, is it cut off?"
			}
		}
		if why != "" {
			l.BrokenN++
			if len(l.Broken) < maxBroken {
				l.Broken = append(l.Broken, broken{at, why})
			}
			continue
		}
		l.Records++
		if delta := at - l.Records; len(l.lines) == 0 && delta != 1 || len(l.lines) > 0 && l.lines[len(l.lines)-1].delta != delta {
			l.lines = append(l.lines, shift{l.Records, delta})
		}
		if keep != nil {
			if err := keep(record); err != nil {
				return nil, err
			}
		}
	}
}

type scanner struct {
	in     *bufio.Reader
	line   int64  // of the next byte
	buf    []byte // of the current record
	header []byte
	ended  bool // the last record had no line end
	layout *layout
}

// start reads the header and settles the delimiter.
func (s *scanner) start(want byte) error {
	head, err := s.in.Peek(4)
	switch {
	case len(head) == 0 && err == io.EOF:
		return unreadable(1, "the file is empty")
	case err != nil && err != io.EOF:
		return err
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return unreadable(1, "the file is UTF-16 text; save it as UTF-8")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return unreadable(1, "the file is a ZIP archive or a spreadsheet, not CSV")
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return unreadable(1, "the file is compressed with gzip, not CSV")
	case bytes.HasPrefix(head, []byte("PAR1")):
		return unreadable(1, "the file is Parquet, and its name says CSV")
	case bytes.HasPrefix(head, []byte("\ufeff")):
		s.in.Discard(3) //nolint:errcheck // peeked
	}
	for {
		at := s.line
		record, fields, why, err := s.record(want)
		if err == io.EOF {
			return unreadable(1, "the file holds only empty lines")
		} else if err != nil {
			return err
		}
		if why != "" {
			return unreadable(at, "the header cannot be read: "+why)
		}
		if fields > 0 {
			s.header = bytes.Clone(record)
			return s.head(want, at)
		}
	}
}

func (s *scanner) head(want byte, at int64) error {
	l := &layout{Delimiter: want}
	s.layout = l
	line := bytes.TrimRight(s.header, "\r\n")
	if bytes.IndexByte(line, want) < 0 {
		most := 0
		for _, d := range []byte{',', ';', '\t', '|'} {
			if n := bytes.Count(line, []byte{d}); d != want && n > most {
				l.Delimiter, l.Foreign, most = d, true, n
			}
		}
	}
	r := csv.NewReader(bytes.NewReader(line))
	r.Comma, r.LazyQuotes = rune(l.Delimiter), true
	names, err := r.Read()
	if err != nil {
		return unreadable(at, "the header cannot be read: "+err.Error())
	}
	if len(names) > maxColumns {
		return unreadable(at, fmt.Sprintf("the header has %s columns, more than %s", count(int64(len(names))), count(maxColumns)))
	}
	seen := map[string]bool{}
	for i, name := range names {
		switch {
		case name == "":
			return unreadable(at, fmt.Sprintf("column %d has no name", i+1))
		case seen[name]:
			return unreadable(at, fmt.Sprintf("two columns are called %s", show(name)))
		}
		seen[name] = true
	}
	l.Header = names
	return nil
}

// record reads up to the end of a record. fields is 0 for an empty line. why says what makes it unusable.
func (s *scanner) record(delimiter byte) (record []byte, fields int, why string, err error) {
	s.buf, s.ended = s.buf[:0], false
	quoteLine := int64(0) // > 0 inside quotes
	fresh, closed := true, false
	for {
		chunk, err := s.in.ReadSlice('\n')
		if len(s.buf)+len(chunk) <= maxLine {
			s.buf = append(s.buf, chunk...)
		} else if why == "" {
			why = fmt.Sprintf("it is longer than %s bytes", count(maxLine))
		}
		if why == "" && bytes.IndexByte(chunk, 0) >= 0 {
			why = "it holds a NUL byte"
		}
		for _, c := range chunk {
			switch {
			case quoteLine > 0:
				if c == '"' {
					quoteLine, closed = 0, true
				}
			case c == '"' && closed:
				quoteLine, closed = s.line, false // a doubled quote
			case c == '"' && fresh:
				quoteLine, fresh = s.line, false
			case c == delimiter:
				fields, fresh, closed = fields+1, true, false
			case c == '\n' || c == '\r':
				closed = false
			default:
				if closed && why == "" {
					why = "text follows a closing quote"
				}
				fresh, closed = false, false
			}
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil && err != io.EOF {
			return nil, 0, "", err
		}
		if len(chunk) > 0 && chunk[len(chunk)-1] == '\n' {
			s.line++
		}
		switch {
		case err == io.EOF && len(s.buf) == 0 && why == "":
			return nil, 0, "", io.EOF
		case err == io.EOF:
			s.ended = true
			if quoteLine > 0 {
				why = fmt.Sprintf("a quote that opens on line %d is never closed; everything after it is lost", quoteLine)
			}
		case quoteLine > 0:
			continue // the line end belongs to the field
		}
		break
	}
	if why == "" && !utf8.Valid(s.buf) {
		why = "it is not UTF-8 text"
	}
	if len(bytes.TrimRight(s.buf, "\r\n")) == 0 {
		return s.buf, 0, why, nil
	}
	return s.buf, fields + 1, why, nil
}

// unreadable is the one error of a delivery that is no table at all; it becomes a failed check, not a failed run.
type unreadableError struct {
	Line int64
	Why  string
}

func (e *unreadableError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Why) }

func unreadable(line int64, why string) error { return &unreadableError{line, why} }
