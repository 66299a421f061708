package quality_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
)

var update = flag.Bool("update", false, "write the golden files again")

// table is the real file, to be broken.
type table [][]string

func seattle(t testing.TB) table {
	t.Helper()
	f, err := os.Open("testdata/seattle-2012-2013.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func (t table) text() string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.WriteAll(t) //nolint:errcheck // into memory
	return b.String()
}

// each changes one column of the rows first … last (from 1).
func (t table) each(column string, first, last int, change func(string) string) table {
	i := slices.Index(t[0], column)
	for row := first; row <= min(last, len(t)-1); row++ {
		t[row][i] = change(t[row][i])
	}
	return t
}

func scaled(factor, offset float64, digits int) func(string) string {
	return func(s string) string {
		v, _ := strconv.ParseFloat(s, 64)
		return strconv.FormatFloat(v*factor+offset, 'f', digits, 64)
	}
}

const all = 1 << 30

// violations are the real ones of the reference: what is done to the file, the check that must refuse it, its column, how
// many rows it must name, and a word of the hint or message.
var violations = []struct {
	name   string
	break_ func(table) string
	check  string
	col    string
	bad    int64
	word   string
}{
	{"fahrenheit", func(t table) string {
		return t.each("temp_max", 1, all, scaled(1.8, 32, 1)).each("temp_min", 1, all, scaled(1.8, 32, 1)).text()
	}, "temp_unit", "temp_max", 0, "degrees Fahrenheit"},
	{"fahrenheit-range", func(t table) string { return t.each("temp_max", 1, all, scaled(1.8, 32, 1)).text() }, "temp_max.range", "temp_max", 638, "degrees Fahrenheit"},
	{"tenths", func(t table) string { return t.each("temp_max", 1, all, scaled(10, 0, 0)).text() }, "temp_unit", "temp_max", 0, "tenths of degC"},
	{"inches", func(t table) string { return t.each("precipitation", 1, all, scaled(1/25.4, 0, 2)).text() }, "rain_unit", "precipitation", 0, "inch"},
	{"km-per-hour", func(t table) string { return t.each("wind", 1, all, scaled(3.6, 0, 1)).text() }, "wind_unit", "wind", 0, "km/h"},
	{"miles-per-hour", func(t table) string { return t.each("wind", 1, all, scaled(2.23694, 0, 1)).text() }, "wind_unit", "wind", 0, "mph"},
	{"sentinel", func(t table) string {
		return t.each("temp_min", 100, 130, func(string) string { return "-9999" }).text()
	}, "temp_min.range", "temp_min", 31, "code for \"missing\""},
	{"renamed", func(t table) string { t[0][2] = "maximum_temperature"; return t.text() }, "temp_max.columns", "temp_max", 0, "maximum_temperature is new"},
	{"other-case", func(t table) string { t[0][4] = "Wind"; return t.text() }, "wind.columns", "wind", 0, "Wind is new and all of its 731 values fit"},
	{"swapped", func(t table) string { t[0][2], t[0][3] = t[0][3], t[0][2]; return t.text() }, "cold_below_warm", "", 731, "temp_min <= temp_max"},
	{"exchanged-contents", func(t table) string { t[0][2], t[0][4] = t[0][4], t[0][2]; return t.text() }, "wind_unit", "wind", 0, "look exchanged"},
	{"american-dates", func(t table) string {
		return t.each("date", 1, all, func(s string) string { return s[5:7] + "/" + s[8:] + "/" + s[:4] }).text()
	}, "date.type", "date", 731, "MM/dd/yyyy"},
	{"compact-dates", func(t table) string {
		return t.each("date", 1, all, func(s string) string { return strings.ReplaceAll(s, "-", "") }).text()
	}, "date.type", "date", 731, "yyyyMMdd"},
	{"newest-first", func(t table) string { slices.Reverse(t[1:]); return t.text() }, "oldest_first", "date", 730, "opposite order"},
	{"missing-days", func(t table) string { return slices.Delete(slices.Delete(t, 400, 403), 200, 201).text() }, "every_day", "date", 4, "2012-07-18"},
	{"duplicate-rows", func(t table) string { return append(t, t[700:706]...).text() }, "whole_rows", "", 12, "6 recurring values, 6 rows too many"},
	{"duplicate-keys", func(t table) string {
		return t.each("date", 10, 10, func(string) string { return "2012-01-09" }).text()
	}, "primary_key", "date", 2, "line 10"},
	{"empty-rows-at-end", func(t table) string { return t.text() + ",,,,,\n,,,,,\n,,,,,\n" }, "temp_max.required", "temp_max", 3, "line 733"},
	{"empty-lines-at-end", func(t table) string { return t.text() + "\n\n\n" }, "blank_lines", "", 3, "line 733"},
	{"total-line", func(t table) string { return t.text() + "Total,2400.5,,,,\n" }, "date.type", "date", 1, "line 733: Total"},
	{"decimal-comma-quoted", func(t table) string {
		return t.each("temp_max", 1, all, func(s string) string { return strings.ReplaceAll(s, ".", ",") }).text()
	}, "temp_max.type", "temp_max", 731, "decimal comma"},
	{"decimal-comma-bare", func(t table) string { return strings.ReplaceAll(strings.ReplaceAll(t.text(), "\"", ""), ".", ",") }, "readable", "", 731, "decimal comma"},
	{"european-export", func(t table) string {
		return strings.ReplaceAll(strings.ReplaceAll(t.text(), ",", ";"), ".", ",")
	}, "delimiter", "", 0, "\";\""},
	{"thousands", func(t table) string {
		return t.each("wind", 1, 9, func(s string) string { return "1,00" + s }).text()
	}, "wind.type", "wind", 9, "thousands separator"},
	{"truncated", func(t table) string { s := t.text(); return s[:len(s)-20] }, "readable", "", 1, "truncated"},
	{"constant-sensor", func(t table) string { return t.each("wind", 1, all, func(string) string { return "3.2" }).text() }, "wind_alive", "wind", 0, "stddev is 0"},
	{"stuck-sensor", func(t table) string {
		return t.each("wind", 300, 330, func(string) string { return "3.2" }).text()
	}, "wind_stuck", "wind", 31, "stays for 31 rows"},
	{"impossible-combination", func(t table) string {
		return t.each("temp_min", 5, 7, func(string) string { return "30.5" }).text()
	}, "cold_below_warm", "", 3, "temp_min=30.5, temp_max=8.9"},
	{"category-spelling", func(t table) string {
		return t.each("weather", 1, 40, func(s string) string {
			return map[string]string{"rain": "Rain ", "sun": "sunny"}[s] + map[string]string{"drizzle": "drizzle", "snow": "snow"}[s]
		}).text()
	}, "kinds", "weather", 31, "is probably rain"},
	{"words-for-missing", func(t table) string {
		return t.each("wind", 50, 59, func(string) string { return "N/A" }).text()
	}, "wind.type", "wind", 10, "words for \"missing\""},
	{"not-a-number", func(t table) string {
		return t.each("wind", 50, 51, func(string) string { return "NaN" }).text()
	}, "wind.range", "wind", 2, "line 51"},
	{"extra-column", func(t table) string {
		for i := range t {
			t[i] = append(t[i], "x")
		}
		return t.text()
	}, "only_these", "", 0, "not in the contract: x"},
}

func TestViolations(t *testing.T) {
	c := contract(t, "testdata/weather.odcs.yaml")
	r := newRoom(dbtest.SQLite(t, sources...))
	for _, v := range violations {
		t.Run(v.name, func(t *testing.T) {
			report := check(t, r, c, v.name, v.break_(seattle(t)))
			i := slices.IndexFunc(report.Checks, func(k quality.Check) bool { return k.ID == v.check })
			if i < 0 {
				t.Fatalf("there is no check %s", v.check)
			}
			k := report.Checks[i]
			if k.Status != quality.Fail || k.Column != v.col || k.Owner != "daisy" || !strings.Contains(k.Message+" | "+k.Hint, v.word) || v.bad > 0 && k.Bad != v.bad {
				t.Errorf("check %+v", k)
			}
			if k.Severity == quality.Error {
				err := report.Err()
				if !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "owner: daisy") || fault.HintOf(err) == "" {
					t.Errorf("Err() = %v", err)
				}
			}
			golden(t, filepath.Join("testdata", "violations", v.name+".txt"), text(t, report))
		})
	}
}

func contract(t testing.TB, path string) *quality.Contract {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := quality.ParseContract(filepath.Base(path), data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// check writes the text to a file called weather.csv and checks it as a dataset of its own.
func check(t testing.TB, r *quality.Room, c *quality.Contract, dataset, body string) *quality.Report {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weather.csv")
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	report, err := r.Check(context.Background(), quality.CheckInput{Product: "umbrella", Dataset: dataset, Path: path, Contract: c, Owner: "daisy", Actor: "eddy"})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func text(t testing.TB, r *quality.Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t testing.TB, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it again)\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}

func TestTheRealFileIsAccepted(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	report := check(t, r, contract(t, "testdata/weather.odcs.yaml"), "weather", seattle(t).text())
	if report.Blocked() || report.Rows != 731 || len(report.Problems()) != 0 {
		t.Errorf("%s", text(t, report))
	}
	if got := fmt.Sprint(report.Columns); got != "[date precipitation temp_max temp_min wind weather]" {
		t.Error(got)
	}
}
