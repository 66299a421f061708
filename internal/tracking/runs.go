package tracking

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
)

// Tags with a meaning of their own.
const (
	TagRunName       = "mlflow.runName"
	TagUser          = "mlflow.user"
	TagParent        = "mlflow.parentRunId"
	TagProduct       = "paraplu.product"   // product that the run belongs to
	TagExecution     = "paraplu.execution" // of the pipeline, in which the run was made; `paraplu run` sets it
	TagStep          = "paraplu.step"      // of that execution
	TagLoggedModels  = "mlflow.log-model.history"
	TagModelVersions = "mlflow.modelVersions"
	TagContext       = "mlflow.data.context" // of a dataset input
)

// The statuses of a run.
var statuses = map[string]bool{"RUNNING": false, "SCHEDULED": false, "FINISHED": true, "FAILED": true, "KILLED": true}

// NewRun asks for a run.
type NewRun struct {
	ExperimentID string // "" = default experiment
	Name         string // "" = tag mlflow.runName, or made up
	UserID       string
	StartMs      int64
	Tags         []KV
}

func newHex() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // crypto/rand.Read never fails
	return hex.EncodeToString(b[:])
}

// CreateRun starts a run in an active experiment.
func (r *Room) CreateRun(ctx context.Context, n NewRun) (Run, error) {
	exp, err := experimentNumber(n.ExperimentID)
	if err != nil {
		return Run{}, err
	}
	tags, tagName := make([]KV, 0, len(n.Tags)+1), ""
	for _, t := range n.Tags {
		if err = checkGiven(t.Key, spot{}); err != nil {
			return Run{}, err
		}
		if t.Value = cut(t.Value, maxTagValue); t.Key == TagRunName {
			tagName = t.Value
		}
		tags = append(tags, t)
	}
	if n.Name != "" && tagName != "" && n.Name != tagName {
		return Run{}, fault.New(fault.Invalid, "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with "+
			"different values (run_name='%s', mlflow.runName='%s').", n.Name, tagName)
	}
	name := n.Name
	if name == "" {
		name = tagName
	}
	if name == "" {
		name = randomName()
	}
	if tagName == "" {
		tags = append(tags, KV{TagRunName, cut(name, maxTagValue)})
	}
	run := Run{ID: newHex(), ExperimentID: strconv.FormatInt(exp, 10), Name: name, UserID: n.UserID, Status: "RUNNING", Stage: Active, StartMs: n.StartMs}
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		e, err := loadExperiment(tx, exp)
		if err != nil {
			return err
		}
		if err := checkActiveExperiment(e); err != nil {
			return err
		}
		run.ArtifactURI = appendPath(e.ArtifactLocation, run.ID, "artifacts")
		if _, err := tx.Exec(`INSERT INTO tracking_run (id, experiment, name, user_id, status, stage, start_ms, artifact_uri) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			run.ID, exp, run.Name, run.UserID, run.Status, string(run.Stage), run.StartMs, run.ArtifactURI); err != nil {
			return err
		}
		if err := putTags(tx, run.ID, tags); err != nil {
			return err
		}
		run, err = loadRun(tx, run.ID)
		return err
	})
	return run, err
}

// appendPath appends path elements to a URI before its query.
func appendPath(uri string, elems ...string) string {
	suffix := "/" + strings.Join(elems, "/")
	if u, err := url.Parse(uri); err == nil && u.RawQuery != "" {
		base, query, _ := strings.Cut(uri, "?")
		return strings.TrimSuffix(base, "/") + suffix + "?" + query
	}
	return strings.TrimSuffix(uri, "/") + suffix
}

// Run gives a run, also a deleted one.
func (r *Room) Run(ctx context.Context, id string) (run Run, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		run, err = loadRun(tx, id)
		return err
	})
	return run, err
}

// changeRun runs fn on a run that must be active.
func (r *Room) changeRun(ctx context.Context, id string, fn func(*db.Tx, *Run) error) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		run, err := runInfo(tx, id)
		if err != nil {
			return err
		}
		if run.Stage != Active {
			return fault.New(fault.Invalid, "The run %s must be in the 'active' state. Current state is %s.", id, run.Stage)
		}
		return fn(tx, &run)
	})
}

// RunUpdate changes a run; empty and nil fields keep what is there.
type RunUpdate struct {
	ID     string
	Status string
	EndMs  *int64
	Name   string
	Actor  string // who asks, for the fact; "" = the user of the run
}

// UpdateRun sets status, end and name, and records the fact run.finished when the run ends. The answer has no logged data.
func (r *Room) UpdateRun(ctx context.Context, u RunUpdate) (run Run, err error) {
	ended, known := statuses[u.Status]
	if u.Status != "" && !known {
		return run, fault.New(fault.Invalid, "Invalid run status '%s'", u.Status)
	}
	err = r.changeRun(ctx, u.ID, func(tx *db.Tx, old *Run) error {
		run = *old
		if u.Status != "" {
			run.Status = u.Status
		}
		if u.EndMs != nil {
			run.EndMs = u.EndMs
		}
		if u.Name != "" {
			run.Name = u.Name
			if err := putTags(tx, run.ID, []KV{{TagRunName, cut(u.Name, maxTagValue)}}); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(`UPDATE tracking_run SET status = ?, end_ms = ?, name = ? WHERE id = ?`, run.Status, run.EndMs, run.Name, run.ID); err != nil {
			return err
		}
		if !ended {
			return nil
		}
		return r.finished(tx, run.ID, u.Actor)
	})
	return run, err
}

// finished records that a run ended; a second call for the same run changes nothing.
func (r *Room) finished(tx *db.Tx, id, actor string) error {
	run, err := loadRun(tx, id)
	if err != nil {
		return err
	}
	exp, err := experimentNumber(run.ExperimentID)
	if err != nil {
		return err
	}
	e, err := loadExperiment(tx, exp)
	if err != nil {
		return err
	}
	for _, who := range []string{run.UserID, run.Tag(TagUser), "mlflow"} {
		if actor == "" {
			actor = who
		}
	}
	product := run.Tag(TagProduct)
	if product == "" {
		product = e.Name
	}
	var inputs []string
	for _, in := range run.Datasets {
		inputs = append(inputs, "dataset:"+in.Dataset.Name+"@"+in.Dataset.Digest)
	}
	if execution := run.Tag(TagExecution); execution != "" {
		inputs = append(inputs, "execution:"+execution)
	}
	metrics := map[string]string{}
	for _, m := range run.Metrics[:min(len(run.Metrics), 50)] {
		metrics[m.Key] = pyFloat(m.Value)
	}
	return event.Append(tx, event.Fact{
		Time: r.clock(), Actor: actor, Source: "mlflow", Product: product, Verb: event.RunFinished, Object: run.ID,
		Key: "run.finished:" + run.ID, Inputs: inputs, Outputs: []string{"run:" + run.ID},
		Data: map[string]any{"name": run.Name, "experiment": e.Name, "status": run.Status, "parent": run.Tag(TagParent), "metrics": metrics},
	})
}

// DeleteRun softly deletes a run; it may be deleted already.
func (r *Room) DeleteRun(ctx context.Context, id string) error {
	return r.stageRun(ctx, id, `UPDATE tracking_run SET stage = 'deleted', deleted_ms = ? WHERE id = ?`, r.nowMs())
}

// RestoreRun undoes DeleteRun; the run may be active already.
func (r *Room) RestoreRun(ctx context.Context, id string) error {
	return r.stageRun(ctx, id, `UPDATE tracking_run SET stage = 'active', deleted_ms = ? WHERE id = ?`, nil)
}

func (r *Room) stageRun(ctx context.Context, id, query string, deleted any) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		return deleteOne(tx, runNotFound(id), query, deleted, id)
	})
}

func runNotFound(id string) error {
	return fault.New(fault.NotFound, "Run with id=%s not found", id)
}

// SetTag sets a tag of an active run; mlflow.runName renames the run.
func (r *Room) SetTag(ctx context.Context, id string, t KV) error {
	t, err := checkTag(t, spot{})
	if err != nil {
		return err
	}
	return r.changeRun(ctx, id, func(tx *db.Tx, run *Run) error { return setTags(tx, run.ID, []KV{t}) })
}

// setTags writes tags and keeps the run's name in step with its tag.
func setTags(tx *db.Tx, run string, tags []KV) error {
	for _, t := range tags {
		if t.Key == TagRunName && t.Value != "" {
			if _, err := tx.Exec(`UPDATE tracking_run SET name = ? WHERE id = ?`, t.Value, run); err != nil {
				return err
			}
		}
	}
	return putTags(tx, run, tags)
}

// putTags writes tags; of two with the same key the last one wins.
func putTags(tx *db.Tx, run string, tags []KV) error {
	return upsertKV(tx, "tracking_tag", "run", run, tags)
}

func upsertKV(tx *db.Tx, table, owner, id string, list []KV) error {
	at := map[string]int{}
	var rows [][]any
	for _, t := range list {
		if i, ok := at[t.Key]; ok {
			rows[i] = []any{id, t.Key, t.Value}
			continue
		}
		at[t.Key] = len(rows)
		rows = append(rows, []any{id, t.Key, t.Value})
	}
	return insert(tx, `INSERT INTO `+table+` (`+owner+`, key, value)`, rows, `ON CONFLICT (`+owner+`, key) DO UPDATE SET value = excluded.value`)
}

// DeleteTag removes a tag that must exist from an active run.
func (r *Room) DeleteTag(ctx context.Context, id, key string) error {
	return r.changeRun(ctx, id, func(tx *db.Tx, run *Run) error {
		return deleteOne(tx, fault.New(fault.NotFound, "No tag with name: %s in run with id %s", key, id),
			`DELETE FROM tracking_tag WHERE run = ? AND key = ?`, id, key)
	})
}
