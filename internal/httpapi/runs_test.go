package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/api"
	"github.com/paraplu/paraplu/internal/tracking"
)

// train logs a run with a loss that falls.
func (w *world) train(name string, points int, params ...tracking.KV) tracking.Run {
	w.t.Helper()
	ctx := context.Background()
	run, err := w.Tracking.CreateRun(ctx, tracking.NewRun{Name: name, UserID: "daisy", StartMs: 1000 * int64(len(name))})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.Tracking.LogBatch(ctx, run.ID, nil, params, nil); err != nil {
		w.t.Fatal(err)
	}
	w.log(run.ID, 0, points)
	return run
}

func (w *world) log(run string, from, to int) {
	w.t.Helper()
	var batch []tracking.Metric
	for i := from; i < to; i++ {
		batch = append(batch, tracking.Metric{Key: "train/loss", Step: int64(i), TimestampMs: int64(i), Value: 1 / float64(i+1)})
	}
	if err := w.Tracking.LogBatch(context.Background(), run, batch, nil, nil); err != nil {
		w.t.Fatal(err)
	}
}

func TestExperimentsOverHTTP(t *testing.T) {
	each(t, "", func(t *testing.T, w *world) {
		e := decode[api.Experiment](t, w.ask("POST", "/experiments", `{"name": "umbrella"}`, 200))
		w.ask("POST", "/experiments", `{"name": "umbrella"}`, 409)
		w.ask("POST", "/experiments", `{"name": ""}`, 400)
		w.train("one", 3)
		list := decode[[]api.Experiment](t, w.ask("GET", "/experiments", "", 200))
		if len(list) != 2 || list[0].Name != "Default" || list[0].Runs != 1 || *list[0].LastMs != 3000 || list[1].Runs != 0 || list[1].LastMs != nil {
			t.Errorf("%+v", list)
		}
		path := "/experiments/" + e.ID
		if got := decode[api.Experiment](t, w.ask("POST", path+"/rename", `{"name": "parasol"}`, 200)); got.Name != "parasol" || got.ID != e.ID {
			t.Errorf("%+v", got)
		}
		if got := decode[api.Experiment](t, w.ask("POST", path+"/delete", "", 200)); got.Stage != "deleted" {
			t.Errorf("%+v", got)
		}
		if list := decode[[]api.Experiment](t, w.ask("GET", "/experiments?view=deleted", "", 200)); len(list) != 1 {
			t.Errorf("%+v", list)
		}
		if got := decode[api.Experiment](t, w.ask("POST", path+"/restore", "", 200)); got.Stage != "active" {
			t.Errorf("%+v", got)
		}
		w.ask("GET", "/experiments/99", "", 404)
		w.ask("GET", "/experiments/x", "", 400)
		w.ask("GET", "/experiments?view=some", "", 400)
	})
}

func TestRunsOverHTTP(t *testing.T) {
	each(t, "", func(t *testing.T, w *world) {
		a, b := w.train("a", 3, tracking.KV{Key: "depth", Value: "4"}), w.train("bb", 5, tracking.KV{Key: "depth", Value: "6"})
		if err := w.Tracking.LogMetric(context.Background(), a.ID, tracking.Metric{Key: "wape", Value: math.NaN()}); err != nil {
			t.Fatal(err)
		}
		table := decode[api.RunsTable](t, w.ask("POST", "/runs/query", `{"limit": 1, "columns": ["count(metrics.train/loss)", "metrics.wape", "params.depth"]}`, 200))
		if table.Total != 2 || table.Next == "" || len(table.Rows) != 1 || table.Rows[0].ID != b.ID || *table.Rows[0].Metrics[0] != 5 || table.Rows[0].Metrics[1] != nil ||
			*table.Rows[0].Params[0] != "6" || table.Rows[0].Experiment != "Default" {
			t.Errorf("%+v", table)
		}
		body, _ := json.Marshal(map[string]any{"limit": 1, "page": table.Next, "columns": []string{"metrics.wape"}}) //nolint:errcheck // texts
		if table = decode[api.RunsTable](t, w.ask("POST", "/runs/query", string(body), 200)); table.Rows[0].ID != a.ID || table.Rows[0].NaN[0] != 0 || table.Next != "" {
			t.Errorf("%+v", table)
		}
		table = decode[api.RunsTable](t, w.ask("POST", "/runs/query", `{"filter": "params.depth > 5 OR min(metrics.train/loss) < 0.1"}`, 200))
		if table.Total != 1 || fmt.Sprint(table.Metrics, table.Params, table.Tags) != "[metrics.train/loss] [params.depth] [tags.mlflow.runName]" {
			t.Errorf("%+v", table)
		}
		p := decode[api.Problem](t, w.ask("POST", "/runs/query", `{"filter": "params.depth > 5 OR\n colour = 'red'"}`, 400))
		if p.Place == nil || p.Place.File != "filter" || p.Place.Line != 2 || p.Place.Column != 2 || !strings.Contains(p.Hint, "params.colour") {
			t.Errorf("%+v", p)
		}
		w.ask("POST", "/runs/query", `{"limit": 1001}`, 400)
		w.ask("POST", "/runs/query", `{"page": "x"}`, 400)

		columns := decode[[]api.RunColumn](t, w.ask("GET", "/runs/columns?experiment=0", "", 200))
		if len(columns) != 4 || columns[0].Name != "metrics.train/loss" || columns[0].Runs != 2 || columns[1].Runs != 1 {
			t.Errorf("%+v", columns)
		}
		d := decode[api.RunDetail](t, w.ask("GET", "/runs/"+a.ID, "", 200))
		if d.Name != "a" || d.Params["depth"] != "4" || len(d.Metrics) != 2 || *d.Metrics[0].Value != 1.0/3 || d.Metrics[1].Value != nil {
			t.Errorf("%+v", d)
		}
		c := decode[api.Comparison](t, w.ask("GET", "/runs/compare?run="+a.ID+"&run="+b.ID, "", 200))
		if len(c.Runs) != 2 || c.Rows[0].Name != "depth" || !c.Rows[0].Differs || *c.Rows[0].Texts[1] != "6" || c.Rows[2].Numbers[0] != nil {
			t.Errorf("%+v", c)
		}
		w.ask("GET", "/runs/compare?run="+a.ID, "", 400)
		w.ask("GET", "/runs/none", "", 404)

		if d := decode[api.RunDetail](t, w.ask("POST", "/runs/"+a.ID+"/delete", "", 200)); d.Stage != "deleted" {
			t.Errorf("%+v", d)
		}
		if table := decode[api.RunsTable](t, w.ask("POST", "/runs/query", `{"view": "deleted"}`, 200)); table.Total != 1 || table.Rows[0].ID != a.ID {
			t.Errorf("%+v", table)
		}
		if d := decode[api.RunDetail](t, w.ask("POST", "/runs/"+a.ID+"/restore", "", 200)); d.Stage != "active" {
			t.Errorf("%+v", d)
		}
	})
}

func TestChartOverHTTP(t *testing.T) {
	each(t, "", func(t *testing.T, w *world) {
		run := w.train("long", 900)
		path := "/runs/" + run.ID + "/metrics/" + url.PathEscape("train/loss")
		c := decode[api.Chart](t, w.ask("GET", path, "", 200))
		if !c.Exact || len(c.Steps) != 900 || c.Key != "train/loss" || *c.Summary.Max != 1 || *c.Values[0] != 1 || c.Summary.Points != 900 {
			t.Errorf("%v points, %+v", len(c.Steps), c.Summary)
		}
		if c = decode[api.Chart](t, w.ask("GET", path+"?max=10&by=time", "", 200)); c.Exact || len(c.Steps) > 10 || c.Times[len(c.Times)-1] != 899 {
			t.Errorf("%+v", c)
		}
		if c = decode[api.Chart](t, w.ask("GET", path+"?from=5&to=7", "", 200)); fmt.Sprint(c.Steps) != "[5 6 7]" {
			t.Errorf("%+v", c)
		}
		for _, bad := range []string{"?from=x", "?max=1", "?by=month", "?from=99999999999999999999"} {
			w.ask("GET", path+bad, "", 400)
		}
		w.ask("GET", "/runs/"+run.ID+"/metrics/none", "", 404)
	})
}

func TestViewsOverHTTP(t *testing.T) {
	each(t, "", func(t *testing.T, w *world) {
		v := decode[api.SavedView](t, w.ask("POST", "/views", `{"product": "umbrella", "name": "best", "filter": "metrics.wape < 1", "order": ["metrics.wape"]}`, 200))
		w.ask("POST", "/views", `{"product": "umbrella", "name": "best"}`, 409)
		p := decode[api.Problem](t, w.ask("POST", "/views", `{"name": "x", "filter": "wape < 1"}`, 400))
		if p.Place == nil || p.Place.File != "filter" {
			t.Errorf("%+v", p)
		}
		if got := decode[api.SavedView](t, w.ask("PUT", "/views/"+v.ID, `{"name": "all", "columns": ["params.depth"]}`, 200)); got.ID != v.ID {
			t.Errorf("%+v", got)
		}
		list := decode[[]api.SavedView](t, w.ask("GET", "/views?product=other", "", 200))
		if len(list) != 1 || list[0].Name != "all" || list[0].Product != "" || len(list[0].Order) != 0 || list[0].Columns[0] != "params.depth" {
			t.Errorf("%+v", list)
		}
		w.ask("DELETE", "/views/"+v.ID, "", 200)
		w.ask("DELETE", "/views/"+v.ID, "", 404)
	})
}

// listener is a client of a stream.
type listener struct {
	t    *testing.T
	resp *http.Response
	in   *bufio.Scanner
	id   string
	beat bool // heard a comment
}

func listen(t *testing.T, ctx context.Context, url, after string) *listener {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || kind != "text/event-stream" {
		t.Fatalf("%d, %s", resp.StatusCode, kind)
	}
	return &listener{t: t, resp: resp, in: bufio.NewScanner(resp.Body)}
}

// next gives the next event; "" at the end.
func (l *listener) next() (name, data string) {
	for l.in.Scan() {
		line := l.in.Text()
		l.beat = l.beat || strings.HasPrefix(line, ": ")
		switch key, value, _ := strings.Cut(line, ": "); key {
		case "id":
			l.id = value
		case "event":
			name = value
		case "data":
			data = value
		case "":
			if name != "" {
				return name, data
			}
		}
	}
	return "", ""
}

// points reads events until n points have come.
func (l *listener) points(n int) (steps []int64) {
	l.t.Helper()
	for len(steps) < n {
		name, data := l.next()
		if name != "points" {
			l.t.Fatalf("%s %s instead of points", name, data)
		}
		p := decode[api.LivePoints](l.t, data)
		if p.Partial || p.Key != "train/loss" {
			l.t.Fatalf("%+v", p)
		}
		steps = append(steps, p.Steps...)
	}
	return steps
}

// streaming is a world behind a real port, where a stream looks all the time.
func streaming(t *testing.T, w *world) (*server, *httptest.Server, chan struct{}) {
	closing := make(chan struct{})
	s := &server{Deps: Deps{Steps: w.Steps, Closing: closing, LiveEvery: time.Millisecond, Heartbeat: 5 * time.Millisecond}}
	mux := http.NewServeMux()
	newAPI(mux, s)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return s, srv, closing
}

func TestLive(t *testing.T) {
	each(t, "", func(t *testing.T, w *world) {
		s, srv, closing := streaming(t, w)
		run := w.train("live", 10)
		at := srv.URL + "/api/v1/runs/live?run=" + run.ID
		ctx, leave := context.WithCancel(context.Background())
		l := listen(t, ctx, at, "")
		if name, data := l.next(); name != "run" || decode[api.RunState](t, data).Status != "RUNNING" {
			t.Fatalf("%s %s", name, data)
		}
		for !l.beat && l.in.Scan() { // nothing is new: the line is kept open
			l.beat = strings.HasPrefix(l.in.Text(), ": ")
		}
		w.log(run.ID, 10, 12)
		if steps := l.points(2); fmt.Sprint(steps) != "[10 11]" {
			t.Errorf("%v", steps)
		}
		leave()
		w.log(run.ID, 12, 15)
		l = listen(t, context.Background(), at, l.id)
		if steps := l.points(3); fmt.Sprint(steps) != "[12 13 14]" {
			t.Errorf("after a break: %v", steps)
		}
		end := int64(5)
		if _, err := w.Tracking.UpdateRun(context.Background(), tracking.RunUpdate{ID: run.ID, Status: "FINISHED", EndMs: &end}); err != nil {
			t.Fatal(err)
		}
		if name, data := l.next(); name != "run" || decode[api.RunState](t, data).Status != "FINISHED" {
			t.Errorf("%s %s", name, data)
		}
		close(closing)
		if name, _ := l.next(); name != "" {
			t.Errorf("%s after the end", name)
		}
		srv.Close() // waits for every request
		if n := len(s.streams); n != 0 {
			t.Errorf("%d streams are still open", n)
		}
	})
}

func TestLiveIsBounded(t *testing.T) {
	each(t, "", func(t *testing.T, w *world) {
		s, srv, _ := streaming(t, w)
		run := w.train("live", 1)
		at := "/api/v1/runs/live?run=" + run.ID
		for range maxStreams {
			s.streams <- struct{}{}
		}
		status := func(path string) int {
			resp, err := http.Get(srv.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			return resp.StatusCode
		}
		if got := status(at); got != 503 {
			t.Errorf("one stream too many: %d", got)
		}
		for range maxStreams {
			<-s.streams
		}
		for path, want := range map[string]int{"/api/v1/runs/live?run=none": 404, "/api/v1/runs/live": 400} {
			if got := status(path); got != want || len(s.streams) != 0 {
				t.Errorf("%s: %d, want %d; %d open", path, got, want, len(s.streams))
			}
		}
	})
}
