package quality_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
)

func write(t interface {
	Helper()
	Fatal(...any)
}, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAsOfNeverKnowsTheFuture compares the join with the plain definition: of the vintages of the key that were known, the last.
func TestAsOfNeverKnowsTheFuture(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	dir := t.TempDir()
	fewer(t)
	rapid.Check(t, func(t *rapid.T) {
		type vintage struct {
			key   string
			hour  int
			value string
		}
		hour := rapid.IntRange(0, 23)
		key := rapid.SampledFrom([]string{"a", "b", "c c"})
		vs := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) vintage {
			return vintage{key.Draw(t, "key"), hour.Draw(t, "known"), rapid.SampledFrom([]string{"1", "2.50", "", "x,y"}).Draw(t, "value")}
		}), 1, 12, func(v vintage) string { return fmt.Sprint(v.key, v.hour) }).Draw(t, "vintages")
		ds := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) vintage { return vintage{key: key.Draw(t, "key"), hour: hour.Draw(t, "decided")} }), 1, 12).Draw(t, "decisions")
		var left, right bytes.Buffer
		l, w := csv.NewWriter(&left), csv.NewWriter(&right)
		l.Write([]string{"id", "decided_at"}) //nolint:errcheck // into memory
		w.Write([]string{"what", "known_at", "value"})
		for _, d := range ds {
			l.Write([]string{d.key, fmt.Sprintf("2024-05-01T%02d:00:00Z", d.hour)}) //nolint:errcheck
		}
		for _, v := range vs { // another offset, the same moment
			w.Write([]string{v.key, fmt.Sprintf("2024-05-%02dT%02d:00:00+02:00", 1+(v.hour+2)/24, (v.hour+2)%24), v.value}) //nolint:errcheck
		}
		l.Flush()
		w.Flush()
		in := quality.AsOfInput{Decisions: write(t, dir, "d.csv", left.String()), Values: write(t, dir, "v.csv", right.String()), DecidedAt: "decided_at", KnownAt: "known_at", On: []quality.Pair{{Left: "id", Right: "what"}}, Prefix: "f_"}
		var out bytes.Buffer
		done, err := r.AsOf(context.Background(), in, &out)
		if err != nil {
			t.Fatal(err)
		}
		got, err := csv.NewReader(&out).ReadAll()
		if err != nil || done.Rows != int64(len(ds)) || len(got) != len(ds)+1 || strings.Join(got[0], ",") != "id,decided_at,f_value,f_known_at" {
			t.Fatalf("%v %v\n%s", err, got, out.String())
		}
		slices.SortFunc(vs, func(a, b vintage) int { return a.hour - b.hour })
		for i, d := range ds {
			want := ""
			for _, v := range vs {
				if v.key == d.key && v.hour <= d.hour {
					want = v.value
				}
			}
			if got[i+1][2] != want || got[i+1][0] != d.key {
				t.Fatalf("row %d: %v, want %q", i+1, got[i+1], want)
			}
		}
		// what was joined verifies, and what was changed does not
		in.Decisions = write(t, dir, "t.csv", csvText(got))
		if _, err := r.VerifyAsOf(context.Background(), in); err != nil {
			t.Fatal(err)
		}
		got[1][2] = "99"
		in.Decisions = write(t, dir, "t.csv", csvText(got))
		if _, err := r.VerifyAsOf(context.Background(), in); !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "1 of ") || !strings.Contains(err.Error(), "f_value is 99, known then") {
			t.Fatalf("%v", err)
		}
	})
}

func csvText(rows [][]string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.WriteAll(rows) //nolint:errcheck // into memory
	return b.String()
}

func TestAsOfRefusesAGuess(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	dir := t.TempDir()
	d := write(t, dir, "d.csv", "day,decided_at\n2024-05-01,2024-05-01T18:00:00Z\n")
	for name, c := range map[string]struct{ values, want string }{
		"two at once": {"day,known_at,v\n2024-05-01,2024-05-01,1\n2024-05-02,2024-05-01,2\n2024-05-01,2024-05-01,3\n", "rows 1 and 3 are two vintages of the same moment"},
		"no moment":   {"day,known_at,v\n2024-05-01,soon,1\n", "row 1: known_at is soon, which is no moment"},
		"no column":   {"day,issued,v\n2024-05-01,2024-05-01,1\n", `has no column "known_at"; it has day, issued, v`},
		"no key":      {"date,known_at,v\n2024-05-01,2024-05-01,1\n", `has no column "day"`},
		"cut off":     {"day,known_at,v\n2024-05-01,2024-0", "it has 2 fields"},
	} {
		_, err := r.AsOf(context.Background(), quality.AsOfInput{Decisions: d, Values: write(t, dir, "v.csv", c.values), DecidedAt: "decided_at", KnownAt: "known_at", On: []quality.Pair{{Left: "day", Right: "day"}}}, &bytes.Buffer{})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
