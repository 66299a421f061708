package tracking

import (
	"context"
	"database/sql"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// FindRun gives the id of the run that a person means: its id, the beginning of it, or its name if no other run has it. Of
// several it is fault.Invalid with their ids, of none fault.NotFound. Deleted runs are found as well.
func (r *Room) FindRun(ctx context.Context, word string) (id string, err error) {
	if word == "" || strings.ContainsRune(word, 0) {
		return "", runNotFound(word)
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		id = ""
		col := collated(tx.Dialect(), "id")
		found, err := column[string](tx, `SELECT id FROM tracking_run WHERE `+col+` >= ? AND `+col+` < ? ORDER BY `+col+` LIMIT 6`, word, word+"\U0010FFFF")
		if err != nil {
			return err
		}
		what := "ids of several runs begin with %s: %s"
		if len(found) == 0 {
			what = "several runs are called %s: %s"
			if found, err = column[string](tx, `SELECT id FROM tracking_run WHERE name = ? ORDER BY start_ms DESC, `+col+` LIMIT 6`, word); err != nil {
				return err
			}
		}
		switch {
		case len(found) == 0:
			return fault.New(fault.NotFound, "there is no run %s", word).WithHint("paraplu runs list")
		case len(found) == 1 || found[0] == word:
			id = found[0]
			return nil
		}
		names := strings.Join(found[:min(5, len(found))], ", ")
		if len(found) > 5 {
			names += ", …"
		}
		return fault.New(fault.Invalid, what, word, names).WithHint("write more of the id")
	})
	return id, err
}

// ExperimentLine is an experiment with what is in it.
type ExperimentLine struct {
	Experiment
	Runs   int64  // active ones
	LastMs *int64 // latest start of an active run, nil when there is none
}

// Experiments lists all experiments with the number of their runs, by name.
func (r *Room) Experiments(ctx context.Context, v View) ([]ExperimentLine, error) {
	return r.experimentLines(ctx, "e.stage IN "+v.stages())
}

// ExperimentLine gives one experiment with the number of its runs, also a deleted one.
func (r *Room) ExperimentLine(ctx context.Context, id string) (l ExperimentLine, err error) {
	n, err := experimentNumber(id)
	if err != nil {
		return l, err
	}
	list, err := r.experimentLines(ctx, "e.id = ?", n)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "there is no experiment %d", n).WithHint("paraplu exp list")
	}
	if err != nil {
		return l, err
	}
	return list[0], nil
}

func (r *Room) experimentLines(ctx context.Context, where string, args ...any) (out []ExperimentLine, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		var plain []Experiment
		err := tx.Each(func(rows *sql.Rows) error {
			var l ExperimentLine
			var err error
			l.Experiment, err = scanExperiment(func(dest ...any) error { return rows.Scan(append(dest, &l.Runs, &l.LastMs)...) })
			out, plain = append(out, l), append(plain, l.Experiment)
			return err
		}, `SELECT e.id, e.name, e.artifact_location, e.stage, e.created_ms, e.updated_ms, coalesce(r.runs, 0), r.last
			FROM tracking_experiment e LEFT JOIN (SELECT experiment, count(*) AS runs, max(start_ms) AS last FROM tracking_run
			WHERE stage = 'active' GROUP BY experiment) r ON r.experiment = e.id
			WHERE `+where+` ORDER BY `+textOrder(tx, "e.name"), args...)
		if err != nil {
			return err
		}
		err = loadExperimentTags(tx, plain)
		for i := range out {
			out[i].Tags = plain[i].Tags
		}
		return err
	})
	return out, err
}

// FindExperiment gives the experiment that a person means, by name or else by id, also a deleted one.
func (r *Room) FindExperiment(ctx context.Context, word string) (Experiment, error) {
	e, err := r.ExperimentByName(ctx, word)
	if !fault.Is(err, fault.NotFound) {
		return e, err
	}
	if _, nerr := experimentNumber(word); nerr == nil && word != "" {
		if e, err := r.Experiment(ctx, word); !fault.Is(err, fault.NotFound) {
			return e, err
		}
	}
	return e, fault.New(fault.NotFound, "there is no experiment %s", Quote(word)).WithHint("paraplu exp list")
}
