package dataset

import (
	"context"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/ref"
)

// The states of what lies at the path of a dataset.
const (
	Same    = "same"    // the newest version, byte for byte
	Older   = "older"   // an older version, byte for byte
	Changed = "changed" // no version holds exactly this
	Missing = "missing" // nothing lies there, and there is a version
	Fresh   = "new"     // something lies there, and there is no version yet
	Absent  = "absent"  // neither
)

// Status tells what lies at a path, against the newest version.
type Status struct {
	Dataset  string     `json:"dataset"`
	Path     string     `json:"path"`
	State    string     `json:"state" enum:"same,older,changed,missing,new,absent"`
	Newest   int        `json:"newest"`             // number of the newest version, 0 = none
	Holds    int        `json:"holds"`              // number of the newest version with exactly this content, 0 = none
	Digest   ref.Digest `json:"digest,omitempty"`   // of what lies there
	Files    int        `json:"files"`              // that lie there
	Bytes    int64      `json:"bytes"`              // of them
	Read     int        `json:"read"`               // files that had to be read, because the index did not know them
	Modified []string   `json:"modified,omitempty"` // paths inside the dataset
	Added    []string   `json:"added,omitempty"`
	Deleted  []string   `json:"deleted,omitempty"`
}

// Status compares what lies at a path with the newest version of a dataset. When nothing changed since the last look, no
// file is opened and no manifest is read.
func (r *Room) Status(ctx context.Context, product, name, path string) (Status, error) {
	s := Status{Dataset: name, Path: path}
	l, err := r.lies(ctx, path)
	if err != nil {
		return s, err
	}
	s.Files, s.Read, s.Digest = len(l.files), l.read, l.tree
	for _, f := range l.files {
		s.Bytes += f.Stat.Size
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		vs, err := heads(tx, `WHERE product = ? AND name = ? ORDER BY number DESC LIMIT 1`, product, name)
		if err != nil || len(vs) == 0 {
			return err
		}
		newest := vs[0]
		s.Newest = newest.Number
		if !l.there || newest.Digest == l.tree {
			return nil
		}
		if s.Holds, err = holding(tx, newest, l); err != nil {
			return err
		}
		if err := files(tx, &newest); err != nil {
			return err
		}
		s.compare(newest, l.version())
		return nil
	})
	s.judge(l.there)
	return s, err
}

// holding gives the number of the newest version with exactly this content, 0 when there is none. The name of a single file
// is no content.
func holding(tx *db.Tx, of Version, l lying) (number int, err error) {
	if l.folder {
		err = tx.QueryRow(`SELECT coalesce(max(number), 0) FROM dataset_version WHERE product = ? AND name = ? AND digest = ?`,
			of.Product, of.Dataset, string(l.tree)).Scan(&number)
		return number, err
	}
	err = tx.QueryRow(`SELECT coalesce(max(v.number), 0) FROM dataset_version v
		JOIN dataset_file f ON f.product = v.product AND f.name = v.name AND f.number = v.number
		WHERE v.product = ? AND v.name = ? AND v.folder = 0 AND f.digest = ?`, of.Product, of.Dataset, string(l.files[0].Digest)).Scan(&number)
	return number, err
}

func (s *Status) compare(newest, here Version) {
	d := Diff(newest, here)
	for _, f := range d.Added {
		s.Added = append(s.Added, f.Path)
	}
	for _, f := range d.Removed {
		s.Deleted = append(s.Deleted, f.Path)
	}
	for _, c := range d.Changed {
		s.Modified = append(s.Modified, c.After.Path)
	}
}

func (s *Status) judge(there bool) {
	changes := len(s.Added) + len(s.Deleted) + len(s.Modified)
	switch {
	case !there && s.Newest == 0:
		s.State = Absent
	case !there:
		s.State = Missing
	case s.Newest == 0:
		s.State = Fresh
	case changes == 0: // a single file of another name is the same content
		s.State, s.Holds = Same, s.Newest
	case s.Holds > 0:
		s.State = Older
	default:
		s.State = Changed
	}
}
