package pipeline

import (
	"context"
	"embed"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations gives the tables of the room.
func Migrations() db.Source { return db.Source{Room: "pipeline", FS: migrations} }

// Room plans and runs pipelines. It is safe for concurrent use; a workspace runs one execution at a time.
type Room struct {
	db    *db.DB
	blobs *blob.Store
	clock func() time.Time
	self  owner

	mu     sync.Mutex
	active map[string]bool // executions of this process
}

// New gives the room over a migrated database and an object store.
func New(d *db.DB, b *blob.Store, clock func() time.Time) *Room {
	return &Room{db: d, blobs: b, clock: clock, self: thisProcess(), active: map[string]bool{}}
}

// State of an execution.
type State string

// The states. Running is the only one that changes.
const (
	Running   State = "running"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Canceled  State = "canceled"
	Abandoned State = "abandoned" // its process died
)

// Result of a step.
type Result string

// The results of a step.
const (
	StepRan      Result = "ran"
	StepCached   Result = "cached"
	StepFailed   Result = "failed"
	StepSkipped  Result = "skipped" // a step before it failed, or the execution was cancelled
	StepCanceled Result = "canceled"
)

// Execution is one walk of the graph.
type Execution struct {
	ID       string         `json:"id"`
	Product  string         `json:"product"`
	State    State          `json:"state"`
	Actor    string         `json:"actor"`
	Spec     ref.Digest     `json:"spec"` // of paraplu.yaml
	Targets  []string       `json:"targets,omitempty"`
	Set      map[string]any `json:"set,omitempty"`
	Force    bool           `json:"force,omitempty"`
	Error    string         `json:"error,omitempty"`
	Started  time.Time      `json:"started"`
	Finished time.Time      `json:"finished,omitzero"`
	Steps    []Step         `json:"steps,omitempty"` // in the order of the plan
}

// Step is the result of one step in an execution.
type Step struct {
	Name     string             `json:"name"`
	Position int                `json:"position"` // from 0, in the order of the plan
	Result   Result             `json:"result"`
	Why      string             `json:"why"`
	Digest   ref.Digest         `json:"digest,omitempty"` // fingerprint; "" when the step never had its turn
	Inputs   *Inputs            `json:"inputs,omitempty"`
	Outs     []Out              `json:"outs,omitempty"`
	Metrics  map[string]float64 `json:"metrics,omitempty"`
	Log      ref.Digest         `json:"log,omitempty"`
	LogBytes int64              `json:"log_bytes,omitempty"`
	ExitCode int                `json:"exit_code,omitempty"`
	Error    string             `json:"error,omitempty"`
	Started  time.Time          `json:"started,omitzero"`
	Finished time.Time          `json:"finished,omitzero"`
}

// Out is a file or folder that a step wrote.
type Out struct {
	Path   string     `json:"path"`
	Digest ref.Digest `json:"digest"` // of the file's bytes, or of the folder's manifest
	Dir    bool       `json:"dir,omitempty"`
	Exec   bool       `json:"exec,omitempty"`
	Size   int64      `json:"size"`            // bytes
	Files  int        `json:"files,omitempty"` // in a folder
}

// Step finds a step by name.
func (e *Execution) Step(name string) (Step, bool) {
	for _, s := range e.Steps {
		if s.Name == name {
			return s, true
		}
	}
	return Step{}, false
}

// Count tells how many steps had this result.
func (e *Execution) Count(r Result) (n int) {
	for _, s := range e.Steps {
		if s.Result == r {
			n++
		}
	}
	return n
}

// Executions lists the executions of a product with their steps, the newest first, at most limit (0: 100).
func (r *Room) Executions(ctx context.Context, product string, limit int) (list []Execution, err error) {
	if limit <= 0 {
		limit = 100
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		list, err = executions(tx, `product = ?`, product, limit)
		return err
	})
	return list, err
}

// Execution gives one execution with its steps; fault.NotFound.
func (r *Room) Execution(ctx context.Context, id string) (*Execution, error) {
	var list []Execution
	err := r.db.View(ctx, func(tx *db.Tx) (err error) {
		list, err = executions(tx, `id = ?`, id, 1)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fault.New(fault.NotFound, "execution %s does not exist", id)
	}
	return &list[0], nil
}

// Origin gives the execution that made what the latest success of a step left: that success itself, or the earlier one
// that it took from the cache. fault.NotFound if the step never succeeded.
func (r *Room) Origin(ctx context.Context, product, step string) (*Execution, error) {
	var id string
	err := r.db.View(ctx, func(tx *db.Tx) (err error) {
		id, err = origin(tx, product, step)
		return err
	})
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fault.New(fault.NotFound, "step %s of %s has never succeeded", step, product).WithHint("paraplu run %s", step)
	}
	return r.Execution(ctx, id)
}

// Changed tells how an output of a step differs from what lies in the workspace now, "" when it does not or is none.
func (r *Room) Changed(dir string, s Step, path string) (why string) {
	i := slices.IndexFunc(s.Outs, func(o Out) bool { return o.Path == path })
	if i < 0 {
		return ""
	}
	ws := openWorkspace(dir)
	defer ws.save()
	_, why = ws.differs(s.Outs[i])
	return why
}

// Log opens everything that a step printed in an execution; fault.NotFound if it did not run there.
func (r *Room) Log(ctx context.Context, execution, step string) (io.ReadCloser, error) {
	e, err := r.Execution(ctx, execution)
	if err != nil {
		return nil, err
	}
	s, ok := e.Step(step)
	if !ok || s.Log == "" {
		return nil, fault.New(fault.NotFound, "step %s has no log in execution %s: it did not run there", step, execution)
	}
	return r.blobs.Get(ctx, s.Log)
}

// References lists the objects that the room needs: outputs, the files of folders, logs.
func (r *Room) References(tx *db.Tx) ([]ref.Digest, error) { return References(tx) }
