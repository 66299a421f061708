package app

import (
	"context"

	"github.com/paraplu/paraplu/internal/quality"
)

// WriteParquet writes rows to a Parquet file, whole or not at all. rows calls add for each row.
func (a *App) WriteParquet(ctx context.Context, path string, columns []quality.Column, rows func(add func(row []any) error) error) error {
	return a.engine.WriteParquet(ctx, path, columns, rows)
}
