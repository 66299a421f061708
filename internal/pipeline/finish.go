package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
)

// Told is the data of the fact execution.finished.
type Told struct {
	State   State          `json:"state"`
	Error   string         `json:"error,omitempty"`
	Targets []string       `json:"targets,omitempty"`
	Set     map[string]any `json:"set,omitempty"`
	Steps   []ToldStep     `json:"steps"`
}

// ToldStep is a step in the fact.
type ToldStep struct {
	Step    string             `json:"step"`
	Result  Result             `json:"result"`
	Why     string             `json:"why"`
	Seconds float64            `json:"seconds"`
	Metrics map[string]float64 `json:"metrics,omitempty"`
}

// close writes the end of the execution: steps that have no row yet, state and fact, in one transaction.
func (w *walk) close(ctx context.Context, first error) error {
	e := w.exec
	e.Finished = w.room.clock()
	switch {
	case first == nil:
		e.State = Succeeded
	case fault.Is(first, fault.Canceled):
		e.State, e.Error = Canceled, first.Error()
	default:
		e.State, e.Error = Failed, first.Error()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err := w.room.db.Update(ctx, func(tx *db.Tx) error {
		now := db.Millis(e.Finished)
		if err := insertExecution(tx, e, w.room.self, now); err != nil {
			return err
		}
		for i := range e.Steps {
			if err := insertStep(tx, e, &e.Steps[i]); err != nil {
				return err
			}
		}
		if err := closeExecution(tx, e.ID, e.State, e.Error, now); err != nil {
			return err
		}
		return event.Append(tx, w.fact())
	})
	return errors.Join(first, fault.Wrap(err, "recording the execution"))
}

func (w *walk) fact() event.Fact {
	e := w.exec
	told := Told{State: e.State, Error: e.Error, Targets: e.Targets, Set: e.Set}
	read, written := map[string]bool{}, map[string]bool{}
	for _, s := range e.Steps {
		told.Steps = append(told.Steps, ToldStep{s.Name, s.Result, s.Why, s.Finished.Sub(s.Started).Seconds(), s.Metrics})
		if s.Result != StepRan && s.Result != StepCached {
			continue
		}
		for dep, d := range s.Inputs.Deps {
			if _, ours := w.plan.product.Pipeline.Producer(dep); !ours {
				read[fmt.Sprintf("file:%s@%s", dep, d)] = true
			}
		}
		for _, o := range s.Outs {
			written[fmt.Sprintf("file:%s@%s", o.Path, o.Digest)] = true
		}
	}
	return event.Fact{
		Time: e.Finished, Actor: e.Actor, Source: w.opt.Source, Product: e.Product, Verb: event.ExecutionFinished,
		Object: e.ID, Digest: string(e.Spec), Key: "execution:" + e.ID, Data: told,
		Inputs: slices.Sorted(maps.Keys(read)), Outputs: slices.Sorted(maps.Keys(written)),
	}
}
