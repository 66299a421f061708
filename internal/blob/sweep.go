package blob

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/paraplu/paraplu/internal/ref"
)

// Swept tells what Sweep found.
type Swept struct {
	Objects int   `json:"objects"` // all objects
	Bytes   int64 `json:"bytes"`   // of all objects
	Orphans int   `json:"orphans"` // objects that nothing refers to
	Freed   int64 `json:"freed"`   // bytes of the orphans that were removed
	Removed int   `json:"removed"`
}

// Sweep removes objects that are not in referenced and were written before the given instant. With dryRun it only counts.
// The caller reads the references in one transaction that starts after before: an object younger than that may belong to
// a transaction that has not committed yet.
func (s *Store) Sweep(ctx context.Context, referenced map[ref.Digest]bool, before time.Time, dryRun bool) (Swept, error) {
	var out Swept
	var doomed []Object
	err := s.List(ctx, func(o Object) error {
		out.Objects++
		out.Bytes += o.Size
		if !referenced[o.Digest] {
			out.Orphans++
			if o.ModTime.Before(before) {
				doomed = append(doomed, o)
			}
		}
		return nil
	})
	if err != nil || dryRun {
		return out, err
	}
	for _, o := range doomed {
		if now, err := s.bucket.Attributes(ctx, key(o.Digest)); err == nil && !now.ModTime.Before(before) {
			continue // somebody holds it since it was listed
		}
		if err := s.Delete(ctx, o.Digest); err != nil {
			return out, err
		}
		out.Removed++
		out.Freed += o.Size
	}
	return out, s.sweepTemporary(ctx, before)
}

// sweepTemporary removes bodies that a killed process left behind: those of unknown digest, and those that stand beside
// their object until they are complete.
func (s *Store) sweepTemporary(ctx context.Context, before time.Time) error {
	if s.tmp == "" {
		return nil
	}
	entries, err := os.ReadDir(s.tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().Before(before) {
			os.Remove(filepath.Join(s.tmp, e.Name())) //nolint:errcheck // swept again next time
		}
	}
	return s.each(ctx, func(o *blob.ListObject) error {
		if strings.HasSuffix(o.Key, ".tmp") && o.ModTime.Before(before) {
			s.bucket.Delete(ctx, o.Key) //nolint:errcheck // swept again next time
		}
		return nil
	})
}
