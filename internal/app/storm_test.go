package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/tracking"
)

// TestKillNineDuringAStorm: eight clients log batches to a server that is killed at a random moment, again and again. Every
// point that was acknowledged is there afterwards, a batch is there whole or not at all, and no point is there twice,
// although the clients repeat what was not acknowledged.
func TestKillNineDuringAStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills servers")
	}
	each(t, func(t *testing.T, cfg app.Config) {
		s := &storm{t: t, cfg: cfg}
		s.prepare()
		for range 6 {
			s.round()
		}
		s.check()
	})
}

const (
	stormClients = 8
	stormBatch   = 40 // points, alternating between two metrics
)

type storm struct {
	t     *testing.T
	cfg   app.Config
	runs  [stormClients]string
	acked [stormClients]int // batches, all before the first that was not acknowledged
}

func (s *storm) prepare() {
	a := open(s.t, s.cfg)
	defer a.Close()
	for i := range s.runs {
		run, err := a.Tracking.CreateRun(ctx, tracking.NewRun{Name: fmt.Sprint("client ", i)})
		if err != nil {
			s.t.Fatal(err)
		}
		s.runs[i] = run.ID
	}
}

// round lets all clients log until the server dies.
func (s *storm) round() {
	cmd, in, url := serving(s.t, s.cfg)
	defer in.Close()
	var all sync.WaitGroup
	var first sync.Once
	kill := func() {
		first.Do(func() {
			time.AfterFunc(time.Duration(rand.IntN(300))*time.Millisecond, func() { cmd.Process.Kill() })
		})
	}
	defer time.AfterFunc(time.Minute, kill).Stop() // should no batch be acknowledged
	for i := range s.runs {
		all.Go(func() { s.log(i, url, kill) })
	}
	all.Wait()
	cmd.Process.Kill()
	cmd.Wait() //nolint:errcheck // it was killed
}

// log sends batches until one is not acknowledged; the next round begins with that one again.
func (s *storm) log(i int, url string, acknowledged func()) {
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for {
		body, err := json.Marshal(map[string]any{"run_id": s.runs[i], "metrics": batchOf(s.acked[i])})
		if err != nil {
			s.t.Error(err)
			return
		}
		resp, err := client.Post(url+"/api/2.0/mlflow/runs/log-batch", "application/json", bytes.NewReader(body))
		if err != nil {
			return
		}
		text, err := io.ReadAll(resp.Body)
		if cerr := resp.Body.Close(); errors.Join(err, cerr) != nil {
			return
		}
		if resp.StatusCode != http.StatusOK {
			s.t.Errorf("client %d: %d %s", i, resp.StatusCode, text)
			return
		}
		s.acked[i]++
		acknowledged()
	}
}

type stormPoint struct {
	Key       string  `json:"key"`
	Value     float64 `json:"value"`
	Timestamp int64   `json:"timestamp"`
	Step      int64   `json:"step"`
}

func batchOf(n int) []stormPoint {
	out := make([]stormPoint, stormBatch)
	for i := range out {
		at := n*stormBatch + i
		out[i] = stormPoint{Key: []string{"loss", "accuracy"}[i%2], Value: float64(at) / 3, Timestamp: int64(1000 + at), Step: int64(at)}
	}
	return out
}

func (s *storm) check() {
	a := open(s.t, s.cfg)
	total := 0
	for i, run := range s.runs {
		var steps []int64
		for _, key := range []string{"loss", "accuracy"} {
			page, err := a.Tracking.MetricHistory(ctx, run, key, 0, "")
			if err != nil {
				s.t.Fatal(err)
			}
			for _, m := range page.Items {
				if m.Value != float64(m.Step)/3 || m.TimestampMs != 1000+m.Step {
					s.t.Errorf("client %d: a point that nobody logged: %+v", i, m)
				}
				steps = append(steps, m.Step)
			}
		}
		slices.Sort(steps)
		for at, step := range steps {
			if int64(at) != step {
				s.t.Fatalf("client %d: point %d is missing or there twice", i, min(int64(at), step))
			}
		}
		// The batch after the last acknowledged one may have been committed before the answer was lost.
		if n := len(steps); n != s.acked[i]*stormBatch && n != (s.acked[i]+1)*stormBatch {
			s.t.Errorf("client %d: %d points are there, %d were acknowledged", i, n, s.acked[i]*stormBatch)
		}
		total += s.acked[i]
	}
	if total == 0 {
		s.t.Error("no batch was acknowledged in any round")
	}
	s.t.Logf("%d batches of %d points were acknowledged", total, stormBatch)
}
