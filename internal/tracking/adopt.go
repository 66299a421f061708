package tracking

import (
	"context"
	"database/sql"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// Adopt moves points that an earlier version stored as one row each into series, run by run. It may be cut off and repeated
// at any point; where nothing is left to move it costs one look.
func (r *Room) Adopt(ctx context.Context) error {
	for {
		var runs []string
		err := r.db.View(ctx, func(tx *db.Tx) (err error) {
			runs, err = column[string](tx, `SELECT run FROM tracking_metric LIMIT 1`)
			return err
		})
		if err != nil || len(runs) == 0 {
			return err
		}
		if err := r.db.Update(ctx, func(tx *db.Tx) error { return adoptRun(tx, runs[0]) }); err != nil {
			return fault.Wrap(err, "moving the metrics of run %s to their new tables", runs[0])
		}
	}
}

func adoptRun(tx *db.Tx, id string) error {
	run, err := runInfo(tx, id)
	if err != nil {
		return err
	}
	var points []Metric
	err = tx.Each(func(rows *sql.Rows) error {
		m, err := scanMetric(rows.Scan)
		points = append(points, m)
		return err
	}, `SELECT `+metricColumns+` FROM tracking_metric WHERE run = ? ORDER BY key, timestamp_ms, step, value`, id)
	if err != nil {
		return err
	}
	if err := putMetrics(tx, &run, points); err != nil {
		return err
	}
	for _, table := range []string{"tracking_metric", "tracking_latest"} {
		if _, err := tx.Exec(`DELETE FROM `+table+` WHERE run = ?`, id); err != nil {
			return err
		}
	}
	return nil
}
