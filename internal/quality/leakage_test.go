package quality_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
)

const features = `day,decided_at,rain,rain_known_at,naive,naive_known_at,weekday
2014-01-01,2013-12-31T18:00:00,1.0,2013-12-31T06:00:00,5,2013-12-26,3
2014-01-02,2014-01-01T18:00:00,2.0,2014-01-01T18:00:00,6,2013-12-27,4
2014-01-03,2014-01-02T18:00:00,3.0,2014-01-04T00:00:00,7,,5
2014-01-04,2014-01-03T18:00:00,4.0,2014-01-03T19:30:00,8,2013-12-29,6
`

func leakage(t testing.TB, r *quality.Room, body string, change func(*quality.LeakageInput)) (*quality.Report, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "features.csv")
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	in := quality.LeakageInput{
		Product: "umbrella", Path: path, DecidedAt: "decided_at", Features: []string{"rain", "naive", "weekday"},
		KnownAt: map[string]string{"rain": "rain_known_at", "naive": "naive_known_at", "weekday": "decided_at"},
		Sources: map[string]string{"rain": "forecasts"}, Owner: "daisy", Actor: "eddy", Subject: "umbrella",
	}
	if change != nil {
		change(&in)
	}
	return r.Leakage(context.Background(), in)
}

func TestLeakage(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := newRoom(d)
		report, err := leakage(t, r, features, nil)
		if err != nil {
			t.Fatal(err)
		}
		rain, naive, weekday := find(t, report, "rain.known_at"), find(t, report, "naive.known_at"), find(t, report, "weekday.known_at")
		if rain.Status != quality.Fail || rain.Bad != 2 || rain.Samples[0].Line != 4 || rain.Samples[0].Value != "2014-01-04T00:00:00" || rain.Owner != "daisy" {
			t.Errorf("%+v", rain)
		}
		for _, want := range []string{"in 2 of 4 rows the feature (from forecasts) was known after the decision, at worst 30 hours later", "looks better than it can ever be in use", "first line 4"} {
			if !strings.Contains(rain.Message, want) {
				t.Errorf("want %q in %q", want, rain.Message)
			}
		}
		if naive.Status != quality.Fail || naive.Bad != 1 || !strings.Contains(naive.Message, "naive_known_at does not say when") {
			t.Errorf("%+v", naive)
		}
		if weekday.Status != quality.OK {
			t.Errorf("%+v", weekday)
		}
		if err := report.Err(); !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "owner: daisy") || !strings.Contains(fault.HintOf(err), "rain_known_at <= decided_at") {
			t.Errorf("%v (%s)", err, fault.HintOf(err))
		}
		again, err := leakage(t, r, features, nil)
		if err != nil || again.ID != report.ID {
			t.Errorf("the same features again: %v, %v", again, err)
		}
		all := facts(t, d)
		if len(all) != 1 || all[0].Verb != event.LeakageChecked || all[0].Outputs[0] != "report:"+report.ID {
			t.Errorf("facts %+v", all)
		}
	}, sources...)
}

func TestLeakageOfHonestFeatures(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	honest := strings.Join(strings.SplitAfter(features, "\n")[:3], "")
	report, err := leakage(t, r, honest, nil)
	if err != nil || report.Status != quality.Pass || report.Err() != nil {
		t.Errorf("%v %v", report, err)
	}
	// an offset is part of the moment: 18:00 in Seattle is later than 18:00 UTC
	report, err = leakage(t, r, strings.Replace(honest, "2.0,2014-01-01T18:00:00", "2.0,2014-01-01T18:00:00-08:00", 1), nil)
	if err != nil || !strings.Contains(report.Err().Error(), "at worst 8 hours later") {
		t.Errorf("%v %v", report.Err(), err)
	}
}

func TestLeakageDeclarations(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	for name, c := range map[string]struct {
		change func(*quality.LeakageInput)
		id     string
		want   string
	}{
		"undeclared":      {func(in *quality.LeakageInput) { delete(in.KnownAt, "rain") }, "rain.known_at", "does not say when it was known"},
		"absent feature":  {func(in *quality.LeakageInput) { in.Features = []string{"rian"} }, "rian.known_at", "not a column of the table; did you mean \"rain\"?"},
		"absent known_at": {func(in *quality.LeakageInput) { in.KnownAt["rain"] = "known" }, "rain.known_at", "the column known, which should say when"},
		"absent decision": {func(in *quality.LeakageInput) { in.DecidedAt = "decidedat" }, "decided_at", "moment of the decision is missing; did you mean \"decided_at\"?"},
		"no moment":       {func(in *quality.LeakageInput) { in.DecidedAt = "weekday" }, "decided_at", "4 of 4 rows are without a readable moment"},
	} {
		report, err := leakage(t, r, features, c.change)
		if err != nil {
			t.Fatal(name, err)
		}
		if k := find(t, report, c.id); k.Status != quality.Fail || !strings.Contains(k.Message, c.want) {
			t.Errorf("%s: want %q in %+v", name, c.want, k)
		}
	}
	for name, change := range map[string]func(*quality.LeakageInput){
		"no decision": func(in *quality.LeakageInput) { in.DecidedAt = "" },
		"no features": func(in *quality.LeakageInput) { in.Features, in.KnownAt = nil, nil },
	} {
		if _, err := leakage(t, r, features, change); !fault.Is(err, fault.Invalid) || fault.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	report, err := leakage(t, r, "", nil)
	if err != nil || !report.Blocked() {
		t.Errorf("an empty file: %v, %v", report, err)
	}
}
