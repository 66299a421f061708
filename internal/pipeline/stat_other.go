//go:build !linux

package pipeline

import (
	"io/fs"
	"syscall"
)

// look takes what changes when a file changes.
func look(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s
}
