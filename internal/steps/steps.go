// Package steps is the glue between rooms: what a person asks for in one sentence and what needs several rooms at once.
//
//	Deliver   a delivery is checked against its contract and becomes a dataset version, or is refused
//	Import    data are fetched from elsewhere and delivered, with their provenance
//	Diff      two states of a dataset, by files, columns and rows
//	Package   the pipeline's export becomes a signed package with its lineage
//	Release   gates are computed, the evidence is bound, an approved package is placed
//	Retrain   newest data → pipeline → package → gates against the champion
//	Page      everything that a product's page shows above the fold
//	Purge     what was deleted is deleted for good, unless something refers to it
//	Sweep     objects that nothing refers to are removed
//
// Every step is repeatable: what exists already is found and answered, not made twice.
package steps

import (
	"context"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/monitor"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/rollout"
	"github.com/paraplu/paraplu/internal/team"
	"github.com/paraplu/paraplu/internal/tracking"
	"github.com/paraplu/paraplu/internal/webhook"
)

// Rooms are what the steps work with; app fills all of them.
type Rooms struct {
	DB        *db.DB
	Blob      *blob.Store
	Team      *team.Room
	Datasets  *dataset.Room
	Quality   *quality.Room
	Pipeline  *pipeline.Room
	Tracking  *tracking.Room
	Packs     *modelpack.Room
	Registry  *registry.Room
	Rollout   *rollout.Room
	Monitor   *monitor.Room
	Webhooks  *webhook.Room
	Analytics monitor.Analytics
	Parquet   ParquetWriter
	Clock     func() time.Time
}

// ParquetWriter writes rows to a Parquet file, whole or not at all; rows calls add for each row.
type ParquetWriter func(ctx context.Context, path string, columns []quality.Column, rows func(add func(row []any) error) error) error

// Steps does what needs several rooms.
type Steps struct{ Rooms }

// New gives the steps over rooms that are open.
func New(r Rooms) *Steps { return &Steps{r} }

// facts reads facts of a product.
func (s *Steps) facts(ctx context.Context, f event.Filter) (out []event.Fact, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		out, err = event.List(tx, f)
		return err
	})
	return out, err
}
