package duck

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
)

func engine(t testing.TB) *Engine {
	return New(Config{Threads: 2, MemoryLimit: "512MB", TempDir: filepath.Join(t.TempDir(), "spill")})
}

func TestValuesAreOfFewTypes(t *testing.T) {
	e := engine(t)
	for text, want := range map[string]any{
		`1::TINYINT`: int64(1), `sum(x) FROM (VALUES (1), (2)) t(x)`: int64(3), `1.5::DECIMAL(9,2)`: 1.5, `2::FLOAT`: 2.0, `'a'`: "a",
		`NULL`: nil, `true`: true, `18446744073709551615::UBIGINT`: 1.8446744073709552e19, `'nan'::DOUBLE IS NULL`: false,
		`DATE '2012-01-02'`: time.Date(2012, 1, 2, 0, 0, 0, 0, time.UTC), `TIMESTAMPTZ '2012-01-02 01:00:00+02'`: time.Date(2012, 1, 1, 23, 0, 0, 0, time.UTC),
		`[1, 2]::TINYINT[]`: []any{int64(1), int64(2)}, `'x'::BLOB`: "x",
	} {
		r, err := e.Query(context.Background(), nil, "SELECT "+text)
		if err != nil || len(r.Rows) != 1 || fmt.Sprintf("%T %v", r.Rows[0][0], r.Rows[0][0]) != fmt.Sprintf("%T %v", want, want) {
			t.Errorf("%s = %+v, %v; want %T %v", text, r, err, want, want)
		}
	}
}

func TestTables(t *testing.T) {
	e := engine(t)
	day := time.Date(2015, 3, 1, 0, 0, 0, 0, time.UTC)
	tables := map[string]quality.Table{
		"truth": {Columns: []quality.Column{{Name: "day", Type: "DATE"}, {Name: "v", Type: "DOUBLE"}},
			Rows: [][]any{{day, 10.0}, {day.AddDate(0, 0, 1), nil}, {day.AddDate(0, 0, 2), int64(4)}}},
		"odd \"name\"": {Columns: []quality.Column{{Name: "at", Type: "TIMESTAMP"}, {Name: "n", Type: "BIGINT"}, {Name: "s", Type: "VARCHAR"}, {Name: "b", Type: "BOOLEAN"}},
			Rows: [][]any{{day.Add(time.Hour), 7, "x", true}}},
	}
	r, err := e.Query(context.Background(), tables, `SELECT count(v), sum(v), max(day), any_value(n), any_value("at") FROM truth, "odd ""name""" WHERE n > ?`, 5)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.Rows[0]); got != "[2 14 2015-03-03 00:00:00 +0000 UTC 7 2015-03-01 01:00:00 +0000 UTC]" {
		t.Errorf("got %s", got)
	}
	for name, bad := range map[string]quality.Table{
		"type":  {Columns: []quality.Column{{Name: "a", Type: "BLOB"}}},
		"short": {Columns: []quality.Column{{Name: "a", Type: "BIGINT"}}, Rows: [][]any{{}}},
		"lossy": {Columns: []quality.Column{{Name: "a", Type: "BIGINT"}}, Rows: [][]any{{1.5}}},
		"kind":  {Columns: []quality.Column{{Name: "a", Type: "DATE"}}, Rows: [][]any{{"2015-01-01"}}},
	} {
		if _, err := e.Query(context.Background(), map[string]quality.Table{"t": bad}, "SELECT 1"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEmptyTableAndNaN(t *testing.T) {
	tables := map[string]quality.Table{
		"none": {Columns: []quality.Column{{Name: "v", Type: "DOUBLE"}}},
		"nans": {Columns: []quality.Column{{Name: "v", Type: "DOUBLE"}}, Rows: [][]any{{math.NaN()}, {math.Inf(1)}}},
	}
	r, err := engine(t).Query(context.Background(), tables, "SELECT (SELECT count(*) FROM none), count_if(isnan(v)), max(v) FROM nans")
	if err != nil || r.Rows[0][0] != int64(0) || r.Rows[0][1] != int64(1) || !math.IsNaN(r.Rows[0][2].(float64)) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestNothingOutsideCanBeReached(t *testing.T) {
	dir := t.TempDir()
	mine, other := filepath.Join(dir, "it's mine.csv"), filepath.Join(dir, "other.csv")
	for _, p := range []string{mine, other} {
		if err := os.WriteFile(p, []byte("a\n1\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := engine(t).Open(context.Background(), mine)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r, err := s.Query(context.Background(), "SELECT * FROM read_csv("+quote(mine)+")"); err != nil || len(r.Rows) != 1 {
		t.Fatalf("the named file: %+v, %v", r, err)
	}
	for _, text := range []string{
		"SELECT * FROM read_csv(" + quote(other) + ")",
		"SELECT * FROM read_text('/etc/passwd')",
		"SELECT * FROM glob('/etc/*')",
		"COPY (SELECT 1) TO " + quote(filepath.Join(dir, "out.csv")),
		"COPY (SELECT 1) TO " + quote(other),
		"ATTACH " + quote(filepath.Join(dir, "x.db")),
		"INSTALL httpfs", "LOAD httpfs", "SET enable_external_access = true", "SET memory_limit = '10GB'", "RESET allowed_paths",
		"SELECT * FROM 'https://example.com/x.csv'",
		"EXPORT DATABASE " + quote(filepath.Join(dir, "dump")),
	} {
		if r, err := s.Query(context.Background(), text); err == nil && (len(r.Rows) > 0 || !strings.HasPrefix(text, "SELECT")) {
			t.Errorf("%s: allowed, %+v", text, r)
		}
	}
	if body, err := os.ReadFile(other); err != nil || string(body) != "a\n1\n" {
		t.Errorf("another file was changed: %q, %v", body, err)
	}
}

func TestCancelStopsAQuery(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := engine(t).Query(ctx, nil, "SELECT count(*) FROM range(1000000000000) a, range(1000) b WHERE a.range % 7 = b.range % 3")
	if !fault.Is(err, fault.Canceled) || time.Since(start) > 20*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

func TestCallsDoNotCollide(t *testing.T) {
	e := New(Config{Threads: 1, TempDir: t.TempDir(), Sessions: 2})
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			tables := map[string]quality.Table{"t": {Columns: []quality.Column{{Name: "v", Type: "BIGINT"}}, Rows: [][]any{{i}}}}
			r, err := e.Query(context.Background(), tables, "SELECT v FROM t")
			if err != nil || len(r.Rows) != 1 || r.Rows[0][0] != int64(i) {
				t.Errorf("call %d: %+v, %v", i, r, err)
			}
		})
	}
	wg.Wait()
	if len(e.slots) != 0 {
		t.Errorf("%d sessions were not given back", len(e.slots))
	}
}

func TestSpillIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spill")
	e := New(Config{Threads: 2, MemoryLimit: "60MB", TempDir: dir})
	r, err := e.Query(context.Background(), nil, "SELECT count(*) FROM (SELECT range, hash(range) h FROM range(6000000) ORDER BY h)")
	if err != nil || r.Rows[0][0] != int64(6000000) {
		t.Errorf("%+v, %v", r, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%d entries left in the spill folder, %v", len(entries), err)
	}
	s, err := e.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second Close does nothing
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWrongSQLIsTheUsersMistake(t *testing.T) {
	_, err := engine(t).Query(context.Background(), nil, "SELECT nonsense FROM nowhere")
	if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error = %v", err)
	}
}

func TestVersion(t *testing.T) {
	if v := engine(t).Version(); v != "duckdb 1.5.6" {
		t.Errorf("version %q; reports of other versions are made again, so this must be on purpose", v)
	}
}

func BenchmarkQuery(b *testing.B) {
	e := engine(b)
	rows := make([][]any, 1000)
	for i := range rows {
		rows[i] = []any{float64(i), "x"}
	}
	tables := map[string]quality.Table{"t": {Columns: []quality.Column{{Name: "v", Type: "DOUBLE"}, {Name: "s", Type: "VARCHAR"}}, Rows: rows}}
	for b.Loop() {
		if _, err := e.Query(context.Background(), tables, "SELECT avg(v) FROM t"); err != nil {
			b.Fatal(err)
		}
	}
}
