package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	starts     = 11
	modelReady = "/v2/models/umbrella/ready"
)

// quiet keeps Python peers from reporting their use elsewhere.
var quiet = []string{"MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true"}

func (b *bench) up(home string) (*server, error) { return b.upUntil("/health", home) }

// upUntil waits for another address than /health.
func (b *bench) upUntil(path, home string) (*server, error) {
	return launch(path, b.bin, nil, "up", "--home", home, "--addr", "127.0.0.1:PORT")
}

func (b *bench) mlflow(workers ...string) (*server, error) {
	dir, err := os.MkdirTemp(b.work, "mlflow-")
	if err != nil {
		return nil, err
	}
	args := []string{"-m", "mlflow", "server", "--host", "127.0.0.1", "--port", "PORT", "--backend-store-uri", "sqlite:///" + filepath.Join(dir, "mlflow.db"),
		"--artifacts-destination", filepath.Join(dir, "artifacts")}
	return launch("/health", b.python, quiet, append(args, workers...)...)
}

// startup starts in empty folders.
func (b *bench) startup() error {
	first, again := make([]time.Duration, starts), make([]time.Duration, starts)
	for i := range first {
		home, err := os.MkdirTemp(b.work, "up-")
		if err != nil {
			return err
		}
		for _, into := range [][]time.Duration{first, again} {
			s, err := b.up(home)
			if err != nil {
				return err
			}
			into[i] = s.up
			s.stop()
		}
	}
	peer := ""
	if b.python != "" {
		var stock []time.Duration
		for range 3 {
			s, err := b.mlflow()
			if err != nil {
				return err
			}
			stock = append(stock, s.up)
			s.stop()
		}
		peer = "`mlflow server`: " + millis(median(stock))
	}
	b.bar("start in an empty folder until /health answers", millis(median(first)), "< 500 ms", median(first) < 500*time.Millisecond, peer)
	b.add("start again in the same folder", millis(median(again)), "")
	return nil
}

// idle looks at the memory of servers that nobody has asked yet.
func (b *bench) idle() error {
	home, err := os.MkdirTemp(b.work, "idle-")
	if err != nil {
		return err
	}
	peer := ""
	for _, workers := range [][]string{nil, {"--workers", "1"}} {
		if b.python == "" {
			break
		}
		s, err := b.mlflow(workers...)
		if err != nil {
			return err
		}
		time.Sleep(5 * time.Second)
		private, resident, n := s.memory()
		s.stop()
		if peer != "" {
			peer += "; with one worker "
		} else {
			peer = "`mlflow server`: "
		}
		peer += fmt.Sprintf("%s private, %s resident in %d processes", megabytes(private), megabytes(resident), n)
	}
	s, err := b.up(home)
	if err != nil {
		return err
	}
	defer s.stop()
	time.Sleep(5 * time.Second)
	private, resident, _ := s.memory()
	b.bar("idle memory, private (RssAnon)", megabytes(private), "< 60 MB", private < 60<<10, peer)
	b.add("idle memory, resident (VmRSS)", megabytes(resident), "")
	return nil
}

// demo plays the story, which leaves the workspace for what follows.
func (b *bench) demo() error {
	b.story = filepath.Join(b.work, "umbrella")
	took, _, err := timed([]string{"PARAPLU_PYTHON=" + b.python}, b.bin, "demo", "--exit", "--addr", "127.0.0.1:0", "--dir", b.story)
	if err != nil {
		return err
	}
	b.bar("the story from an empty folder", millis(took), "< 5 min", took < 5*time.Minute, "")
	took, _, err = timed([]string{"PARAPLU_PYTHON=" + b.python}, b.bin, "demo", "--exit", "--addr", "127.0.0.1:0", "--dir", b.story)
	b.add("the story told again from its records", millis(took), "")
	return err
}

// noop runs a pipeline in which nothing changed.
func (b *bench) noop() error {
	var took []time.Duration
	for i := range 8 {
		d, _, err := timed([]string{"PARAPLU_PYTHON=" + b.python}, b.bin, "run", "--home", b.story, "--as", "daisy")
		if err != nil {
			return err
		}
		if i > 0 { // the story ended with other params: the first one makes its features anew
			took = append(took, d)
		}
	}
	b.add("`paraplu run` when nothing changed, whole command", millis(median(took)), "")
	return nil
}

// startupOfStory starts in a workspace with a year of operation and a placed model.
func (b *bench) startupOfStory() error {
	for _, c := range [][2]string{{"/health", "start with the product of the story"}, {modelReady, "start with it until its model answers, verified"}} {
		path, what := c[0], c[1]
		var took []time.Duration
		for range starts {
			s, err := b.upUntil(path, b.story)
			if err != nil {
				return err
			}
			took = append(took, s.up)
			s.stop()
		}
		b.bar(what, millis(median(took)), "< 500 ms", median(took) < 500*time.Millisecond, "")
	}
	s, err := b.up(b.story)
	if err != nil {
		return err
	}
	defer s.stop()
	time.Sleep(5 * time.Second)
	private, resident, _ := s.memory()
	b.bar("idle memory with the product of the story, private", megabytes(private), "< 60 MB", private < 60<<10, "")
	b.add("idle memory with the product of the story, resident", megabytes(resident), "")
	return nil
}
