package monitor

import (
	"context"
	"embed"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/quality"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations gives the schema of the room.
func Migrations() db.Source { return db.Source{Room: "monitor", FS: migrations} }

// Analytics runs SQL over tables in memory. The adapter duck implements it.
type Analytics interface {
	Query(ctx context.Context, tables map[string]quality.Table, sql string, args ...any) (*quality.Result, error)
}

// Prediction is one answer that was given.
type Prediction struct {
	ID          string
	Product     string
	Model       string
	Package     string // digest of the package that answered
	Deployment  string
	Entity      string    // what it is about besides the day, for example a shop; "" when there is one event a day
	EventTime   time.Time // when what it predicts happens
	PredictedAt time.Time // when it was answered
	Value       float64
	Features    map[string]any // as served
	Role        string         // "", champion and canary count; shadow and the rest do not
}

// PredictionSource gives the predictions of a product whose EventTime lies in [from, to); a zero from means from the start.
type PredictionSource func(ctx context.Context, product string, from, to time.Time) ([]Prediction, error)

// Accountable names the member who answers for an activity of a product, and the backup ("" = none).
type Accountable func(ctx context.Context, product, activity string) (owner, backup string, err error)

// Room watches products. It is safe for concurrent use.
type Room struct {
	db          *db.DB
	analytics   Analytics
	predictions PredictionSource
	accountable Accountable
	clock       func() time.Time

	// Answered counts the predictions of a product by the UTC day of their event ("2015-03-02"). With it, a final window is
	// computed again when a prediction for it is logged later; nil = they all come before the truth.
	Answered func(ctx context.Context, product string) (map[string]int64, error)
}

// New gives the room over its database. The clock stamps truth that arrives and what people do; Evaluate is told its time.
func New(d *db.DB, an Analytics, preds PredictionSource, who Accountable, clock func() time.Time) *Room {
	return &Room{db: d, analytics: an, predictions: preds, accountable: who, clock: clock}
}

// system is the actor of what no person did, job its source.
const (
	system = "system"
	job    = "job"
)

const dayLayout = time.DateOnly

func day(t time.Time) string { return t.UTC().Format(dayLayout) }

// eventKey names an event: its UTC day, with the entity if there is one.
func eventKey(entity string, at time.Time) string {
	if entity == "" {
		return day(at)
	}
	return entity + "@" + day(at)
}
