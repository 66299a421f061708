package quality_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/quality"
)

// bridge writes hourly counts with the quirks of a real counter: a 12-hour clock without an offset, American dates, 24 rows on
// every day, the hour that clocks skip in spring empty (in the first year: zero), and four hours out of order.
func bridge(t testing.TB) (path string, rows int) {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("Date,Fremont Bridge West Sidewalk,Fremont Bridge East Sidewalk\n")
	skipped := map[string]bool{"2014-03-09 02": true, "2015-03-08 02": true, "2016-03-13 02": true}
	broken := map[string]bool{"2013-06-14 09": true, "2013-06-14 10": true, "2015-04-21 11": true, "2015-04-21 12": true}
	end := time.Date(2016, 4, 1, 0, 0, 0, 0, time.UTC)
	for at := time.Date(2012, 10, 3, 0, 0, 0, 0, time.UTC); at.Before(end); at = at.Add(time.Hour) {
		west, east := fmt.Sprint((at.Hour()*37+at.YearDay()*11)%400), fmt.Sprint((at.Hour()*53+at.YearDay()*7)%300)
		if key := at.Format("2006-01-02 15"); skipped[key] || broken[key] {
			west, east = "", ""
		} else if key == "2013-03-10 02" {
			west, east = "0", "0"
		}
		fmt.Fprintf(&b, "%s,%s,%s\n", at.Format("01/02/2006 03:04:05 PM"), west, east)
		rows++
	}
	path = filepath.Join(t.TempDir(), "bridge.csv")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path, rows
}

// TestTheInferredContractKnowsTheClock: empty hours and the hours of the change of clocks are found by what is proposed.
func TestTheInferredContractKnowsTheClock(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	path, rows := bridge(t)
	p, err := r.Infer(context.Background(), quality.InferInput{Dataset: "bridge", Path: path, Timezone: "America/Los_Angeles", Owner: "eddy"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := quality.ParseContract("bridge.odcs.yaml", []byte(p.Text))
	if err != nil {
		t.Fatal(err)
	}
	report, err := r.Check(context.Background(), quality.CheckInput{Product: "p", Dataset: "bridge", Path: path, Contract: c, Actor: "eddy"})
	if err != nil || report.Status != quality.Warn || report.Rows != int64(rows) {
		t.Fatalf("%v %+v", err, report)
	}
	bad := map[string]int64{}
	for _, k := range report.Checks {
		if k.Status == quality.Fail {
			bad[k.ID] = k.Bad
			if k.Owner != "eddy" || k.Severity != quality.Warning {
				t.Errorf("%+v", k)
			}
		}
	}
	// four springs and four autumns; seven empty hours
	if len(bad) != 3 || bad["date_clock"] != 8 || bad["fremont_bridge_west_sidewalk_empty"] != 7 || bad["fremont_bridge_east_sidewalk_empty"] != 7 {
		t.Errorf("%v\n%s", bad, text(t, report))
	}
	// without the zone it is guessed from the empty hours
	guessed, err := r.Infer(context.Background(), quality.InferInput{Dataset: "bridge", Path: path})
	if err != nil || !strings.Contains(guessed.Text, "on 3 of 4 spring days the hour 02:00 is empty or absent") {
		t.Errorf("%v\n%s", err, guessed.Text)
	}
}

func TestInferReadsTypesAndCodes(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	var b strings.Builder
	b.WriteString("zip,when,level_mm,note,flag\n")
	for i := range 60 {
		level := fmt.Sprint(100 + i%17)
		switch {
		case i%20 == 3:
			level = "-9999"
		case i == 30:
			level = "N/A"
		}
		fmt.Fprintf(&b, "%05d,%02d.%02d.2024,%s,%q,%t\n", i*31, i%28+1, i/28+1, level, strings.Repeat("x", i%9+1), i%2 == 0)
	}
	path := filepath.Join(t.TempDir(), "levels.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := r.Infer(context.Background(), quality.InferInput{Dataset: "levels", Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`logicalTypeOptions: {pattern: "^[0-9]{5}$"}`, `logicalTypeOptions: {format: "dd.MM.yyyy"}`, `missingValues: [null, "N/A", "-9999"]`, "-9999 occurs 3 times",
		"logicalTypeOptions: {minimum: 96, maximum: 120}", "customProperties: [{property: unit, value: mm}]", "check: consistent_unit", "logicalType: boolean", "status: draft",
	} {
		if !strings.Contains(p.Text, want) {
			t.Errorf("no %s in\n%s", want, p.Text)
		}
	}
}

// fewer lets a property be tried 30 times: each opens the engine more than once.
func fewer(t *testing.T) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	before := f.Value.String()
	t.Cleanup(func() { f.Value.Set(before) }) //nolint:errcheck // it was there
	if err := f.Value.Set("30"); err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsInferredAcceptsItsFile: a proposal, put in force, does not refuse the file that it was made from.
func TestWhatIsInferredAcceptsItsFile(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	dir := t.TempDir()
	cells := []*rapid.Generator[string]{
		rapid.StringMatching(`-?[0-9]{1,4}`), rapid.StringMatching(`[0-9]{1,2}\.[0-9]{1,3}`), rapid.StringMatching(`[a-c]{0,2}`), rapid.StringMatching(`2024-0[1-9]-[012][1-8]`),
		rapid.StringMatching(`0[1-9]/[012][1-9]/20[0-4][0-9]`), rapid.SampledFrom([]string{"", "N/A", "-9999", "12", "13"}), rapid.StringMatching(`"[ '#:,a]{1,4}"`), rapid.SampledFrom([]string{"true", "FALSE", "nan", "1e5"}),
	}
	n := 0
	fewer(t)
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.IntRange(0, len(cells)-1), 1, 4).Draw(t, "kinds")
		var b strings.Builder
		for i := range kinds {
			fmt.Fprintf(&b, "%s%s", map[bool]string{true: ",", false: ""}[i > 0], rapid.SampledFrom([]string{"v", "a b", "no", "x_mm"}).Draw(t, "name")+fmt.Sprint(i))
		}
		for range rapid.IntRange(1, 60).Draw(t, "rows") {
			b.WriteString("\n")
			for i, k := range kinds {
				fmt.Fprintf(&b, "%s%s", map[bool]string{true: ",", false: ""}[i > 0], cells[k].Draw(t, "cell"))
			}
		}
		n++
		path := filepath.Join(dir, fmt.Sprintf("%d.csv", n))
		if err := os.WriteFile(path, []byte(b.String()+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		p, err := r.Infer(context.Background(), quality.InferInput{Dataset: "d", Path: path})
		if err != nil {
			if strings.Contains(err.Error(), "not valid") {
				t.Fatalf("%v\n%s", err, b.String())
			}
			return // a file without a row
		}
		c, err := quality.ParseContract("d.yaml", []byte(strings.Replace(p.Text, "status: draft", "status: active", 1)))
		if err != nil {
			t.Fatal(err)
		}
		report, err := r.Check(context.Background(), quality.CheckInput{Product: "p", Dataset: fmt.Sprint("d", n), Object: "d", Path: path, Contract: c, Actor: "eddy"})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range report.Checks {
			if k.Severity == quality.Error && (k.Status == quality.Fail || k.Status == quality.Broken) && k.ID != "readable" {
				t.Fatalf("%s: %s\n%s\n%s", k.ID, k.Message, p.Text, b.String())
			}
		}
	})
}

func TestDiffTellsWhatBreaks(t *testing.T) {
	before := contract(t, "testdata/weather.odcs.yaml")
	data, err := os.ReadFile("testdata/weather.odcs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		old, new string
		want     []bool // breaking
	}{
		{"purpose: Real", "purpose: Very real", nil},
		{"minimum: 0, maximum: 150", "minimum: 0, maximum: 120", []bool{true}},
		{"minimum: 0, maximum: 150", "minimum: 0, maximum: 151", []bool{true}},
		{"min: 0.5, max: 12", "min: 0.5, max: 11", []bool{true}},
		{"{id: enough, metric", "{id: enough, severity: warning, metric", []bool{true}},
		{"severity: warning, implementation: {check: columns", "severity: info, implementation: {check: columns", []bool{false}},
		{"value: m/s", "value: km/h", []bool{true}},
		{"name: wind\n", "name: wind_ms\n        physicalName: wind\n", []bool{true, true}},
	} {
		after, err := quality.ParseContract("new", []byte(strings.Replace(string(data), c.old, c.new, 1)))
		if err != nil {
			t.Fatal(err)
		}
		var got []bool
		for _, ch := range quality.DiffContracts(before, after) {
			got = append(got, ch.Breaking)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v: %+v", c.new, got, c.want, quality.DiffContracts(before, after))
		}
	}
}
