// Package demo plays the life of one product, the umbrellas, in ten acts with real work in each: the same calls that the
// commands make, Python steps, the stock MLflow client, and HTTP requests to the server that it starts.
//
// Every act looks first at what is there. After an interruption at any instant the next run goes on; what was done is
// told from the records, and what can be checked again is.
package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// Options say where and how the story is played.
type Options struct {
	Dir     string
	Addr    string
	Exit    bool // end after the story
	Fresh   bool // begin anew
	Out     io.Writer
	Version string
}

// The people of the story.
const (
	daisy = "daisy"
	eddy  = "eddy"
	bo    = "bo"
)

// story is one playing.
type story struct {
	Options
	ctx context.Context
	n   *narrator
	a   *app.App
	p   *spec.Product
	log *os.File // what the steps print

	first    ref.Digest // package of the first release
	second   ref.Digest // package of the retraining
	timings  []timing
	measured []measure
}

type timing struct {
	act  string
	took time.Duration
}

// measure is a line of the summary: a number and where it comes from.
type measure struct{ what, value, from string }

type act struct {
	title string
	play  func(*story) error
}

func acts() []act {
	return []act{
		{"Ideate: what is an umbrella worth?", (*story).ideate},
		{"Data under contract", (*story).data},
		{"Explore and model", (*story).explore},
		{"Pipeline", (*story).pipeline},
		{"Package", (*story).pack},
		{"Release by evidence", (*story).release},
		{"Serve", (*story).serve},
		{"Operate: 2015, day by day", (*story).operate},
		{"Now what? Retrain, release, roll back", (*story).nowWhat},
		{"The bill", (*story).bill},
	}
}

// Run plays the story and, unless Exit is set, serves the product page until ctx ends.
func Run(ctx context.Context, o Options) error {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fault.Wrap(err, "folder %s", o.Dir)
	}
	o.Dir = dir
	if err := prepare(o); err != nil {
		return err
	}
	s := &story{Options: o, ctx: ctx, n: newNarrator(o.Out)}
	if err := s.open(); err != nil {
		return err
	}
	defer s.close()
	s.prologue()
	for i, act := range acts() {
		s.n.title(i+1, act.title)
		if err := act.play(s); err != nil {
			return fault.Wrap(err, "act %d", i+1)
		}
		s.timings = append(s.timings, timing{act.title, time.Since(s.n.act)})
	}
	s.epilogue()
	if o.Exit {
		return nil
	}
	s.n.say("The product page is open at %s — Ctrl-C ends. Later: paraplu up --home %s", s.a.URL(), o.Dir)
	<-ctx.Done()
	return nil
}

func (s *story) open() (err error) {
	py := app.FindPython(s.Dir)
	if err := checkPython(s.ctx, py); err != nil {
		return err
	}
	if s.a, err = app.Open(s.ctx, app.Config{Home: s.Dir, Addr: s.Addr, Python: py}); err != nil {
		return err
	}
	if s.log, err = os.OpenFile(filepath.Join(s.Dir, ".paraplu", "demo.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		s.a.Close()
		return fault.Wrap(err, "opening the log of the demo")
	}
	// What a killed run left half-done: objects that no transaction came to refer to.
	if _, err = s.a.Alone(func() error { _, err := s.a.Sweep(s.ctx, 0, false); return err }); err == nil {
		err = s.a.Start(s.ctx, app.StartOptions{})
	}
	if err != nil {
		s.close()
	}
	return err
}

func (s *story) close() {
	s.n.clear()
	s.log.Close()
	s.a.Close()
}

func (s *story) prologue() {
	s.n.say("%s   one roof over the whole life of a machine-learning product", s.n.bold("PARAPLU "+s.Version))
	s.n.say("A shop has too few or too many umbrellas. Daisy (data scientist), Eddy (ML engineer) and Bo (business) own the product together, from idea to money.")
	s.n.say("The weather of Seattle 2012–2015 is real (NOAA, public domain). %s", s.n.bold("Sales and rain forecasts are simulated on it, with known coefficients."))
	s.n.say("Folder %s   server %s", s.Dir, s.a.URL())
}

func (s *story) epilogue() {
	s.n.clear()
	total := time.Since(s.n.began)
	fmt.Fprintf(s.n.w, "\n%s\n", s.n.bold("   Summary"))
	for _, m := range s.measured {
		fmt.Fprintf(s.n.w, "   %-42s %22s   %s\n", m.what, m.value, s.n.dim(m.from))
	}
	fmt.Fprintln(s.n.w)
	for i, t := range s.timings {
		fmt.Fprintf(s.n.w, "   %2d  %-42s %8s\n", i+1, t.act, seconds(t.took))
	}
	fmt.Fprintf(s.n.w, "   the demo is complete: ten acts in %s\n", seconds(total))
}

// note keeps a number for the summary.
func (s *story) note(what, from, format string, args ...any) {
	s.measured = append(s.measured, measure{what, fmt.Sprintf(format, args...), from})
}
