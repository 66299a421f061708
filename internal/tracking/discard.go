package tracking

import (
	"context"
	"database/sql"
	"path"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
)

// Purge asks to delete for good what was softly deleted: runs, logged models, and experiments.
type Purge struct {
	Before     time.Time // only what was deleted before this instant
	Experiment string    // id; "" = all
	Actor      string    // for the facts
	Source     string
	DryRun     bool // only tell what would go

	// Holds tells what other rooms refer to, inside the transaction that would delete it; nil = nothing.
	Holds func(*db.Tx) ([]Hold, error)
	// Along deletes what other rooms keep of an experiment, inside the transaction that deletes it; nil = nothing.
	Along func(tx *db.Tx, experiment string) error
}

// Hold is a reference of another room that keeps a run or logged model. Empty fields name nothing.
type Hold struct {
	Run, Model string // ids
	Execution  string // in which runs were made (TagExecution)
	Location   string // URI of artifacts
	By         string // "model version umbrella v3"
}

// Discarded is a run, logged model or experiment that Purge deletes, or would; or that it keeps, and why.
type Discarded struct {
	Kind       string `json:"kind"` // run, logged model, experiment
	ID         string `json:"id"`
	Name       string `json:"name"`
	Experiment string `json:"experiment"` // name
	Files      int64  `json:"files"`
	Bytes      int64  `json:"bytes"`
	Kept       string `json:"kept,omitempty"` // why it stays
	Left       string `json:"left,omitempty"` // where its files are, when this server does not keep them

	experiment int64
	uri        string
}

// root gives the folder that holds nothing but this thing's artifacts, "" when there is none here.
func (d Discarded) root() string {
	p, err := ArtifactPath(d.uri)
	if err != nil {
		return ""
	}
	if d.Kind == "experiment" {
		if p != d.ID { // a place that a person chose may hold anything
			return ""
		}
		return p
	}
	if p = parentOf(p); path.Base(p) != d.ID {
		return ""
	}
	return p
}

// mortal is a kind of thing that can be deleted for good. Its query takes the instant, in milliseconds; id is its key.
type mortal struct {
	kind, verb string
	query, id  string
	purge      func(*db.Tx, []string) error
}

var mortals = []mortal{
	{"run", event.RunPurged, `SELECT r.id, r.name, r.experiment, e.name, r.artifact_uri FROM tracking_run r JOIN tracking_experiment e ON e.id = r.experiment
		WHERE r.stage = 'deleted' AND r.deleted_ms <= ?`, "r.id", purgeRuns},
	{"logged model", event.LoggedModelPurged, `SELECT m.id, m.name, m.experiment, e.name, m.artifact_uri FROM tracking_model m JOIN tracking_experiment e ON e.id = m.experiment
		WHERE (m.stage = 'deleted' AND m.updated_ms <= ? OR e.stage = 'deleted' AND e.updated_ms <= ?)`, "m.id", purgeModels},
	{"experiment", event.ExperimentPurged, `SELECT CAST(e.id AS TEXT), e.name, e.id, e.name, e.artifact_location FROM tracking_experiment e
		WHERE e.id <> 0 AND e.stage = 'deleted' AND e.updated_ms <= ?`, "CAST(e.id AS TEXT)", purgeExperiments},
}

// atOnce is how many things one transaction deletes, so that a server stays responsive beside it.
const atOnce = 25

// Purge deletes in small transactions; each deletes a few things with all their rows, appends a fact for each, and notes
// their artifacts, which Settle removes. So it may be cut off at any instant, and repeated.
func (r *Room) Purge(ctx context.Context, p Purge) ([]Discarded, error) {
	var out []Discarded
	gone := map[string]bool{} // ids, so that a dry run knows which experiments become empty
	for _, m := range mortals {
		ids, err := r.condemned(ctx, m, p)
		if err != nil {
			return out, err
		}
		for len(ids) > 0 {
			n := min(atOnce, len(ids))
			some, err := r.discard(ctx, m, p, ids[:n], gone)
			out = append(out, some...)
			if err != nil {
				return out, err
			}
			ids = ids[n:]
		}
	}
	return out, nil
}

// times gives the instant as often as the query of the kind takes it.
func (m mortal) times(p Purge) (args []any) {
	for range strings.Count(m.query, "?") {
		args = append(args, p.Before.UnixMilli())
	}
	return args
}

// condemned gives the ids of what may go.
func (r *Room) condemned(ctx context.Context, m mortal, p Purge) (ids []string, err error) {
	query, args := m.query, m.times(p)
	if p.Experiment != "" {
		n, err := experimentNumber(p.Experiment)
		if err != nil {
			return nil, err
		}
		query, args = query+` AND e.id = ?`, append(args, n)
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		ids = nil
		return tx.Each(func(rows *sql.Rows) error {
			d, err := scanDiscarded(m, rows)
			ids = append(ids, d.ID)
			return err
		}, query+` ORDER BY `+m.id, args...)
	})
	return ids, err
}

func scanDiscarded(m mortal, rows *sql.Rows) (Discarded, error) {
	d := Discarded{Kind: m.kind}
	err := rows.Scan(&d.ID, &d.Name, &d.experiment, &d.Experiment, &d.uri)
	return d, err
}

// discard deletes some things in one transaction. What was restored meanwhile is passed over.
func (r *Room) discard(ctx context.Context, m mortal, p Purge, ids []string, gone map[string]bool) (out []Discarded, err error) {
	run := r.db.Update
	if p.DryRun {
		run = r.db.View
	}
	err = run(ctx, func(tx *db.Tx) error {
		out = nil
		if err := eachIn(tx, ids, func(rows *sql.Rows) error {
			d, err := scanDiscarded(m, rows)
			out = append(out, d)
			return err
		}, m.query+` AND `+m.id+` IN %IN% ORDER BY `+m.id, m.times(p)...); err != nil {
			return err
		}
		keep, err := readKeepers(tx, p)
		if err != nil {
			return err
		}
		for i := range out {
			if err := out[i].judge(tx, keep, gone); err != nil {
				return fault.Wrap(err, "looking at %s %s", m.kind, out[i].ID)
			}
		}
		if p.DryRun {
			return nil
		}
		return fault.Wrap(r.execute(tx, m, p, out), "deleting %ss", m.kind)
	})
	if err != nil {
		return nil, err
	}
	for _, d := range out {
		if d.Kept == "" {
			gone[d.ID] = true
		}
	}
	return out, nil
}

// judge counts what a thing holds and decides whether it stays.
func (d *Discarded) judge(tx *db.Tx, keep keepers, gone map[string]bool) (err error) {
	root := d.root()
	if root == "" {
		d.Left = d.uri
	}
	if d.Files, d.Bytes, err = filesBelow(tx, root); err != nil {
		return err
	}
	d.Kept, err = keep.why(tx, *d, root, gone)
	return err
}

// execute deletes those of the list that do not stay.
func (r *Room) execute(tx *db.Tx, m mortal, p Purge, list []Discarded) error {
	var ids []string
	for _, d := range list {
		if d.Kept != "" {
			continue
		}
		ids = append(ids, d.ID)
		if root := d.root(); root != "" {
			if err := doom(tx, root); err != nil {
				return err
			}
		}
		if err := event.Append(tx, event.Fact{Time: r.clock(), Actor: p.Actor, Source: p.Source, Product: d.Experiment, Verb: m.verb, Object: d.ID,
			Key: purgedKey(m.verb, d.ID), Data: map[string]any{"name": d.Name, "experiment": d.Experiment, "files": d.Files, "bytes": d.Bytes, "left": d.Left}}); err != nil {
			return err
		}
	}
	if m.kind == "experiment" && p.Along != nil {
		for _, id := range ids {
			if err := p.Along(tx, id); err != nil {
				return err
			}
		}
	}
	return m.purge(tx, ids)
}
