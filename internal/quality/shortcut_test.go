package quality_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/quality"
	"pgregory.net/rapid"
)

// columnsOf are generated columns with what makes shortcuts wrong: NaN, infinity, empty values, few and many different ones.
var columnsOf = map[string][]string{
	"n": {"i", "i // 2", "i * 1000003", "CASE WHEN i % 97 = 0 THEN NULL ELSE i END", "-i", "7", "9007199254740993 + i % 3"},
	"d": {"i / 7", "sin(i)", "CASE WHEN i = 77 THEN 'nan'::DOUBLE ELSE i END", "CASE WHEN i % 5 = 0 THEN NULL ELSE exp(i % 40) END", "CASE WHEN i = 9 THEN 'inf'::DOUBLE ELSE i % 3 END", "NULL", "0.1 * (i % 50)"},
	"s": {"'v' || i % 4", "CASE WHEN i % 11 = 0 THEN NULL ELSE 'v' || i % 7 END", "'u' || i", "''", "'v1'"},
	"t": {"TIMESTAMP '2024-01-01' + INTERVAL (i) SECOND", "TIMESTAMP '2024-01-01' + INTERVAL (i // 3) MINUTE", "TIMESTAMP '2024-01-01' + INTERVAL (i * 100) MILLISECOND", "NULL"},
}

const shortcutContract = `apiVersion: v3.1.0
kind: DataContract
id: short
version: 1.0.0
status: active
schema:
  - name: short
    properties:
      - name: n
        logicalType: integer
        required: true
        unique: true
        logicalTypeOptions: {minimum: 0, maximum: %d}
        quality:
          - {type: custom, engine: paraplu, implementation: {check: median, min: 3, max: 9}}
          - {type: custom, engine: paraplu, implementation: {check: quantile, q: 0.37, min: 3, max: 9}}
          - {type: custom, engine: paraplu, implementation: {check: between, min: 1, max: 2, strict: true}}
      - name: d
        logicalType: number
        required: true
        logicalTypeOptions: {minimum: -1, maximum: 1, multipleOf: 0.1}
        quality:
          - {type: custom, engine: paraplu, implementation: {check: median, min: 3, max: 9}}
          - {type: custom, engine: paraplu, implementation: {check: quantile, q: 0.991, min: 3, max: 3.5}}
      - name: s
        logicalType: string
        required: true
        unique: true
        logicalTypeOptions: {minLength: 2, maxLength: 2, pattern: '^v'}
        quality:
          - {metric: invalidValues, arguments: {validValues: [v1, v2]}, mustBe: 0}
          - {metric: missingValues, mustBe: 0}
          - {type: custom, engine: paraplu, implementation: {check: in_set, values: [v3], where: n > 5}}
          - {type: custom, engine: paraplu, implementation: {check: distinct_count, min: 3, max: 3}}
          - {type: custom, engine: paraplu, implementation: {check: null_fraction, max: 0}}
      - name: t
        logicalType: timestamp
        required: true
        unique: true
        logicalTypeOptions: {minimum: "2024-01-01T00:00:00", maximum: "2024-01-02T00:00:00"}
`

// TestShortcutsChangeNoReport holds reports that were made with every shortcut against those of the plain scan.
func TestShortcutsChangeNoReport(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		rows := rapid.SampledFrom([]int{0, 1, 3, 500, 62_000}).Draw(t, "rows")
		var selects []string
		for _, name := range []string{"n", "d", "s", "t"} {
			kind := map[string]string{"n": "BIGINT", "d": "DOUBLE", "s": "VARCHAR", "t": "TIMESTAMP"}[name]
			selects = append(selects, fmt.Sprintf("CAST(%s AS %s) AS %s", rapid.SampledFrom(columnsOf[name]).Draw(t, name), kind, name))
		}
		order := rapid.SampledFrom([]string{"", " ORDER BY hash(i)"}).Draw(t, "order")
		path := filepath.Join(dir, fmt.Sprintf("%d.parquet", n))
		writeParquet(t, path, fmt.Sprintf("SELECT %s FROM range(%d) t(i)%s", strings.Join(selects, ", "), rows, order))
		defer os.Remove(path)
		c, err := quality.ParseContract("short.odcs.yaml", []byte(fmt.Sprintf(shortcutContract, rapid.SampledFrom([]int{100, 1_000_000}).Draw(t, "maximum"))))
		must(t, err)
		quick, plain := report(t, r, c, path, fmt.Sprint("quick", n), 1), report(t, r, c, path, fmt.Sprint("plain", n), -1)
		if quick != plain {
			t.Fatalf("another report:\n%s\n%s", quick, plain)
		}
	})
}

// writeParquet puts the answer of a query into a file of small row groups.
func writeParquet(t interface{ Fatal(...any) }, path, query string) {
	s, err := engine.Open(context.Background(), path)
	if err == nil {
		_, err = s.Query(context.Background(), "COPY ("+query+") TO '"+path+"' (FORMAT parquet, ROW_GROUP_SIZE 20000)")
		s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// report makes the report of a file with shortcuts from so many rows on, without what differs for another dataset.
func report(t *rapid.T, r *quality.Room, c *quality.Contract, path, dataset string, from int64) string {
	defer quality.SetShortcutRows(from)()
	out, err := r.Check(context.Background(), quality.CheckInput{Product: "p", Dataset: dataset, Object: "short", Path: path, Contract: c, Actor: "eddy"})
	must(t, err)
	text, err := json.Marshal(out.Checks)
	must(t, err)
	return string(text)
}
