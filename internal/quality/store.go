package quality

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
)

// store writes a report and its facts. A report of checks that could not be run is replaced by the next one.
func (r *Room) store(ctx context.Context, report *Report, via string) error {
	body, err := json.Marshal(report)
	if err != nil {
		return fault.Wrap(err, "storing the report")
	}
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO quality_report (id, product, dataset, kind, status, data_digest, contract_digest, created_ms, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET status = excluded.status, created_ms = excluded.created_ms, body = excluded.body WHERE quality_report.status = 'error'`,
			report.ID, report.Product, report.Dataset, report.Kind, string(report.Status), string(report.DataDigest), string(report.ContractDigest), db.Millis(report.CreatedAt), string(body))
		if err != nil {
			return err
		}
		return event.Append(tx, facts(report, via)...)
	})
	return fault.Wrap(err, "storing the report of %s", report.Dataset)
}

func (r *Room) stored(ctx context.Context, id string) (out *Report, found bool, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		var body string
		if found, err = db.Found(tx.QueryRow(`SELECT body FROM quality_report WHERE id = ?`, id).Scan(&body)); err != nil || !found {
			return err
		}
		out = &Report{}
		return json.Unmarshal([]byte(body), out)
	})
	return out, found, err
}

// Report gives one report, or NotFound.
func (r *Room) Report(ctx context.Context, id string) (*Report, error) {
	out, found, err := r.stored(ctx, id)
	if err == nil && !found {
		return nil, fault.New(fault.NotFound, "there is no report %q", id)
	}
	return out, err
}

// Reports gives the reports of a dataset, newest first; "" means every dataset of the product.
func (r *Room) Reports(ctx context.Context, product, dataset string) (out []*Report, err error) {
	where, args := "product = ?", []any{product}
	if dataset != "" {
		where, args = where+" AND dataset = ?", append(args, dataset)
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		return tx.Each(func(rows *sql.Rows) error {
			var body string
			if err := rows.Scan(&body); err != nil {
				return err
			}
			report := &Report{}
			out = append(out, report)
			return json.Unmarshal([]byte(body), report)
		}, `SELECT body FROM quality_report WHERE `+where+` ORDER BY created_ms DESC, id`, args...)
	})
	return out, err
}

// Delivered marks a report as that of a version: what it measured is what the next delivery is compared with.
func (r *Room) Delivered(ctx context.Context, id string) error {
	err := r.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE quality_report SET delivered_ms = ? WHERE id = ?`, db.Millis(r.clock()), id)
		return err
	})
	return fault.Wrap(err, "marking the report %s as delivered", id)
}

// previous gives the measures of the delivery before: the last that became a version, else the last that was checked and
// accepted, and is another one.
func (r *Room) previous(ctx context.Context, report *Report, partOf string) (out map[string]float64, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		var body string
		found, err := db.Found(tx.QueryRow(`SELECT body FROM quality_report WHERE product = ? AND dataset = ? AND kind = ? AND status IN ('pass', 'warn') AND data_digest <> ? AND id <> ?
			ORDER BY delivered_ms DESC, created_ms DESC, id LIMIT 1`, report.Product, report.Dataset, kindContract, string(report.DataDigest), partOf).Scan(&body))
		if err != nil || !found {
			return err
		}
		var before Report
		err = json.Unmarshal([]byte(body), &before)
		out = before.Measures
		return err
	})
	return out, err
}
