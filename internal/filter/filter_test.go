package filter_test

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/filter"
)

// TestGolden reads testdata/filter.golden: a filter after "> ", the parsed clauses or the error below it. Set
// UPDATE_GOLDEN=1 to write the file anew.
func TestGolden(t *testing.T) {
	const file = "testdata/filter.golden"
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(old)) {
		text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "> ")
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "> %s\n%s\n", text, show(text))
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if b.String() != string(old) {
		t.Errorf("answers changed:\n%s", b.String())
	}
}

func show(text string) string {
	if order, ok := strings.CutPrefix(text, "order: "); ok {
		o, err := filter.ParseOrder(order)
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		return fmt.Sprintf("%q %q desc=%v\n", o.Entity, o.Key, o.Desc)
	}
	clauses, err := filter.Parse(text)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, c := range clauses {
		fmt.Fprintf(&b, "%q %q %s", c.Entity, c.Key, c.Op)
		switch {
		case c.Value.List != nil:
			fmt.Fprintf(&b, " %q", c.Value.List)
		case c.Value.IsNumber:
			fmt.Fprintf(&b, " number %g", c.Value.Number)
		case c.Op != filter.IsNull && c.Op != filter.NotNull:
			fmt.Fprintf(&b, " %q", c.Value.Text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestLike(t *testing.T) {
	for _, c := range []struct {
		pattern, s  string
		like, ilike bool
	}{
		{"umb%", "umbrella", true, true},
		{"UMB%", "umbrella", false, true},
		{"%rell_", "umbrella", true, true},
		{"%", "", true, true},
		{"_", "", false, false},
		{"_", "é", true, true},
		{"a%b%c", "a-b-b-c", true, true},
		{"a%b", "a-b-c", false, false},
		{"É", "é", false, true},
	} {
		if got := filter.Like(c.pattern, c.s, false); got != c.like {
			t.Errorf("%q LIKE %q = %v", c.s, c.pattern, got)
		}
		if got := filter.Like(c.pattern, c.s, true); got != c.ilike {
			t.Errorf("%q ILIKE %q = %v", c.s, c.pattern, got)
		}
	}
}

func TestCompare(t *testing.T) {
	cs, err := filter.Parse("x >= 2 AND x != 3 AND name NOT IN ('a') AND name ILIKE 'B%'")
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := cs[0].CompareNumber(2); !m || !ok {
		t.Error("2 >= 2")
	}
	if m, _ := cs[1].CompareNumber(3); m {
		t.Error("3 != 3")
	}
	if _, ok := cs[2].CompareNumber(3); ok {
		t.Error("NOT IN is no comparison of numbers")
	}
	if m, ok := cs[2].Compare("b"); !m || !ok {
		t.Error("b NOT IN (a)")
	}
	if m, ok := cs[3].Compare("bo"); !m || !ok {
		t.Error("bo ILIKE B%")
	}
	if _, ok := cs[0].Compare("b"); ok {
		t.Error(">= is no comparison of texts")
	}
}

// FuzzParse wants that what a filter or an order means can be written down and read back.
func FuzzParse(f *testing.F) {
	golden, err := os.ReadFile("testdata/filter.golden")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		if text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "> "); ok {
			f.Add(strings.TrimPrefix(text, "order: "))
		}
	}
	corpus, err := os.ReadFile("testdata/fuzz.corpus") // what five minutes of fuzzing found worth keeping
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(corpus)) {
		text, err := strconv.Unquote(strings.TrimSuffix(line, "\n"))
		if err != nil {
			f.Fatal(line, err)
		}
		f.Add(text)
	}
	f.Add("name = 'x' AND tags.`a b` LIKE '%' AND metrics.m >= -1.5e3 AND run_id IN ('a','b') AND p IS NOT NULL")
	f.Add(`"a""b" != 'it''s'`)
	f.Fuzz(func(t *testing.T, text string) {
		if order, err := filter.ParseOrder(text); err == nil {
			if again, err := filter.ParseOrder(order.String()); err != nil || again != order {
				t.Fatalf("order %q -> %v -> %v, %v", text, order, again, err)
			}
		}
		clauses, err := filter.Parse(text)
		if err != nil {
			return
		}
		var parts []string
		for i := range clauses {
			clauses[i].Pos = 0
			parts = append(parts, clauses[i].String())
		}
		again, err := filter.Parse(strings.Join(parts, " and "))
		for i := range again {
			again[i].Pos = 0
		}
		if err != nil || !reflect.DeepEqual(again, clauses) {
			t.Fatalf("%q -> %v -> %v, %v", text, clauses, again, err)
		}
	})
}
