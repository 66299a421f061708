package httpapi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/api"
	"github.com/paraplu/paraplu/internal/lineage"
	"github.com/paraplu/paraplu/internal/monitor"
	"github.com/paraplu/paraplu/internal/ref"
)

// truths are the outcomes of days from monday on; every one is valued the same.
func truths(days int, value float64) string {
	rows := make([]string, days)
	for i := range rows {
		day := monday.AddDate(0, 0, i)
		rows[i] = fmt.Sprintf(`{"day": %q, "value": %g, "known_at": %q, "baseline": 5}`, day.Format(time.DateOnly), value, day.AddDate(0, 0, 1).Format(time.RFC3339))
	}
	return `{"rows": [` + strings.Join(rows, ",") + `]}`
}

func TestEmptyWorkspace(t *testing.T) {
	each(t, "", func(t *testing.T, w *world) {
		if got := strings.TrimSpace(w.ask("GET", "/products", "", 200)); got != "[]" {
			t.Errorf("products: %s", got)
		}
		info := decode[api.Info](t, w.ask("GET", "/info", "", 200))
		if info.Version != "v1.2.3" || info.Database != string(w.DB.Dialect()) || info.Here != "" || len(info.Products) != 0 {
			t.Errorf("%+v", info)
		}
		p := decode[api.Problem](t, w.ask("GET", "/products/umbrella", "", 404))
		if p.Kind != "not_found" || p.Status != 404 || p.Title != "Not Found" || p.Hint == "" {
			t.Errorf("%+v", p)
		}
	})
}

func TestPageOfAProductThatJustBegan(t *testing.T) {
	each(t, text, func(t *testing.T, w *world) {
		body := w.ask("GET", "/products/umbrella", "", 200)
		if strings.Contains(body, ":null") {
			t.Errorf("a list is null: %s", body)
		}
		p := decode[api.ProductPage](t, body)
		if p.Title != "Umbrella orders" || p.Stage != "ideate" || p.Next == nil || p.Next.Command == "" || len(p.Stages) != 7 {
			t.Errorf("%s", body)
		}
		if p.Champion != nil || p.Value != nil || len(p.Windows) != 0 {
			t.Errorf("something is there that nobody made: %s", body)
		}
		if len(p.Datasets) != 2 || !p.Datasets[0].Simulated || p.Datasets[0].Rows != -1 || p.Datasets[0].Version != 0 {
			t.Errorf("%+v", p.Datasets)
		}
	})
}

func TestPageOfAProductInTrouble(t *testing.T) {
	each(t, text, func(t *testing.T, w *world) {
		w.place(champion)
		w.deliver("sales", "day,sold\n2015-03-02,41\n")
		w.ask("POST", "/products/umbrella/truth", truths(21, 40), 200)
		w.evaluate()

		p := decode[api.ProductPage](t, w.ask("GET", "/products/umbrella", "", 200))
		if p.Champion == nil || p.Champion.Package != string(champion) || p.Champion.Version != 1 || p.Champion.Actor != "eddy" {
			t.Errorf("champion %+v", p.Champion)
		}
		if d := p.Datasets[0]; d.Version != 1 || d.Rows != 1 || d.Actor != "bo" {
			t.Errorf("dataset %+v", d)
		}
		if len(p.Windows) != 4 || *p.Windows[0].WAPE != 0.75 {
			t.Fatalf("windows %+v", p.Windows)
		}
		if len(p.Incidents) != 1 || p.Incidents[0].Owner != "daisy" || p.Incidents[0].Message.Money == "" {
			t.Fatalf("incidents %+v", p.Incidents)
		}
		if r := p.Watch.Performance; r == nil || r.Owner != "daisy" || r.K != 2 {
			t.Errorf("watch %+v", p.Watch)
		}
		bill := decode[monitor.Bill](t, w.ask("GET", "/products/umbrella/bill", "", 200))
		if p.Value == nil || p.Value.Unit != "EUR" || *p.Value.Total.Saving != *bill.Total.Saving {
			t.Errorf("the page and the bill disagree: %+v, %+v", p.Value, bill.Total)
		}
		// 21 days: naive (40−5)·7, model (40−10)·7
		if *bill.Total.Saving != 21*(245-210) {
			t.Errorf("saving %v", *bill.Total.Saving)
		}
		if !p.Value.From.Equal(monday) || p.Value.Days != 28 {
			t.Errorf("money is counted over %v days from %s", p.Value.Days, p.Value.From)
		}
		year := float64(*bill.Total.Saving) / p.Value.Days * 365.25
		if got := float64(*p.Value.YearlyRate); got != year || p.Value.Target != 20000 {
			t.Errorf("yearly rate %v, want %v", got, year)
		}
	})
}

func TestPeopleHandleAnIncident(t *testing.T) {
	each(t, text, func(t *testing.T, w *world) {
		w.place(champion)
		w.ask("POST", "/products/umbrella/truth", truths(21, 40), 200)
		w.evaluate()
		all := decode[[]monitor.Incident](t, w.ask("GET", "/products/umbrella/incidents", "", 200))
		path := "/incidents/" + all[0].ID

		p := decode[api.Problem](t, w.ask("POST", path+"/acknowledge", `{"member": "mallory"}`, 403))
		if p.Kind != "denied" || !strings.Contains(p.Detail, "mallory") {
			t.Errorf("%+v", p)
		}
		in := decode[monitor.Incident](t, w.ask("POST", path+"/acknowledge", `{"member": "daisy"}`, 200))
		if in.State != monitor.IncidentAcknowledged || in.AcknowledgedBy != "daisy" {
			t.Errorf("%+v", in)
		}
		w.ask("POST", path+"/resolve", `{"member": "daisy", "verdict": "perhaps", "reason": "?"}`, 400)
		in = decode[monitor.Incident](t, w.ask("POST", path+"/resolve", `{"member": "daisy", "verdict": "true", "reason": "demand grew"}`, 200))
		if in.State != monitor.IncidentResolved || in.Reason != "demand grew" {
			t.Errorf("%+v", in)
		}
		w.ask("POST", "/incidents/umbrella-99/acknowledge", `{"member": "daisy"}`, 404)
	})
}

func TestTruth(t *testing.T) {
	each(t, text, func(t *testing.T, w *world) {
		const path = "/products/umbrella/truth"
		first := decode[api.TruthAnswer](t, w.ask("POST", path, truths(3, 40), 200))
		if first.Accepted != 3 || first.Duplicates != 0 || first.Received.Events != 3 {
			t.Errorf("%+v", first)
		}
		again := decode[api.TruthAnswer](t, w.ask("POST", path, truths(4, 40), 200))
		if again.Accepted != 1 || again.Duplicates != 3 {
			t.Errorf("%+v", again)
		}
		for name, bad := range map[string]struct{ body, where, detail string }{
			"unknown key":  {`{"rows": [{"day": "2015-03-02", "valeu": 4, "value": 3}]}`, "body.rows[0].valeu", "unexpected property"},
			"no rows":      {`{"rows": []}`, "body.rows", "length"},
			"text":         {`{"rows": [{"day": "2015-03-02", "value": "many"}]}`, "body.rows[0].value", "number"},
			"no JSON":      {`{"rows": [`, "body", "JSON"},
			"no day":       {`{"rows": [{"value": 3}]}`, "", "body.rows[0]: a row names its event by either day or event_time"},
			"twice":        {`{"rows": [{"day": "2015-03-02", "event_time": "2015-03-02T00:00:00Z", "value": 3}]}`, "", "either"},
			"no such day":  {`{"rows": [{"day": "2015-02-30", "value": 3}]}`, "body.rows[0].day", "date"},
			"empty answer": {``, "", "body"},
		} {
			p := decode[api.Problem](t, w.ask("POST", path, bad.body, 400))
			if p.Kind != "invalid" || !strings.Contains(p.Detail, bad.detail) {
				t.Errorf("%s: %+v", name, p)
			}
			if bad.where != "" && (len(p.Errors) == 0 || p.Errors[0].Where != bad.where) {
				t.Errorf("%s: %+v", name, p.Errors)
			}
		}
		if got := decode[api.TruthAnswer](t, w.ask("POST", path, truths(4, 40), 200)); got.Received.Truths != 4 {
			t.Errorf("a refused delivery left something behind: %+v", got)
		}
	})
}

func TestBodyLimits(t *testing.T) {
	each(t, text, func(t *testing.T, w *world) {
		for path, size := range map[string]int{"/products/umbrella/truth": truthBody, "/products/umbrella/rollback": smallBody, "/incidents/umbrella-1/acknowledge": smallBody} {
			p := decode[api.Problem](t, w.ask("POST", path, `{"reason": "`+strings.Repeat("x", size)+`"}`, 413))
			if p.Kind != "exhausted" {
				t.Errorf("%+v", p)
			}
		}
		// far fewer bytes than the limit, and a gigabyte as a tree
		if p := decode[api.Problem](t, w.ask("POST", "/products/umbrella/truth", `{"rows": [`+strings.Repeat("{},", 300_000)+`{}]}`, 400)); !strings.Contains(p.Detail, "more than") {
			t.Errorf("%+v", p)
		}
	})
}

func TestRollback(t *testing.T) {
	each(t, text, func(t *testing.T, w *world) {
		const path, body = "/products/umbrella/rollback", `{"member": "eddy", "reason": "orders too many"}`
		w.place(champion)
		p := decode[api.Problem](t, w.ask("POST", path, body, 412))
		if p.Kind != "precondition" {
			t.Errorf("%+v", p)
		}
		w.ask("POST", path, `{"member": "mallory", "reason": "x"}`, 403)
		w.ask("POST", path, `{"member": "eddy"}`, 400)
		w.place(ref.Sum([]byte("a newer one")))
		d := decode[api.Deployment](t, w.ask("POST", path, body, 200))
		if d.Package != string(champion) || d.Cause != "rollback" || d.Reason != "orders too many" || d.Actor != "eddy" {
			t.Errorf("%+v", d)
		}
		page := decode[api.ProductPage](t, w.ask("GET", "/products/umbrella", "", 200))
		if page.Champion == nil || page.Champion.ID != d.ID || len(page.Deployments) != 3 || len(page.Releases) != 2 || page.Releases[0].Emergency == "" {
			t.Errorf("%+v", page)
		}
	})
}

func TestFactsAreReadOn(t *testing.T) {
	each(t, text, func(t *testing.T, w *world) {
		w.deliver("sales", "day,sold\n2015-03-02,41\n")
		page := decode[api.ProductPage](t, w.ask("GET", "/products/umbrella", "", 200))
		if page.Facts[0].Verb != "dataset.published" || page.Facts[0].Seq != page.Seq {
			t.Errorf("%+v", page.Facts)
		}
		after := fmt.Sprintf("/products/umbrella/facts?after=%d", page.Seq)
		if got := strings.TrimSpace(w.ask("GET", after, "", 200)); got != "[]" {
			t.Errorf("%s", got)
		}
		w.deliver("weather", "date\n2015-03-02\n")
		fresh := decode[[]api.Fact](t, w.ask("GET", after, "", 200))
		if len(fresh) != 1 || fresh[0].Actor != "bo" || fresh[0].Outputs[0] == "" {
			t.Errorf("%+v", fresh)
		}
	})
}

func TestMachinesDoNotCrowdOutPeople(t *testing.T) {
	each(t, text, func(t *testing.T, w *world) {
		w.deliver("sales", "day,sold\n2015-03-02,41\n")
		for i := range pageFacts + 20 {
			body := fmt.Sprintf(`{"rows": [{"day": "2015-03-02", "value": %d, "known_at": "2015-03-03T00:00:%02dZ"}]}`, i, i%60)
			w.ask("POST", "/products/umbrella/truth", body, 200)
		}
		p := decode[api.ProductPage](t, w.ask("GET", "/products/umbrella", "", 200))
		if len(p.Facts) <= pageFacts || p.Facts[0].Seq != p.Seq || p.Facts[0].Verb != "truth.received" {
			t.Errorf("%d facts, the first %+v", len(p.Facts), p.Facts[0])
		}
		published := 0
		for i, f := range p.Facts {
			if f.Verb == "dataset.published" {
				published++
			}
			if i > 0 && f.Seq >= p.Facts[i-1].Seq {
				t.Errorf("fact %d comes after %d", f.Seq, p.Facts[i-1].Seq)
			}
		}
		if published != 1 {
			t.Errorf("the delivery is there %d times", published)
		}
	})
}

func TestLineage(t *testing.T) {
	each(t, text, func(t *testing.T, w *world) {
		w.deliver("sales", "day,sold\n2015-03-02,41\n")
		g := decode[lineage.Graph](t, w.ask("GET", "/lineage?ref=sales@v1&depth=3", "", 200))
		if g.Root == "" || g.Direction != lineage.Up || len(g.Nodes) == 0 || g.Nodes[0].Actor != "bo" {
			t.Errorf("%+v", g)
		}
		w.ask("GET", "/lineage?ref=sales@v1&direction=downstream", "", 200)
		w.ask("GET", "/lineage?ref=sales@v1&direction=sideways", "", 400)
		w.ask("GET", "/lineage", "", 400)
		w.ask("GET", "/lineage?ref=sales@v7", "", 404)
	})
}

func TestWhatCannotBeAsked(t *testing.T) {
	each(t, text, func(t *testing.T, w *world) {
		for path, want := range map[string]int{
			"/products/other":                                404,
			"/products/other/windows":                        404,
			"/products/umbrella?page=2":                      400, // unknown parameters are refused
			"/products/umbrella/facts?limit=100000":          400,
			"/products/umbrella/bill":                        400, // no window yet
			"/products/umbrella/bill?from=yesterday":         400,
			"/packages/sha256:12":                            400,
			"/packages/" + string(ref.Sum([]byte("nobody"))): 404,
			"/nothing": 404,
		} {
			p := decode[api.Problem](t, w.ask("GET", path, "", want))
			if p.Detail == "" || p.Status != want || p.Kind == "" {
				t.Errorf("%s: %+v", path, p)
			}
		}
		w.ask("DELETE", "/products", "", 404)
	})
}
