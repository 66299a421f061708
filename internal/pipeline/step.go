package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// attempt is one step whose turn has come.
type attempt struct {
	*walk
	spec    spec.Step
	result  Step
	log     *stepLog
	folders map[ref.Digest]manifest
	unsure  bool // a dependency changed meanwhile: do not reuse the result
}

// step decides about a step and carries it out. A step that ran or failed is recorded when it returns; one from the
// cache is recorded at the end of the execution.
func (w *walk) step(ctx context.Context, name string) (Step, error) {
	s, _ := w.plan.product.Step(name)
	a := &attempt{walk: w, spec: s, folders: map[ref.Digest]manifest{}}
	a.result = Step{Name: name, Position: w.place[name], Started: w.room.clock()}
	err := a.settle(ctx)
	a.result.Finished = w.room.clock()
	if err == nil && a.result.Result == StepCached {
		return a.result, nil
	}
	if err != nil {
		err = a.fail(ctx, err)
	}
	keep := context.WithoutCancel(ctx)
	if beginErr := w.begin(keep); beginErr != nil {
		a.result.Result = StepFailed
		return a.result, errors.Join(err, beginErr)
	}
	recordErr := w.room.db.Update(keep, func(tx *db.Tx) error {
		if err := insertStep(tx, w.exec, &a.result); err != nil || a.result.Result != StepRan || a.unsure {
			return err
		}
		return insertCache(tx, w.exec, &a.result, a.folders, db.Millis(a.result.Finished))
	})
	if recordErr != nil && err == nil {
		a.result.Result = StepFailed
		err = fault.Wrap(recordErr, "step %s succeeded, but recording it failed", name)
		a.result.Error = err.Error()
	}
	return a.result, err
}

// content gives the digest of a dependency: as recorded when a step of this execution has just made sure of it, else
// by looking.
func (w *walk) content(dep string) (ref.Digest, error) {
	w.mu.Lock()
	out, ok := w.outs[dep]
	w.mu.Unlock()
	if ok {
		return out.Digest, nil
	}
	return w.plan.content(dep)
}

func (w *walk) wrote(outs []Out) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range outs {
		w.outs[o.Path] = o
	}
}

// settle takes the step from the cache or runs it.
func (a *attempt) settle(ctx context.Context) error {
	p := a.plan
	in, err := p.inputsOf(a.spec, a.content)
	if err != nil {
		return err
	}
	a.result.Inputs, a.result.Digest = in, in.Digest()
	d, err := a.room.decide(ctx, p, a.spec, in)
	if err != nil {
		return err
	}
	a.result.Why = d.why
	if d.hit != nil {
		words, err := a.room.ensure(ctx, p.ws, d.hit.outs)
		if err == nil {
			a.result.Result, a.result.Why = StepCached, d.why+words
			a.result.Outs, a.result.Metrics = d.hit.outs, d.hit.metrics
			a.wrote(d.hit.outs)
			return nil
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		a.result.Why = "its outputs are no longer in the object store"
	}
	return a.run(ctx)
}

// run executes the commands and keeps what they wrote.
func (a *attempt) run(ctx context.Context) error {
	if err := a.begin(ctx); err != nil {
		return err
	}
	outs := a.spec.Outputs()
	if err := a.plan.ws.clear(outs); err != nil {
		return err
	}
	if err := a.openLog(); err != nil {
		return err
	}
	defer os.Remove(a.log.file.Name())
	defer a.log.file.Close()
	err := a.commands(ctx)
	if err == nil {
		err = a.collect(ctx, outs)
	}
	return errors.Join(err, a.keepLog(ctx))
}

func (a *attempt) openLog() error {
	dir, err := a.plan.ws.tmp()
	if err != nil {
		return fault.Wrap(err, "making the log")
	}
	f, err := os.CreateTemp(dir, "log-*")
	if err != nil {
		return fault.Wrap(err, "making the log")
	}
	width := 0
	for _, s := range a.plan.Steps {
		width = max(width, len(s.Name))
	}
	a.log = &stepLog{file: f, term: a.term, prefix: fmt.Sprintf("%-*s │ ", width, a.spec.Name)}
	return nil
}

// runContext gives the tags that MLflow's client sets on every run that the step starts, as JSON, beside those of a person:
// so a run knows its product, execution and step (tracking.TagProduct, TagExecution, TagStep).
func (a *attempt) runContext(given string) string {
	tags := map[string]string{}
	if json.Unmarshal([]byte(given), &tags) != nil { // absent, or for the client to complain about
		tags = map[string]string{}
	}
	tags["paraplu.product"], tags["paraplu.execution"], tags["paraplu.step"] = a.exec.Product, a.exec.ID, a.spec.Name
	text, _ := json.Marshal(tags) // texts always marshal
	return string(text)
}

func (a *attempt) commands(ctx context.Context) error {
	if limit := a.spec.Timeout.Std(); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than its timeout of %s", a.spec.Timeout))
		defer cancel()
	}
	env := append(os.Environ(), a.opt.Env...)
	for _, k := range keys(a.spec.Env, nil) {
		env = append(env, k+"="+a.spec.Env[k])
	}
	env = append(env, "PARAPLU_EXECUTION="+a.exec.ID, "PARAPLU_STEP="+a.spec.Name, "MLFLOW_RUN_CONTEXT="+a.runContext(os.Getenv("MLFLOW_RUN_CONTEXT")))
	if a.params != "" {
		env = append(env, "PARAPLU_PARAMS="+a.params)
	}
	for _, text := range a.spec.Cmd {
		c := command{text: text, dir: a.plan.ws.dir, env: env, out: a.log, grace: a.opt.Grace}
		if err := c.run(ctx); err != nil {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
				return cause
			}
			return err
		}
	}
	return nil
}

// collect checks and keeps the outputs. If a dependency changed while the step ran, nobody knows which content it
// read, so the result counts but is not reused.
func (a *attempt) collect(ctx context.Context, outs []string) error {
	var missing []string
	for _, out := range outs {
		if _, err := os.Stat(a.plan.ws.abs(out)); err != nil {
			missing = append(missing, out)
		}
	}
	if len(missing) > 0 {
		return fault.New(fault.StepFailed, "it ended well, but did not write %s", strings.Join(missing, ", ")).
			WithHint("write the file, or remove it from outs and metrics in %s", spec.FileName)
	}
	var err error
	if a.result.Metrics, err = readMetrics(a.plan.ws, a.spec.Metrics); err != nil {
		return err
	}
	for _, name := range outs {
		out, folder, err := a.room.keep(ctx, a.plan.ws, name)
		if err != nil {
			return fault.Wrap(err, "keeping %s", name)
		}
		a.result.Outs = append(a.result.Outs, out)
		if out.Dir {
			a.folders[out.Digest] = folder
		}
	}
	a.result.Result = StepRan
	a.wrote(a.result.Outs)
	after, err := a.plan.inputsOf(a.spec, a.plan.content)
	if err != nil || after.Digest() != a.result.Digest {
		what := "a dependency vanished"
		if err == nil {
			what = sentence(after.changes(a.result.Inputs))
		}
		a.result.Why += "; not kept for later, because while it ran: " + what
		a.unsure = true
	}
	return nil
}

func (a *attempt) keepLog(ctx context.Context) error {
	if err := a.log.close(); err != nil {
		return err
	}
	var err error
	a.result.Log, a.result.LogBytes, err = a.room.blobs.Put(context.WithoutCancel(ctx), a.log.file)
	return fault.Wrap(err, "keeping the log")
}

// fail completes the record of a step that did not succeed and gives the error for people.
func (a *attempt) fail(ctx context.Context, cause error) error {
	r := &a.result
	r.Result, r.Outs, r.Metrics = StepFailed, nil, nil
	name, after := a.spec.Name, r.Finished.Sub(r.Started).Round(100*time.Millisecond)
	aside, tail := "", ""
	if a.log != nil {
		aside, tail = a.plan.ws.setAside(name, a.spec.Outputs()), a.log.last()
	}
	var ended *exit
	var err *fault.Error
	switch {
	case ctx.Err() != nil:
		r.Result = StepCanceled
		err = fault.New(fault.Canceled, "step %s was cancelled after %s", name, after)
	case errors.As(cause, &ended):
		r.ExitCode = ended.code
		err = fault.New(fault.StepFailed, "step %s failed after %s: %s%s", name, after, ended, tail)
	case a.log == nil: // it did not begin
		r.Error = cause.Error()
		return cause
	case fault.KindOf(cause) == fault.Internal:
		err = fault.New(fault.StepFailed, "step %s failed after %s: %s%s", name, after, cause, tail)
	default:
		err = fault.New(fault.KindOf(cause), "step %s: %s%s", name, cause, tail)
	}
	hints := slices.DeleteFunc([]string{fault.HintOf(cause), aside, "the steps before it are kept: correct the cause and run the same command again"},
		func(s string) bool { return s == "" })
	err.Err = cause
	r.Error = err.Error()
	return err.WithHint("%s", strings.Join(hints, "; "))
}
