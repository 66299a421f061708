package blob

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"gocloud.dev/gcerrors"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Has tells whether the object exists, with all its chunks.
func (s *Store) Has(ctx context.Context, d ref.Digest) (bool, error) {
	i, err := idOf(d)
	if err != nil {
		return false, err
	}
	if ok, err := s.bucket.Exists(ctx, key(d)); ok || err != nil {
		return ok, fault.Wrap(err, "looking for %s", d.Short())
	}
	there := func(context.Context, string) (bool, error) { return true, nil }
	if ok, err := s.holdPacked(ctx, i, there); ok || err != nil {
		return ok, err
	}
	if err := s.packs.refresh(ctx); err != nil { // another process may have put it
		return false, err
	}
	return s.holdPacked(ctx, i, there)
}

// Hold is Has for an object that a transaction is about to refer to: it becomes as young as one that was just put, so that
// a sweep which has read the references already spares it. False means: put it.
func (s *Store) Hold(ctx context.Context, d ref.Digest) (bool, error) {
	i, err := idOf(d)
	if err != nil {
		return false, err
	}
	if ok, err := s.holdPlain(ctx, d); ok || err != nil {
		return ok, err
	}
	ok, err := s.holdPacked(ctx, i, s.packs.shelf.touch)
	if ok && err == nil {
		err = s.packs.shelf.settle()
	}
	return ok, err
}

func (s *Store) holdPlain(ctx context.Context, d ref.Digest) (ok bool, err error) {
	if s.root == "" {
		ok, err := s.bucket.Exists(ctx, key(d))
		return ok, fault.Wrap(err, "looking for %s", d.Short())
	}
	name := filepath.Join(s.root, filepath.FromSlash(key(d)))
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	err = locked(s.root, syscall.LOCK_SH, func() error {
		ok, err = makeYoung(name)
		return err
	})
	return ok, fault.Wrap(err, "looking for %s", d.Short())
}

// holdPacked touches the packs of an object: that of its bytes, or those of its recipe and of all chunks. It is false when
// one of them is in no pack any more.
func (s *Store) holdPacked(ctx context.Context, i id, touch func(context.Context, string) (bool, error)) (bool, error) {
	if err := s.packs.load(ctx); err != nil {
		return false, err
	}
	if where, _, ok, err := s.packs.find(ctx, objectEntry, &i); err != nil {
		return false, err
	} else if ok {
		return touch(ctx, where.name)
	}
	where, e, ok, err := s.packs.find(ctx, recipeEntry, &i)
	if !ok || err != nil {
		return false, err
	}
	b, err := s.packs.read(ctx, where, &e, new(buffers))
	if err != nil {
		return false, nil // damaged or gone: it is put again
	}
	list, err := parseRecipe(b)
	if err != nil {
		return false, err
	}
	need := map[string]bool{where.name: true}
	for _, c := range list {
		where, _, ok, err := s.packs.find(ctx, chunkEntry, &c.id)
		if !ok || err != nil {
			return false, err
		}
		need[where.name] = true
	}
	for name := range need {
		if ok, err := touch(ctx, name); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// Delete removes an object; one that is absent is no error. Chunks that only it needed stay until a sweep.
func (s *Store) Delete(ctx context.Context, d ref.Digest) error {
	i, err := idOf(d)
	if err != nil {
		return err
	}
	if err := s.deletePlain(ctx, d); err != nil {
		return err
	}
	return fault.Wrap(s.without(ctx, i), "deleting %s", d.Short())
}

func (s *Store) deletePlain(ctx context.Context, d ref.Digest) error {
	err := s.bucket.Delete(ctx, key(d))
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return fault.Wrap(err, "deleting %s", d.Short())
}
