package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
)

// got is the answer of `paraplu data get --json`.
type got struct {
	Dataset string         `json:"dataset"`
	Version int            `json:"version"`
	Digest  string         `json:"digest"`
	Folder  bool           `json:"folder"`
	Path    string         `json:"path"` // absolute: the folder, or the one file of the version
	Written int            `json:"written"`
	Files   []dataset.File `json:"files"`
}

func (s *session) dataGet() *cobra.Command {
	var to string
	c := &cobra.Command{Use: "get NAME[@VERSION] [PATH…]", Args: cobra.MinimumNArgs(1),
		Short: "Copy a version, or some of its files, elsewhere; the workspace stays as it is",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				v, err := a.Datasets.Resolve(c.Context(), p.Name, args[0])
				if err != nil {
					return err
				}
				files, err := dataset.Select(v, args[1:])
				if err != nil {
					return err
				}
				if to == "-" {
					if len(files) != 1 {
						return fault.New(fault.Invalid, "one file can be written to the output, and %d are meant", len(files)).
							WithHint("paraplu data get %s %s --to -", args[0], files[0].Path)
					}
					return a.Datasets.Stream(c.Context(), files[0], s.out)
				}
				return s.get(c, a, v, files, to)
			})
		}}
	c.Flags().StringVar(&to, "to", "", "folder to write to; - = the output, for one file; default: a read-only copy that the workspace keeps")
	return c
}

func (s *session) get(c *cobra.Command, a *app.App, v dataset.Version, files []dataset.File, to string) (err error) {
	out := got{Dataset: v.Dataset, Version: v.Number, Digest: string(v.Digest), Folder: v.Folder, Files: files, Path: to}
	if to == "" {
		out.Path, err = a.Local(c.Context(), v)
	} else {
		out.Written, err = a.Datasets.Extract(c.Context(), v, files, to)
	}
	if err != nil {
		return err
	}
	if out.Path, err = filepath.Abs(out.Path); err != nil {
		return fault.Wrap(err, "finding %s", to)
	}
	if !v.Folder {
		out.Path = filepath.Join(out.Path, filepath.FromSlash(v.Files[0].Path))
	}
	s.show(out, func() {
		if to == "" {
			s.printf("%s\n", out.Path)
			return
		}
		s.printf("%s of %s in %s, %d written\n", count(len(files), "file"), v, to, out.Written)
	})
	return nil
}
