package dataset

import (
	"context"
	"embed"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations gives the schema of this room.
func Migrations() db.Source { return db.Source{Room: "dataset", FS: migrations} }

// File is one file of a version.
type File struct {
	Path   string     `json:"path"` // inside the version, with slashes; of a single file its base name
	Size   int64      `json:"size"` // bytes
	Digest ref.Digest `json:"digest"`
}

// Version is an immutable state of a dataset.
type Version struct {
	Product   string     `json:"product"`
	Dataset   string     `json:"dataset"`
	Number    int        `json:"number"` // 1, 2, 3 …
	Digest    ref.Digest `json:"digest"` // of the canonical manifest
	Folder    bool       `json:"folder"` // false: exactly one file
	Rows      int64      `json:"rows"`   // without the header; -1 = unknown
	Bytes     int64      `json:"bytes"`
	Columns   []string   `json:"columns"` // nil = unknown
	Files     []File     `json:"files"`   // sorted by path
	CreatedAt time.Time  `json:"created_at"`
	Actor     string     `json:"actor"`
	Message   string     `json:"message,omitempty"`
	Source    string     `json:"source,omitempty"` // where the data come from, in words
	Licence   string     `json:"licence,omitempty"`
	Simulated bool       `json:"simulated"`           // not observed in the world; every face says so
	ReportID  string     `json:"report_id,omitempty"` // of the contract check that let it in, "" if none
	Origin    *Origin    `json:"origin,omitempty"`    // in lists of versions; nil = not known
}

// Ref gives the lineage name "dataset:weather@sha256:…".
func (v Version) Ref() string { return fmt.Sprintf("dataset:%s@%s", v.Dataset, v.Digest) }

// String gives "weather@v3".
func (v Version) String() string { return fmt.Sprintf("%s@v%d", v.Dataset, v.Number) }

// AddInput says what to add. Rows and Columns may be given by a caller who knows them (Parquet); for CSV and JSON lines
// they are counted.
type AddInput struct {
	Product   string
	Name      string
	Path      string // file or folder
	Actor     string
	Message   string
	ReportID  string
	Checked   ref.Digest // of the file that the report is about; "" = any
	Source    string
	Licence   string
	Simulated bool
	Inputs    []string // lineage references of what it was made from
	Rows      int64    // 0 = count if possible
	Columns   []string
	Via       string  // source of the fact: cli, api, job …
	Origin    *Origin // nil = not known
}

// Room holds the datasets of all products.
type Room struct {
	IndexDir string // folder that remembers which files did not change (StatIndex); "" = nothing is remembered

	db    *db.DB
	blobs *blob.Store
	clock func() time.Time

	open         func(path string) (io.ReadCloser, error) // tests put a broken disk here
	beforeCommit func()                                   // tests kill the process here
}

// New gives the room over a migrated database and an object store.
func New(d *db.DB, b *blob.Store, clock func() time.Time) *Room {
	return &Room{db: d, blobs: b, clock: clock, beforeCommit: func() {},
		open: func(path string) (io.ReadCloser, error) { return os.Open(path) }}
}

// Add makes a version of a file or folder. When its content is that of the newest version, that one is answered and
// created is false. Symbolic links are refused: a version must not depend on what lies outside.
func (r *Room) Add(ctx context.Context, in AddInput) (v Version, created bool, err error) {
	if err := in.check(); err != nil {
		return v, false, err
	}
	batch := r.blobs.Batch()
	defer batch.Abort(ctx)
	tree, err := r.scan(ctx, in.Path, batch)
	if err != nil {
		return v, false, fault.Wrap(err, "adding %s to dataset %s", in.Path, in.Name)
	}
	if in.Checked != "" && !tree.folder && tree.files[0].Digest != in.Checked {
		return v, false, fault.New(fault.Conflict, "%s changed after it was checked", in.Path).
			WithHint("wait until the file is complete, then run the same command again")
	}
	v = in.version(tree, r.clock().UTC())
	manifest := encode(v)
	v.Digest = ref.Sum(manifest)
	if last, found, err := r.newest(ctx, in.Product, in.Name); err != nil {
		return v, false, err
	} else if found && last.Digest == v.Digest {
		last.Files = v.Files
		tree.remember()
		return last, false, nil
	}
	if err := r.put(ctx, tree, manifest, batch); err != nil {
		return v, false, fault.Wrap(err, "adding %s to dataset %s", in.Path, in.Name)
	}
	tree.remember()
	r.beforeCommit()
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		v, created, err = publish(tx, v, in)
		return err
	})
	return v, created, fault.Wrap(err, "publishing %s", in.Name)
}

// publish writes the rows and the fact of a version, unless somebody else published the same content meanwhile.
func publish(tx *db.Tx, v Version, in AddInput) (Version, bool, error) {
	last, found, err := newest(tx, v.Product, v.Dataset)
	if err != nil {
		return v, false, err
	}
	if found && last.Digest == v.Digest {
		last.Files = v.Files
		return last, false, nil
	}
	v.Number = last.Number + 1
	if err := insert(tx, v); err != nil {
		return v, false, err
	}
	if err := insertOrigin(tx, v); err != nil {
		return v, false, err
	}
	inputs := append(in.Inputs[:len(in.Inputs):len(in.Inputs)], v.Origin.inputs()...)
	if v.ReportID != "" {
		inputs = append(inputs[:len(inputs):len(inputs)], "report:"+v.ReportID)
	}
	return v, true, event.Append(tx, event.Fact{
		Time: v.CreatedAt, Actor: v.Actor, Source: in.Via, Product: v.Product, Verb: event.DatasetPublished,
		Object: v.String(), Digest: string(v.Digest), Reason: v.Message,
		Key:    fmt.Sprintf("dataset:%s/%s@%s#%d", v.Product, v.Dataset, v.Digest, v.Number),
		Inputs: inputs, Outputs: []string{v.Ref()},
		Data: map[string]any{
			"dataset": v.Dataset, "number": v.Number, "rows": v.Rows, "bytes": v.Bytes, "files": len(v.Files), "columns": v.Columns,
			"source": v.Source, "licence": v.Licence, "simulated": v.Simulated, "report": v.ReportID, "origin": v.Origin,
		},
	})
}

func (in *AddInput) check() error {
	for _, name := range []string{in.Product, in.Name} {
		if err := ref.CheckName(name); err != nil {
			return fault.New(fault.Invalid, "adding data: %w", err)
		}
	}
	if in.Actor == "" {
		return fault.New(fault.Invalid, "adding data to %s: it is not said who does it", in.Name)
	}
	return nil
}

func (in *AddInput) version(t *tree, now time.Time) Version {
	v := Version{
		Product: in.Product, Dataset: in.Name, Folder: t.folder, Rows: t.rows, Columns: t.columns, Files: t.files, Bytes: t.bytes(),
		CreatedAt: db.Time(db.Millis(now)), Actor: in.Actor, Message: in.Message, Source: in.Source, Licence: in.Licence,
		Simulated: in.Simulated, ReportID: in.ReportID, Origin: in.Origin,
	}
	if in.Rows > 0 {
		v.Rows = in.Rows
	}
	if in.Columns != nil {
		v.Columns = in.Columns
	}
	return v
}

// put completes a batch: the files that were not read are held, or read after all, and the manifest is stored.
func (r *Room) put(ctx context.Context, t *tree, manifest []byte, batch *blob.Batch) error {
	err := each(ctx, len(t.files), func(ctx context.Context, i int) error {
		if !t.seen[i].known {
			return nil
		}
		want := t.files[i].Digest
		if ok, err := batch.Hold(ctx, want); ok || err != nil {
			return err
		}
		if err := r.read(ctx, t, i, batch); err != nil || t.files[i].Digest == want {
			return err
		}
		return fault.New(fault.Conflict, "%s changed while it was being added", t.place(t.files[i])).
			WithHint("run the same command again")
	})
	if err != nil {
		return err
	}
	if _, err := batch.PutBytes(ctx, manifest); err != nil {
		return err
	}
	return batch.Commit(ctx)
}
