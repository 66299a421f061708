package dataset

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // DVC names content by it
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

// dvcStore finds objects of a DVC repository on this machine: in its cache, and in remotes that are folders.
type dvcStore struct {
	roots []string
	other []string // remotes elsewhere, for the error
}

// openDVC reads the configuration of the repository that a folder belongs to.
func openDVC(dir string) (*dvcStore, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fault.Wrap(err, "finding the DVC repository")
	}
	for at := dir; ; at = filepath.Dir(at) {
		home := filepath.Join(at, ".dvc")
		if info, err := os.Stat(home); err == nil && info.IsDir() {
			s := &dvcStore{}
			s.configure(home)
			return s, nil
		}
		if at == filepath.Dir(at) {
			return nil, fault.New(fault.NotFound, "%s is in no DVC repository: no folder .dvc there or above", dir)
		}
	}
}

var dvcSection = regexp.MustCompile(`^\[\s*'?(\w+)(?:\s+"(.*)")?'?\s*\]$`)

// configure reads cache.dir and the remotes' urls; .dvc/config.local counts more than .dvc/config.
func (s *dvcStore) configure(home string) {
	cache := filepath.Join(home, "cache")
	var remotes []string
	for _, name := range []string{"config", "config.local"} {
		body, err := os.ReadFile(filepath.Join(home, name))
		if err != nil {
			continue // neither needs to be there
		}
		section := ""
		for line := range strings.Lines(string(body)) {
			line = strings.TrimSpace(line)
			if m := dvcSection.FindStringSubmatch(line); m != nil {
				section = m[1]
				continue
			}
			key, value, ok := strings.Cut(line, "=")
			if !ok || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
				continue
			}
			key, value = strings.TrimSpace(key), strings.TrimSpace(value)
			switch {
			case section == "cache" && key == "dir":
				cache = inHome(home, value)
			case section == "remote" && key == "url" && strings.Contains(value, "://") && !strings.HasPrefix(value, "file://"):
				s.other = append(s.other, value)
			case section == "remote" && key == "url":
				remotes = append(remotes, inHome(home, strings.TrimPrefix(value, "file://")))
			}
		}
	}
	s.roots = append([]string{cache}, remotes...)
}

func inHome(home, p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(home, filepath.FromSlash(p))
}

var dvcMD5 = regexp.MustCompile(`^[0-9a-f]{32}(\.dir)?$`)

// open finds an object in the layout of DVC 3 (files/md5/ab/cd…) or 2 (ab/cd…).
func (s *dvcStore) open(name string) (*os.File, error) {
	if !dvcMD5.MatchString(name) {
		return nil, fault.New(fault.Invalid, "%q is no md5 of DVC", name)
	}
	for _, root := range s.roots {
		for _, layout := range []string{"files/md5", "."} {
			f, err := os.Open(filepath.Join(root, layout, name[:2], name[2:]))
			if err == nil {
				return f, nil
			} else if !errors.Is(err, fs.ErrNotExist) {
				return nil, fault.Wrap(err, "reading the cache of DVC")
			}
		}
	}
	err := fault.New(fault.NotFound, "the object %s of DVC is neither in its cache nor in a remote on this machine (%s)", name, strings.Join(s.roots, ", "))
	if len(s.other) > 0 {
		return nil, err.WithHint("dvc fetch gets it from %s", strings.Join(s.other, ", "))
	}
	return nil, err.WithHint("dvc fetch")
}

func (s *dvcStore) read(name string) ([]byte, error) {
	f, err := s.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(f)
	if err != nil {
		return nil, fault.Wrap(err, "reading the object %s of DVC", name)
	}
	if sum := md5.Sum(body); hex.EncodeToString(sum[:]) != strings.TrimSuffix(name, ".dir") {
		return nil, damaged(name)
	}
	return body, nil
}

func damaged(name string) error {
	return fault.New(fault.Invalid, "the object %s of DVC is damaged: its bytes have another md5", name).WithHint("dvc fetch after removing it from the cache of DVC")
}

// copy puts the content of an object in place, verified. An old md5 may be that of the text with Unix line ends.
func (s *dvcStore) copy(ctx context.Context, name string, legacy bool, to string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	in, err := s.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fault.Wrap(err, "copying from DVC")
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fault.Wrap(err, "copying from DVC")
	}
	plain, unix := md5.New(), unixHash{h: md5.New()}
	_, err = io.Copy(io.MultiWriter(out, plain, &unix), in)
	if err = errors.Join(err, out.Close()); err != nil {
		return fault.Wrap(err, "copying the object %s of DVC", name)
	}
	if hex.EncodeToString(plain.Sum(nil)) != name && (!legacy || unix.sum() != name) {
		os.Remove(to) //nolint:errcheck // the folder goes with the import
		return damaged(name)
	}
	return nil
}

// unixHash is DVC's md5-dos2unix: blocks of 1 MiB that look like text count with \n for \r\n. What looks like text is DVC's
// rule: of the first 512 bytes none is NUL, and at most 30 % are outside printable ASCII and \n \r \t \f \b.
type unixHash struct {
	h   hash.Hash
	buf []byte
}

const dvcBlock = 1 << 20

func (u *unixHash) Write(p []byte) (int, error) {
	u.buf = append(u.buf, p...)
	for len(u.buf) >= dvcBlock {
		u.block(u.buf[:dvcBlock])
		u.buf = append(u.buf[:0], u.buf[dvcBlock:]...)
	}
	return len(p), nil
}

func (u *unixHash) block(b []byte) {
	if dvcText(b[:min(len(b), 512)]) {
		b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	}
	u.h.Write(b)
}

func (u *unixHash) sum() string {
	if len(u.buf) > 0 {
		u.block(u.buf)
		u.buf = nil
	}
	return hex.EncodeToString(u.h.Sum(nil))
}

func dvcText(b []byte) bool {
	strange := 0
	for _, c := range b {
		switch {
		case c == 0:
			return false
		case c >= 32 && c < 127, c == '\n', c == '\r', c == '\t', c == '\f', c == '\b':
		default:
			strange++
		}
	}
	return len(b) == 0 || float64(strange)/float64(len(b)) <= 0.3
}
