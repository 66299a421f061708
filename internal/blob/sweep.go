package blob

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gocloud.dev/blob"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Swept tells what Sweep found.
type Swept struct {
	Objects int   `json:"objects"` // all objects
	Bytes   int64 `json:"bytes"`   // of all objects
	Orphans int   `json:"orphans"` // objects that nothing refers to
	Freed   int64 `json:"freed"`   // bytes on the disk
	Removed int   `json:"removed"` // orphans that are gone now
}

// Sweep removes objects that are not in referenced and were written before the given instant. With dryRun it only counts.
// The caller reads the references in one transaction that starts after before: an object younger than that may belong to
// a transaction that has not committed yet. Orphans in a pack that is mostly needed stay until that changes.
func (s *Store) Sweep(ctx context.Context, referenced map[ref.Digest]bool, before time.Time, dryRun bool) (Swept, error) {
	var out Swept
	packed, err := s.survey(ctx, referenced, before)
	if err != nil {
		return out, err
	}
	counted := map[id]bool{}
	packed.count(counted, &out)
	var doomed []Object
	err = s.listPlain(ctx, func(o Object) error {
		if !referenced[o.Digest] && o.ModTime.Before(before) {
			doomed = append(doomed, o)
		}
		i, err := idOf(o.Digest)
		if err != nil || counted[i] {
			return err
		}
		out.Objects++
		out.Bytes += o.Size
		if !referenced[o.Digest] {
			out.Orphans++
		}
		return nil
	})
	if err != nil || dryRun {
		return out, err
	}
	for _, o := range doomed {
		removed, err := s.removePlain(ctx, o.Digest, func(held time.Time) bool { return held.Before(before) })
		if err != nil {
			return out, err
		}
		if removed {
			out.Removed++
			out.Freed += o.Size
		}
	}
	if err := packed.sweep(ctx, &out); err != nil {
		return out, err
	}
	return out, s.sweepTemporary(ctx, before)
}

// removePlain removes an object that is a file of its own, unless somebody holds it since it was listed.
func (s *Store) removePlain(ctx context.Context, d ref.Digest, old func(time.Time) bool) (removed bool, err error) {
	if s.root != "" {
		err = locked(s.root, syscall.LOCK_EX, func() error {
			removed, err = removeOld(filepath.Join(s.root, filepath.FromSlash(key(d))), old)
			return err
		})
		return removed, fault.Wrap(err, "deleting %s", d.Short())
	}
	if now, err := s.bucket.Attributes(ctx, key(d)); err == nil && !old(now.ModTime) {
		return false, nil
	}
	return true, s.deletePlain(ctx, d)
}

// sweepTemporary removes bodies that a killed process left behind: those of unknown digest, and those that stand beside
// their object until they are complete.
func (s *Store) sweepTemporary(ctx context.Context, before time.Time) error {
	if s.root == "" {
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
	return s.keys(ctx, "sha256/", func(o *blob.ListObject) error {
		if strings.HasSuffix(o.Key, ".tmp") && o.ModTime.Before(before) {
			s.bucket.Delete(ctx, o.Key) //nolint:errcheck // swept again next time
		}
		return nil
	})
}
