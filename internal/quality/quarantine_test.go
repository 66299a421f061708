package quality_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/quality"
)

// TestQuarantineLosesNoRow: every row is in exactly one part, the good ones byte for byte and in order, and the good part alone
// keeps the contract.
func TestQuarantineLosesNoRow(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	c, err := quality.ParseContract("q.yaml", []byte(`apiVersion: v3.1.0
kind: DataContract
id: q
version: 1.0.0
status: active
schema:
  - name: q
    properties:
      - {name: v, logicalType: integer, required: true, logicalTypeOptions: {minimum: 0, maximum: 9}, customProperties: [{property: on_fail, value: quarantine}]}
      - name: w
        logicalType: string
        quality: [{id: short, type: custom, engine: paraplu, implementation: {check: length, max: 2, on_fail: quarantine}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	n := 0
	fewer(t)
	rapid.Check(t, func(t *rapid.T) {
		type row struct{ text, failed string }
		cells := map[string]string{"5": "", "0": "", "x": "v.type", "77": "v.range", "": "v.required"}
		words := map[string]string{"ab": "", `"a` + "\n" + `"`: "", "abc": "short", `"a""bc,"`: "short", "": ""}
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) row {
			v, w := rapid.SampledFrom([]string{"5", "0", "x", "77", ""}).Draw(t, "v"), rapid.SampledFrom([]string{"ab", `"a` + "\n" + `"`, "abc", `"a""bc,"`, ""}).Draw(t, "w")
			return row{v + "," + w, strings.TrimSpace(cells[v] + " " + words[w])}
		}), 1, 20).Draw(t, "rows")
		n++
		text, good, bad := "v,w\n", "v,w\n", "v,w,failed_checks\n"
		for _, r := range rows {
			text += r.text + "\n"
			if r.failed == "" {
				good += r.text + "\n"
			} else {
				bad += r.text + "," + r.failed + "\n"
			}
		}
		in := quality.CheckInput{Product: "p", Dataset: "q", Path: write(t, dir, fmt.Sprintf("%d.csv", n), text), Contract: c, Actor: "daisy"}
		report, err := r.Check(context.Background(), in)
		if err != nil || report.Blocked() {
			t.Fatalf("%v %v", err, report.Err())
		}
		if report.Quarantined == 0 {
			if good != text {
				t.Fatalf("nothing was set aside of %q", text)
			}
			return
		}
		var a, b bytes.Buffer
		parts, err := r.Split(context.Background(), in, report, &a, &b)
		if err != nil || parts.Good+parts.Bad != report.Rows || a.String() != good || b.String() != bad {
			t.Fatalf("%v %+v of %d rows\n%q, want\n%q\n%q, want\n%q", err, parts, report.Rows, a.String(), good, b.String(), bad)
		}
		if parts.Good == 0 {
			return
		}
		in.Path = write(t, dir, fmt.Sprintf("%d-good.csv", n), a.String())
		if again, err := r.Check(context.Background(), in); err != nil || again.Status != quality.Pass || again.Rows != parts.Good {
			t.Fatalf("the good part: %v %+v", err, again)
		}
	})
}
