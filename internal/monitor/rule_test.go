package monitor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/fault"
)

// weeks reads "a+ a- b." as windows: package, + beyond, - inside, . not judged.
func weeks(text string) (out []step) {
	for i, f := range strings.Fields(text) {
		at := firstMonday.AddDate(0, 0, 7*i)
		out = append(out, step{start: at, end: at.AddDate(0, 0, 7), pack: f[:1], judged: f[1] != '.', beyond: f[1] == '+'})
	}
	return out
}

func week(at time.Time) int { return int(at.Sub(firstMonday) / (7 * wholeDay)) }

func describe(es []Episode) string {
	var out []string
	for _, e := range es {
		s := fmt.Sprintf("%s first %d fired %d", e.Package, week(e.First), week(e.Fired))
		if !e.Ended.IsZero() {
			s += fmt.Sprintf(" %s %d", e.End, week(e.Ended))
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestFold(t *testing.T) {
	for _, c := range []struct{ name, weeks, closed, want string }{
		{"quiet", "a- a- a-", "", ""},
		{"one bad week", "a- a+ a- a-", "", ""},
		{"two of three", "a- a+ a- a+", "", "a first 1 fired 3"},
		{"too far apart", "a+ a- a- a+", "", ""},
		{"what is not judged does not count", "a+ a. a. a+", "", "a first 0 fired 3"},
		{"fires once", "a+ a+ a+ a+ a+", "", "a first 0 fired 1"},
		{"the same package coming back does not resolve", "a+ a+ a- a- a-", "", "a first 0 fired 1"},
		{"a new package resolves after two good weeks", "a+ a+ b- b-", "", "a first 0 fired 1 inside 3"},
		{"one good week is not enough", "a+ a+ b- b+ b-", "", "a first 0 fired 1"},
		{"the new package is no better", "a+ a+ b+ b+", "", "a first 0 fired 1 superseded 3; b first 2 fired 3"},
		{"weeks of two packages do not add up", "a+ b+ a- b-", "", ""},
		{"rolled back and bad again", "a+ a+ b- b- a+ a+", "", "a first 0 fired 1 inside 3; a first 4 fired 5"},
		{"closed by a person", "a+ a+ a+ a+", "2", "a first 0 fired 1 closed 2; a first 2 fired 3"},
		{"what had ended when a person closed does not count", "a+ a+ a+ a-", "1", "a first 1 fired 2"},
	} {
		closed := map[string][]time.Time{}
		if c.closed != "" {
			n := int(c.closed[0] - '0')
			closed["a"] = []time.Time{firstMonday.AddDate(0, 0, 7*n)}
		}
		if got := describe(fold(weeks(c.weeks), 2, 3, closed)); got != c.want {
			t.Errorf("%s: %s\n got %q\nwant %q", c.name, c.weeks, got, c.want)
		}
	}
}

// What was told once stays told: the episodes of a beginning are the beginning of the episodes.
func TestFoldOfABeginning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.SampledFrom([]string{"a+", "a-", "a.", "b+", "b-", "c+"}), 0, 30).Draw(t, "weeks")
		k := rapid.IntRange(1, 3).Draw(t, "k")
		of := rapid.IntRange(k, 5).Draw(t, "of")
		all := weeks(strings.Join(kinds, " "))
		full := fold(all, k, of, nil)
		cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
		part := fold(all[:cut], k, of, nil)
		for i, e := range part {
			f := full[i]
			if !e.First.Equal(f.First) || !e.Fired.Equal(f.Fired) || e.Package != f.Package || (!e.Ended.IsZero() && !e.Ended.Equal(f.Ended)) {
				t.Fatalf("after %d weeks %s, in the end %s", cut, describe(part), describe(full))
			}
		}
		for i, e := range full {
			if i+1 < len(full) && e.Ended.IsZero() {
				t.Fatalf("two alerts at once: %s", describe(full))
			}
			if len(e.Beyond) < k || !slices.IsSortedFunc(e.Beyond, time.Time.Compare) {
				t.Fatalf("%d windows beyond for k=%d", len(e.Beyond), k)
			}
		}
	})
}

func TestIncidentStates(t *testing.T) {
	type row struct {
		state  IncidentState
		signal Signal
		next   IncidentState
		moved  bool
		refuse bool
	}
	for _, r := range []row{
		{IncidentOpen, Acknowledge, IncidentAcknowledged, true, false},
		{IncidentOpen, Mitigate, IncidentIsMitigated, true, false},
		{IncidentOpen, Resolve, IncidentResolved, true, false},
		{IncidentAcknowledged, Acknowledge, IncidentAcknowledged, false, false},
		{IncidentAcknowledged, Mitigate, IncidentIsMitigated, true, false},
		{IncidentAcknowledged, Resolve, IncidentResolved, true, false},
		{IncidentIsMitigated, Acknowledge, IncidentIsMitigated, false, false},
		{IncidentIsMitigated, Mitigate, IncidentIsMitigated, false, false},
		{IncidentIsMitigated, Resolve, IncidentResolved, true, false},
		{IncidentResolved, Acknowledge, IncidentResolved, false, true},
		{IncidentResolved, Mitigate, IncidentResolved, false, true},
		{IncidentResolved, Resolve, IncidentResolved, false, false},
	} {
		next, moved, err := Next(r.state, r.signal)
		if next != r.next || moved != r.moved || fault.Is(err, fault.Conflict) != r.refuse {
			t.Errorf("%s + %s = %s, %v, %v", r.state, r.signal, next, moved, err)
		}
	}
}

func TestCalendar(t *testing.T) {
	for _, c := range []struct {
		days     int
		at, want string
	}{
		{7, "2015-03-02", "2015-03-02"}, {7, "2015-03-08", "2015-03-02"}, {7, "2015-01-01", "2014-12-29"}, {7, "1969-12-31", "1969-12-29"},
		{1, "2015-03-08", "2015-03-08"}, {28, "2015-03-08", "2015-03-02"}, {28, "2015-03-01", "2015-02-02"}, {7, "1970-01-05", "1970-01-05"},
	} {
		at, _ := time.Parse(dayLayout, c.at)
		cal := calendar{time.Duration(c.days) * wholeDay}
		for _, moment := range []time.Time{at, at.Add(wholeDay - 1)} {
			got := cal.start(moment)
			if day(got) != c.want || got.Weekday() != time.Monday && c.days == 7 || cal.end(got).Sub(got) != cal.length || moment.Before(got) || !moment.Before(cal.end(got)) {
				t.Errorf("%d days, %v: window from %v, want %s", c.days, moment, got, c.want)
			}
		}
	}
}

func TestCheckExpression(t *testing.T) {
	for _, good := range []string{
		"too_few*greatest(truth-prediction,0)+too_many*greatest(prediction-truth,0)",
		"CASE WHEN prediction >= 0.5 AND truth < .5 THEN 12 ELSE 0 END", "abs(baseline - truth) * 1.50", "-(-prediction)", "truth <> 0",
	} {
		if err := CheckExpression(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"":                                "empty",
		"truth; DROP TABLE truth":         `";"`,
		"read_text('/etc/passwd')":        `"read_text"`,
		"(SELECT 1)":                      `"SELECT"`,
		"truth -- all":                    "comment",
		"truth /* x */":                   "comment",
		"price * 2":                       `"price" (character 1)`,
		"(truth":                          "brackets",
		"truth)(":                         "brackets",
		"'truth'":                         `"'"`,
		"1e5":                             "number",
		"truth\x00":                       `"\x00"`,
		"getenv(truth)":                   `"getenv"`,
		"prediction + ünlaut":             "may not hold",
		`"prediction"`:                    `"\""`,
		"prediction::VARCHAR":             `":"`,
		"truth + (prediction - (truth)))": "brackets",
	} {
		if err := CheckExpression(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", bad, err, want)
		}
	}
}

func FuzzCheckExpression(f *testing.F) {
	f.Add("too_few*greatest(truth-prediction,0)")
	f.Add("case when truth then 1 else 2.5 end")
	f.Add("((")
	f.Fuzz(func(t *testing.T, text string) {
		if CheckExpression(text) != nil {
			return
		}
		if strings.ContainsAny(text, "'\";:[]{}$@#`\\\x00") || strings.Contains(text, "--") || strings.Contains(text, "/*") {
			t.Errorf("%q was accepted", text)
		}
		if low := strings.ToLower(text); strings.Contains(low, "select") || strings.Contains(low, "from ") {
			t.Errorf("%q was accepted", text)
		}
	})
}

func TestMoney(t *testing.T) {
	for x, want := range map[float64]string{0: "0 EUR", -0.2: "0 EUR", 999.6: "1\u202f000 EUR", -1234567.4: "-1\u202f234\u202f567 EUR", 12: "12 EUR"} {
		if got := money(x, "EUR"); got != want {
			t.Errorf("%v: %q, want %q", x, got, want)
		}
	}
}
