package tracking

import (
	"embed"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/ref"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations gives the schema of the room.
func Migrations() db.Source { return db.Source{Room: "tracking", FS: migrations} }

// ArtifactRoot is where artifacts of new experiments live: behind our own artifact endpoints.
const ArtifactRoot = "mlflow-artifacts:/"

// DefaultExperiment is the id of the experiment that always exists.
const DefaultExperiment = "0"

// Room keeps experiments, runs, logged models and artifacts. It is safe for concurrent use.
type Room struct {
	db    *db.DB
	blobs *blob.Store
	clock func() time.Time
	joins turns

	// Links signs addresses that need no log-in, for uploads in parts and parallel downloads; nil = not offered.
	Links *Links
}

// New gives the room over an open database and object store.
func New(d *db.DB, b *blob.Store, clock func() time.Time) *Room {
	return &Room{db: d, blobs: b, clock: clock}
}

// Now is the clock of the room.
func (r *Room) Now() time.Time { return r.clock() }

func (r *Room) nowMs() int64 { return r.clock().UnixMilli() }

// Stage tells whether a thing is active or softly deleted.
type Stage string

// The two stages.
const (
	Active  Stage = "active"
	Deleted Stage = "deleted"
)

// View selects by stage; the zero value selects active things.
type View int

// The views.
const (
	ActiveOnly View = iota
	DeletedOnly
	All
)

func (v View) stages() string { return "(" + quoted(v.list()) + ")" }

func (v View) list() []string {
	switch v {
	case DeletedOnly:
		return []string{string(Deleted)}
	case All:
		return []string{string(Active), string(Deleted)}
	}
	return []string{string(Active)}
}

// KV is a tag or a param.
type KV struct{ Key, Value string }

// Page is a part of a list. Next is the token of the following part, "" at the end.
type Page[T any] struct {
	Items []T
	Next  string
}

// Experiment groups runs.
type Experiment struct {
	ID               string // decimal number
	Name             string // unique, also among deleted ones
	ArtifactLocation string // URI
	Stage            Stage
	CreatedMs        int64
	UpdatedMs        int64
	Tags             []KV // by key
}

// Run is one attempt, with everything that was logged.
type Run struct {
	ID           string // 32 hex digits
	ExperimentID string
	Name         string
	UserID       string
	Status       string // RUNNING, SCHEDULED, FINISHED, FAILED, KILLED
	Stage        Stage
	StartMs      int64
	EndMs        *int64 // nil while it runs
	ArtifactURI  string
	Metrics      []Metric // latest points, by key
	Params       []KV     // by key
	Tags         []KV     // by key
	Datasets     []DatasetInput
	ModelInputs  []string // ids of logged models
	ModelOutputs []ModelOutput
}

// Tag gives the value of a tag, "" when there is none.
func (r *Run) Tag(key string) string {
	for _, t := range r.Tags {
		if t.Key == key {
			return t.Value
		}
	}
	return ""
}

// Metric is one point of a series.
type Metric struct {
	Key           string
	Value         float64 // may be NaN; ±Inf comes back as ±math.MaxFloat64
	TimestampMs   int64   // ≥ 0
	Step          int64
	ModelID       string // logged model that it is also about, or ""
	DatasetName   string // of the model's metric, or ""
	DatasetDigest string
	RunID         string // set in histories over several runs and in metrics of a model
}

// Dataset is what a run used, as the client describes it.
type Dataset struct {
	Name, Digest       string
	SourceType, Source string
	Schema, Profile    *string // JSON, may be absent
}

// DatasetInput is a dataset with tags of its use, such as mlflow.data.context = training.
type DatasetInput struct {
	Dataset Dataset
	Tags    []KV
}

// ModelOutput is a logged model that a run made at a step.
type ModelOutput struct {
	ModelID string
	Step    int64
}

// References gives the digests of all artifacts, for the sweep of the object store.
func References(tx *db.Tx) ([]ref.Digest, error) {
	return column[ref.Digest](tx, `SELECT DISTINCT digest FROM tracking_artifact WHERE digest <> ''`)
}
