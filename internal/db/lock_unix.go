package db

import (
	"os"
	"syscall"

	"github.com/paraplu/paraplu/internal/fault"
)

// lockFile serialises migrations of one SQLite file between processes; the kernel releases it when a process dies.
func (d *DB) lockFile() (unlock func(), err error) {
	if d.path == "" {
		return func() {}, nil
	}
	f, err := os.OpenFile(d.path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fault.Wrap(err, "locking the database")
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fault.Wrap(err, "locking %s", f.Name())
	}
	return func() { f.Close() }, nil
}
