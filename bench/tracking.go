package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// tracking measures the MLflow API of both servers with the same requests, on stores with the same content.
func (b *bench) tracking() error {
	if b.python == "" {
		return errors.New("the tracking part compares with an MLflow server: -python names an interpreter that has it")
	}
	switch b.only {
	case "logging":
		return b.logging()
	case "filled":
		return b.filled()
	}
	for _, part := range []func() error{b.bytesPerPoint, b.logging, b.filled} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// peers are both servers on the same kind of store.
type peers struct{ ours, theirs *server }

func (p peers) stop() {
	p.ours.stop()
	p.theirs.stop()
}

func (b *bench) startPeers(home, mlflow string) (p peers, err error) {
	if p.ours, err = b.up(home); err != nil {
		return p, err
	}
	p.theirs, err = launch("/health", b.python, quiet, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", "PORT",
		"--backend-store-uri", "sqlite:///"+filepath.Join(mlflow, "mlflow.db"), "--artifacts-destination", filepath.Join(mlflow, "artifacts"))
	if err != nil {
		p.ours.stop()
	}
	return p, err
}

func (b *bench) folders() (ours, theirs string, err error) {
	if ours, err = os.MkdirTemp(b.work, "ours-"); err != nil {
		return
	}
	theirs, err = os.MkdirTemp(b.work, "theirs-")
	return
}

// client asks one server over kept connections.
type client struct {
	http *http.Client
	base string
}

func newClient(s *server) *client {
	return &client{&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: 5 * time.Minute}, s.url + "/api/2.0/mlflow/"}
}

// post sends a request and gives the answer's body, which is valid only until the next call when into is nil.
func (c *client) post(path string, body any, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	resp, err := c.http.Post(c.base+path, "application/json", bytes.NewReader(text))
	return c.answer(path, resp, err, into)
}

func (c *client) get(path string, query url.Values, into any) error {
	resp, err := c.http.Get(c.base + path + "?" + query.Encode())
	return c.answer(path, resp, err, into)
}

func (c *client) answer(path string, resp *http.Response, err error, into any) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %d %s", path, resp.StatusCode, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

func (c *client) newRun() (string, error) {
	var made struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			}
		}
	}
	err := c.post("runs/create", map[string]any{"experiment_id": "0", "start_time": startOfTime}, &made)
	return made.Run.Info.ID, err
}

// logging sends batches of a thousand points, as many as fit in the time, in turn to both.
func (b *bench) logging() error {
	ours, theirs, err := b.folders()
	if err != nil {
		return err
	}
	p, err := b.startPeers(ours, theirs)
	if err != nil {
		return err
	}
	defer p.stop()
	for _, shape := range []struct {
		name          string
		keys, clients int
	}{
		{"log-batch, 1,000 points of 10 metrics a call, 1 client", 10, 1},
		{"log-batch, 1,000 points of 10 metrics a call, 8 clients", 10, 8},
		{"log-batch, 1,000 points of 1,000 metrics a call, 1 client", 1000, 1},
	} {
		var rates [2][]float64
		var ratios []float64
		for range 3 {
			for i, s := range []*server{p.ours, p.theirs} {
				rate, err := batches(newClient(s), shape.keys, shape.clients, 4*time.Second)
				if err != nil {
					return fmt.Errorf("%s: %w", shape.name, err)
				}
				rates[i] = append(rates[i], rate)
			}
			ratios = append(ratios, rates[0][len(rates[0])-1]/rates[1][len(rates[1])-1])
		}
		ratio := median(ratios)
		b.bar(shape.name, fmt.Sprintf("%s points/s", thousands(median(rates[0]))), "≥ 10 times MLflow", ratio >= 10,
			fmt.Sprintf("MLflow %s points/s; ratio %.0f", thousands(median(rates[1])), ratio))
	}
	return nil
}

// batches gives the acknowledged points a second.
func batches(c *client, keys, clients int, during time.Duration) (float64, error) {
	var all sync.WaitGroup
	counts, errs := make([]int, clients), make([]error, clients)
	began := time.Now()
	for w := range clients {
		all.Go(func() {
			run, err := c.newRun()
			if errs[w] = err; err != nil {
				return
			}
			for n := 0; time.Since(began) < during && errs[w] == nil; n++ {
				metrics := make([]map[string]any, 1000)
				for i := range metrics {
					step := (n*1000 + i) / keys
					metrics[i] = map[string]any{"key": fmt.Sprint("metric", i%keys), "value": noise(n*1000 + i), "timestamp": startOfTime + step*1000, "step": step}
				}
				errs[w] = c.post("runs/log-batch", map[string]any{"run_id": run, "metrics": metrics}, nil)
				counts[w] += 1000
			}
		})
	}
	all.Wait()
	took, total := time.Since(began), 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / took.Seconds(), errors.Join(errs...)
}

func thousands(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// filled measures searches, histories and uploads on stores with content.
func (b *bench) filled() error {
	ours, theirs, err := b.folders()
	if err != nil {
		return err
	}
	p, err := b.startPeers(ours, theirs) // makes the tables
	if err != nil {
		return err
	}
	p.stop()
	took, err := elapsed(func() error { _, err := b.fillBoth(ours, theirs); return err })
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "filled both stores in %s\n", took.Round(time.Second))
	if p, err = b.startPeers(ours, theirs); err != nil {
		return err
	}
	defer p.stop()
	for _, part := range []func(peers) error{b.searches, b.table, b.history, b.upload} {
		if err := part(p); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) fillBoth(ours, theirs string) (_ [2]store, err error) {
	if b.stores[0], err = b.fillParaplu(ours); err != nil {
		return b.stores, err
	}
	b.stores[1], err = b.fillMLflow(filepath.Join(theirs, "mlflow.db"))
	return b.stores, err
}

// deepToken gives the token of a page far behind: MLflow's is an offset, ours is walked to.
func deepToken(c *client, which int, body map[string]any) (string, error) {
	const depth = 50_000
	if which == 1 {
		return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"offset": %d}`, depth)), nil
	}
	token := ""
	for range depth / 5000 {
		var page struct {
			Next string `json:"next_page_token"`
		}
		ask := map[string]any{"max_results": 5000, "page_token": token}
		for k, v := range body {
			if k != "max_results" {
				ask[k] = v
			}
		}
		if err := c.post("runs/search", ask, &page); err != nil {
			return "", err
		}
		token = page.Next
	}
	return token, nil
}

func (b *bench) searches(p peers) error {
	for _, q := range []struct {
		name, filter string
		order        []string
		deep, wide   bool
		bar          float64 // ratio
	}{
		{name: "newest 100 runs"},
		{name: "the same, at depth 50,000", deep: true},
		{name: "`metrics.m1 > 0.5`", filter: "metrics.m1 > 0.5"},
		{name: "`metrics.m1 > 0.9999`", filter: "metrics.m1 > 0.9999"},
		{name: "`params.p1 = '3' and metrics.m2 < 0.1`", filter: "params.p1 = '3' and metrics.m2 < 0.1"},
		{name: "`tags.group = '777'`", filter: "tags.group = '777'"},
		{name: "by `metrics.m3 DESC`", order: []string{"metrics.m3 DESC"}},
		{name: "the same, at depth 50,000", order: []string{"metrics.m3 DESC"}, deep: true},
		{name: "100 of 10,000 runs with 200 metrics, by one of them", order: []string{"metrics.column007 DESC"}, wide: true},
	} {
		var p95 [2]time.Duration
		var found [2]int
		for i, s := range []*server{p.ours, p.theirs} {
			c := newClient(s)
			exp := b.stores[i].many
			if q.wide {
				exp = b.stores[i].wide
			}
			body := map[string]any{"experiment_ids": []string{exp}, "max_results": 100}
			if q.filter != "" {
				body["filter"] = q.filter
			}
			if q.order != nil {
				body["order_by"] = q.order
			}
			if q.deep {
				token, err := deepToken(c, i, body)
				if err != nil {
					return err
				}
				body["page_token"] = token
			}
			times, n, err := searchTimes(c, body, []int{60, 20}[i])
			if err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			slices.Sort(times)
			p95[i], found[i] = times[len(times)*95/100], n
		}
		if found[0] != found[1] && p95[1] < patience {
			return fmt.Errorf("search %s: %d runs, MLflow %d", q.name, found[0], found[1])
		}
		ratio := p95[1].Seconds() / p95[0].Seconds()
		name := "search of 100,000 runs, p95: " + q.name
		bar, ok := "< 50 ms, 20 times MLflow", p95[0] < 50*time.Millisecond && ratio >= 20
		if q.wide {
			name, bar, ok = "search, p95: "+q.name, "< 200 ms", p95[0] < 200*time.Millisecond
		}
		peer := fmt.Sprintf("MLflow %s; ratio %.0f", millis(p95[1]), ratio)
		if p95[1] >= patience {
			peer = fmt.Sprintf("MLflow: no answer within %s; ratio over %.0f", millis(patience), ratio)
		}
		b.bar(name, millis(p95[0]), bar, ok, peer)
	}
	return nil
}

// table asks the native API for what the page of runs shows: rows with all 200 metrics, and how many runs there are.
func (b *bench) table(p peers) error {
	c := newClient(p.ours)
	c.base = p.ours.url + "/api/v1/"
	ask := map[string]any{"experiments": []string{b.stores[0].wide}, "order": []string{"metrics.column007 DESC"}, "limit": 100}
	var page struct {
		Metrics []string
		Rows    []json.RawMessage
		Total   int
		Next    string
	}
	const clauses = "metrics.column003 > 0.2 AND metrics.column100 < 0.8 AND metrics.column150 > 0.1"
	for _, q := range []struct{ name, filter string }{{", and the count", ""}, {"; filtered by three of them", clauses}} {
		ask["filter"] = q.filter
		var times []time.Duration
		for range 60 {
			took, err := elapsed(func() error { return c.post("runs/query", ask, &page) })
			if err != nil {
				return err
			}
			times = append(times, took)
		}
		if len(page.Metrics) != wideColumns || len(page.Rows) != 100 || (page.Total == wideRuns) != (q.filter == "") {
			return fmt.Errorf("the table has %d columns, %d rows of %d", len(page.Metrics), len(page.Rows), page.Total)
		}
		slices.Sort(times)
		p95 := times[len(times)*95/100]
		b.bar("table of 10,000 runs with 200 metrics, native API, p95: 100 rows by a metric, all columns"+q.name, millis(p95), "< 200 ms", p95 < 200*time.Millisecond, "")
	}
	ask["filter"] = ""
	rows := 0
	ask["limit"], ask["no_total"] = 1000, true
	took, err := elapsed(func() error {
		for token := ""; ; token = page.Next {
			ask["page"] = token
			if err := c.post("runs/query", ask, &page); err != nil {
				return err
			}
			if rows += len(page.Rows); page.Next == "" {
				return nil
			}
		}
	})
	if err == nil && rows != wideRuns {
		err = fmt.Errorf("all pages have %d rows", rows)
	}
	b.add("the same, all 10,000 rows with all columns in pages of 1,000", millis(took), "")
	return err
}

// patience is how long a search may take.
const patience = 30 * time.Second

// searchTimes asks once without counting, then so many times, and no longer than patience in all. A search that takes longer
// than that is one time of patience.
func searchTimes(c *client, body map[string]any, times int) (out []time.Duration, n int, err error) {
	impatient := *c
	impatient.http = &http.Client{Transport: c.http.Transport, Timeout: patience}
	began := time.Now()
	for i := range times + 1 {
		var page struct{ Runs []json.RawMessage }
		took, err := elapsed(func() error { return impatient.post("runs/search", body, &page) })
		var late interface{ Timeout() bool }
		if errors.As(err, &late) && late.Timeout() {
			return []time.Duration{patience}, 0, nil
		}
		if err != nil {
			return nil, 0, err
		}
		if n = len(page.Runs); i > 0 || time.Since(began) > patience/2 {
			out = append(out, took)
		}
		if time.Since(began) > patience {
			break
		}
	}
	return out, n, nil
}

// history reads a million points by the pages that the client asks for.
func (b *bench) history(p peers) error {
	var took [2][]time.Duration
	for i, s := range []*server{p.ours, p.theirs} {
		c := newClient(s)
		for range []int{5, 1}[i] {
			points := 0
			d, err := elapsed(func() error {
				query := url.Values{"run_id": {b.stores[i].run}, "metric_key": {"loss"}, "max_results": {"25000"}}
				for {
					var page struct {
						Metrics []json.RawMessage
						Next    string `json:"next_page_token"`
					}
					if err := c.get("metrics/get-history", query, &page); err != nil {
						return err
					}
					points += len(page.Metrics)
					if page.Next == "" {
						return nil
					}
					query.Set("page_token", page.Next)
				}
			})
			if err != nil {
				return err
			}
			if points != longPoints {
				return fmt.Errorf("the history has %d points", points)
			}
			took[i] = append(took[i], d)
		}
	}
	ratio := median(took[1]).Seconds() / median(took[0]).Seconds()
	b.bar("history of 1,000,000 points in pages of 25,000, read as JSON", millis(median(took[0])), "10 times MLflow", ratio >= 10,
		fmt.Sprintf("MLflow %s; ratio %.0f", millis(median(took[1])), ratio))
	return nil
}

// upload streams a gigabyte to the artifact proxy and watches the memory of the server.
func (b *bench) upload(p peers) error {
	var most [2]int64
	var took [2]time.Duration
	for i, s := range []*server{p.ours, p.theirs} {
		before, _, _ := s.memory()
		done, watched := make(chan bool), make(chan bool)
		go func() {
			defer close(watched)
			for {
				select {
				case <-done:
					return
				case <-time.After(20 * time.Millisecond):
					now, _, _ := s.memory()
					most[i] = max(most[i], now-before)
				}
			}
		}()
		d, err := elapsed(func() error {
			req, err := http.NewRequest(http.MethodPut, s.url+"/api/2.0/mlflow-artifacts/artifacts/0/big.bin", &noisy{left: 1 << 30})
			if err != nil {
				return err
			}
			req.ContentLength = 1 << 30
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
				return fmt.Errorf("upload: %d %s", resp.StatusCode, text)
			}
			return nil
		})
		close(done)
		<-watched
		if err != nil {
			return err
		}
		took[i] = d
	}
	b.bar("memory that an upload of 1 GiB adds, private", megabytes(most[0]), "< 32 MB", most[0] < 32<<10,
		fmt.Sprintf("in %s; MLflow %s in %s", millis(took[0]), megabytes(most[1]), millis(took[1])))
	return nil
}

// noisy gives bytes that do not compress well, cheaply.
type noisy struct {
	left, state int64
}

func (n *noisy) Read(p []byte) (int, error) {
	if n.left == 0 {
		return 0, io.EOF
	}
	size := min(int64(len(p)), n.left)
	for i := range p[:size] {
		n.state = n.state*6364136223846793005 + 1442695040888963407
		p[i] = byte(n.state >> 56)
	}
	n.left -= size
	return int(size), nil
}

// section puts the table of one part between its marks in the file, and keeps the rest.
func section(text, mark, table string) string {
	open, end := "<!-- "+mark+" -->\n", "<!-- end of "+mark+" -->\n"
	from, to := strings.Index(text, open), strings.Index(text, end)
	if from < 0 || to < from {
		return strings.TrimRight(text, "\n") + "\n\n" + open + table + end
	}
	return text[:from] + open + table + text[to:]
}
