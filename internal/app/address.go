package app

import (
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// servedAt is the file in which a process that serves the workspace says where. It holds a lock on the file while it serves,
// so that what a killed process left there is not believed.
type servedAt struct{ f *os.File }

// announce writes the address. Of several processes that serve one workspace the first one is found; nil is given to the
// others, and where the file cannot be written: it is only a convenience.
func announce(path, url string) *servedAt {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil
	}
	locked := false
	for try := 0; try < 10 && !locked; try++ { // a reader that looks at this moment holds it for microseconds
		if locked = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil; !locked {
			time.Sleep(100 * time.Microsecond)
		}
	}
	if !locked || f.Truncate(0) != nil {
		f.Close()
		return nil
	}
	if _, err := io.WriteString(f, url+"\n"); err != nil {
		f.Close()
		return nil
	}
	return &servedAt{f}
}

// end takes the address back.
func (s *servedAt) end() {
	if s != nil {
		s.f.Truncate(0) //nolint:errcheck // without the lock nobody believes it
		s.f.Close()
	}
}

// addressOf gives the address of the process that serves a workspace now, "" when there is none.
func addressOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return "" // nobody holds it
	}
	text, err := io.ReadAll(io.LimitReader(f, 300))
	url := strings.TrimSpace(string(text))
	if err != nil || !strings.HasPrefix(url, "http://") {
		return ""
	}
	return url
}
