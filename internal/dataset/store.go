package dataset

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/ref"
)

const versionColumns = `product, name, number, digest, folder, row_count, byte_count, column_names, message, actor, source, licence, simulated, report_id, created_ms`

func insert(tx *db.Tx, v Version) error {
	columns, err := json.Marshal(v.Columns)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO dataset_version (`+versionColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		v.Product, v.Dataset, v.Number, string(v.Digest), flag(v.Folder), v.Rows, v.Bytes, string(columns), v.Message, v.Actor,
		v.Source, v.Licence, flag(v.Simulated), v.ReportID, db.Millis(v.CreatedAt))
	if err != nil {
		return err
	}
	for files := range slices.Chunk(v.Files, 100) { // many rows a statement: each costs a call
		args := make([]any, 0, 6*len(files))
		for _, f := range files {
			args = append(args, v.Product, v.Dataset, v.Number, f.Path, f.Size, string(f.Digest))
		}
		values := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?, ?), ", len(files)), ", ")
		if _, err := tx.Exec(`INSERT INTO dataset_file (product, name, number, path, size, digest) VALUES `+values, args...); err != nil {
			return err
		}
	}
	return nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func scan(row interface{ Scan(...any) error }) (Version, error) {
	var v Version
	var folder, simulated, ms int64
	var columns string
	err := row.Scan(&v.Product, &v.Dataset, &v.Number, &v.Digest, &folder, &v.Rows, &v.Bytes, &columns, &v.Message, &v.Actor,
		&v.Source, &v.Licence, &simulated, &v.ReportID, &ms)
	if err != nil {
		return v, err
	}
	v.Folder, v.Simulated, v.CreatedAt = folder == 1, simulated == 1, db.Time(ms)
	return v, json.Unmarshal([]byte(columns), &v.Columns)
}

// selectHeads reads versions without their files.
func selectHeads(tx *db.Tx, tail string, args ...any) (out []Version, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		v, err := scan(rows)
		out = append(out, v)
		return err
	}, `SELECT `+versionColumns+` FROM dataset_version `+tail, args...)
	return out, err
}

// selectVersions reads versions with their files.
func selectVersions(tx *db.Tx, tail string, args ...any) ([]Version, error) {
	out, err := selectHeads(tx, tail, args...)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if err := files(tx, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func files(tx *db.Tx, v *Version) error {
	return tx.Each(func(rows *sql.Rows) error {
		var f File
		err := rows.Scan(&f.Path, &f.Size, &f.Digest)
		v.Files = append(v.Files, f)
		return err
	}, `SELECT path, size, digest FROM dataset_file WHERE product = ? AND name = ? AND number = ? ORDER BY path`, v.Product, v.Dataset, v.Number)
}

func latest(tx *db.Tx, product, name string) (Version, bool, error) {
	vs, err := selectVersions(tx, `WHERE product = ? AND name = ? ORDER BY number DESC LIMIT 1`, product, name)
	if err != nil || len(vs) == 0 {
		return Version{}, false, err
	}
	return vs[0], true, nil
}

// newest is latest without the files.
func newest(tx *db.Tx, product, name string) (Version, bool, error) {
	vs, err := selectHeads(tx, `WHERE product = ? AND name = ? ORDER BY number DESC LIMIT 1`, product, name)
	if err != nil || len(vs) == 0 {
		return Version{}, false, err
	}
	return vs[0], true, nil
}

func (r *Room) newest(ctx context.Context, product, name string) (v Version, found bool, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		v, found, err = newest(tx, product, name)
		return err
	})
	return v, found, err
}

// References gives every object that a version needs: its files and its manifest.
func References(tx *db.Tx) ([]ref.Digest, error) {
	var out []ref.Digest
	err := tx.Each(func(rows *sql.Rows) error {
		var d ref.Digest
		err := rows.Scan(&d)
		out = append(out, d)
		return err
	}, `SELECT digest FROM dataset_file UNION SELECT digest FROM dataset_version`)
	return out, err
}
