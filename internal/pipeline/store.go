package pipeline

import (
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// text is a value as JSON; all values stored here are JSON by their types.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("pipeline: not JSON: " + err.Error())
	}
	return string(b)
}

// insertExecution writes a running execution; a second time it changes nothing.
func insertExecution(tx *db.Tx, e *Execution, who owner, nowMs int64) error {
	force := 0
	if e.Force {
		force = 1
	}
	_, err := tx.Exec(`INSERT INTO pipeline_execution
		(id, product, state, actor, spec_digest, targets, overrides, force, error, started_ms, finished_ms, heartbeat_ms, owner)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', ?, 0, ?, ?) ON CONFLICT (id) DO NOTHING`,
		e.ID, e.Product, Running, e.Actor, e.Spec, text(e.Targets), text(e.Set), force, db.Millis(e.Started), nowMs, text(who))
	return err
}

// closeExecution moves a running execution to its last state.
func closeExecution(tx *db.Tx, id string, state State, message string, nowMs int64) error {
	_, err := tx.Exec(`UPDATE pipeline_execution SET state = ?, error = ?, finished_ms = ? WHERE id = ? AND state = ?`,
		state, message, nowMs, id, Running)
	return err
}

func beat(tx *db.Tx, id string, nowMs int64) error {
	_, err := tx.Exec(`UPDATE pipeline_execution SET heartbeat_ms = ? WHERE id = ? AND state = ?`, nowMs, id, Running)
	return err
}

// open is an execution that some process has not closed.
type open struct {
	id     string
	beatMs int64
	owner  owner
}

func openExecutions(tx *db.Tx) (list []open, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		var o open
		var who string
		if err := rows.Scan(&o.id, &o.beatMs, &who); err != nil {
			return err
		}
		list = append(list, o)
		return json.Unmarshal([]byte(who), &list[len(list)-1].owner)
	}, `SELECT id, heartbeat_ms, owner FROM pipeline_execution WHERE state = ? ORDER BY id`, Running)
	return list, err
}

func insertStep(tx *db.Tx, e *Execution, s *Step) error {
	_, err := tx.Exec(`INSERT INTO pipeline_step (execution_id, step, product, position, result, why, digest, inputs, outs, metrics,
		log, log_bytes, exit_code, error, started_ms, finished_ms)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (execution_id, step) DO NOTHING`,
		e.ID, s.Name, e.Product, s.Position, s.Result, s.Why, s.Digest, text(s.Inputs), text(s.Outs), text(s.Metrics),
		s.Log, s.LogBytes, s.ExitCode, s.Error, db.Millis(s.Started), db.Millis(s.Finished))
	return err
}

// insertCache makes a success reusable; folders keeps which files each manifest needs.
func insertCache(tx *db.Tx, e *Execution, s *Step, folders map[ref.Digest]manifest, nowMs int64) error {
	_, err := tx.Exec(`INSERT INTO pipeline_cache (product, step, digest, execution_id, outs, metrics, created_ms)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (product, step, digest) DO UPDATE SET execution_id = excluded.execution_id, outs = excluded.outs,
			metrics = excluded.metrics, created_ms = excluded.created_ms`,
		e.Product, s.Name, s.Digest, e.ID, text(s.Outs), text(s.Metrics), nowMs)
	if err != nil || len(folders) == 0 {
		return err
	}
	insert, err := tx.Prepare(`INSERT INTO pipeline_object (manifest, digest) VALUES (?, ?) ON CONFLICT DO NOTHING`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for d, m := range folders {
		for _, f := range m {
			if f.Digest == "" {
				continue
			}
			if _, err := insert.ExecContext(tx.Ctx(), d, f.Digest); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookup finds a success with these inputs; nil if there is none.
func lookup(tx *db.Tx, product, step string, digest ref.Digest) (*cached, error) {
	var c cached
	var outs, metrics string
	found, err := db.Found(tx.QueryRow(`SELECT execution_id, outs, metrics FROM pipeline_cache WHERE product = ? AND step = ? AND digest = ?`,
		product, step, digest).Scan(&c.execution, &outs, &metrics))
	if err != nil || !found {
		return nil, err
	}
	if err := json.Unmarshal([]byte(outs), &c.outs); err != nil {
		return nil, fault.Wrap(err, "stored outputs of %s", step)
	}
	return &c, json.Unmarshal([]byte(metrics), &c.metrics)
}

// lastInputs gives the inputs of the latest success of a step; nil if it never succeeded.
func lastInputs(tx *db.Tx, product, step string) (*Inputs, error) {
	var raw string
	found, err := db.Found(tx.QueryRow(`SELECT inputs FROM pipeline_step
		WHERE product = ? AND step = ? AND result IN (?, ?) ORDER BY execution_id DESC LIMIT 1`, product, step, StepRan, StepCached).Scan(&raw))
	if err != nil || !found {
		return nil, err
	}
	var in Inputs
	return &in, json.Unmarshal([]byte(raw), &in)
}

// origin finds the newest run with the fingerprint of the latest success; "" if there is none.
func origin(tx *db.Tx, product, step string) (id string, err error) {
	_, err = db.Found(tx.QueryRow(`SELECT execution_id FROM pipeline_step WHERE product = ? AND step = ? AND result = ? AND digest =
		(SELECT digest FROM pipeline_step WHERE product = ? AND step = ? AND result IN (?, ?) ORDER BY execution_id DESC LIMIT 1)
		ORDER BY execution_id DESC LIMIT 1`, product, step, StepRan, product, step, StepRan, StepCached).Scan(&id))
	return id, err
}

func executions(tx *db.Tx, where string, arg any, limit int) (list []Execution, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		var e Execution
		var targets, set string
		var force, started, finished int64
		if err := rows.Scan(&e.ID, &e.Product, &e.State, &e.Actor, &e.Spec, &targets, &set, &force, &e.Error, &started, &finished); err != nil {
			return err
		}
		e.Force, e.Started, e.Finished = force != 0, db.Time(started), db.Time(finished)
		if err := json.Unmarshal([]byte(targets), &e.Targets); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(set), &e.Set)
		list = append(list, e)
		return err
	}, `SELECT id, product, state, actor, spec_digest, targets, overrides, force, error, started_ms, finished_ms
		FROM pipeline_execution WHERE `+where+` ORDER BY id DESC LIMIT ?`, arg, limit)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Steps, err = steps(tx, list[i].ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func steps(tx *db.Tx, execution string) (list []Step, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		var s Step
		var inputs, outs, metrics string
		var started, finished int64
		if err := rows.Scan(&s.Name, &s.Position, &s.Result, &s.Why, &s.Digest, &inputs, &outs, &metrics,
			&s.Log, &s.LogBytes, &s.ExitCode, &s.Error, &started, &finished); err != nil {
			return err
		}
		s.Started, s.Finished = db.Time(started), db.Time(finished)
		err := errors.Join(json.Unmarshal([]byte(inputs), &s.Inputs), json.Unmarshal([]byte(outs), &s.Outs), json.Unmarshal([]byte(metrics), &s.Metrics))
		list = append(list, s)
		return fault.Wrap(err, "step %s of execution %s", s.Name, execution)
	}, `SELECT step, position, result, why, digest, inputs, outs, metrics, log, log_bytes, exit_code, error, started_ms, finished_ms
		FROM pipeline_step WHERE execution_id = ? ORDER BY position`, execution)
	return list, err
}

// References lists the objects that the room needs: outputs, the files of folders, logs.
func References(tx *db.Tx) ([]ref.Digest, error) {
	seen := map[ref.Digest]bool{"": true}
	var list []ref.Digest
	add := func(d ref.Digest) {
		if !seen[d] {
			seen[d] = true
			list = append(list, d)
		}
	}
	err := tx.Each(func(rows *sql.Rows) error {
		var d ref.Digest
		err := rows.Scan(&d)
		add(d)
		return err
	}, `SELECT log FROM pipeline_step UNION SELECT digest FROM pipeline_object`)
	if err != nil {
		return nil, err
	}
	err = tx.Each(func(rows *sql.Rows) error {
		var raw string
		var outs []Out
		if err := rows.Scan(&raw); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(raw), &outs); err != nil {
			return err
		}
		for _, o := range outs {
			add(o.Digest)
		}
		return nil
	}, `SELECT outs FROM pipeline_cache`)
	return list, err
}
