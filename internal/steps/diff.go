package steps

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/spec"
)

// Difference is what changed from one state of a dataset to another.
type Difference struct {
	Before string             `json:"before"` // sales@v1
	After  string             `json:"after"`  // sales@v2, or the path when it is what lies there
	Files  FileChanges        `json:"files"`
	Table  *quality.TableDiff `json:"table,omitempty"` // of the files that differ; nil when they are no tables
	Note   string             `json:"note,omitempty"`  // why there is no table
}

// FileChanges are the files that differ.
type FileChanges struct {
	Added   []dataset.File   `json:"added"`
	Removed []dataset.File   `json:"removed"`
	Changed []dataset.Change `json:"changed"`
	Same    int              `json:"same"`
}

// DiffOptions say how tables are compared.
type DiffOptions struct {
	Key       []string // columns that identify a row; nil = those of the contract
	FilesOnly bool
	Samples   int // rows shown of each kind; 0 = 3
}

// Diff compares two versions by their names; an empty after means what lies at the path of the dataset. Of tables, rows and
// columns are compared too: of those files that differ, because the others have the same rows.
func (s *Steps) Diff(ctx context.Context, p *spec.Product, before, after string, o DiffOptions) (*Difference, error) {
	a, err := s.Datasets.Resolve(ctx, p.Name, before)
	if err != nil {
		return nil, err
	}
	b, path, err := s.other(ctx, p, a, after)
	if err != nil {
		return nil, err
	}
	delta := dataset.Diff(a, b)
	out := &Difference{Before: a.String(), After: b.String(), Files: FileChanges{orEmpty(delta.Added), orEmpty(delta.Removed), orEmpty(delta.Changed), delta.Same}}
	if b.Number == 0 {
		out.After = relative(p, path)
	}
	if o.FilesOnly || delta.Empty() {
		return out, nil
	}
	out.Table, err = s.diffTables(ctx, p, a, b, path, delta, o)
	if fault.Is(err, fault.Unsupported) {
		out.Note, err = "only files are compared: "+err.Error(), nil
	}
	return out, err
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// other finds the second side; path is where it lies, "" for a version.
func (s *Steps) other(ctx context.Context, p *spec.Product, a dataset.Version, after string) (b dataset.Version, path string, err error) {
	if after != "" {
		b, err = s.Datasets.Resolve(ctx, p.Name, after)
		return b, "", err
	}
	d, err := declared(p, a.Dataset)
	if err != nil {
		return b, "", err
	}
	path = p.Path(d.Path)
	b, err = s.Datasets.Lying(ctx, p.Name, a.Dataset, path)
	return b, path, err
}

func (s *Steps) diffTables(ctx context.Context, p *spec.Product, a, b dataset.Version, path string, delta dataset.Delta, o DiffOptions) (*quality.TableDiff, error) {
	var before, after []dataset.File
	before, after = append(before, delta.Removed...), append(after, delta.Added...)
	for _, c := range delta.Changed {
		before, after = append(before, c.Before), append(after, c.After)
	}
	if len(before) == 0 || len(after) == 0 {
		return nil, fault.New(fault.Unsupported, "files were only %s", map[bool]string{true: "added", false: "removed"}[len(before) == 0])
	}
	dir, err := os.MkdirTemp("", "paraplu-diff-")
	if err != nil {
		return nil, fault.Wrap(err, "comparing %s", a)
	}
	defer os.RemoveAll(dir)
	in := quality.DiffInput{Dataset: a.Dataset, Key: o.Key, Samples: o.Samples, Contract: s.contractOf(p, a.Dataset)}
	if in.Before, err = s.readable(ctx, a, before, filepath.Join(dir, "before")); err != nil {
		return nil, err
	}
	if path == "" {
		in.After, err = s.readable(ctx, b, after, filepath.Join(dir, "after"))
	} else {
		in.After = lyingAt(b, after, path)
	}
	if err != nil {
		return nil, err
	}
	return s.Quality.Diff(ctx, in)
}

// readable copies files of a version to where the engine can read them.
func (s *Steps) readable(ctx context.Context, v dataset.Version, files []dataset.File, dir string) ([]string, error) {
	if err := tabular(files); err != nil {
		return nil, err
	}
	if _, err := s.Datasets.Extract(ctx, v, files, dir); err != nil {
		return nil, err
	}
	out := make([]string, len(files))
	for i, f := range files {
		out[i] = filepath.Join(dir, filepath.FromSlash(f.Path))
	}
	return out, nil
}

func lyingAt(v dataset.Version, files []dataset.File, path string) []string {
	if !v.Folder {
		return []string{path}
	}
	out := make([]string, len(files))
	for i, f := range files {
		out[i] = filepath.Join(path, filepath.FromSlash(f.Path))
	}
	return out
}

// tabular refuses files that are no tables before they are copied.
func tabular(files []dataset.File) error {
	for _, f := range files {
		switch strings.ToLower(filepath.Ext(f.Path)) {
		case ".csv", ".tsv", ".txt", ".parquet", ".pq", ".jsonl", ".ndjson":
		default:
			return fault.New(fault.Unsupported, "%s is no table (CSV, TSV, JSON lines, Parquet)", f.Path)
		}
	}
	return nil
}

// contractOf gives the contract of a dataset as it is now, nil when there is none that can be read.
func (s *Steps) contractOf(p *spec.Product, name string) *quality.Contract {
	d, ok := p.Dataset(name)
	if !ok || d.Contract == "" {
		return nil
	}
	file := p.Path(d.Contract)
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	c, err := quality.ParseContract(file, text)
	if err != nil {
		return nil
	}
	return c
}

// Empty tells whether both sides hold the same.
func (d *Difference) Empty() bool {
	return len(d.Files.Added)+len(d.Files.Removed)+len(d.Files.Changed) == 0
}

// Summary gives "1 file changed, 2 added, 3 the same".
func (f FileChanges) Summary() string {
	return fmt.Sprintf("%d changed, %d added, %d removed, %d the same", len(f.Changed), len(f.Added), len(f.Removed), f.Same)
}
