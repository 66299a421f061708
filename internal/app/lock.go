package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/paraplu/paraplu/internal/fault"
)

// workspaceLock tells processes of one workspace apart from the one that sweeps: everybody who may store objects holds it
// shared; a sweep without grace period needs it alone. The kernel releases it when a process dies.
type workspaceLock struct{ f *os.File }

func lockShared(path string) (*workspaceLock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return nil, fault.New(fault.Denied, "the workspace %s cannot be written: %w", filepath.Dir(path), err).WithHint("mend the permissions of the folder, or work on a copy of it")
	} else if err != nil {
		return nil, fault.Wrap(err, "opening the lock of the workspace")
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH); err != nil {
		f.Close()
		return nil, fault.Wrap(err, "locking %s", path)
	}
	return &workspaceLock{f}, nil
}

// alone runs fn while no other process has the workspace open. It does not wait: ok is false when there is another.
func (l *workspaceLock) alone(fn func() error) (ok bool, err error) {
	fd := int(l.f.Fd())
	if err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			// a failed conversion may have dropped the shared lock
			return false, syscall.Flock(fd, syscall.LOCK_SH)
		}
		return false, err
	}
	defer syscall.Flock(fd, syscall.LOCK_SH) //nolint:errcheck // downgrade of a lock that we hold
	return true, fn()
}

func (l *workspaceLock) release() { l.f.Close() }
