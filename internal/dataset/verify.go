package dataset

import (
	"context"
	"io"
	"sync"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Verified tells whether a version can be read.
type Verified struct {
	Version string        `json:"version"` // such as weather@v3
	Digest  ref.Digest    `json:"digest"`
	Files   int           `json:"files"`
	Bytes   int64         `json:"bytes"`
	Damaged []DamagedFile `json:"damaged"` // none: every byte is what was added
}

// DamagedFile is a file of a version that cannot be read as it was added.
type DamagedFile struct {
	Path   string     `json:"path"` // "" = the manifest
	Digest ref.Digest `json:"digest"`
	Why    string     `json:"why"`
}

// Verify reads every byte of these versions and holds it against its digest. What several versions share is read once.
func (r *Room) Verify(ctx context.Context, versions []Version) ([]Verified, error) {
	var objects []ref.Digest
	seen := map[ref.Digest]bool{}
	note := func(d ref.Digest) {
		if !seen[d] {
			seen[d] = true
			objects = append(objects, d)
		}
	}
	for _, v := range versions {
		note(v.Digest)
		for _, f := range v.Files {
			note(f.Digest)
		}
	}
	var bad sync.Map // digest → why
	err := each(ctx, len(objects), func(ctx context.Context, i int) error {
		err := r.readThrough(ctx, objects[i])
		if err != nil && ctx.Err() == nil && !fault.Is(err, fault.Canceled) {
			bad.Store(objects[i], err.Error())
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fault.Wrap(err, "reading the versions")
	}
	out := make([]Verified, len(versions))
	for i, v := range versions {
		out[i] = Verified{Version: v.String(), Digest: v.Digest, Files: len(v.Files), Bytes: v.Bytes, Damaged: []DamagedFile{}}
		for _, f := range append([]File{{Digest: v.Digest}}, v.Files...) {
			if why, damaged := bad.Load(f.Digest); damaged {
				out[i].Damaged = append(out[i].Damaged, DamagedFile{f.Path, f.Digest, why.(string)})
			}
		}
	}
	return out, nil
}

func (r *Room) readThrough(ctx context.Context, d ref.Digest) error {
	in, err := r.blobs.Get(ctx, d)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(io.Discard, in)
	return err
}
