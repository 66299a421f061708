// Package blob keeps immutable objects, each named by the SHA-256 of its bytes, in any bucket that gocloud.dev knows.
// Small file and memory buckets are linked in; what is read is verified while it is read.
//
// A small object is a file of its own. A large one is cut where its content says (package chunk); its chunks, each stored once
// and compressed when that pays, lie in packs, and a recipe lists them. A Batch also puts many small objects into packs, with
// one sync for each pack. docs/spec/object-store.md is the format.
//
// An object is put before the transaction that refers to it. A crash in between leaves an object that nothing refers to;
// Sweep removes such objects once they are older than a grace period, so that nothing half-done stays behind:
//
//	digest, size, err := store.Put(ctx, file)
//	err = d.Update(ctx, func(tx *db.Tx) error { … INSERT … digest … })
package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file://
	_ "gocloud.dev/blob/memblob"  // mem://
	"gocloud.dev/gcerrors"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Store is a bucket of content-addressed objects. It is safe for concurrent use.
type Store struct {
	bucket *blob.Bucket
	url    string
	root   string // of a file bucket, else ""
	tmp    string // folder for bodies of unknown digest; "" = that of the system
	packs  *packs

	packSize int64
}

// Open opens "file:///folder" (made if missing) or "mem://".
func Open(ctx context.Context, url string) (*Store, error) {
	s := &Store{packSize: defaultPackSize}
	if dir, ok := strings.CutPrefix(url, "file://"); ok {
		s.root, _, _ = strings.Cut(dir, "?")
		s.tmp = path.Join(s.root, "tmp")
		if err := os.MkdirAll(s.tmp, 0o755); err != nil {
			return nil, fault.Wrap(err, "making the object folder %s", s.root)
		}
		url = "file://" + s.root + "?create_dir=true&metadata=skip&no_tmp_dir=true"
	}
	b, err := blob.OpenBucket(ctx, url)
	if err != nil {
		return nil, fault.New(fault.Invalid, "object store %q: %w", url, err).
			WithHint("this build knows file:///folder and mem://")
	}
	s.bucket, s.url = b, url
	if s.root != "" {
		s.packs = newPacks(folder{s.root})
	} else {
		s.packs = newPacks(&bucket{s: s})
	}
	return s, nil
}

// Close releases the bucket.
func (s *Store) Close() error {
	s.packs.files.close("")
	return s.bucket.Close()
}

// Folder is where a store that is a folder of this machine stands, else "". Caches may stand beside the objects.
func (s *Store) Folder() string { return s.root }

func key(d ref.Digest) string { h := d.Hex(); return "sha256/" + h[:2] + "/" + h }

// Put stores the bytes of r and gives their digest and size. Memory stays constant and a broken upload leaves nothing; what is
// there already is not written again.
func (s *Store) Put(ctx context.Context, r io.Reader) (ref.Digest, int64, error) {
	first := getBlock()
	defer first.release()
	if err := first.fill(r); err != nil {
		return "", 0, failed(err, "an object")
	}
	if first.last {
		d := ref.Sum(first.fresh())
		return d, int64(first.n), s.putPlain(ctx, d, first.fresh())
	}
	b := s.Batch()
	defer b.Abort(ctx)
	if err := b.begin(ctx); err != nil {
		return "", 0, err
	}
	d, n, err := b.stream(ctx, first, r)
	if err != nil {
		return "", 0, err
	}
	return d, n, failed(b.commit(ctx), d.Short())
}

// PutBytes stores b.
func (s *Store) PutBytes(ctx context.Context, b []byte) (ref.Digest, error) {
	if len(b) >= plainMax {
		d, _, err := s.Put(ctx, bytes.NewReader(b))
		return d, err
	}
	d := ref.Sum(b)
	return d, s.putPlain(ctx, d, b)
}

// putPlain stores a small object as a file of its own, unless it is there.
func (s *Store) putPlain(ctx context.Context, d ref.Digest, b []byte) error {
	if ok, err := s.Hold(ctx, d); err != nil || ok {
		return err
	}
	return s.write(ctx, key(d), d.Short(), bytes.NewReader(b))
}

// write stores r under a key of the bucket, whole or not at all.
func (s *Store) write(ctx context.Context, key, name string, r io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()    // before Close of a failed write, it discards the object
	var file *os.File // of a file bucket
	opts := &blob.WriterOptions{ContentType: "application/octet-stream", BeforeWrite: func(as func(any) bool) error { as(&file); return nil }}
	w, err := s.bucket.NewWriter(ctx, key, opts)
	if err != nil {
		return failed(err, name)
	}
	_, err = io.Copy(w, r)
	if err == nil && file != nil {
		err = file.Sync() // the transaction that refers to it is durable, so it must be
	}
	if err != nil {
		cancel()
		w.Close() //nolint:errcheck // it can only tell that it was cancelled
		return failed(err, name)
	}
	return failed(w.Close(), name)
}

// failed says why an object could not be stored.
func failed(err error, name string) error {
	if fault.Is(err, fault.Exhausted) {
		return fault.New(fault.Exhausted, "the disk of the object store is full, %s was not stored (%w)", name, err).
			WithHint("free some space and run the same command again; nothing was half-written")
	}
	return fault.Wrap(err, "storing %s", name)
}

// Get opens an object. Its bytes are verified: the last Read fails when they are not those of the digest.
func (s *Store) Get(ctx context.Context, d ref.Digest) (io.ReadCloser, error) {
	return s.GetFrom(ctx, d, 0)
}

// GetFrom opens an object at an offset. What it reads is verified chunk by chunk. Of an object that was stored whole and is
// larger than a megabyte, as earlier builds did, only an offset of 0 is verified.
func (s *Store) GetFrom(ctx context.Context, d ref.Digest, offset int64) (io.ReadCloser, error) {
	i, err := idOf(d)
	if err != nil {
		return nil, err
	}
	if r, ok, err := s.getPacked(ctx, i, offset); ok || err != nil {
		return r, err
	}
	if r, ok, err := s.getPlain(ctx, d, offset); ok || err != nil {
		return r, err
	}
	if err := s.packs.refresh(ctx); err != nil { // another process may have put it
		return nil, err
	}
	if r, ok, err := s.getPacked(ctx, i, offset); ok || err != nil {
		return r, err
	}
	if err := s.packs.intact(); err != nil {
		return nil, fault.New(fault.NotFound, "object %s is not in what can be read of the store: %w", d, err).WithHint("restore the pack from a backup of the object store")
	}
	return nil, fault.New(fault.NotFound, "object %s is not in the store", d)
}

// getPlain opens an object that is a file of its own.
func (s *Store) getPlain(ctx context.Context, d ref.Digest, offset int64) (io.ReadCloser, bool, error) {
	r, err := s.bucket.NewReader(ctx, key(d), nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, false, nil
	} else if err != nil {
		return nil, false, fault.Wrap(err, "reading %s", d.Short())
	}
	v := &verifier{r: r, want: d, h: ref.NewHasher()}
	if offset == 0 {
		return v, true, nil
	}
	defer v.Close()
	if r.Size() <= plainMax {
		b, err := io.ReadAll(v)
		return io.NopCloser(bytes.NewReader(b[min(offset, int64(len(b))):])), true, err
	}
	part, err := s.bucket.NewRangeReader(ctx, key(d), offset, -1, nil)
	return part, true, fault.Wrap(err, "reading %s", d.Short())
}

// ReadAll gives the bytes of an object, verified.
func (s *Store) ReadAll(ctx context.Context, d ref.Digest) ([]byte, error) {
	r, err := s.Get(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// Object describes a stored object.
type Object struct {
	Digest  ref.Digest
	Size    int64 // bytes
	ModTime time.Time
	Packed  bool // in a pack: a sweep may leave it until the pack is worth writing again
}

// List calls fn for every object.
func (s *Store) List(ctx context.Context, fn func(Object) error) error {
	seen, err := s.listPacked(ctx, fn)
	if err != nil {
		return err
	}
	return s.listPlain(ctx, func(o Object) error {
		if i, err := idOf(o.Digest); err != nil || seen[i] {
			return err
		}
		return fn(o)
	})
}

// listPlain calls fn for the objects that are files of their own.
func (s *Store) listPlain(ctx context.Context, fn func(Object) error) error {
	return s.keys(ctx, "sha256/", func(o *blob.ListObject) error {
		d, err := ref.ParseDigest("sha256:" + path.Base(o.Key))
		if err != nil {
			return nil // not ours
		}
		return fn(Object{Digest: d, Size: o.Size, ModTime: o.ModTime})
	})
}

// keys calls fn for every key of the bucket that begins so.
func (s *Store) keys(ctx context.Context, prefix string, fn func(*blob.ListObject) error) error {
	it := s.bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fault.Wrap(err, "listing objects")
		}
		if err := fn(o); err != nil {
			return err
		}
	}
}

type verifier struct {
	r    io.ReadCloser
	want ref.Digest
	h    ref.Hasher
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.h.Write(p[:n])
	if err == io.EOF {
		if got := v.h.Digest(); got != v.want {
			return n, fault.New(fault.Internal, "object %s is damaged: its bytes have the digest %s", v.want, got.Short()).
				WithHint("restore it from a backup of the object store")
		}
	}
	return n, err
}

func (v *verifier) Close() error { return v.r.Close() }

// String names the store.
func (s *Store) String() string { return fmt.Sprintf("objects in %s", s.url) }
