package blob

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/whole"
)

// shelf is where packs stand: in a folder, or in any other bucket. It also keeps until when a pack must stay: touch makes a
// pack as young as one that was just placed, and remove asks for its age at the last moment. Where several processes share
// a folder both happen under one lock, so a pack that was touched is there, and stays.
type shelf interface {
	// list gives all packs.
	list(ctx context.Context) ([]shelved, error)
	// place makes a complete temporary file a pack, durable but for the folder entry, which settle makes durable. A pack of
	// this name that is there is touched instead. It gives when the pack was placed, zero when it was there or that is not known.
	place(ctx context.Context, name string, f *os.File) (time.Time, error)
	settle() error
	// open reads a pack; one that is gone is fault.NotFound.
	open(ctx context.Context, name string) (readerAt, error)
	// touch is false when the pack is gone.
	touch(ctx context.Context, name string) (bool, error)
	// remove takes a pack away if it was placed and touched at an instant that old allows.
	remove(ctx context.Context, name string, old func(touched time.Time) bool) (bool, error)
}

type shelved struct {
	name    string
	size    int64
	touched time.Time
}

const (
	packsPrefix = "packs/"
	packSuffix  = ".pack"
)

// folder is the shelf of a file bucket.
type folder struct{ root string }

func (s folder) path(name string) string { return filepath.Join(s.root, "packs", name+packSuffix) }

func (s folder) list(context.Context) ([]shelved, error) {
	entries, err := os.ReadDir(filepath.Join(s.root, "packs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fault.Wrap(err, "listing packs")
	}
	var out []shelved
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), packSuffix)
		if !ok || len(name) != 64 {
			continue // not ours
		}
		if info, err := e.Info(); err == nil { // else gone this moment
			out = append(out, shelved{name, info.Size(), info.ModTime()})
		}
	}
	return out, nil
}

func (s folder) place(_ context.Context, name string, f *os.File) (at time.Time, err error) {
	err = f.Chmod(0o444)
	if err == nil {
		err = f.Sync() // the transaction that refers to it is durable, so it must be
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(s.root, "packs"), 0o777)
	}
	if err != nil {
		return at, err
	}
	err = locked(s.root, syscall.LOCK_EX, func() error { // two that place the same one must not both take it for theirs
		if there, err := makeYoung(s.path(name)); there || err != nil {
			return err
		}
		at = time.Now()
		if err := os.Chtimes(f.Name(), at, at); err != nil {
			return err
		}
		return os.Rename(f.Name(), s.path(name))
	})
	return at, err
}

func (s folder) settle() error {
	return errors.Join(whole.SyncFolder(filepath.Join(s.root, "packs")), whole.SyncFolder(s.root))
}

func (s folder) open(_ context.Context, name string) (readerAt, error) {
	f, err := os.Open(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "pack %s is gone", name[:12])
	}
	return f, err
}

func (s folder) touch(_ context.Context, name string) (there bool, err error) {
	err = locked(s.root, syscall.LOCK_SH, func() error {
		there, err = makeYoung(s.path(name))
		return err
	})
	return there, err
}

func (s folder) remove(_ context.Context, name string, old func(time.Time) bool) (removed bool, err error) {
	err = locked(s.root, syscall.LOCK_EX, func() error {
		removed, err = removeOld(s.path(name), old)
		return err
	})
	return removed, err
}

// makeYoung is false when there is no such file. A file that is not ours to touch is as it was.
func makeYoung(path string) (bool, error) {
	now := time.Now()
	switch err := os.Chtimes(path, now, now); {
	case err == nil, errors.Is(err, fs.ErrPermission):
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, err
	}
}

func removeOld(path string, old func(time.Time) bool) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil || !old(info.ModTime()) {
		return false, err
	}
	return true, os.Remove(path)
}

// locked runs fn while no other process or goroutine has a lock of the folder that excludes this one. The kernel releases
// it when a process dies.
func locked(dir string, how int, fn func() error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		err := syscall.Flock(int(d.Fd()), how)
		if err == nil {
			return fn()
		} else if !errors.Is(err, syscall.EINTR) {
			return fault.Wrap(err, "locking %s", dir)
		}
	}
}
