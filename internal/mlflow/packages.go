package mlflow

import (
	"context"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/tracking"
)

// Packages gives the files of packages. They are shown read-only below packages/<hex digest>/, where the registry says that
// the versions of packages are, so that `mlflow.pyfunc.load_model("models:/umbrella@production")` finds them.
type Packages interface {
	Get(ctx context.Context, digest ref.Digest) (*modelpack.Package, error)
	Open(ctx context.Context, digest ref.Digest, path string) (io.ReadCloser, error)
}

const packagesDir = "packages"

// packagePath splits packages/<hex>/<file>; ok is false for a path of ordinary artifacts.
func packagePath(p string) (digest ref.Digest, file string, ok bool) {
	rest, ok := strings.CutPrefix(p, packagesDir+"/")
	if !ok {
		return "", "", false
	}
	hex, file, _ := strings.Cut(rest, "/")
	digest, err := ref.ParseDigest("sha256:" + hex)
	return digest, file, err == nil
}

// checkWritable refuses to write where packages are shown.
func checkWritable(p string) error {
	p, err := tracking.CheckPath(p)
	if err != nil {
		return err
	}
	if p == packagesDir || strings.HasPrefix(p, packagesDir+"/") {
		return fault.New(fault.Denied, "Packages are immutable: nothing may be written below '%s/'.", packagesDir)
	}
	return nil
}

// stat finds a file of a package or an artifact.
func (s *server) stat(ctx context.Context, p string) (a tracking.Artifact, open opener, err error) {
	p, err = tracking.CheckPath(p)
	if err != nil {
		return a, nil, err
	}
	digest, file, ok := packagePath(p)
	if !ok || s.Packages == nil {
		a, err = s.Tracking.StatArtifact(ctx, p)
		return a, s.opener(ctx, a), err
	}
	pack, err := s.Packages.Get(ctx, digest)
	if err != nil {
		return a, nil, err
	}
	for _, f := range pack.Files {
		if f.Path == file {
			a = tracking.Artifact{Path: p, Digest: f.Digest, Size: f.Size}
			return a, s.packageOpener(ctx, digest, file), nil
		}
	}
	return a, nil, fault.New(fault.NotFound, "No such artifact: '%s'", p)
}

// packageOpener opens a file of a package; what is before the offset is read over.
func (s *server) packageOpener(ctx context.Context, digest ref.Digest, file string) opener {
	return func(offset int64) (io.ReadCloser, error) {
		r, err := s.Packages.Open(ctx, digest, file)
		if err == nil && offset > 0 {
			if _, err = io.CopyN(io.Discard, r, offset); err != nil {
				r.Close()
			}
		}
		return r, err
	}
}

// list gives what is directly in a folder of a package, or a page of that of the artifacts.
func (s *server) list(ctx context.Context, dir, token string) (page tracking.Page[tracking.Artifact], err error) {
	dir, err = tracking.CheckPath(dir)
	if err != nil {
		return page, err
	}
	digest, inside, ok := packagePath(dir)
	if !ok || s.Packages == nil {
		return s.Tracking.ListPage(ctx, dir, token)
	}
	pack, err := s.Packages.Get(ctx, digest)
	if err != nil {
		return page, err
	}
	for _, f := range pack.Files {
		rest, ok := f.Path, true
		if inside != "" {
			rest, ok = strings.CutPrefix(f.Path, inside+"/")
		}
		if !ok {
			continue
		}
		name, _, isDir := strings.Cut(rest, "/")
		a := tracking.Artifact{Path: path.Join(dir, name), IsDir: isDir}
		if !isDir {
			a.Digest, a.Size = f.Digest, f.Size
		}
		if !slices.ContainsFunc(page.Items, func(b tracking.Artifact) bool { return b.Path == a.Path }) {
			page.Items = append(page.Items, a)
		}
	}
	slices.SortFunc(page.Items, func(a, b tracking.Artifact) int { return strings.Compare(a.Path, b.Path) })
	return page, nil
}
