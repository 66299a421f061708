package blob

import (
	"context"
	"io"
	"os"
	"path"

	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/whole"
)

// PutPlain is Put for a body that is kept as a file of its own whatever its size: what is sent by ranges to many at once costs
// no memory then, because the system sends it from the file.
func (s *Store) PutPlain(ctx context.Context, r io.Reader) (ref.Digest, int64, error) {
	f, err := os.CreateTemp(s.tmp, "put-*")
	if err != nil {
		return "", 0, failed(err, "an object")
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is gone when it was placed
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
	return d, n, failed(s.place(ctx, d, f), d.Short())
}

// place makes a complete temporary file an object: in a folder by renaming it, elsewhere by copying it.
func (s *Store) place(ctx context.Context, d ref.Digest, f *os.File) error {
	if s.tmp == "" {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
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
	return err
}
