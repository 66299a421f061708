package duck

import (
	"context"
	"os"
	"path/filepath"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/ref"
)

// WriteParquet writes rows to a Parquet file (zstd), whole or not at all; a file of that name is replaced. Column types are
// those of a Table. rows calls add for each row.
func (e *Engine) WriteParquet(ctx context.Context, path string, columns []quality.Column, rows func(add func(row []any) error) error) error {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return fault.Wrap(err, "finding %s", path)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fault.New(fault.NotFound, "there is no folder %s", filepath.Dir(path))
	}
	half := filepath.Join(dir, ".half-"+ref.NewID())
	defer os.Remove(half) //nolint:errcheck // it is gone when it is whole
	s, err := e.open(ctx, []string{half})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.put(ctx, "rows", columns, rows); err != nil {
		return err
	}
	if _, err := s.conn.ExecContext(ctx, "COPY rows TO "+quote(half)+" (FORMAT parquet, COMPRESSION zstd)"); err != nil {
		return fault.Wrap(classify(ctx, err), "writing %s", path)
	}
	return fault.Wrap(os.Rename(half, path), "writing %s", path)
}
