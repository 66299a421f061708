//go:build !linux

package dataset

import "io/fs"

// statOf tells what a file looks like. Without the time of the last change of the inode nothing is trusted.
func statOf(info fs.FileInfo) (s stat) {
	if info == nil {
		return s
	}
	s.size, s.mtime = info.Size(), info.ModTime().UnixNano()
	return s
}
