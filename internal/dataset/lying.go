package dataset

import (
	"context"

	"github.com/paraplu/paraplu/internal/fault"
)

// Lying gives what lies at a path as if it were a version: with files and digest, and number 0. Nothing is stored.
func (r *Room) Lying(ctx context.Context, product, name, path string) (Version, error) {
	l, err := r.lies(ctx, path)
	if err != nil {
		return Version{}, err
	}
	if !l.there {
		return Version{}, fault.New(fault.NotFound, "nothing lies at %s, the path of dataset %s", path, name).WithHint("paraplu data checkout %s", name)
	}
	v := l.version()
	v.Product, v.Dataset, v.Digest, v.Rows = product, name, l.tree, -1
	for _, f := range v.Files {
		v.Bytes += f.Size
	}
	return v, nil
}
