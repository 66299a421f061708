package duck

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// spill is the folder of one process below Config.TempDir. It is there while a session or a scratch folder is open, and its
// process holds a lock beside it meanwhile. The kernel takes the lock away when the process is killed; what it left is then
// removed by the next process that begins.
type spill struct {
	root  string
	sweep sync.Once

	mu   sync.Mutex
	open int
	dir  string
	lock *os.File
}

// take makes a folder name of its own, which need not exist yet; give takes it back.
func (s *spill) take(kind string) (dir string, give func() error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == 0 {
		if err := os.MkdirAll(s.root, 0o700); err != nil {
			return "", nil, fault.Wrap(err, "making the folder for large queries")
		}
		s.sweep.Do(s.clear)
		if err := s.begin(); err != nil {
			return "", nil, fault.Wrap(err, "making the folder for large queries")
		}
	}
	s.open++
	dir = filepath.Join(s.dir, kind+"-"+ref.NewID())
	return dir, sync.OnceValue(func() error {
		err := os.RemoveAll(dir)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open--; s.open == 0 {
			err = errors.Join(err, s.end())
		}
		return err
	}), nil
}

const lockSuffix = ".lock"

// begin makes the folder, after its lock is held.
func (s *spill) begin() error {
	s.dir = filepath.Join(s.root, "p-"+ref.NewID())
	for range 10 {
		f, err := os.OpenFile(s.dir+lockSuffix, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil && same(f) {
			if err := os.Mkdir(s.dir, 0o700); err != nil {
				return errors.Join(err, os.Remove(f.Name()), f.Close())
			}
			s.lock = f
			return nil
		}
		f.Close() // a process that sweeps was faster than our lock
	}
	return errors.New("the lock of the folder cannot be taken")
}

// same tells whether the open file is the one that its name leads to.
func same(f *os.File) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(f.Name())
	return err == nil && os.SameFile(a, b)
}

func (s *spill) end() error {
	err := os.RemoveAll(s.dir)
	err = errors.Join(err, os.Remove(s.lock.Name()), s.lock.Close())
	s.lock = nil
	return err
}

// clear removes the folders of processes that are gone. Older versions made folders without a lock; those go after a day.
func (s *spill) clear() {
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return
	}
	for _, entry := range entries {
		path := filepath.Join(s.root, entry.Name())
		if dir, ok := strings.CutSuffix(path, lockSuffix); ok {
			abandon(path, dir)
		} else if info, err := entry.Info(); err == nil && strings.HasPrefix(entry.Name(), "s-") && time.Since(info.ModTime()) > 24*time.Hour {
			os.RemoveAll(path) //nolint:errcheck // tried again by the next process
		}
	}
}

// abandon removes a folder when nobody holds its lock; the lock goes last, so that a sweep that is cut off is repeated.
func abandon(lock, dir string) {
	f, err := os.OpenFile(lock, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil || !same(f) {
		return
	}
	if os.RemoveAll(dir) == nil {
		os.Remove(lock) //nolint:errcheck // tried again by the next process
	}
}
