package duck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
)

func TestParquetIsWholeOrNotThere(t *testing.T) {
	e, dir, ctx := engine(t), t.TempDir(), context.Background()
	path := filepath.Join(dir, "it's runs.parquet")
	columns := []quality.Column{{Name: "run", Type: "VARCHAR"}, {Name: "metrics.loss", Type: "DOUBLE"}, {Name: "at", Type: "TIMESTAMP"}, {Name: "n", Type: "BIGINT"}}
	day := time.Date(2026, 11, 27, 1, 2, 3, 0, time.UTC)
	write := func(n int, fail error) error {
		return e.WriteParquet(ctx, path, columns, func(add func([]any) error) error {
			for i := range n {
				if err := add([]any{fmt.Sprint("run ", i), 1 / float64(i), day, i}); err != nil {
					return err
				}
			}
			return fail
		})
	}
	read := func() string {
		s, err := e.Open(ctx, path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		r, err := s.Query(ctx, `SELECT count(*), max("metrics.loss"), min(run), max("at"), sum(n) FROM read_parquet(`+quote(path)+`)`)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(r.Rows)
	}
	if err := write(3, nil); err != nil {
		t.Fatal(err)
	}
	want := "[[3 +Inf run 0 2026-11-27 01:02:03 +0000 UTC 3]]"
	if got := read(); got != want {
		t.Errorf("%s", got)
	}
	broken := errors.New("broken")
	if err := write(5, broken); !errors.Is(err, broken) {
		t.Error(err)
	}
	if got := read(); got != want {
		t.Errorf("after a failure: %s", got)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%v", entries)
	}
	if err := e.WriteParquet(ctx, filepath.Join(dir, "none", "x.parquet"), columns, nil); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}
