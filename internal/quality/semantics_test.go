package quality_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/quality"
)

// column makes a contract of one column v (and a second, k, to compare with).
func column(t testing.TB, property, table string) *quality.Contract {
	t.Helper()
	text := "apiVersion: v3.1.0\nkind: DataContract\nid: c\nversion: 1\nstatus: active\nschema:\n  - name: things\n    properties:\n      - {name: k, logicalType: string}\n      - name: v\n"
	for _, line := range strings.Split(property, "\n") {
		text += "        " + line + "\n"
	}
	if table != "" {
		text += "    quality:\n      - " + table + "\n"
	}
	c, err := quality.ParseContract("c.odcs.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

// TestSemantics pins what each rule means: docs/spec/contracts.md says it in words.
func TestSemantics(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	q := func(rule string) string { return "logicalType: number\nquality: [" + rule + "]" }
	custom := func(impl string) string {
		return q("{id: x, type: custom, engine: paraplu, implementation: {" + impl + "}}")
	}
	for _, c := range []struct {
		name, property string
		values         string // separated by spaces; _ is empty
		check          string
		status         quality.Status
		observed       string
	}{
		// NULL
		{"null is never invalid", q("{id: x, metric: invalidValues, arguments: {validValues: [1, 2]}, mustBe: 0}"), "1 _ 2", "x", quality.OK, "0 of 2"},
		{"null is not outside a range", "logicalType: number\nlogicalTypeOptions: {minimum: 0}", "1 _", "v.range", quality.OK, "0 of 1"},
		{"null keys are no duplicates", "logicalType: number\nunique: true", "_ _ 1", "v.unique", quality.OK, "0 of 3"},
		{"required", "logicalType: number\nrequired: true", "1 _", "v.required", quality.Fail, "1 of 2"},
		{"null in an expression does not count", custom("check: expression, expression: v > 0"), "1 _ 2", "x", quality.OK, "0 of 2"},
		{"missing without a list is empty", q("{id: x, metric: missingValues, mustBe: 0}"), "1 _", "x", quality.Fail, "1 of 2"},
		{"missing with a list counts null only if listed", q("{id: x, metric: missingValues, arguments: {missingValues: [-9999]}, mustBe: 0}"), "1 _ -9999", "x", quality.Fail, "1 of 3"},
		{"missing with null", q("{id: x, metric: missingValues, arguments: {missingValues: [-9999, null]}, mustBe: 0}"), "1 _ -9999", "x", quality.Fail, "2 of 3"},
		{"a missing code is no type error", q("{id: x, metric: missingValues, arguments: {missingValues: [N/A]}, mustBeLessThan: 50, unit: percent}"), "1 2 N/A", "v.type", quality.OK, "0 of 3"},
		{"a missing code is out of no range", "logicalType: number\nlogicalTypeOptions: {minimum: 0}\nquality: [{metric: missingValues, arguments: {missingValues: [-9999]}, mustBeLessThan: 2}]", "1 -9999", "v.range", quality.OK, "0 of 1"},
		// percent and denominators
		{"percent of validity is of filled rows", q("{id: x, metric: invalidValues, arguments: {validValues: [1]}, mustBeLessOrEqualTo: 50, unit: percent}"), "1 2 _ _", "x", quality.OK, "1 of 2 (50 %)"},
		{"percent of nulls is of all rows", q("{id: x, metric: nullValues, mustBeLessThan: 50, unit: percent}"), "1 2 _ _", "x", quality.Fail, "2 of 4 (50 %)"},
		{"percent of nothing is 0", q("{id: x, metric: invalidValues, arguments: {validValues: [1]}, mustBe: 0, unit: percent}"), "_ _", "x", quality.OK, "0 of 0 (0 %)"},
		{"mostly", custom("check: between, min: 0, max: 9, mostly: 0.75"), "1 2 3 99", "x", quality.OK, "1 of 4"},
		{"mostly not", custom("check: between, min: 0, max: 9, mostly: 0.76"), "1 2 3 99", "x", quality.Fail, "1 of 4"},
		// bounds
		{"between includes its bounds", custom("check: between, min: 1, max: 3"), "1 2 3", "x", quality.OK, "0 of 3"},
		{"strict between does not", custom("check: between, min: 1, max: 3, strict: true"), "1 2 3", "x", quality.Fail, "2 of 3"},
		{"mustBeBetween includes its bounds", q("{id: x, type: sql, query: \"SELECT max({property}) FROM {object}\", mustBeBetween: [1, 3]}"), "1 3", "x", quality.OK, "3"},
		{"exclusive options", "logicalType: number\nlogicalTypeOptions: {exclusiveMinimum: 1, exclusiveMaximum: 3}", "1 2 3", "v.range", quality.Fail, "2 of 3"},
		// NaN
		{"NaN is outside every range", custom("check: between, min: 0"), "1 NaN", "x", quality.Fail, "1 of 2"},
		{"NaN is outside a range with only a maximum", "logicalType: number\nlogicalTypeOptions: {maximum: 5}", "1 NaN", "v.range", quality.Fail, "1 of 2"},
		{"NaN may be allowed", custom("check: between, min: 0, allow_nan: true"), "1 NaN", "x", quality.OK, "0 of 2"},
		{"NaN does not poison a mean", custom("check: mean, min: 2, max: 2"), "1 3 NaN inf", "x", quality.OK, "2"},
		{"finite", custom("check: finite"), "1 NaN inf _", "x", quality.Fail, "2 of 3"},
		{"a mean of nothing is not ok", custom("check: mean, min: 0"), "NaN", "x", quality.Fail, ""},
		// types
		{"3.7 is no integer", "logicalType: integer", "3 3.7", "v.type", quality.Fail, "1 of 2"},
		{"3.0 is no integer", "logicalType: integer", "3 3.0", "v.type", quality.Fail, "1 of 2"},
		{"hexadecimal is no integer", "logicalType: integer", "3 0x1F 1_000", "v.type", quality.Fail, "2 of 3"},
		{"underscores are no number", "logicalType: number", "3 1_000 1e3", "v.type", quality.Fail, "1 of 3"},
		{"slashes are no ISO date", "logicalType: date", "2012-01-31 2012/01/31 2012-02-30", "v.type", quality.Fail, "2 of 3"},
		{"another format of dates", "logicalType: date\nlogicalTypeOptions: {format: dd/MM/yyyy}", "31/01/2012 01/31/2012", "v.type", quality.Fail, "1 of 2"},
		{"timestamps", "logicalType: timestamp", "2012-01-31T10:00:00 2012-01-31 31.01.2012", "v.type", quality.Fail, "1 of 3"},
		{"booleans", "logicalType: boolean", "true false maybe", "v.type", quality.Fail, "1 of 3"},
		{"small integers", "logicalType: integer\nlogicalTypeOptions: {format: u8}", "0 255 256 -1", "v.format", quality.Fail, "2 of 4"},
		{"a range of dates", "logicalType: date\nlogicalTypeOptions: {minimum: 2012-01-01, maximum: 2012-12-31}", "2012-01-01 2013-01-01", "v.range", quality.Fail, "1 of 2"},
		{"multiples of a fraction", "logicalType: number\nlogicalTypeOptions: {multipleOf: 0.1}", "0.3 0.35", "v.multiple_of", quality.Fail, "1 of 2"},
		// texts
		{"a pattern is searched", "logicalType: string\nlogicalTypeOptions: {pattern: 'b+'}", "abc b xyz", "v.pattern", quality.Fail, "1 of 3"},
		{"length counts code points", "logicalType: string\nlogicalTypeOptions: {maxLength: 4}", "über überx", "v.length", quality.Fail, "1 of 2"},
		{"identifiers keep their zeros", "logicalType: string\nlogicalTypeOptions: {minLength: 5, maxLength: 5}", "01234 1234", "v.length", quality.Fail, "1 of 2"},
		{"email", "logicalType: string\nlogicalTypeOptions: {format: email}", "a@b.nl a@b nobody", "v.format", quality.Fail, "2 of 3"},
		// duplicates
		{"duplicates count all rows of a group", q("{id: x, metric: duplicateValues, mustBe: 0}"), "1 1 1 2 2 3", "x", quality.Fail, "5 of 6"},
		{"duplicates may be allowed", q("{id: x, metric: duplicateValues, mustBeLessOrEqualTo: 5}"), "1 1 1 2 2 3", "x", quality.OK, "5 of 6"},
		// statistics
		{"median", custom("check: median, min: 2, max: 2"), "1 2 9", "x", quality.OK, "2"},
		{"quantile", custom("check: quantile, q: 0.5, min: 2, max: 2"), "1 2 9", "x", quality.OK, "2"},
		{"zeros", custom("check: zeros, max: 0.5"), "0 0 0 1 _", "x", quality.Fail, "0.75"},
		{"null fraction", custom("check: null_fraction, max: 0.5"), "1 _ _ _", "x", quality.Fail, "0.75"},
		{"distinct count", custom("check: distinct_count, min: 3"), "1 1 2", "x", quality.Fail, "2"},
		{"where", custom("check: mean, where: v < 100, min: 1, max: 2"), "1 2 1000", "x", quality.OK, "1.5"},
		{"share", custom("check: share, values: [1], max: 0.5"), "1 1 1 2", "x", quality.Fail, "0.75"},
		{"sentinel", custom("check: sentinel"), "1 2 3 2 1 2 3 -999 -999", "x", quality.Fail, "-999"},
		{"no sentinel in a calm column", custom("check: sentinel"), "1 2 3 2 1 2 3 4", "x", quality.OK, "none"},
		{"monotonic", custom("check: monotonic"), "1 2 2 3", "x", quality.OK, "0 of 4 out of order"},
		{"strictly monotonic", custom("check: monotonic, strict: true"), "1 2 2 3", "x", quality.Fail, "1 of 4 out of order"},
		{"freshness", "logicalType: date\nquality: [{id: x, type: custom, engine: paraplu, implementation: {check: freshness, max_age: 2d}}]", "2015-12-29 2015-12-30", "x", quality.Fail, "2015-12-30"},
		{"fresh", "logicalType: date\nquality: [{id: x, type: custom, engine: paraplu, implementation: {check: freshness, max_age: 3d}}]", "2015-12-29 2015-12-30", "x", quality.OK, "2015-12-30"},
		// not run is never ok
		{"another engine", q("{id: x, type: custom, engine: soda, implementation: 'whatever'}"), "1", "x", quality.Skipped, ""},
		{"a query with a mistake", q("{id: x, type: sql, query: 'SELECT count(*) FROM nowhere', mustBe: 0}"), "1", "x", quality.Broken, ""},
		{"a query that answers a table", q("{id: x, type: sql, query: 'SELECT v FROM {object}', mustBe: 0}"), "1 2", "x", quality.Broken, ""},
		{"a query that answers nothing", q("{id: x, type: sql, query: 'SELECT max({property}) FROM {object} WHERE false', mustBe: 0}"), "1", "x", quality.Fail, ""},
		{"a query over another file", q("{id: x, type: sql, query: \"SELECT count(*) FROM read_text('/etc/passwd')\", mustBe: 1}"), "1", "x", quality.Broken, ""},
		{"an expression with a mistake", custom("check: expression, expression: nonsense > 0"), "1", "x", quality.Broken, ""},
		{"an expression that fails on a value", custom("check: expression, expression: CAST(k AS INTEGER) > 0"), "1", "x", quality.Broken, ""},
		{"a mean of texts", "logicalType: string\nquality: [{id: x, type: custom, engine: paraplu, implementation: {check: mean, min: 0}}]", "a", "x", quality.Broken, ""},
		{"a column that nobody knows", custom("check: mean, min: 0, column: nobody"), "1", "x", quality.Broken, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := "k,v\n"
			for i, v := range strings.Fields(c.values) {
				body += fmt.Sprintf("k%d,%s\n", i, strings.Trim(v, "_"))
			}
			report := check(t, r, column(t, c.property, ""), strings.ReplaceAll(c.name, " ", "-"), body)
			k := find(t, report, c.check)
			if k.Status != c.status || c.observed != "" && k.Observed != c.observed {
				t.Errorf("%s, observed %q (%s); want %s, %q", k.Status, k.Observed, k.Message, c.status, c.observed)
			}
			if k.Status == quality.Broken && !report.Blocked() {
				t.Error("a check that could not be run lets the delivery pass")
			}
			for _, other := range report.Checks { // the shared scan survived
				if other.ID != c.check && other.Status == quality.Broken {
					t.Errorf("%s: %s", other.ID, other.Message)
				}
			}
		})
	}
}

func find(t testing.TB, report *quality.Report, id string) quality.Check {
	t.Helper()
	i := slices.IndexFunc(report.Checks, func(k quality.Check) bool { return k.ID == id })
	if i < 0 {
		t.Fatalf("no check %s among %d: %s", id, len(report.Checks), text(t, report))
	}
	return report.Checks[i]
}

func TestCompositeKeys(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	c := column(t, "logicalType: integer", "{id: x, metric: duplicateValues, arguments: {properties: [k, v]}, mustBe: 0}")
	report := check(t, r, c, "keys", "k,v\na,1\na,2\nb,1\na,1\n,1\n,1\n")
	if k := find(t, report, "x"); k.Status != quality.Fail || k.Bad != 2 || k.Samples[0].Line != 2 || k.Samples[1].Line != 5 {
		t.Errorf("%+v", k)
	}
}

func TestSecretsAreRedacted(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	c := column(t, "logicalType: string\nclassification: restricted\nprimaryKey: true\nlogicalTypeOptions: {maxLength: 3}\nquality: [{id: set, metric: invalidValues, arguments: {validValues: [abc]}, mustBe: 0}, "+
		"{id: q, type: sql, query: 'SELECT max(length({property})) FROM {object}', mustBe: 0}]",
		`{id: e, type: custom, engine: paraplu, implementation: {check: expression, expression: "v = 'abc'"}}`)
	report := check(t, r, c, "secrets", "k,v\n1,abc\n2,geheim\n3,geheim\n")
	if !report.Blocked() || find(t, report, "set").Bad != 2 || find(t, report, "e").Bad != 2 {
		t.Fatal(text(t, report))
	}
	var b strings.Builder
	for _, render := range []func() error{func() error { return report.Text(&b) }, func() error { return report.JSON(&b) }, func() error { return report.JUnit(&b) }, func() error { return report.Markdown(&b) }} {
		if err := render(); err != nil {
			t.Fatal(err)
		}
	}
	b.WriteString(report.Err().Error())
	if strings.Contains(b.String(), "geheim") || !strings.Contains(b.String(), "(redacted)") {
		t.Errorf("a secret is shown:\n%s", b.String())
	}
}

func TestFormatsAgree(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	data, err := os.ReadFile("testdata/weather.odcs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int64{"seattle.parquet": 731, "seattle.jsonl": 60} {
		format := strings.TrimPrefix(filepath.Ext(path), ".")
		c, err := quality.ParseContract("c.yaml", []byte(strings.Replace(string(data), "format: csv", "format: "+format, 1)))
		if err != nil {
			t.Fatal(err)
		}
		in := quality.CheckInput{Product: "umbrella", Dataset: format, Path: "testdata/" + path, Contract: c, Owner: "daisy", Actor: "eddy"}
		report, err := r.Check(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		if report.Rows != want || format == "parquet" && report.Blocked() {
			t.Errorf("%s: %s", path, text(t, report))
		}
		for _, k := range report.Checks {
			if k.Status == quality.Broken || k.Status == quality.Fail && (format == "parquet" || k.ID != "temp_unit") { // two months of winter
				t.Errorf("%s: %s %s", path, k.ID, k.Message)
			}
		}
	}
	c := contract(t, "testdata/weather.odcs.yaml")
	c.Servers = nil
	report, err := r.Check(context.Background(), quality.CheckInput{Product: "umbrella", Dataset: "text", Path: "testdata/seattle-text.parquet", Contract: c, Owner: "daisy", Actor: "eddy"})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"date.type", "wind.type"} {
		if k := find(t, report, id); k.Status != quality.Fail || !strings.Contains(k.Message, "the file holds VARCHAR") {
			t.Errorf("%+v", k)
		}
	}
	if k := find(t, report, "wind_unit"); k.Status != quality.OK {
		t.Errorf("texts that hold numbers are still looked at: %+v", k)
	}
}
