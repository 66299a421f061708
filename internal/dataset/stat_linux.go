package dataset

import (
	"io/fs"
	"syscall"
)

// statOf tells what a file looks like.
func statOf(info fs.FileInfo) (s stat) {
	if info == nil {
		return s
	}
	s.size, s.mtime = info.Size(), info.ModTime().UnixNano()
	if raw, ok := info.Sys().(*syscall.Stat_t); ok {
		s.ctime, s.inode = raw.Ctim.Nano(), raw.Ino
	}
	return s
}
