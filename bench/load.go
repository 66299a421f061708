package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	warmUp = time.Second
	during = 5 * time.Second
)

// question is one row for the model of the story, over the Open Inference Protocol.
const question = `{"inputs":[{"name":"rain_forecast_mm","shape":[1,1],"datatype":"FP32","data":[3.4]},{"name":"weekday","shape":[1,1],"datatype":"BYTES","data":["Thu"]},{"name":"month","shape":[1,1],"datatype":"INT64","data":[11]}]}`

// inference asks for one row a request.
func (b *bench) inference() error {
	s, err := b.upUntil(modelReady, b.story)
	if err != nil {
		return err
	}
	defer s.stop()
	url := s.url + "/v2/models/umbrella/infer"
	for _, connections := range []int{1, 16} {
		r, err := load(url, question, connections)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("one row over HTTP, %d connection%s", connections, map[bool]string{true: "s"}[connections > 1])
		b.add(name, fmt.Sprintf("%.0f/s, p50 %s, p99 %s", r.rate, micros(r.p50), micros(r.p99)), "")
	}
	private, _, _ := s.memory()
	b.add("memory after that load, private", megabytes(private), "")
	return nil
}

func micros(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%d µs", d.Microseconds())
	}
	return millis(d)
}

type loaded struct {
	rate     float64 // answers a second
	p50, p99 time.Duration
}

// load posts body over so many kept connections, each asking again when it has its answer.
func load(url, body string, connections int) (loaded, error) {
	var wg sync.WaitGroup
	times, errs := make([][]time.Duration, connections), make([]error, connections)
	began := time.Now()
	for c := range connections {
		wg.Go(func() { times[c], errs[c] = ask(url, body, began) })
	}
	wg.Wait()
	var all []time.Duration
	for c := range times {
		if errs[c] != nil {
			return loaded{}, errs[c]
		}
		all = append(all, times[c]...)
	}
	slices.Sort(all)
	return loaded{float64(len(all)) / during.Seconds(), all[len(all)/2], all[len(all)*99/100]}, nil
}

// ask uses one connection and gives the times of all answers after the warm-up.
func ask(url, body string, began time.Time) (out []time.Duration, err error) {
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for {
		start := time.Now()
		if start.Sub(began) > warmUp+during {
			return out, nil
		}
		resp, err := client.Post(url, "application/json", bytes.NewReader([]byte(body)))
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %s", resp.Status, text)
		}
		if start.Sub(began) > warmUp {
			out = append(out, time.Since(start))
		}
	}
}
