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
func (s *server) stat(ctx context.Context, p string) (a tracking.Artifact, open func() (io.ReadCloser, error), err error) {
	p, err = tracking.CheckPath(p)
	if err != nil {
		return a, nil, err
	}
	digest, file, ok := packagePath(p)
	if !ok || s.Packages == nil {
		a, err = s.Tracking.StatArtifact(ctx, p)
		return a, func() (io.ReadCloser, error) { return s.Tracking.OpenArtifact(ctx, a) }, err
	}
	pack, err := s.Packages.Get(ctx, digest)
	if err != nil {
		return a, nil, err
	}
	for _, f := range pack.Files {
		if f.Path == file {
			a = tracking.Artifact{Path: p, Digest: f.Digest, Size: f.Size}
			return a, func() (io.ReadCloser, error) { return s.Packages.Open(ctx, digest, file) }, nil
		}
	}
	return a, nil, fault.New(fault.NotFound, "No such artifact: '%s'", p)
}

// list gives what is directly in a folder of a package or of the artifacts.
func (s *server) list(ctx context.Context, dir string) ([]tracking.Artifact, error) {
	dir, err := tracking.CheckPath(dir)
	if err != nil {
		return nil, err
	}
	digest, inside, ok := packagePath(dir)
	if !ok || s.Packages == nil {
		return s.Tracking.ListArtifacts(ctx, dir)
	}
	pack, err := s.Packages.Get(ctx, digest)
	if err != nil {
		return nil, err
	}
	var out []tracking.Artifact
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
		if !slices.ContainsFunc(out, func(b tracking.Artifact) bool { return b.Path == a.Path }) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b tracking.Artifact) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}
