package pipeline

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/paraplu/paraplu/internal/dag"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// RunOptions say how a plan is carried out.
type RunOptions struct {
	Actor    string          // member or "system"
	Source   string          // of the fact: cli, api, job, demo; "" = cli
	Out      io.Writer       // what the steps print, each line after the name of its step; nil = nowhere
	Env      []string        // NAME=value for the steps, beside the environment of this process; no part of the fingerprint
	Progress func(StepEvent) // called from one goroutine at a time; nil = nobody
	Jobs     int             // steps at once; below 1 = one for each processor
	Grace    time.Duration   // between asking a step to end and killing it; 0 = 5 seconds
}

// StepEvent tells that a step begins (Result is "") or has ended.
type StepEvent struct {
	Execution string
	Step      string
	Position  int // from 0, in the order of the plan
	Total     int // steps of the execution
	Result    Result
	Why       string
	Took      time.Duration
	Err       error
}

// walk is one execution under way.
type walk struct {
	room   *Room
	plan   *Plan
	opt    RunOptions
	exec   *Execution
	term   *terminal
	params string // file for the steps, "" when there are no parameters
	place  map[string]int

	mu    sync.Mutex
	begun bool           // the execution is in the database
	outs  map[string]Out // what the steps so far wrote or restored
}

// Run carries out a plan. Steps that do not depend on a failed one still run. The execution is returned beside the
// error of the first step that failed (fault.StepFailed), or of a cancelled context (fault.Canceled). Another execution
// in the same workspace is fault.Conflict.
func (r *Room) Run(ctx context.Context, p *Plan, opt RunOptions) (*Execution, error) {
	unlock, err := p.ws.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := r.recover(ctx); err != nil {
		return nil, err
	}
	w := r.newWalk(p, opt)
	r.setActive(w.exec.ID, true)
	defer r.setActive(w.exec.ID, false)
	if err := w.writeParams(); err != nil {
		return nil, err
	}
	defer os.Remove(w.params)
	stop := w.heart(ctx)
	first, err := w.all(ctx)
	stop()
	p.ws.save()
	if err != nil {
		return nil, err
	}
	return w.exec, w.close(ctx, first)
}

func (r *Room) newWalk(p *Plan, opt RunOptions) *walk {
	if opt.Jobs < 1 {
		opt.Jobs = runtime.NumCPU()
	}
	if opt.Grace == 0 {
		opt.Grace = 5 * time.Second
	}
	if opt.Actor == "" {
		opt.Actor = "system"
	}
	if opt.Source == "" {
		opt.Source = "cli"
	}
	w := &walk{room: r, plan: p, opt: opt, term: &terminal{out: opt.Out}, place: map[string]int{}, outs: map[string]Out{}}
	for i, s := range p.Steps {
		w.place[s.Name] = i
	}
	w.exec = &Execution{
		ID: ref.NewID(), Product: p.product.Name, State: Running, Actor: opt.Actor, Spec: p.product.Digest(),
		Targets: p.input.Targets, Set: p.input.Set, Force: p.input.Force, Started: r.clock(),
	}
	return w
}

func (r *Room) setActive(id string, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if on {
		r.active[id] = true
	} else {
		delete(r.active, id)
	}
}

// lock makes this execution the only one of the workspace, and clears away what a killed one left half-made. The
// kernel releases the lock when the process dies.
func (w *workspace) lock() (unlock func(), err error) {
	tmp, err := w.tmp()
	if err != nil {
		return nil, fault.Wrap(err, "workspace %s", w.dir)
	}
	f, err := os.OpenFile(w.abs(private, "pipeline.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fault.Wrap(err, "locking the workspace")
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fault.New(fault.Conflict, "another execution is running in %s", w.dir).WithHint("wait until it has ended, then run again")
		}
		return nil, fault.Wrap(err, "locking the workspace")
	}
	for _, pattern := range []string{".out-*", "log-*", "params-*"} {
		left, _ := filepath.Glob(filepath.Join(tmp, pattern))
		for _, path := range left {
			os.RemoveAll(path) //nolint:errcheck // tried again next time
		}
	}
	left, _ := filepath.Glob(filepath.Join(tmp, "hashes-*")) // plans are made without this lock
	for _, path := range left {
		if abandoned(path) {
			os.Remove(path) //nolint:errcheck // tried again next time
		}
	}
	return func() { f.Close() }, nil
}

// writeParams writes the effective parameters for the steps.
func (w *walk) writeParams() error {
	if w.plan.params == nil {
		return nil
	}
	b, err := w.plan.params.encode()
	if err != nil {
		return fault.Wrap(err, "writing the parameters")
	}
	dir, err := w.plan.ws.tmp()
	if err != nil {
		return fault.Wrap(err, "writing the parameters")
	}
	w.params = filepath.Join(dir, "params-"+w.exec.ID+".yaml")
	return fault.Wrap(os.WriteFile(w.params, b, 0o644), "writing the parameters")
}

// begin writes the execution before its first step runs; one in which nothing runs is written at its end only.
func (w *walk) begin(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun {
		return nil
	}
	err := w.room.db.Update(ctx, func(tx *db.Tx) error {
		return insertExecution(tx, w.exec, w.room.self, db.Millis(w.room.clock()))
	})
	w.begun = err == nil
	return err
}

// heart tells other machines that this execution lives, until stop is called.
func (w *walk) heart(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				w.room.db.Update(ctx, func(tx *db.Tx) error { //nolint:errcheck // the next beat tries again
					return beat(tx, w.exec.ID, db.Millis(w.room.clock()))
				})
			}
		}
	}()
	return func() { cancel(); <-gone }
}

type outcome struct {
	step Step
	err  error
}

// all walks the graph and fills exec.Steps. It gives the error of the first step that failed.
func (w *walk) all(ctx context.Context) (first, err error) {
	sched, err := w.plan.graph.Schedule()
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	results := make([]Step, len(w.plan.Steps))
	for i, s := range w.plan.Steps {
		results[i] = Step{Name: s.Name, Position: i, Result: StepSkipped, Why: "the execution was cancelled"}
	}
	done := make(chan outcome)
	for running := 0; sched.Left() > 0; {
		if free := w.opt.Jobs - running; free > 0 && ctx.Err() == nil {
			for _, name := range sched.Ready(free) {
				running++
				w.tell(Step{Name: name, Position: w.place[name]}, nil)
				go func() {
					step, err := w.step(ctx, name)
					done <- outcome{step, err}
				}()
			}
		}
		if running == 0 {
			break // cancelled
		}
		o := <-done
		running--
		results[o.step.Position] = o.step
		w.tell(o.step, o.err)
		if o.err == nil {
			sched.Done(o.step.Name)
			continue
		}
		if first == nil {
			first = o.err
		}
		w.skip(sched, o.step, results)
	}
	w.exec.Steps = results
	if first == nil && ctx.Err() != nil && w.exec.Count(StepSkipped) > 0 {
		first = fault.New(fault.Canceled, "the execution was cancelled: %w", ctx.Err())
	}
	return first, nil
}

func (w *walk) skip(sched *dag.Schedule[string], failed Step, results []Step) {
	for _, name := range sched.Fail(failed.Name) {
		s := &results[w.place[name]]
		s.Why = failed.Name + " failed"
		if failed.Result == StepCanceled {
			s.Why = "the execution was cancelled"
		}
		w.tell(*s, nil)
	}
}

func (w *walk) tell(s Step, err error) {
	if w.opt.Progress == nil {
		return
	}
	w.opt.Progress(StepEvent{
		Execution: w.exec.ID, Step: s.Name, Position: s.Position, Total: len(w.plan.Steps),
		Result: s.Result, Why: s.Why, Took: s.Finished.Sub(s.Started), Err: err,
	})
}
