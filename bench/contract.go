package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/paraplu/paraplu/examples/umbrella"
	"github.com/paraplu/paraplu/internal/app"
)

const million = 1_000_000

// contract holds the real weather, and a million days of it, against the contract of the example.
func (b *bench) contract() error {
	real, err := fs.ReadFile(umbrella.Files, "data-source/seattle-weather.csv")
	if err != nil {
		return err
	}
	small, big := filepath.Join(b.work, "weather.csv"), filepath.Join(b.work, "million.csv")
	if err := os.WriteFile(small, real, 0o644); err != nil {
		return err
	}
	size, err := stretch(real, big)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		file, what string
		times      int
	}{{small, "contract check of the 1,461 days of weather", 7}, {big, fmt.Sprintf("contract check of 1,000,000 rows (%.0f MB)", float64(size)/1e6), 3}} {
		var took []time.Duration
		rules := 0
		for range c.times {
			d, n, err := b.check(c.file)
			if err != nil {
				return err
			}
			took, rules = append(took, d), n
		}
		b.add(fmt.Sprintf("%s, %d rules", c.what, rules), millis(median(took)), "")
	}
	return os.Remove(big)
}

// stretch writes a million consecutive days from the year 1000 on, with the measurements of the real days in turn.
func stretch(real []byte, path string) (int64, error) {
	rows, err := csv.NewReader(bytes.NewReader(real)).ReadAll()
	if err != nil {
		return 0, err
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	if err := w.Write(rows[0]); err != nil {
		return 0, err
	}
	day := time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range million {
		row := append([]string{day.AddDate(0, 0, i).Format(time.DateOnly)}, rows[1+i%(len(rows)-1)][1:]...)
		if err := w.Write(row); err != nil {
			return 0, err
		}
	}
	w.Flush()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), w.Error()
}

// check times the check alone, in a workspace that has never seen the file.
func (b *bench) check(file string) (took time.Duration, rules int, err error) {
	home, err := os.MkdirTemp(b.work, "check-")
	if err != nil {
		return 0, 0, err
	}
	if err := os.CopyFS(home, umbrella.Files); err != nil {
		return 0, 0, err
	}
	ctx := context.Background()
	a, err := app.Open(ctx, app.Config{Home: home})
	if err != nil {
		return 0, 0, err
	}
	defer a.Close()
	p, err := a.Synced(ctx, "bench")
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	rep, err := a.Check(ctx, p, "weather", file, "bench")
	took = time.Since(began)
	if err != nil {
		return 0, 0, err
	}
	return took, len(rep.Checks), rep.Err()
}
