package pipeline

import (
	"io/fs"
	"syscall"
)

// look takes what changes when a file changes. The time of the inode also notices tools that set the time of the content back.
func look(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode, s.ctime = sys.Ino, sys.Ctim.Nano()
	}
	return s
}
