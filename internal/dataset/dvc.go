package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/paraplu/paraplu/internal/fault"
)

// dvcOut is what DVC tracks: an entry of outs in a .dvc file or in dvc.lock.
type dvcOut struct {
	Path string `yaml:"path"`
	MD5  string `yaml:"md5"`
	Hash string `yaml:"hash"` // "md5" since DVC 3; without it the md5 may be of text with Unix line ends

	place string // absolute path of the data in the repository
	from  string // file that tells it
}

func (o *dvcOut) legacy() bool { return o.Hash == "" }
func (o *dvcOut) folder() bool { return strings.HasSuffix(o.MD5, ".dir") }

// DVC says what to take from a DVC repository on this machine.
type DVC struct {
	Source string  // path of a .dvc file, or REPOSITORY//PATH of what it tracks
	Known  *Origin // of what is there already; nil = anything
	Dir    string  // for the data
}

// Get copies what DVC tracks out of its cache or a remote that is a folder of this machine, in the layouts of DVC 2 and 3. Every
// file is verified against its md5 while it is copied. The repository is only read, and DVC itself is not needed.
func (d DVC) Get(ctx context.Context) (Fetched, error) {
	out, inside, err := d.find()
	if err != nil {
		return Fetched{}, err
	}
	if out.MD5 == "" {
		return Fetched{}, fault.New(fault.Unsupported, "%s: %s has no md5: it is versioned by its cloud, or not committed", out.from, out.Path).WithHint("dvc commit, or dvc pull and paraplu data add")
	}
	f := Fetched{Origin: Origin{Kind: FromDVC, Source: d.Source, ETag: "md5:" + out.MD5}}
	if d.Known != nil && d.Known.ETag == f.Origin.ETag && d.Known.Source == d.Source {
		f.Unchanged = true
		return f, nil
	}
	s, err := openDVC(filepath.Dir(out.from))
	if err != nil {
		return f, err
	}
	if !out.folder() {
		f.Path = filepath.Join(d.Dir, filepath.Base(out.place))
		return f, s.copy(ctx, out.MD5, out.legacy(), f.Path)
	}
	f.Path = filepath.Join(d.Dir, "data")
	return f, s.folder(ctx, out, inside, &f)
}

// folder copies the files of a directory object; inside limits it to a file or folder of it.
func (s *dvcStore) folder(ctx context.Context, out *dvcOut, inside string, f *Fetched) error {
	body, err := s.read(out.MD5)
	if err != nil {
		return err
	}
	var list []struct {
		MD5     string `json:"md5"`
		Relpath string `json:"relpath"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return fault.New(fault.Invalid, "the directory object %s of DVC cannot be read: %w", out.MD5, err)
	}
	found := false
	for _, e := range list {
		rel := e.Relpath
		if inside != "" && rel == inside {
			f.Path = filepath.Join(filepath.Dir(f.Path), path.Base(rel))
			return s.copy(ctx, e.MD5, out.legacy(), f.Path)
		}
		if inside != "" {
			var ok bool
			if rel, ok = strings.CutPrefix(rel, inside+"/"); !ok {
				continue
			}
		}
		if !filepath.IsLocal(filepath.FromSlash(rel)) || badPath(rel) != "" {
			return fault.New(fault.Invalid, "the directory object %s of DVC leads outside: %q", out.MD5, e.Relpath)
		}
		found = true
		if err := s.copy(ctx, e.MD5, out.legacy(), filepath.Join(f.Path, filepath.FromSlash(rel))); err != nil {
			return err
		}
	}
	if !found {
		return fault.New(fault.NotFound, "DVC tracks no file %q in %s", inside, out.Path)
	}
	return nil
}

// find gives the entry that tracks the source, and the rest of the path when it lies inside a tracked folder.
func (d DVC) find() (*dvcOut, string, error) {
	if strings.HasSuffix(d.Source, ".dvc") && !strings.Contains(d.Source, "//") {
		outs, err := dvcFile(d.Source)
		if err != nil {
			return nil, "", err
		}
		if len(outs) != 1 {
			return nil, "", fault.New(fault.Invalid, "%s tracks %d things", d.Source, len(outs)).WithHint("name one of them: REPOSITORY//PATH")
		}
		return outs[0], "", nil
	}
	repo, want, ok := strings.Cut(d.Source, "//")
	if !ok || want == "" {
		return nil, "", fault.New(fault.Invalid, "%q is neither a .dvc file nor REPOSITORY//PATH", d.Source)
	}
	target, err := filepath.Abs(filepath.Join(repo, filepath.FromSlash(want)))
	if err != nil {
		return nil, "", fault.Wrap(err, "finding %s", d.Source)
	}
	outs, err := dvcOuts(repo)
	if err != nil {
		return nil, "", err
	}
	var known []string
	for _, o := range outs {
		if o.place == target {
			return o, "", nil
		}
		if rest, ok := strings.CutPrefix(target, o.place+string(filepath.Separator)); ok && o.folder() {
			return o, filepath.ToSlash(rest), nil
		}
		if rel, err := filepath.Rel(repo, o.place); err == nil {
			known = append(known, filepath.ToSlash(rel))
		}
	}
	slices.Sort(known)
	return nil, "", fault.New(fault.NotFound, "DVC tracks no %s in %s; it tracks: %s", want, repo, firstFew(known))
}

func firstFew(words []string) string {
	switch {
	case len(words) == 0:
		return "nothing"
	case len(words) > 10:
		return strings.Join(words[:10], ", ") + " …"
	}
	return strings.Join(words, ", ")
}

// dvcOuts reads every .dvc file and dvc.lock of a repository.
func dvcOuts(repo string) (outs []*dvcOut, err error) {
	if repo, err = filepath.Abs(repo); err != nil {
		return nil, fault.Wrap(err, "reading the DVC repository")
	}
	if info, err := os.Stat(filepath.Join(repo, ".dvc")); err != nil || !info.IsDir() {
		return nil, fault.New(fault.NotFound, "%s is no DVC repository: it has no folder .dvc", repo)
	}
	err = filepath.WalkDir(repo, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			if slices.Contains([]string{".git", ".dvc", ".hg"}, e.Name()) && p != repo {
				return filepath.SkipDir
			}
			return nil
		case e.Name() == "dvc.lock":
			more, err := dvcLock(p)
			outs = append(outs, more...)
			return err
		case strings.HasSuffix(e.Name(), ".dvc"):
			more, err := dvcFile(p)
			outs = append(outs, more...)
			return err
		}
		return nil
	})
	return outs, err
}

func dvcFile(file string) ([]*dvcOut, error) {
	var doc struct {
		WDir string    `yaml:"wdir"`
		Outs []*dvcOut `yaml:"outs"`
	}
	if err := readYAML(file, &doc); err != nil {
		return nil, err
	}
	return placed(file, doc.WDir, doc.Outs)
}

func dvcLock(file string) (outs []*dvcOut, err error) {
	var doc struct {
		Stages map[string]struct {
			Outs []*dvcOut `yaml:"outs"`
		} `yaml:"stages"`
	}
	if err := readYAML(file, &doc); err != nil {
		return nil, err
	}
	for _, s := range doc.Stages {
		more, err := placed(file, "", s.Outs)
		if err != nil {
			return nil, err
		}
		outs = append(outs, more...)
	}
	return outs, nil
}

// placed says where the data of the entries lie: paths are relative to the file and its wdir.
func placed(file, wdir string, outs []*dvcOut) ([]*dvcOut, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, fault.Wrap(err, "reading %s", file)
	}
	outs = slices.DeleteFunc(outs, func(o *dvcOut) bool { return o == nil || o.Path == "" })
	for _, o := range outs {
		o.from, o.place = abs, filepath.Join(filepath.Dir(abs), filepath.FromSlash(wdir), filepath.FromSlash(o.Path))
	}
	return outs, nil
}

func readYAML(file string, into any) error {
	body, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "the file %s does not exist", file)
	} else if err != nil {
		return fault.Wrap(err, "reading %s", file)
	}
	if err := yaml.Unmarshal(body, into); err != nil {
		return fault.New(fault.Invalid, "%s is no file of DVC: %w", file, err)
	}
	return nil
}
