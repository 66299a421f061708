package transfer

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/paraplu/paraplu/internal/fault"
)

// files brings the files of a run or logged model that are not here, or have another size. all tells whether every one is
// here now; what is not is a problem of the report already.
func (im *importing) files(ctx context.Context, root Root) (all bool, err error) {
	if im.NoFiles || root.URI == "" {
		return true, nil
	}
	dir, err := im.placeOf(ctx, root)
	if fault.Is(err, fault.NotFound) { // it came earlier, has not changed, and was purged here
		return true, nil
	}
	if err != nil {
		return false, err
	}
	g, in := errgroup.WithContext(ctx)
	failed := false
	err = im.src.Files(in, root, func(f File) error {
		here, err := im.tracking.StatArtifact(ctx, dir+"/"+f.Path)
		if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Invalid) {
			return err
		}
		if err == nil && here.Size == max(f.Size, 0) && !im.All { // MLflow does not say a size of 0
			im.count(func(r *Report, _ *Progress) { r.Files.Same++ })
			return nil
		}
		changed := err == nil
		select {
		case im.release <- struct{}{}:
		case <-in.Done():
			return in.Err()
		}
		g.Go(func() error {
			defer func() { <-im.release }()
			n, err := im.file(in, root, dir, f)
			im.count(func(r *Report, _ *Progress) {
				r.Bytes += n
				switch {
				case err != nil:
					r.Files.Failed++
					failed = true
				case changed:
					r.Files.Changed++
				default:
					r.Files.New++
				}
			})
			return im.problem("file "+f.Path+" of "+root.String(), err)
		})
		return nil
	})
	if first := g.Wait(); first != nil && !errors.Is(first, context.Canceled) {
		return false, first
	}
	if err != nil {
		if fatal(err) {
			return false, err
		}
		return false, im.problem("files of "+root.String(), err)
	}
	return !failed, nil
}

// file copies one file; nothing of it is here unless all of it came. A way that ends in the middle is tried again.
func (im *importing) file(ctx context.Context, root Root, dir string, f File) (n int64, err error) {
	for range 3 {
		if n, err = im.copy(ctx, root, dir, f); !fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
			break
		}
	}
	return n, err
}

func (im *importing) copy(ctx context.Context, root Root, dir string, f File) (int64, error) {
	body, err := im.src.Open(ctx, root, f.Path)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	m := &measured{r: body, want: f.Size}
	_, err = im.tracking.PutArtifact(ctx, dir+"/"+f.Path, m)
	return m.n, err
}

// measured reads a body that must have a size.
type measured struct {
	r       io.Reader
	n, want int64 // want -1: any
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	if err == io.EOF && m.want >= 0 && m.n != m.want {
		return n, fault.New(fault.Precondition, "the source sent %d bytes of a file of %d", m.n, m.want)
	}
	return n, err
}
