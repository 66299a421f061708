package pipeline

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/ref"
)

// Made names the step of an execution that wrote an output.
type Made struct {
	Execution string
	Step      string
}

// Made finds the newest execution in which a step wrote exactly this content to this path.
func (r *Room) Made(ctx context.Context, product, path string, digest ref.Digest) (made Made, found bool, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		return tx.Each(func(rows *sql.Rows) error {
			var m Made
			var outs []Out
			var body string
			if err := rows.Scan(&m.Execution, &m.Step, &body); err != nil || found {
				return err
			}
			if err := json.Unmarshal([]byte(body), &outs); err != nil {
				return err
			}
			for _, o := range outs {
				if o.Path == path && o.Digest == digest {
					made, found = m, true
				}
			}
			return nil
		}, `SELECT execution_id, step, outs FROM pipeline_step WHERE product = ? AND result IN ('ran', 'cached') AND outs LIKE ?
			ORDER BY execution_id DESC LIMIT 20`, product, "%"+digest.Hex()+"%")
	})
	return made, found, err
}
