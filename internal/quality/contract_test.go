package quality

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
)

const small = `apiVersion: v3.1.0
kind: DataContract
id: c
version: 1.0.0
status: active
schema:
  - name: things
    properties:
      - name: v
        logicalType: number
        quality: [%s]
`

// TestProblems: every mistake is named with its place and what to write instead.
func TestProblems(t *testing.T) {
	rule := func(s string) string { return strings.Replace(small, "%s", s, 1) }
	custom := func(s string) string {
		return rule("{type: custom, engine: paraplu, implementation: {" + s + "}}")
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":               {"", "c.yaml:1:1: the contract is empty"},
		"only a comment":      {"# nothing\n", "c.yaml:1:1: the contract is empty"},
		"not yaml":            {"a: [1\nb: 2\n", "c.yaml:1:1: not YAML"},
		"a list":              {"- a\n", "c.yaml:1:1: wanted keys with values, got a list"},
		"two documents":       {rule("") + "---\na: 1\n", "a second document"},
		"alias":               {"a: &x 1\nb: *x\n", "c.yaml:1:4: an anchor (&x): contracts have no anchors and aliases; remove it"},
		"tag":                 {"a: !!binary aGk=\n", "a tag (!!binary)"},
		"missing keys":        {"kind: DataContract\n", `the key "apiVersion" is missing`},
		"unknown key":         {rule("") + "shcema: []\n", `c.yaml:12:1: unknown key "shcema"; did you mean "schema"?`},
		"twice":               {rule("") + "id: d\n", `c.yaml:12:1: the key "id" is written twice; first on line 3`},
		"old version":         {strings.Replace(rule(""), "v3.1.0", "v2.2.2", 1), "contracts of version v2.2.2 are not read; convert it to v3.1.0"},
		"future version":      {strings.Replace(rule(""), "v3.1.0", "v3.1.1", 1), `"v3.1.1" is no known version of the standard; did you mean`},
		"type":                {strings.Replace(rule(""), "number", "nubmer", 1), `c.yaml:10:22: schema[0].properties[0].logicalType: "nubmer" is not known here; did you mean "number"?`},
		"metric":              {rule("{metric: nullValue, mustBe: 0}"), `the metric "nullValue" is not known; did you mean "nullValues"?`},
		"no operator":         {rule("{metric: nullValues}"), "the metric nullValues has nothing to be compared with; add mustBe: 0"},
		"two operators":       {rule("{metric: nullValues, mustBe: 0, mustBeLessThan: 3}"), "2 operators; a rule has one"},
		"between of one":      {rule("{metric: nullValues, mustBeBetween: [3]}"), "wanted two numbers, the smaller first"},
		"between upside down": {rule("{metric: nullValues, mustBeBetween: [3, 1]}"), "wanted two numbers, the smaller first"},
		"wrong level":         {rule("{metric: rowCount, mustBe: 3}"), "the metric rowCount belongs to the whole table; move it"},
		"null in a list":      {rule("{metric: invalidValues, arguments: {validValues: [a, null]}, mustBe: 0}"), "null in validValues makes the rule meaningless"},
		"no arguments":        {rule("{metric: invalidValues, mustBe: 0}"), "invalidValues needs arguments"},
		"severity":            {rule("{metric: nullValues, mustBe: 0, severity: eror}"), `"eror" is not known here; did you mean "error"?`},
		"look-around":         {rule("{metric: invalidValues, arguments: {pattern: '(?=x)'}, mustBe: 0}"), "look-around and back-references are not offered"},
		"two statements":      {rule("{type: sql, query: 'SELECT 1; DROP TABLE x', mustBe: 0}"), "a second statement begins at character 9"},
		"escape":              {rule("{type: sql, query: 'SELECT 1) FROM x; DELETE FROM y --', mustBe: 0}"), "a parenthesis that was not opened"},
		"comment":             {rule("{type: sql, query: 'SELECT 1 -- hide', mustBe: 0}"), "a comment at character 10"},
		"no select":           {rule("{type: sql, query: 'DELETE FROM x', mustBe: 0}"), `the query begins with "delete"; it must be one SELECT`},
		"custom without":      {rule("{type: custom, engine: paraplu}"), "needs an implementation with keys"},
		"check":               {custom("check: maen, min: 1"), `the check "maen" is not known; did you mean "mean"?`},
		"argument":            {custom("check: mean, mni: 1, max: 2"), `unknown key "mni"; did you mean "min"?`},
		"argument of another": {custom("check: mean, min: 1, pattern: x"), `unknown key "pattern"`},
		"no limit":            {custom("check: mean"), "the check mean has no limit; add min, max or both"},
		"limits upside down":  {custom("check: mean, min: 3, max: 1"), "min 3 is above max 1; swap them"},
		"missing argument":    {custom("check: gap"), `the key "step" is missing`},
		"duration":            {custom("check: gap, step: 1 day"), "wanted a duration, got \"1 day\"; write 1d, 6h"},
		"mostly":              {custom("check: finite, mostly: 99"), "wanted a share above 0 and at most 1"},
		"on_fail":             {custom("check: mean, min: 1, on_fail: quarantine"), "the check mean is not about single rows, so none can be set aside; use fail or warn"},
		"drift":               {custom("check: psi"), "drift is watched by the monitor section"},
		"option":              {strings.Replace(rule(""), "quality: []", "logicalTypeOptions: {minLength: 3}", 1), `unknown key "minLength"`},
		"range upside down":   {strings.Replace(rule(""), "quality: []", "logicalTypeOptions: {minimum: 3, maximum: 1}", 1), "the smallest value 3 is above the largest 1"},
		"text as bound":       {strings.Replace(rule(""), "quality: []", "logicalTypeOptions: {minimum: low}", 1), `wanted a number that fits number, got "low"`},
		"date format":         {strings.Replace(strings.Replace(rule(""), "number", "date", 1), "quality: []", "logicalTypeOptions: {format: yyyy-QQ}", 1), `has "QQ" at position 6, which is not known`},
		"two columns":         {rule("") + "      - name: v\n", `the column "v" is written twice; first on line 9`},
		"latency":             {rule("") + "slaProperties: [{property: latency, value: soon, unit: d, element: things.v}]\n", "a latency needs a positive value"},
	} {
		_, err := ParseContract("c.yaml", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: want %q in %v", name, c.want, err)
		}
	}
	_, err := ParseContract("c.yaml", []byte(rule("{metric: nullValue, mustBe: 0}, {type: sqll}")+"shcema: []\n"))
	var many *spec.Errors
	if !errors.As(err, &many) || len(many.Problems) < 3 {
		t.Errorf("all problems come at once: %v", err)
	}
}

func TestExamplesAreRead(t *testing.T) {
	paths, err := filepath.Glob("../../examples/*/contracts/*.yaml")
	if err != nil || len(paths) < 3 {
		t.Fatal(paths, err)
	}
	for _, path := range append(paths, "testdata/weather.odcs.yaml") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseContract(path, data)
		if err != nil {
			t.Error(err)
		} else if c.Owner == "" || len(c.Objects) != 1 || len(c.Objects[0].Properties) < 3 {
			t.Errorf("%s: %+v", path, c)
		}
	}
}

func TestStrptime(t *testing.T) {
	for format, want := range map[string]string{
		"yyyy-MM-dd": "%Y-%m-%d", "dd/MM/yyyy HH:mm": "%d/%m/%Y %H:%M", "yyyy-MM-dd'T'HH:mm:ss.SSS": "%Y-%m-%dT%H:%M:%S.%g", "MM/dd/yyyy hh:mm:ss a": "%m/%d/%Y %I:%M:%S %p",
		"d MMM yyyy": "%-d %b %Y", "''yy": "'%y", "yyyy%MM": "%Y%%%m", "yyyy-MM-dd'T'HH:mm:ssXXX": "%Y-%m-%dT%H:%M:%S%z",
	} {
		if got, err := strptime(format); err != nil || got != want {
			t.Errorf("%s = %s, %v; want %s", format, got, err, want)
		}
	}
	for _, bad := range []string{"", "yyyy-ww", "'open", "YYYY-MM-dd"} {
		if got, err := strptime(bad); err == nil {
			t.Errorf("%q = %q", bad, got)
		}
	}
}

func TestLikelyUnit(t *testing.T) {
	f := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		unit      string
		v         float64
		low, high float64
		want      string
	}{
		{"degC", 61, 2, 32, "degrees Fahrenheit"}, {"°C", 289, 2, 32, "kelvin"}, {"celsius", 160, 2, 32, "tenths of celsius"}, {"degF", 16, 40, 90, "degrees Celsius"},
		{"mm", 0.12, 0.5, 12, "inch"}, {"mm", 30, 0.5, 12, "tenths of mm"}, {"m/s", 11.7, 1.5, 6, "km/h"}, {"m/s", 7.2, 1.5, 6, "mph"}, {"km/h", 3.2, 5, 22, "m/s"},
		{"percent", 0.4, 20, 80, "fraction"}, {"hPa", 101325, 950, 1050, "Pa"}, {"mm", 1e9, 0.5, 12, ""}, {"", 160, 2, 32, "tenths of the unit"},
	} {
		if got, _ := likelyUnit(c.unit, c.v, f(c.low), f(c.high)); got != c.want {
			t.Errorf("%v %s within %v … %v: %q, want %q", c.v, c.unit, c.low, c.high, got, c.want)
		}
	}
}

func TestNum(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1461: "1,461", -1234567: "-1,234,567", 0.5: "0.5", 1234.5: "1,234.5", 1234.999: "1,235", 12.34567: "12.346", 1e20: "1e+20", -0.0001: "-0.0001", 999999.999: "1,000,000"} {
		if got := num(v); got != want {
			t.Errorf("num(%v) = %s, want %s", v, got, want)
		}
	}
}

func TestLayoutLines(t *testing.T) {
	l := &layout{lines: []shift{{3, 2}, {10, 5}}}
	for row, want := range map[int64]int64{1: 2, 2: 3, 3: 5, 9: 11, 10: 15, 99: 104} {
		if got := l.line(row); got != want {
			t.Errorf("line(%d) = %d, want %d", row, got, want)
		}
	}
}

func FuzzParseContract(f *testing.F) {
	for _, path := range []string{"testdata/weather.odcs.yaml", "../../examples/umbrella/contracts/weather.odcs.yaml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseContract("c.yaml", data)
		if (c == nil) == (err == nil) {
			t.Fatal("neither a contract nor an error, or both")
		}
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%v", err)
		}
	})
}

func FuzzScanCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a\n\"x\ny\"\n", "a,b\n\"", "\ufeffa;b\r\n1;2\r\n\r\n", "a,b\n1\n\n,\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var kept int64
		l, err := scanCSV(t.Context(), strings.NewReader(string(data)), ',', func(record []byte) error {
			if !utf8.Valid(record) && kept > 0 {
				t.Error("a record that is not UTF-8 was kept")
			}
			kept++
			return nil
		})
		if err != nil {
			return
		}
		if kept != l.Records+1 || int64(len(l.Broken)) > l.BrokenN {
			t.Errorf("%d records, %d kept, %d broken", l.Records, kept, l.BrokenN)
		}
		lines := int64(strings.Count(string(data), "\n") + 1)
		for row := int64(1); row <= l.Records; row++ {
			if n := l.line(row); n < 2 && row > 0 && lines > 1 || n > lines {
				t.Fatalf("row %d is on line %d of %d", row, n, lines)
			}
		}
	})
}

// What looks like a text to us must be one for DuckDB too, and no function that acts may be called.
func TestGuardRefusesWhatActs(t *testing.T) {
	for _, sql := range []string{
		`E'\'' = '', (SELECT 1)); DROP TABLE x; --'`, `x = E'\'' ; SELECT ' '`, `x = e'\'' ; SELECT ' '`, `x = 1e5E'\'' ; SELECT ' '`, `x = 1_000E'\'' ; '`, `x =.5e'\'' ; '`,
		"x =\u00a0E'\\'' ; '", `U&'\0027' = x`, `U&"\0065nable_logging"()`,
		`(SELECT count(*) FROM enable_logging(storage_path = '/tmp/x')) = 0`, `(SELECT count(*) FROM "enable_logging" (storage_path = '/tmp/x')) = 0`,
		`(SELECT count(*) FROM system.main.Enable_Profiling(save_location = '/tmp/x.json')) = 0`, "(SELECT 1 FROM enable_logging\u00a0(storage_path = 'x')) = 1",
		"(SELECT 1 FROM\u00a0enable_logging(storage_path = 'x')) = 1", `(SELECT 1 FROM query('SELECT * FROM enable_' || 'logging()')) = 1`,
		`(SELECT 1 FROM ${column}(storage_path = 'x')) = 1`, "(SELECT 1 FROM {column} \u00a0(storage_path = 'x')) = 1", `(SELECT 1 FROM query_table("x")) = 1`,
	} {
		if guard(sql, false) == nil {
			t.Errorf("allowed: %s", sql)
		}
		if guard("SELECT "+sql, true) == nil {
			t.Errorf("allowed as a query: %s", sql)
		}
	}
	for _, sql := range []string{`query = 'x' AND "checkpoint" > 1`, `d > DATE'2015-01-01'`, `'E' = name`, `greatest(a, b) IN ('e', 'query(x)')`, `${column} > (1)`, `1e3 > x`, `u & 1 = 0`, `name = 'é' AND straße = ''`} {
		if err := guard(sql, false); err != nil {
			t.Errorf("refused: %s: %v", sql, err)
		}
	}
}

func FuzzGuard(f *testing.F) {
	f.Add("SELECT count(*) FROM {object} WHERE '' = ''''", true)
	f.Fuzz(func(t *testing.T, sql string, query bool) {
		if guard(sql, query) == nil && strings.Count(sql, ";") > 0 && !strings.ContainsAny(sql, `'"`) && strings.Contains(strings.TrimRight(sql, "; \t\r\n"), ";") {
			t.Errorf("two statements: %q", sql)
		}
	})
}
