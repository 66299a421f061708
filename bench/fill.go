package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/tracking"
)

// The sizes of the stores that searches and histories are measured on.
const (
	manyRuns    = 100_000
	wideRuns    = 10_000
	wideColumns = 200
	longPoints  = 1_000_000
	startOfTime = 1_700_000_000_000
)

// store names what a filled store holds.
type store struct {
	many, wide, long string // experiments
	run              string // with the long history
}

// noise gives the same numbers as fill_mlflow.py: all 53 bits of them differ (SplitMix64).
func noise(i int) float64 {
	z := (uint64(i) + 1) * 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return float64((z^z>>31)>>11) / (1 << 53)
}

// fillMLflow writes to the database of a stopped MLflow server.
func (b *bench) fillMLflow(path string) (store, error) {
	cmd := exec.Command(b.python, "bench/fill_mlflow.py", path, fmt.Sprint(manyRuns), fmt.Sprint(wideRuns), fmt.Sprint(wideColumns), fmt.Sprint(longPoints))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return store{}, fmt.Errorf("filling MLflow: %w", err)
	}
	f := strings.Fields(string(out))
	return store{f[0], f[1], f[2], f[3]}, nil
}

// fillParaplu writes the same through the rooms.
func (b *bench) fillParaplu(home string) (s store, err error) {
	ctx := context.Background()
	a, err := app.Open(ctx, app.Config{Home: home})
	if err != nil {
		return s, err
	}
	defer a.Close()
	r := a.Tracking
	for name, id := range map[string]*string{"many": &s.many, "wide": &s.wide, "long": &s.long} {
		e, err := r.CreateExperiment(ctx, name, "", nil)
		if err != nil {
			return s, err
		}
		*id = e.ID
	}
	run := func(exp string, i int) (string, error) {
		made, err := r.CreateRun(ctx, tracking.NewRun{ExperimentID: exp, Name: fmt.Sprint("run-", i), UserID: "daisy", StartMs: startOfTime + int64(i),
			Tags: []tracking.KV{{Key: "mlflow.user", Value: "daisy"}, {Key: "group", Value: fmt.Sprint(i / 10)}}})
		if err != nil {
			return "", err
		}
		end := int64(startOfTime + i + 1000)
		_, err = r.UpdateRun(ctx, tracking.RunUpdate{ID: made.ID, Status: "FINISHED", EndMs: &end})
		return made.ID, err
	}
	err = together(manyRuns, func(i int) error {
		id, err := run(s.many, i)
		if err != nil {
			return err
		}
		return r.LogBatch(ctx, id, values("m%d", 5, i), params(i), nil)
	})
	if err != nil {
		return s, err
	}
	err = together(wideRuns, func(i int) error {
		id, err := run(s.wide, i)
		if err != nil {
			return err
		}
		return r.LogBatch(ctx, id, values("column%03d", wideColumns, i), nil, nil)
	})
	if err != nil {
		return s, err
	}
	if s.run, err = run(s.long, 0); err != nil {
		return s, err
	}
	for from := 0; from < longPoints; from += 1000 {
		batch := make([]tracking.Metric, 1000)
		for i := range batch {
			batch[i] = tracking.Metric{Key: "loss", Value: noise(from + i), TimestampMs: startOfTime + int64(1000*(from+i)), Step: int64(from + i)}
		}
		if err := r.LogBatch(ctx, s.run, batch, nil, nil); err != nil {
			return s, err
		}
	}
	return s, nil
}

func values(name string, n, i int) []tracking.Metric {
	out := make([]tracking.Metric, n)
	for k := range out {
		out[k] = tracking.Metric{Key: fmt.Sprintf(name, k), Value: noise(n*i + k), TimestampMs: startOfTime + int64(i)}
	}
	return out
}

func params(i int) []tracking.KV {
	out := make([]tracking.KV, 5)
	for k := range out {
		out[k] = tracking.KV{Key: fmt.Sprint("p", k), Value: strconv.Itoa((i + k) % 7)}
	}
	return out
}

// together calls fn for 0 … n-1 from several goroutines.
func together(n int, fn func(i int) error) error {
	var next atomic.Int64
	var all sync.WaitGroup
	errs := make([]error, 16)
	for w := range errs {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				errs[w] = fn(i)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// bytesPerPoint writes points of noise, one second apart, to an empty store and looks at what its files grew by.
func (b *bench) bytesPerPoint() error {
	ctx := context.Background()
	home, err := os.MkdirTemp(b.work, "bytes-")
	if err != nil {
		return err
	}
	size := func() (total int64) {
		files, _ := filepath.Glob(filepath.Join(home, ".paraplu", "*.db*"))
		for _, f := range files {
			if info, err := os.Stat(f); err == nil {
				total += info.Size()
			}
		}
		return total
	}
	const points = 1_000_000
	var before, after int64
	for _, into := range []*int64{&before, &after} {
		a, err := app.Open(ctx, app.Config{Home: home})
		if err != nil {
			return err
		}
		run, err := a.Tracking.CreateRun(ctx, tracking.NewRun{})
		for from := 0; from < points && into == &after && err == nil; from += 1000 {
			batch := make([]tracking.Metric, 1000)
			for i := range batch {
				at := from + i
				batch[i] = tracking.Metric{Key: fmt.Sprint("m", at%10), Value: noise(at), TimestampMs: startOfTime + int64(100*at), Step: int64(at / 10)}
			}
			err = a.Tracking.LogBatch(ctx, run.ID, batch, nil, nil)
		}
		a.Close()
		if err != nil {
			return err
		}
		*into = size()
	}
	per := float64(after-before) / points
	b.bar("size of a metric point on disk (10 series of 100,000 points of noise)", fmt.Sprintf("%.1f bytes", per), "≤ 10", per <= 10, "")
	return nil
}

// elapsed is for figures of one call.
func elapsed(fn func() error) (time.Duration, error) {
	began := time.Now()
	err := fn()
	return time.Since(began), err
}
