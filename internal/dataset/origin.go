package dataset

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/paraplu/paraplu/internal/db"
)

// The kinds of sources.
const (
	FromURL    = "url"
	FromBucket = "bucket"
	FromSQL    = "sql"
	FromDVC    = "dvc"
)

// Origin tells where a version comes from, so that it can be fetched again and traced back. All is optional.
type Origin struct {
	Kind         string     `json:"kind,omitempty"`   // url, bucket, sql, dvc; "" = it was added from a file
	Source       string     `json:"source,omitempty"` // address without a password
	Query        string     `json:"query,omitempty"`  // of sql
	ETag         string     `json:"etag,omitempty"`   // as the server says it; of dvc the md5
	LastModified string     `json:"last_modified,omitempty"`
	FetchedAt    *time.Time `json:"fetched_at,omitempty"`
	Commit       string     `json:"commit,omitempty"`    // of the git repository around paraplu.yaml
	Dirty        bool       `json:"dirty,omitempty"`     // tracked files differed from that commit
	Execution    string     `json:"execution,omitempty"` // of the pipeline, that wrote the data or added it
	Step         string     `json:"step,omitempty"`
	Run          string     `json:"run,omitempty"`  // of tracking, in which the data were added
	File         string     `json:"file,omitempty"` // lineage name of the output of that execution: "file:build/x.csv@sha256:…"
}

// Words gives the origin in a few words: the source, else the step, else "".
func (o *Origin) Words() string {
	switch {
	case o == nil:
		return ""
	case o.Source != "":
		return o.Source
	case o.Step != "":
		return "step " + o.Step
	}
	return ""
}

// inputs are the lineage names of what the version was made from.
func (o *Origin) inputs() (out []string) {
	switch {
	case o == nil:
		return nil
	case o.Source != "":
		out = append(out, "source:"+o.Source)
	}
	switch {
	case o.File != "":
		out = append(out, o.File)
	case o.Execution != "":
		out = append(out, "execution:"+o.Execution)
	}
	if o.Run != "" {
		out = append(out, "run:"+o.Run)
	}
	return out
}

func insertOrigin(tx *db.Tx, v Version) error {
	if v.Origin == nil || *v.Origin == (Origin{}) {
		return nil
	}
	body, err := json.Marshal(v.Origin)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO dataset_origin (product, name, number, kind, origin) VALUES (?, ?, ?, ?, ?)`, v.Product, v.Dataset, v.Number, v.Origin.Kind, string(body))
	return err
}

// withOrigins fills the origins of versions of one dataset.
func withOrigins(tx *db.Tx, vs []Version) error {
	if len(vs) == 0 {
		return nil
	}
	found := map[int]*Origin{}
	if err := tx.Each(func(rows *sql.Rows) error {
		var number int
		var body string
		if err := rows.Scan(&number, &body); err != nil {
			return err
		}
		o := &Origin{}
		found[number] = o
		if err := json.Unmarshal([]byte(body), o); err != nil {
			return fmt.Errorf("origin of %s@v%d: %w", vs[0].Dataset, number, err)
		}
		return nil
	}, `SELECT number, origin FROM dataset_origin WHERE product = ? AND name = ?`, vs[0].Product, vs[0].Dataset); err != nil {
		return err
	}
	for i := range vs {
		vs[i].Origin = found[vs[i].Number]
	}
	return nil
}
