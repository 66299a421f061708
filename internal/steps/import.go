package steps

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// ImportInput says what to import.
type ImportInput struct {
	Dataset  string
	Source   string // http(s)://…, FILE.dvc or REPOSITORY//PATH; "" with SQL or Update
	SQL      string // query …
	From     string // … of postgres://… or a SQLite file
	Update   bool   // fetch again what the newest version was imported from
	Max      int64  // bytes; 0 = no limit
	Actor    string
	Progress func(done, total int64) // of one file; may be nil
}

// Imported is what became of it.
type Imported struct {
	Delivery
	Source    string `json:"source"`
	Unchanged bool   `json:"unchanged"` // the source says, or the bytes show, that nothing changed
}

// Import fetches data and delivers them like data that were added: under their contract, with their provenance.
func (s *Steps) Import(ctx context.Context, p *spec.Product, in ImportInput) (*Imported, error) {
	d, err := declared(p, in.Dataset)
	if err != nil {
		return nil, err
	}
	newest, err := s.Datasets.Newest(ctx, p.Name, d.Name)
	if err != nil {
		return nil, err
	}
	o, err := in.origin(p, newest)
	if err != nil {
		return nil, err
	}
	base := filepath.Join(p.Dir, ".paraplu", "tmp", "import", d.Name)
	work := filepath.Join(base, "new-"+ref.NewID())
	if err := os.MkdirAll(work, 0o755); err != nil {
		return nil, fault.Wrap(err, "importing %s", d.Name)
	}
	defer os.RemoveAll(work)
	var known *dataset.Origin
	if newest != nil && newest.Origin != nil && newest.Origin.Kind == o.Kind && newest.Origin.Source == o.Source && newest.Origin.Query == o.Query {
		known = newest.Origin
	}
	f, err := s.fetch(ctx, p, d, in, o, known, filepath.Join(base, "resume"), work)
	if err != nil {
		return nil, err
	}
	out := &Imported{Source: f.Origin.Source, Unchanged: f.Unchanged}
	if f.Unchanged {
		out.Dataset, out.Version = d.Name, *newest
		return out, nil
	}
	defer os.RemoveAll(filepath.Join(base, "resume"))
	path, err := named(f.Path, d)
	if err != nil {
		return nil, err
	}
	f.Origin.Commit, f.Origin.Dirty = commit(ctx, p.Dir)
	delivered, err := s.deliver(ctx, p, d.Name, path, in.Actor, &f.Origin)
	if delivered != nil {
		out.Delivery = *delivered
		out.Unchanged = err == nil && !delivered.Created
	}
	return out, err
}

// origin says where to import from: as asked, or as the newest version was.
func (in *ImportInput) origin(p *spec.Product, newest *dataset.Version) (dataset.Origin, error) {
	if in.Update {
		if newest == nil || newest.Origin == nil || newest.Origin.Kind == "" {
			return dataset.Origin{}, fault.New(fault.Precondition, "the newest version of %s was not imported, so there is nothing to fetch again", in.Dataset).
				WithHint("paraplu data import %s SOURCE", in.Dataset)
		}
		o := dataset.Origin{Kind: newest.Origin.Kind, Source: newest.Origin.Source, Query: newest.Origin.Query}
		if in.From == "" { // a password is not kept; it may stand in the address or in PGPASSWORD
			in.From = o.Source
		}
		in.SQL = o.Query
		return o, nil
	}
	switch {
	case in.SQL != "":
		return dataset.Origin{Kind: dataset.FromSQL, Source: kept(p, in.From), Query: in.SQL}, nil
	case strings.HasPrefix(in.Source, "http://"), strings.HasPrefix(in.Source, "https://"):
		return dataset.Origin{Kind: dataset.FromURL, Source: in.Source}, nil
	case strings.HasSuffix(in.Source, ".dvc"), strings.Contains(in.Source, "//") && !strings.Contains(in.Source, "://"):
		return dataset.Origin{Kind: dataset.FromDVC, Source: kept(p, in.Source)}, nil
	}
	return dataset.Origin{}, fault.New(fault.Invalid, "%q is no source: it is no address and nothing that DVC tracks", in.Source).
		WithHint("a file of this machine is added: paraplu data add %s %s", in.Dataset, in.Source)
}

// kept is an address as it is stored: without a password, a path of this machine relative to paraplu.yaml.
func kept(p *spec.Product, source string) string {
	if strings.Contains(source, "://") {
		return db.WithoutPassword(source)
	}
	head, tail, two := strings.Cut(source, "//")
	if abs, err := filepath.Abs(head); err == nil {
		head = relative(p, abs)
	}
	if two {
		return head + "//" + tail
	}
	return head
}

// onDisk is the inverse of kept for a path.
func onDisk(p *spec.Product, source string) string {
	head, tail, two := strings.Cut(source, "//")
	if !filepath.IsAbs(head) {
		head = filepath.Join(p.Dir, head)
	}
	if two {
		return head + "//" + tail
	}
	return head
}

func (s *Steps) fetch(ctx context.Context, p *spec.Product, d spec.Data, in ImportInput, o dataset.Origin, known *dataset.Origin, resume, work string) (f dataset.Fetched, err error) {
	switch o.Kind {
	case dataset.FromURL:
		source := in.Source
		if source == "" {
			source = o.Source
		}
		return dataset.Fetch{URL: source, Known: known, Max: in.Max, Dir: resume, Progress: in.Progress}.Get(ctx)
	case dataset.FromDVC:
		if known != nil {
			at := *known
			at.Source = onDisk(p, known.Source)
			known = &at
		}
		f, err = dataset.DVC{Source: onDisk(p, o.Source), Known: known, Dir: work}.Get(ctx)
		f.Origin.Source = o.Source
	case dataset.FromSQL:
		f, err = s.ask(ctx, p, d, in, work)
		f.Origin = dataset.Origin{Kind: o.Kind, Source: o.Source, Query: o.Query}
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	f.Origin.FetchedAt = &now
	return f, err
}

// named gives a file that was fetched the name under which the dataset is declared, when its own says another format.
func named(path string, d spec.Data) (string, error) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || strings.EqualFold(filepath.Ext(path), filepath.Ext(d.Path)) {
		return path, err
	}
	better := filepath.Join(filepath.Dir(path), filepath.Base(filepath.FromSlash(d.Path)))
	return better, fault.Wrap(os.Rename(path, better), "importing %s", d.Name)
}
