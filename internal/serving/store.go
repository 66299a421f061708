package serving

import (
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/ref"
)

// Prediction is one answer as the log keeps it.
type Prediction struct {
	ID          string // unique in the product
	Product     string
	Environment string
	Endpoint    string
	Model       string
	Version     string // label
	Package     ref.Digest
	Deployment  string
	EventTime   time.Time // when what is predicted happens
	PredictedAt time.Time
	IngestedAt  time.Time
	Features    json.RawMessage // {"input": value}
	Outputs     json.RawMessage // {"output": value}
	Value       float64         // the first output as a number; NaN for a text, a vector or a missing value
	Latency     time.Duration
	Status      string // ok, or warn: a value was outside limits
	RequestID   string
}

const columns = 17

// statement gives an INSERT of n rows.
func statement(n int) string {
	return `INSERT INTO serving_prediction (product, prediction_id, environment, endpoint, model, version, package, deployment, event_ms,
		predicted_ms, ingested_ms, features, outputs, prediction, latency_us, status, request_id) VALUES ` +
		strings.Repeat(db.In(columns)+", ", n-1) + db.In(columns) + ` ON CONFLICT (product, prediction_id) DO NOTHING`
}

const rowsAStatement = 100

// write puts a group into the table in one transaction and gives the number of new rows.
func (j *journal) write(ctx context.Context, group []*entry) (written int64, err error) {
	ingested := db.Millis(j.clock())
	args := make([]any, 0, len(group)*columns)
	for _, e := range group {
		for row := range e.in.Rows {
			args = e.appendArgs(args, row, ingested)
		}
	}
	err = j.db.Update(ctx, func(tx *db.Tx) error {
		written = 0
		for rest := args; len(rest) > 0; {
			n := min(len(rest)/columns, rowsAStatement)
			res, err := tx.Exec(statement(n), rest[:n*columns]...)
			if err != nil {
				return err
			}
			added, err := res.RowsAffected()
			if err != nil {
				return err
			}
			written += added
			rest = rest[n*columns:]
		}
		return nil
	})
	return written, err
}

func (e *entry) appendArgs(args []any, row int, ingested int64) []any {
	event := e.predicted
	if e.req.EventTimes != nil {
		event = e.req.EventTimes[row]
	} else if !e.req.EventTime.IsZero() {
		event = e.req.EventTime
	}
	p := &e.ep.Placement
	return append(args, p.Product, e.req.predictionID(row, e.in.Rows), p.Environment, p.key(), p.Model, p.version(), string(p.Package), p.Deployment,
		db.Millis(event), db.Millis(e.predicted), ingested,
		string(appendRow(nil, e.ep.names.inKeys, e.in, row)), string(appendRow(nil, e.ep.names.outKeys, e.out, row)),
		mainValue(e.out, row), e.latency.Microseconds(), e.status, e.req.RequestID)
}

// mainValue gives the first output of a row as a number, nil (NULL) where there is none.
func mainValue(f *modelpack.Frame, row int) any {
	t := f.Cols[0]
	if t.Shape[1] != 1 {
		return nil
	}
	v, ok := modelpack.Number(t, row)
	if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return v
}

const selectPredictions = `SELECT product, prediction_id, environment, endpoint, model, version, package, deployment, event_ms, predicted_ms,
	ingested_ms, features, outputs, prediction, latency_us, status, request_id FROM serving_prediction`

func scan(rows *sql.Rows) (p Prediction, err error) {
	var event, predicted, ingested, latency int64
	var features, outputs string
	var value sql.NullFloat64
	err = rows.Scan(&p.Product, &p.ID, &p.Environment, &p.Endpoint, &p.Model, &p.Version, &p.Package, &p.Deployment, &event, &predicted,
		&ingested, &features, &outputs, &value, &latency, &p.Status, &p.RequestID)
	p.EventTime, p.PredictedAt, p.IngestedAt = db.Time(event), db.Time(predicted), db.Time(ingested)
	p.Features, p.Outputs = json.RawMessage(features), json.RawMessage(outputs)
	p.Latency, p.Value = time.Duration(latency)*time.Microsecond, math.NaN()
	if value.Valid {
		p.Value = value.Float64
	}
	return p, err
}

// Predictions gives the answers of a product whose event time is from ≤ t < to, by event time. A zero time is no limit.
// Answers of the last moments may still be on their way; Flush writes them.
func (r *Room) Predictions(ctx context.Context, product string, from, to time.Time) ([]Prediction, error) {
	query, args := selectPredictions+` WHERE product = ?`, []any{product}
	if !from.IsZero() {
		query, args = query+` AND event_ms >= ?`, append(args, db.Millis(from))
	}
	if !to.IsZero() {
		query, args = query+` AND event_ms < ?`, append(args, db.Millis(to))
	}
	return r.predictions(ctx, query+` ORDER BY event_ms, prediction_id`, args...)
}

// AnsweredByDay counts the answers of a product by the UTC day of their event ("2015-03-02").
func (r *Room) AnsweredByDay(ctx context.Context, product string) (out map[string]int64, err error) {
	const wholeDay = 24 * 60 * 60 * 1000
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = map[string]int64{}
		return tx.Each(func(rows *sql.Rows) error {
			var d, n int64
			err := rows.Scan(&d, &n)
			out[time.UnixMilli(d*wholeDay).UTC().Format(time.DateOnly)] += n
			return err
		}, `SELECT event_ms / ?, count(*) FROM serving_prediction WHERE product = ? GROUP BY 1`, int64(wholeDay), product)
	})
	return out, err
}

// Recent gives the newest answers of a product by the time they were given, newest first.
func (r *Room) Recent(ctx context.Context, product string, limit int) ([]Prediction, error) {
	return r.predictions(ctx, selectPredictions+` WHERE product = ? ORDER BY predicted_ms DESC, prediction_id DESC LIMIT ?`, product, limit)
}

func (r *Room) predictions(ctx context.Context, query string, args ...any) (out []Prediction, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		return tx.Each(func(rows *sql.Rows) error {
			p, err := scan(rows)
			out = append(out, p)
			return err
		}, query, args...)
	})
	return out, err
}
