package blob

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/paraplu/paraplu/internal/fault"
)

// bucket is the shelf of a bucket that is no folder. Objects there cannot be touched, so a marker beside a pack, written
// again each time, says when it was touched last. There is no lock across processes: between the last look and the removal of
// a pack lies one call, which the grace period of a sweep has to cover.
type bucket struct {
	s  *Store
	mu sync.RWMutex
}

const touchedPrefix = "touched/"

func packKey(name string) string { return packsPrefix + name + packSuffix }

func (b *bucket) list(ctx context.Context) ([]shelved, error) {
	touched := map[string]time.Time{}
	err := b.s.keys(ctx, touchedPrefix, func(o *blob.ListObject) error {
		touched[path.Base(o.Key)] = o.ModTime
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []shelved
	err = b.s.keys(ctx, packsPrefix, func(o *blob.ListObject) error {
		name, ok := strings.CutSuffix(path.Base(o.Key), packSuffix)
		if !ok || len(name) != 64 {
			return nil // not ours
		}
		at := o.ModTime
		if t := touched[name]; t.After(at) {
			at = t
		}
		out = append(out, shelved{name, o.Size, at})
		return nil
	})
	return out, err
}

func (b *bucket) place(ctx context.Context, name string, f *os.File) (time.Time, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return time.Time{}, err
	}
	return time.Time{}, b.s.write(ctx, packKey(name), "a pack", f)
}

func (b *bucket) settle() error { return nil }

func (b *bucket) open(ctx context.Context, name string) (readerAt, error) {
	at, err := b.s.bucket.Attributes(ctx, packKey(name))
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fault.New(fault.NotFound, "pack %s is gone", name[:12])
	} else if err != nil {
		return nil, fault.Wrap(err, "opening pack %s", name[:12])
	}
	return &remotePack{bucket: b.s.bucket, key: packKey(name), size: at.Size}, nil
}

func (b *bucket) touch(ctx context.Context, name string) (bool, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if err := b.s.bucket.WriteAll(ctx, touchedPrefix+name, nil, nil); err != nil {
		return false, fault.Wrap(err, "holding pack %s", name[:12])
	}
	ok, err := b.s.bucket.Exists(ctx, packKey(name))
	return ok, fault.Wrap(err, "looking for pack %s", name[:12])
}

func (b *bucket) remove(ctx context.Context, name string, old func(time.Time) bool) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range []string{packKey(name), touchedPrefix + name} {
		at, err := b.s.bucket.Attributes(ctx, key)
		if gcerrors.Code(err) == gcerrors.NotFound {
			continue
		} else if err != nil || !old(at.ModTime) {
			return false, fault.Wrap(err, "looking at pack %s", name[:12])
		}
	}
	for _, key := range []string{packKey(name), touchedPrefix + name} {
		if err := b.s.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return false, fault.Wrap(err, "deleting pack %s", name[:12])
		}
	}
	return true, nil
}

// remotePack reads a pack by ranges. A call to a remote bucket costs as much as a megabyte, so it reads ahead, and further
// when it was read in order.
type remotePack struct {
	bucket *blob.Bucket
	key    string
	size   int64

	mu    sync.Mutex
	text  []byte // of the last range
	start int64
	ahead int64
}

const (
	minAhead = 128 << 10
	maxAhead = 4 << 20
)

func (r *remotePack) ReadAt(p []byte, offset int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if offset < 0 || offset+int64(len(p)) > r.size {
		return 0, io.ErrUnexpectedEOF
	}
	end := r.start + int64(len(r.text))
	if offset < r.start || offset+int64(len(p)) > end {
		if offset >= r.start && offset <= end {
			r.ahead = min(max(2*r.ahead, minAhead), maxAhead)
		} else {
			r.ahead = minAhead
		}
		n := min(max(int64(len(p)), r.ahead), r.size-offset)
		in, err := r.bucket.NewRangeReader(context.Background(), r.key, offset, n, nil)
		if gcerrors.Code(err) == gcerrors.NotFound {
			return 0, fault.New(fault.NotFound, "a pack is gone")
		} else if err != nil {
			return 0, err
		}
		text := make([]byte, n)
		_, err = io.ReadFull(in, text)
		if err = errors.Join(err, in.Close()); err != nil {
			return 0, err
		}
		r.text, r.start = text, offset
	}
	return copy(p, r.text[offset-r.start:]), nil
}

func (r *remotePack) Close() error { return nil }
