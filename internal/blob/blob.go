// Package blob keeps immutable objects, each named by the SHA-256 of its bytes, in any bucket that gocloud.dev knows.
// Small file and memory buckets are linked in; what is read is verified while it is read.
//
// An object is put before the transaction that refers to it. A crash in between leaves an object that nothing refers to;
// Sweep removes such objects once they are older than a grace period, so that nothing half-done stays behind:
//
//	digest, size, err := store.Put(ctx, file)
//	err = d.Update(ctx, func(tx *db.Tx) error { … INSERT … digest … })
package blob

import (
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
	"github.com/paraplu/paraplu/internal/whole"
)

// Store is a bucket of content-addressed objects. It is safe for concurrent use.
type Store struct {
	bucket *blob.Bucket
	url    string
	tmp    string // folder for bodies of unknown digest
}

// Open opens "file:///folder" (made if missing) or "mem://".
func Open(ctx context.Context, url string) (*Store, error) {
	tmp := ""
	if dir, ok := strings.CutPrefix(url, "file://"); ok {
		dir, _, _ = strings.Cut(dir, "?")
		tmp = path.Join(dir, "tmp")
		if err := os.MkdirAll(tmp, 0o755); err != nil {
			return nil, fault.Wrap(err, "making the object folder %s", dir)
		}
		url = "file://" + dir + "?create_dir=true&metadata=skip&no_tmp_dir=true"
	}
	b, err := blob.OpenBucket(ctx, url)
	if err != nil {
		return nil, fault.New(fault.Invalid, "object store %q: %w", url, err).
			WithHint("this build knows file:///folder and mem://")
	}
	return &Store{bucket: b, url: url, tmp: tmp}, nil
}

// Close releases the bucket.
func (s *Store) Close() error { return s.bucket.Close() }

func key(d ref.Digest) string { h := d.Hex(); return "sha256/" + h[:2] + "/" + h }

// Put stores the bytes of r and gives their digest and size. The body goes to a temporary file first, so memory stays
// constant and a broken upload leaves nothing; an object that exists already is not written again.
func (s *Store) Put(ctx context.Context, r io.Reader) (ref.Digest, int64, error) {
	f, err := os.CreateTemp(s.tmp, "put-*")
	if err != nil {
		return "", 0, fault.Wrap(err, "storing an object")
	}
	defer os.Remove(f.Name())
	defer f.Close()
	h := ref.NewHasher()
	n, err := io.Copy(f, io.TeeReader(r, h))
	if err != nil {
		return "", 0, failed(err, "an object")
	}
	d := h.Digest()
	if ok, err := s.Hold(ctx, d); err != nil || ok {
		return d, n, err
	}
	return d, n, s.place(ctx, d, f)
}

// place makes a complete temporary file an object: in a folder by renaming it, elsewhere by copying it.
func (s *Store) place(ctx context.Context, d ref.Digest, f *os.File) error {
	if s.tmp == "" {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return failed(err, d.Short())
		}
		return s.write(ctx, key(d), d.Short(), f)
	}
	target := path.Join(path.Dir(s.tmp), key(d))
	err := f.Chmod(0o644)
	if err == nil {
		err = f.Sync() // the transaction that refers to it is durable, so it must be
	}
	if err == nil {
		err = os.MkdirAll(path.Dir(target), 0o777)
	}
	if err == nil {
		err = os.Rename(f.Name(), target)
	}
	if err == nil {
		err = whole.SyncFolder(path.Dir(target))
	}
	return failed(err, d.Short())
}

// PutBytes stores b.
func (s *Store) PutBytes(ctx context.Context, b []byte) (ref.Digest, error) {
	d := ref.Sum(b)
	if ok, err := s.Hold(ctx, d); err != nil || ok {
		return d, err
	}
	return d, s.write(ctx, key(d), d.Short(), strings.NewReader(string(b)))
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
	if _, err := ref.ParseDigest(string(d)); err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	r, err := s.bucket.NewReader(ctx, key(d), nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fault.New(fault.NotFound, "object %s is not in the store", d)
	} else if err != nil {
		return nil, fault.Wrap(err, "reading %s", d.Short())
	}
	return &verifier{r: r, want: d, h: ref.NewHasher()}, nil
}

// GetFrom opens an object at an offset. A part cannot be verified: only an offset of 0 reads as Get does.
func (s *Store) GetFrom(ctx context.Context, d ref.Digest, offset int64) (io.ReadCloser, error) {
	if _, err := ref.ParseDigest(string(d)); err != nil || offset == 0 {
		return s.Get(ctx, d)
	}
	r, err := s.bucket.NewRangeReader(ctx, key(d), offset, -1, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fault.New(fault.NotFound, "object %s is not in the store", d)
	}
	return r, fault.Wrap(err, "reading %s", d.Short())
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

// Has tells whether the object exists.
func (s *Store) Has(ctx context.Context, d ref.Digest) (bool, error) {
	ok, err := s.bucket.Exists(ctx, key(d))
	return ok, fault.Wrap(err, "looking for %s", d.Short())
}

// Hold is Has for an object that a transaction is about to refer to: it becomes as young as one that was just put, so that
// a sweep which has read the references already spares it. False means: put it.
func (s *Store) Hold(ctx context.Context, d ref.Digest) (bool, error) {
	ok, err := s.Has(ctx, d)
	if err != nil || !ok || s.tmp == "" {
		return ok, err
	}
	now := time.Now()
	return os.Chtimes(path.Join(path.Dir(s.tmp), key(d)), now, now) == nil, nil // swept this moment, or not ours to touch
}

// Delete removes an object; one that is absent is no error.
func (s *Store) Delete(ctx context.Context, d ref.Digest) error {
	err := s.bucket.Delete(ctx, key(d))
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return fault.Wrap(err, "deleting %s", d.Short())
}

// Object describes a stored object.
type Object struct {
	Digest  ref.Digest
	Size    int64 // bytes
	ModTime time.Time
}

// List calls fn for every object.
func (s *Store) List(ctx context.Context, fn func(Object) error) error {
	return s.each(ctx, func(o *blob.ListObject) error {
		d, err := ref.ParseDigest("sha256:" + path.Base(o.Key))
		if err != nil {
			return nil // not ours
		}
		return fn(Object{Digest: d, Size: o.Size, ModTime: o.ModTime})
	})
}

func (s *Store) each(ctx context.Context, fn func(*blob.ListObject) error) error {
	it := s.bucket.List(&blob.ListOptions{Prefix: "sha256/"})
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
