package quality_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
)

func facts(t testing.TB, d *db.DB) (out []event.Fact) {
	t.Helper()
	err := d.View(context.Background(), func(tx *db.Tx) (err error) {
		out, err = event.List(tx, event.Filter{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheSameDeliveryGivesTheSameReport(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		r := newRoom(d)
		c := contract(t, "testdata/weather.odcs.yaml")
		first := check(t, r, c, "weather", seattle(t).text())
		second := check(t, r, c, "weather", seattle(t).text())
		a, _ := json.Marshal(first)
		b, _ := json.Marshal(second)
		if string(a) != strings.ReplaceAll(string(b), second.Path, first.Path) {
			t.Errorf("another report:\n%s\n%s", a, b)
		}
		all := facts(t, d)
		if len(all) != 1 || all[0].Verb != event.ContractChecked || all[0].Actor != "eddy" {
			t.Errorf("facts %+v", all)
		}
		refused := check(t, r, c, "weather", seattle(t).each("wind", 1, 9, func(string) string { return "-1" }).text())
		if all := facts(t, d); len(all) != 3 || all[2].Verb != event.DeliveryRefused || !strings.Contains(all[2].Reason, "wind: 9 of 731 values are outside 0 … 40 m/s") || refused.ID == first.ID {
			t.Errorf("facts %+v", all)
		}
		if reports, err := r.Reports(ctx, "umbrella", "weather"); err != nil || len(reports) != 2 {
			t.Errorf("%d reports, %v", len(reports), err)
		}
		if got, err := r.Report(ctx, first.ID); err != nil || got.Rows != 731 || len(got.Checks) != len(first.Checks) {
			t.Errorf("%v, %v", got, err)
		}
		if _, err := r.Report(ctx, "nothing"); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
		// another owner, dataset or contract is another report
		other := contract(t, umbrella+"contracts/weather.odcs.yaml")
		if check(t, r, other, "weather", seattle(t).text()).ID == first.ID || check(t, r, c, "elsewhere", seattle(t).text()).ID == first.ID {
			t.Error("two reports share one ID")
		}
	}, sources...)
}

func TestAReportThatCouldNotBeMadeIsMadeAgain(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := newRoom(d)
		c := column(t, "logicalType: number\nquality: [{id: x, type: sql, query: 'SELECT count(*) FROM nowhere', mustBe: 0}]", "")
		for range 2 {
			if report := check(t, r, c, "things", "k,v\na,1\n"); report.Status != quality.Broken || !fault.Is(report.Err(), fault.Precondition) {
				t.Errorf("%s %v", report.Status, report.Err())
			}
		}
		reports, err := r.Reports(context.Background(), "umbrella", "things")
		if err != nil || len(reports) != 1 || len(facts(t, d)) != 2 {
			t.Errorf("%d reports, %d facts, %v", len(reports), len(facts(t, d)), err)
		}
	}, sources...)
}

func TestVolumeIsComparedWithTheDeliveryBefore(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	c := contract(t, "testdata/weather.odcs.yaml")
	if k := find(t, check(t, r, c, "weather", seattle(t).text()), "volume"); k.Status != quality.Skipped {
		t.Errorf("the first delivery: %+v", k)
	}
	report := check(t, r, c, "weather", seattle(t)[:400].text())
	if k := find(t, report, "volume"); k.Status != quality.Fail || k.Observed != "0.54583" || report.Status != quality.Warn {
		t.Errorf("half of it: %+v", k)
	}
}

func TestRenderers(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	body := seattle(t).each("wind", 3, 5, func(string) string { return "<b>|`x`" }).each("temp_min", 6, 6, func(string) string { return "40" }).text()
	report := check(t, r, contract(t, "testdata/weather.odcs.yaml"), "weather", body)
	for name, render := range map[string]func(*strings.Builder) error{
		"text": func(b *strings.Builder) error { return report.Text(b) }, "junit.xml": func(b *strings.Builder) error { return report.JUnit(b) },
		"markdown.md": func(b *strings.Builder) error { return report.Markdown(b) },
	} {
		var b strings.Builder
		if err := render(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "render", name), strings.ReplaceAll(b.String(), report.ID, "REPORT-ID"))
		if name == "junit.xml" {
			var v struct {
				Tests    int `xml:"tests,attr"`
				Failures int `xml:"failures,attr"`
			}
			if err := xml.Unmarshal([]byte(b.String()), &v); err != nil || v.Tests != len(report.Checks) || v.Failures != 2 {
				t.Errorf("%+v, %v", v, err)
			}
		}
	}
	var b strings.Builder
	if err := report.JSON(&b); err != nil {
		t.Fatal(err)
	}
	var back quality.Report
	if err := json.Unmarshal([]byte(b.String()), &back); err != nil || back.ID != report.ID || len(back.Checks) != len(report.Checks) {
		t.Errorf("JSON does not come back: %v", err)
	}
}

func TestProfile(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	p, err := r.Profile(context.Background(), "testdata/seattle-2012-2013.csv")
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, c := range p.Columns {
		types = append(types, c.Name+" "+c.Type)
		var sum int64
		if c.Histogram != nil {
			for _, n := range c.Histogram.Counts {
				sum += n
			}
			if sum != p.Rows-c.Nulls || len(c.Histogram.Edges) != len(c.Histogram.Counts)+1 {
				t.Errorf("%s: the histogram counts %d of %d", c.Name, sum, p.Rows)
			}
		}
	}
	if got := strings.Join(types, ", "); p.Rows != 731 || got != "date date, precipitation number, temp_max number, temp_min number, wind number, weather string" {
		t.Errorf("%d rows; %s", p.Rows, got)
	}
	// the same numbers by other means
	values := []float64{}
	for _, row := range seattle(t)[1:] {
		values = append(values, parse(t, row[2]))
	}
	mean, dev := moments(values)
	slices.Sort(values)
	c := p.Columns[2]
	if math.Abs(*c.Mean-mean) > 1e-9 || math.Abs(*c.StdDev-dev) > 1e-9 || c.Quantiles[3] != values[365] || c.Min != "-1.1" || c.Max != "34.4" {
		t.Errorf("mean %v want %v, stddev %v want %v, quantiles %v, %s … %s", *c.Mean, mean, *c.StdDev, dev, c.Quantiles, c.Min, c.Max)
	}
	if top := p.Columns[5].Top; top[0] != (quality.TopValue{Value: "rain", Count: 349}) || p.Columns[1].Zeros != 402 {
		t.Errorf("top %v, zeros %d", top, p.Columns[1].Zeros)
	}
	if body, err := json.Marshal(p); err != nil || !strings.Contains(string(body), `"edges"`) {
		t.Errorf("%s, %v", body, err)
	}
	for path, want := range map[string]string{"testdata/seattle.parquet": "date number number number number string", "testdata/seattle.jsonl": "date number number number number string"} {
		p, err := r.Profile(context.Background(), path)
		if err != nil {
			t.Fatal(path, err)
		}
		var types []string
		for _, c := range p.Columns {
			types = append(types, c.Type)
		}
		slices.Sort(types)
		if strings.Join(types, " ") != want {
			t.Errorf("%s: %v", path, types)
		}
	}
	empty := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Profile(context.Background(), empty); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
	odd := filepath.Join(t.TempDir(), "b.csv")
	if err := os.WriteFile(odd, []byte("a,b,c\n1,NaN,\n1,inf,\n1,,\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err := r.Profile(context.Background(), odd); err != nil || p.Columns[0].Histogram.Counts[0] != 3 || p.Columns[1].NaNs != 1 || p.Columns[1].Infinite != 1 || p.Columns[2].Nulls != 3 {
		t.Errorf("%+v, %v", p, err)
	} else if _, err := json.Marshal(p); err != nil {
		t.Error(err)
	}
}

func moments(v []float64) (mean, dev float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		dev += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(dev / float64(len(v)-1))
}

func parse(t testing.TB, s string) float64 {
	t.Helper()
	var v float64
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
