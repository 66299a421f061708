package steps

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/spec"
)

// ask runs a query and writes its rows as Parquet, or as CSV when the dataset is declared as a CSV file.
func (s *Steps) ask(ctx context.Context, p *spec.Product, d spec.Data, in ImportInput, work string) (f dataset.Fetched, err error) {
	if in.From == "" {
		return f, fault.New(fault.Invalid, "it is not said which database the query is for").WithHint("--from postgres://user@host/name, or --from FILE.sqlite")
	}
	source, err := openSource(ctx, p, in.From)
	if err != nil {
		return f, err
	}
	defer source.Close()
	f.Path = filepath.Join(work, d.Name+".parquet")
	write := s.Parquet
	if strings.EqualFold(filepath.Ext(d.Path), ".csv") {
		f.Path, write = filepath.Join(work, d.Name+".csv"), writeCSV
	}
	err = source.Ask(ctx, in.SQL, func(columns []db.Asked, rows func(func([]any) error) error) error {
		out := make([]quality.Column, len(columns))
		seen := map[string]bool{}
		for i, c := range columns {
			if c.Name == "" || c.Name == "?column?" || seen[c.Name] {
				return fault.New(fault.Invalid, "column %d of the answer needs a name of its own", i+1).WithHint("SELECT … AS name")
			}
			seen[c.Name] = true
			out[i] = quality.Column{Name: c.Name, Type: c.Type}
		}
		return write(ctx, f.Path, out, rows)
	})
	return f, fault.Wrap(err, "importing %s from %s", d.Name, db.WithoutPassword(in.From))
}

func openSource(ctx context.Context, p *spec.Product, from string) (*db.DB, error) {
	if strings.Contains(from, "://") {
		return db.Open(ctx, from)
	}
	path := from
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		path = onDisk(p, from)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fault.New(fault.NotFound, "the database %s does not exist", from).WithHint("--from postgres://user@host/name, or --from FILE.sqlite")
	}
	return db.OpenForeign(ctx, path)
}

func writeCSV(_ context.Context, path string, columns []quality.Column, rows func(add func(row []any) error) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buffered := bufio.NewWriter(f)
	w := csv.NewWriter(buffered)
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.Name
	}
	if err := w.Write(cells); err != nil {
		return err
	}
	if err := rows(func(row []any) error {
		for i, v := range row {
			cells[i] = csvCell(columns[i].Type, v)
		}
		return w.Write(cells)
	}); err != nil {
		return err
	}
	w.Flush()
	return errors.Join(w.Error(), buffered.Flush())
}

func csvCell(kind string, v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case time.Time:
		if kind == "DATE" {
			return x.Format(time.DateOnly)
		}
		return x.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}
