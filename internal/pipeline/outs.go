package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// keep puts an output of a step into the object store: what is recorded is what was read while it was stored.
func (r *Room) keep(ctx context.Context, ws *workspace, name string) (Out, manifest, error) {
	info, err := os.Stat(ws.abs(name))
	if err != nil {
		return Out{}, nil, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return Out{}, nil, fault.New(fault.Invalid, "%s is neither a file nor a folder", name)
	}
	if !info.IsDir() {
		d, size, err := r.put(ctx, ws.abs(name))
		return Out{Path: name, Digest: d, Size: size, Exec: info.Mode()&0o111 != 0}, nil, err
	}
	m, err := ws.walk(name, func(file string, _ fs.FileInfo) (ref.Digest, error) {
		d, _, err := r.put(ctx, ws.abs(file))
		return d, err
	})
	if err != nil {
		return Out{}, nil, err
	}
	if _, err := r.blobs.PutBytes(ctx, m.bytes()); err != nil {
		return Out{}, nil, err
	}
	return m.out(name), m, nil
}

func (r *Room) put(ctx context.Context, file string) (ref.Digest, int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	return r.blobs.Put(ctx, f)
}

// differs tells whether the workspace has an output other than recorded, and why.
func (w *workspace) differs(want Out) (bool, string) {
	have, err := w.state(want.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, "it was missing"
	case err != nil:
		return true, "it cannot be read"
	case have.Digest != want.Digest || have.Dir != want.Dir:
		return true, "it was changed here"
	}
	return false, ""
}

// ensure makes the outputs in the workspace equal to the recorded ones and tells in words what it restored.
func (r *Room) ensure(ctx context.Context, ws *workspace, outs []Out) (words string, err error) {
	for _, want := range outs {
		differs, why := ws.differs(want)
		if !differs {
			continue
		}
		if err := r.restore(ctx, ws, want); err != nil {
			return words, fault.Wrap(err, "restoring %s", want.Path)
		}
		words += "; restored " + want.Path + " (" + why + ")"
	}
	return words, nil
}

// restore builds the output beside and then puts it in place, so that nobody sees half of it.
func (r *Room) restore(ctx context.Context, ws *workspace, out Out) error {
	target := ws.abs(out.Path)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	tmp, err := ws.beside(target)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	made := filepath.Join(tmp, "new")
	if !out.Dir {
		if err := r.fetch(ctx, out.Digest, made, out.Exec); err != nil {
			return err
		}
	} else if err := r.fetchFolder(ctx, out.Digest, made); err != nil {
		return err
	}
	if err := os.Rename(target, filepath.Join(tmp, "old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(made, target)
}

// beside makes a temporary folder on the file system of target.
func (w *workspace) beside(target string) (string, error) {
	dir, err := w.tmp()
	if err != nil {
		return "", err
	}
	if device(dir) != device(filepath.Dir(target)) {
		dir = filepath.Dir(target)
	}
	return os.MkdirTemp(dir, ".out-*")
}

func device(dir string) uint64 {
	info, err := os.Stat(dir)
	if err != nil {
		return 0
	}
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return uint64(sys.Dev)
}

func (r *Room) fetchFolder(ctx context.Context, d ref.Digest, dir string) error {
	raw, err := r.blobs.ReadAll(ctx, d)
	if err != nil {
		return err
	}
	var m manifest
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&m); err != nil {
		return fault.Wrap(err, "manifest %s", d)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, e := range m {
		if !filepath.IsLocal(filepath.FromSlash(e.Path)) {
			return fault.New(fault.Invalid, "manifest %s leaves its folder: %q", d, e.Path)
		}
		file := filepath.Join(dir, filepath.FromSlash(e.Path))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if e.Link != "" {
			err = os.Symlink(e.Link, file)
		} else {
			err = r.fetch(ctx, e.Digest, file, e.Exec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Room) fetch(ctx context.Context, d ref.Digest, file string, exec bool) error {
	src, err := r.blobs.Get(ctx, d)
	if err != nil {
		return err
	}
	defer src.Close()
	mode := fs.FileMode(0o644)
	if exec {
		mode = 0o755
	}
	dst, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// clear removes the outputs before a step runs, and makes the folders that they go to.
func (w *workspace) clear(outs []string) error {
	for _, out := range outs {
		if err := os.RemoveAll(w.abs(out)); err != nil {
			return fault.Wrap(err, "removing %s before the step runs", out)
		}
		if err := os.MkdirAll(filepath.Dir(w.abs(out)), 0o755); err != nil {
			return fault.Wrap(err, "making the folder of %s", out)
		}
	}
	return nil
}

// setAside moves what a failed step wrote to .paraplu/failed/<step>, so that nothing takes it for a result. It gives
// a sentence for the error, "" when there was nothing.
func (w *workspace) setAside(step string, outs []string) string {
	dir := w.abs(private, "failed", step)
	if os.RemoveAll(dir) != nil {
		return ""
	}
	var moved []string
	for _, out := range outs {
		if _, err := os.Lstat(w.abs(out)); err != nil {
			continue
		}
		to := filepath.Join(dir, filepath.FromSlash(out))
		if os.MkdirAll(filepath.Dir(to), 0o755) != nil || os.Rename(w.abs(out), to) != nil {
			os.RemoveAll(w.abs(out)) //nolint:errcheck // the next run removes it again
			continue
		}
		moved = append(moved, out)
	}
	if len(moved) == 0 {
		return ""
	}
	return fmt.Sprintf("what it had written (%s) is in %s/failed/%s", strings.Join(moved, ", "), private, step)
}
