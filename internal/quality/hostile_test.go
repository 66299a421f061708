package quality_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
)

const head = "date,precipitation,temp_max,temp_min,wind,weather\n"
const good = "2012-01-01,0.0,12.8,5.0,4.7,drizzle\n"

// TestHostileFiles: whatever is delivered, the report names the place and nothing breaks.
func TestHostileFiles(t *testing.T) {
	c := contract(t, "testdata/weather.odcs.yaml")
	r := newRoom(dbtest.SQLite(t, sources...))
	noise := make([]byte, 100_000)
	source := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(source.Uint32())
	}
	for _, f := range []struct{ name, body, want string }{
		{"empty", "", "line 1: the file is empty"},
		{"only line ends", "\n\r\n\n", "line 1: the file holds only empty lines"},
		{"header only", head, "there is a header and no row"},
		{"header without line end", strings.TrimSpace(head), "there is a header and no row"},
		{"noise", string(noise), "cannot be read as a table; line 1"},
		{"zeros", strings.Repeat("\x00", 5000), "line 1: the header cannot be read: it holds a NUL byte"},
		{"gzip", "\x1f\x8b\x08\x00rest", "compressed with gzip"},
		{"spreadsheet", "PK\x03\x04rest", "a spreadsheet, not CSV"},
		{"parquet called csv", "PAR1....PAR1", "the file is Parquet, and its name says CSV"},
		{"utf-16", "\xff\xfed\x00a\x00t\x00e\x00", "UTF-16"},
		{"two columns of one name", "date,date\n1,2\n", "two columns are called date"},
		{"column without a name", "date,,x\n1,2,3\n", "column 2 has no name"},
		{"our own prefix", "__p_row,date\n1,2012-01-01\n", "kept for the checks"},
		{"nul byte", head + good + "2012-01-02,0.0,1\x00.8,5.0,4.7,sun\n", "line 3: it holds a NUL byte"},
		{"latin-1", head + good + "2012-01-02,0.0,12.8,5.0,4.7,\xfcber\n", "line 3: it is not UTF-8 text"},
		{"huge field", head + good + "2012-01-02,0.0,12.8,5.0,4.7," + strings.Repeat("x", 3<<20) + "\n" + good, "line 3: it is longer than 1,048,576 bytes"},
		{"huge header", strings.Repeat("x", 3<<20) + "\n", "line 1: the header cannot be read: it is longer"},
		{"open quote", head + good + "2012-01-02,0.0,\"12.8,5.0,4.7,sun\n" + good, "line 3: a quote that opens on line 3 is never closed"},
		{"text after quote", head + good + "2012-01-02,0.0,\"12.8\"x,5.0,4.7,sun\n", "line 3: text follows a closing quote"},
		{"short line", head + good + "2012-01-02,0.0\n" + good, "line 3: it has 2 fields, the header has 6"},
		{"long line", head + good + strings.Repeat(",", 50) + "\n", "line 3: it has 51 fields"},
		{"wrong delimiter", strings.ReplaceAll(head+good, ",", "|"), "separated by \"|\""},
		{"one column", "hello\nworld\n", "the column is missing"},
		{"sql in a header", "a\"); DROP TABLE x; --,b\n1,2\n", "the column is missing"},
		{"quotes in a header", "\"a\"\"b\",'c'\n1,2\n", "the column is missing"},
		{"line breaks in fields", head + "2012-01-01,0.0,12.8,5.0,4.7,\"a\nb\"\n2012-01-02,x,12.8,5.0,4.7,sun\n", "first line 4 (date 2012-01-02): x"},
		{"blank lines between", head + "\n" + good + "\n\n2012-01-02,x,12.8,5.0,4.7,sun\n", "first line 6 (date 2012-01-02): x"},
		{"carriage returns", strings.ReplaceAll(head+good+"2012-01-02,x,12.8,5.0,4.7,sun\n", "\n", "\r\n"), "first line 3 (date 2012-01-02): x"},
		{"byte order mark", "\ufeff" + head + good + "2012-01-02,x,12.8,5.0,4.7,sun\n", "first line 3 (date 2012-01-02): x"},
		{"control characters", head + good + "2012-01-02,\x1b[31mred,12.8,5.0,4.7,sun\n", `"\x1b[31mred"`},
		{"formula", head + good + "2012-01-02,=1+1,12.8,5.0,4.7,sun\n", "=1+1"},
		{"far date", head + "9999999-01-01,0.0,12.8,5.0,4.7,sun\n", "first line 2"},
		{"infinity", head + "2012-01-01,1e999,12.8,5.0,4.7,sun\n", "first line 2"},
	} {
		t.Run(f.name, func(t *testing.T) {
			report := check(t, r, c, strings.ReplaceAll(f.name, " ", "-"), f.body)
			got := text(t, report)
			if !report.Blocked() || !strings.Contains(got, f.want) {
				t.Errorf("want %q in\n%s", f.want, got)
			}
			for _, k := range report.Checks {
				if k.Status == quality.Broken {
					t.Errorf("%s could not be run: %s", k.ID, k.Message)
				}
			}
		})
	}
}

func TestHostileOtherFormats(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	c := contract(t, "testdata/weather.odcs.yaml")
	c.Servers = nil
	for name, f := range map[string]struct{ body, want string }{
		"a.parquet": {"PAR1 this is not Parquet PAR1", "the file is not Parquet"},
		"b.parquet": {"", "the file is not Parquet"},
		"a.jsonl":   {"", "the file is empty"},
		"b.jsonl":   {"[1,2]\n", "line 1: no line is a JSON object"},
		"c.jsonl":   {"{\"date\":\"2012-01-01\"}\n{\"date\":\n", "line 2: it is no JSON object"},
		"d.jsonl":   {"{\"a\\\"b\":1}\n{\"date\":\"2012-01-01\"}\n", "cannot be a column"},
		"e.jsonl":   {strings.Repeat("[", 100000) + "\n{\"date\":\"x\"}\n", "line 1: it is no JSON object"},
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(f.body), 0o644); err != nil {
			t.Fatal(err)
		}
		report, err := r.Check(context.Background(), quality.CheckInput{Product: "p", Dataset: name, Path: path, Contract: c, Owner: "daisy", Actor: "eddy"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := text(t, report); !report.Blocked() || !strings.Contains(got, f.want) {
			t.Errorf("%s: want %q in\n%s", name, f.want, got)
		}
	}
}

func TestRunsThatAreNoReports(t *testing.T) {
	ctx := context.Background()
	d := dbtest.SQLite(t, sources...)
	r := newRoom(d)
	c := contract(t, "testdata/weather.odcs.yaml")
	in := quality.CheckInput{Product: "p", Dataset: "weather", Path: "testdata/absent.csv", Contract: c, Actor: "a"}
	if _, err := r.Check(ctx, in); !fault.Is(err, fault.NotFound) {
		t.Errorf("absent file: %v", err)
	}
	in.Path = "testdata"
	if _, err := r.Check(ctx, in); err == nil {
		t.Error("a folder was checked")
	}
	in.Path = "testdata/seattle-2012-2013.csv"
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.Check(cancelled, in); !fault.Is(err, fault.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, bad := range []quality.CheckInput{{Actor: "a", Path: in.Path}, {Contract: c, Path: in.Path}, {Contract: &quality.Contract{ID: "x"}, Actor: "a"}} {
		if _, err := r.Check(ctx, bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if reports, err := r.Reports(ctx, "p", ""); err != nil || len(reports) != 0 {
		t.Errorf("reports of runs that failed: %v, %v", reports, err)
	}
}

func TestSlowQueryIsStoppedWithTheRun(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	c := column(t, "logicalType: number\nquality: [{id: x, type: sql, query: 'SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range % 7 = b.range % 5', mustBe: 0}]", "")
	path := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(path, []byte("k,v\na,1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err := r.Check(ctx, quality.CheckInput{Product: "p", Dataset: "things", Path: path, Contract: c, Actor: "a"})
	if !fault.Is(err, fault.Canceled) {
		t.Errorf("error = %v", err)
	}
}
