package quality

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

func (r *Room) openCSV(ctx context.Context, s *source, path string, delimiter byte, props []Property) error {
	l, err := scanFile(ctx, path, delimiter, nil)
	if err != nil {
		return err
	}
	s.layout = l
	if l.BrokenN > 0 { // DuckDB reads a copy without the broken records, so that rows and lines stay known
		dir, err := s.folder(r.engine)
		if err != nil {
			return err
		}
		if path, err = clean(ctx, dir, path, delimiter); err != nil {
			return fault.Wrap(err, "copying the readable rows of the file")
		}
	}
	if s.session, err = r.engine.Open(ctx, path); err != nil {
		return err
	}
	columns := make([]string, len(l.Header))
	for i := range l.Header {
		columns[i] = literal(cell(i)) + ": 'VARCHAR'"
	}
	from := "read_csv(" + literal(abs(path)) + ", auto_detect = false, header = true, delim = " + literal(string(l.Delimiter)) +
		`, quote = '"', escape = '"', nullstr = '', max_line_size = 2097152, columns = {` + strings.Join(columns, ", ") + "})"
	return s.materialise(ctx, from, l.Header, props)
}

func cell(i int) string { return prefix + "c" + count10(i) }

func abs(path string) string {
	if a, err := filepath.Abs(path); err == nil {
		return a
	}
	return path
}

func scanFile(ctx context.Context, path string, delimiter byte, keep func([]byte) error) (*layout, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(err, "opening %s", path)
	}
	defer f.Close()
	return scanCSV(ctx, f, delimiter, keep)
}

// clean writes the readable records to a file in dir.
func clean(ctx context.Context, dir, path string, delimiter byte) (name string, err error) {
	out, err := os.Create(filepath.Join(dir, "readable.csv"))
	if err != nil {
		return "", err
	}
	w := bufio.NewWriter(out)
	_, err = scanFile(ctx, path, delimiter, func(record []byte) error {
		if _, err := w.Write(record); err != nil {
			return err
		}
		if !strings.HasSuffix(string(record), "\n") {
			return w.WriteByte('\n')
		}
		return nil
	})
	return out.Name(), errors.Join(err, w.Flush(), out.Close())
}
