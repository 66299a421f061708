package quality_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/quality"
)

func diffed(t *testing.T, in quality.DiffInput, before, after string) *quality.TableDiff {
	t.Helper()
	d, err := diffTexts(t, in, before, after)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func diffTexts(t *testing.T, in quality.DiffInput, before, after string) (*quality.TableDiff, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"a.csv": before, "b.csv": after} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	in.Before, in.After = []string{filepath.Join(dir, "a.csv")}, []string{filepath.Join(dir, "b.csv")}
	return newRoom(nil).Diff(context.Background(), in)
}

func TestDiffByKey(t *testing.T) {
	d := diffed(t, quality.DiffInput{Key: []string{"day"}},
		"day,n,old,note\n2026-01-01,1,x,a\n2026-01-02,2,x,\n2026-01-03,3,x,c\n",
		"day,n,note,new\n2026-01-02,2.0,,1\n2026-01-03,4.5,C,2\n2026-01-04,9,d,3\n")
	r := d.Rows
	if r.Added != 1 || r.Removed != 1 || r.Changed != 1 || r.Same != 1 || r.Before != 3 || r.After != 3 {
		t.Errorf("rows: %+v", r)
	}
	if !slices.Equal(d.Key, []string{"day"}) || d.KeyFrom != "given" || len(d.Columns.Added) != 1 || d.Columns.Added[0] != (quality.TypedColumn{Name: "new", Type: "integer"}) ||
		len(d.Columns.Removed) != 1 || d.Columns.Removed[0].Name != "old" || len(d.Columns.Retyped) != 1 || d.Columns.Retyped[0] != (quality.Retyped{Name: "n", Before: "integer", After: "number"}) {
		t.Errorf("key %v (%s), columns %+v", d.Key, d.KeyFrom, d.Columns)
	}
	var words []string
	for _, c := range d.Changed {
		for _, v := range c.Some {
			words = append(words, fmt.Sprintf("%s %s %s→%s", c.Name, strings.Join(v.Key, ","), v.Before, v.After))
		}
	}
	if !slices.Equal(words, []string{"n 2026-01-03 3→4.5", "note 2026-01-03 c→C"}) {
		t.Errorf("changed: %q", words)
	}
	if len(r.Some) != 2 || r.Some[0].What != "added" || r.Some[0].Values[0] != "2026-01-04" || r.Some[1].Values[0] != "2026-01-01" {
		t.Errorf("some rows: %+v", r.Some)
	}
	for _, s := range d.Stats {
		if s.Name == "n" && (*s.Before.Mean != 2 || *s.After.Mean != 15.5/3 || s.Before.Min != "1" || s.After.Max != "9") {
			t.Errorf("statistics of n: %+v %+v", s.Before, s.After)
		}
	}
}

func TestDiffWithoutAKey(t *testing.T) {
	d := diffed(t, quality.DiffInput{}, "a,b\n1,x\n1,x\n2,y\n", "a,b\n1,x\n2,z\n3,\n")
	if r := d.Rows; r.Added != 2 || r.Removed != 2 || r.Changed != 0 || r.Same != 1 || len(d.Key) > 0 {
		t.Errorf("%+v", r)
	}
	repeated := diffed(t, quality.DiffInput{Key: []string{"a"}}, "a,b\n1,x\n1,y\n", "a,b\n1,x\n")
	if r := repeated.Rows; r.Removed != 1 || r.Same != 1 || len(repeated.Notes) != 1 || !strings.Contains(repeated.Notes[0], "1 value of a occurs more than once before") {
		t.Errorf("a key that is none: %+v %q", r, repeated.Notes)
	}
	if _, err := diffTexts(t, quality.DiffInput{Key: []string{"c"}}, "a\n1\n", "a\n1\n"); err == nil || !strings.Contains(err.Error(), "they share: a") {
		t.Errorf("an unknown key: %v", err)
	}
}

// TestDiffCountsWhatALoopCounts holds random tables against a comparison by hand.
func TestDiffCountsWhatALoopCounts(t *testing.T) {
	if testing.Short() {
		t.Skip("a session of the engine for each table")
	}
	rapid.Check(t, func(rt *rapid.T) {
		table := rapid.MapOfN(rapid.IntRange(0, 9), rapid.SampledFrom([]string{"", "1", "1.0", "x", "2026-01-01"}), 0, 8)
		a, b := table.Draw(rt, "before"), table.Draw(rt, "after")
		d := diffed(t, quality.DiffInput{Key: []string{"k"}}, tableText(a), tableText(b))
		var added, removed, changed, same int64
		numbers := numbersOnly(a) && numbersOnly(b)
		for k, v := range a {
			w, ok := b[k]
			switch {
			case !ok:
				removed++
			case v == w, numbers && v != "" && w != "":
				same++
			default:
				changed++
			}
		}
		for k := range b {
			if _, ok := a[k]; !ok {
				added++
			}
		}
		if r := d.Rows; r.Added != added || r.Removed != removed || r.Changed != changed || r.Same != same {
			rt.Fatalf("%v → %v: %+v; want +%d -%d ~%d =%d", a, b, r, added, removed, changed, same)
		}
	})
}

// numbersOnly: then 1 and 1.0 are the same.
func numbersOnly(m map[int]string) bool {
	n := 0
	for _, v := range m {
		if v == "x" || v == "2026-01-01" {
			return false
		}
		if v != "" {
			n++
		}
	}
	return n > 0
}

func tableText(m map[int]string) string {
	var b strings.Builder
	b.WriteString("k,v\n")
	for k, v := range m {
		fmt.Fprintf(&b, "%d,%s\n", k, v)
	}
	return b.String()
}
