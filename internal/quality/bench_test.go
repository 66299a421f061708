package quality_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/quality"
)

// BenchmarkCheck runs the contract of the umbrella example. Each run is another dataset, so that no stored report answers.
func BenchmarkCheck(b *testing.B) {
	c := contract(b, umbrella+"contracts/weather.odcs.yaml")
	million := filepath.Join(b.TempDir(), "weather.csv")
	repeat(b, umbrella+"data-source/seattle-weather.csv", million, 1_000_000)
	for _, path := range []string{umbrella + "data-source/seattle-weather.csv", million} {
		b.Run(filepath.Base(path), func(b *testing.B) {
			r := newRoom(dbtest.SQLite(b, sources...))
			for n := 0; b.Loop(); n++ {
				report, err := r.Check(context.Background(), quality.CheckInput{Product: "p", Dataset: fmt.Sprint("d", n), Path: path, Contract: c, Actor: "a"})
				if err != nil || report.Rows < 1461 {
					b.Fatal(report, err)
				}
			}
		})
	}
}

// repeat writes the rows of a CSV file again and again.
func repeat(b *testing.B, from, to string, rows int) {
	b.Helper()
	in, err := os.Open(from)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	var lines []string
	for s := bufio.NewScanner(in); s.Scan(); {
		lines = append(lines, s.Text())
	}
	out, err := os.Create(to)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(out)
	fmt.Fprintln(w, lines[0])
	for i := range rows {
		fmt.Fprintln(w, lines[1+i%(len(lines)-1)])
	}
	if w.Flush() != nil || out.Close() != nil {
		b.Fatal("writing the large file")
	}
}
