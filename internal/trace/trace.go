package trace

import (
	"context"
	"embed"
	"encoding/json"
	"time"

	"github.com/paraplu/paraplu/internal/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations gives the schema of the room.
func Migrations() db.Source { return db.Source{Room: "trace", FS: migrations} }

// Home tells where an experiment keeps its artifacts (a URI), and refuses one that is missing or deleted.
type Home func(ctx context.Context, experiment string) (location string, err error)

// Room keeps traces. It is safe for concurrent use.
type Room struct {
	// Patience is how long Get waits for spans that are announced and not yet there.
	Patience time.Duration

	db    *db.DB
	home  Home
	clock func() time.Time
}

// New gives the room over an open database.
func New(d *db.DB, home Home, clock func() time.Time) *Room {
	return &Room{Patience: 3 * time.Second, db: d, home: home, clock: clock}
}

// The states of a trace.
const (
	Unspecified = "STATE_UNSPECIFIED"
	OK          = "OK"
	Failed      = "ERROR"
	InProgress  = "IN_PROGRESS"
)

// Tags and metadata with a meaning of their own.
const (
	NameTag      = "mlflow.traceName"
	locationTag  = "mlflow.artifactLocation"
	spansTag     = "mlflow.trace.spansLocation" // "TRACKING_STORE" once spans are here; clients look for files otherwise
	archiveTag   = "mlflow.trace.archiveLocation"
	failureTag   = "mlflow.trace.archivalFailure"
	promptsTag   = "mlflow.linkedPrompts"
	runKey       = "mlflow.sourceRun"
	sessionKey   = "mlflow.trace.session"
	userKey      = "mlflow.trace.user"
	usageKey     = "mlflow.trace.tokenUsage"
	costKey      = "mlflow.trace.cost"
	sizesKey     = "mlflow.trace.sizeStats"
	finalizedKey = "mlflow.trace.infoFinalized" // "true" once Start told the summary
)

// Info is what is known of a trace without its spans.
type Info struct {
	ID              string // tr-<32 hex digits> by clients since MLflow 3
	ExperimentID    string // decimal number
	ClientRequestID *string
	RequestPreview  *string
	ResponsePreview *string
	TimeMs          int64  // start, Unix milliseconds
	DurationMs      *int64 // nil while it runs
	State           string
	Metadata        map[string]string // set by the client, not meant to change
	Tags            map[string]string
	Assessments     []Assessment // oldest first
}

// Trace is a trace with its spans: those without a parent first, then by start.
type Trace struct {
	Info  Info
	Spans []Span
}

// Kind tells what an assessment says.
type Kind string

// The kinds of assessments.
const (
	Feedback    Kind = "feedback"    // how good it was
	Expectation Kind = "expectation" // what should have come
	Issue       Kind = "issue"       // a known problem; its name is the problem's id
)

// Assessment is an opinion on a trace, or on one span of it.
type Assessment struct {
	ID         string // a-<32 hex digits>
	TraceID    string
	Name       string
	Kind       Kind
	Value      json.RawMessage // any JSON
	Error      *AssessmentError
	SourceType string // HUMAN, LLM_JUDGE, CODE or SOURCE_TYPE_UNSPECIFIED
	SourceID   string
	SpanID     string
	Rationale  *string
	Metadata   map[string]string
	Overrides  string // id of the assessment that this one replaces
	Valid      bool   // false once another one overrides it
	CreatedMs  int64
	UpdatedMs  int64
}

// AssessmentError says why a judge could not judge.
type AssessmentError struct {
	Code       string `json:"error_code"`
	Message    string `json:"error_message,omitempty"`
	StackTrace string `json:"stack_trace,omitempty"`
}

// Page is a part of a list. Next is the token of the following part, "" at the end.
type Page struct {
	Items []Info
	Next  string
}
