// Package whole writes small files that are there whole or not at all: keys, and what a person may open meanwhile.
//
// A file is written beside its place under a name of its own, synced, and then linked or renamed into place, so that no
// reader sees half of it and a power cut or kill -9 leaves either the old state or the new one. What a killed process leaves
// beside it is named so that Sweep finds it:
//
//	whole.Once(path, key, 0o600)     // the first writer wins; the file that is there stays
//	whole.Replace(path, page, 0o644) // the last writer wins
//	whole.Sweep(dir, hourAgo)        // what killed processes left in dir
package whole

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// prefix begins the name of every file that is not whole yet.
const prefix = ".half-"

// Once puts a file in place unless one is there already; that one stays as it is, and nothing is written. Of several
// processes that do so at once one wins, and all return nil: read the file to see whose it is. The folder of path exists.
func Once(path string, data []byte, mode fs.FileMode) error {
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	return write(path, data, mode, func(half string) error {
		if err := os.Link(half, path); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
}

// Replace puts a file in place of whatever file is there. The folder of path exists.
func Replace(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode, func(half string) error { return os.Rename(half, path) })
}

func write(path string, data []byte, mode fs.FileMode, place func(half string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, prefix+"*") // mode 0600 until it is whole
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := place(f.Name()); err != nil {
		return err
	}
	return SyncFolder(dir)
}

// SyncFolder makes new names in a folder durable. File systems that cannot sync a folder are left to themselves.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil
}

// Sweep removes from one folder what was begun before the given instant and never became whole. A folder that does not
// exist holds nothing to sweep.
func Sweep(dir string, before time.Time) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var failed error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil && info.ModTime().Before(before) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				failed = errors.Join(failed, err)
			}
		}
	}
	return errors.Join(err, failed)
}
