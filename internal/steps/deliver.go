package steps

import (
	"context"
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// Delivery is what became of data that asked to be a dataset version.
type Delivery struct {
	Dataset string          `json:"dataset"`
	Report  *quality.Report `json:"report,omitempty"` // nil without a contract
	Version dataset.Version `json:"version"`
	Created bool            `json:"created"` // false: the newest version is the same data

	Quarantine *dataset.Version `json:"quarantine,omitempty"` // rows that were set aside, nil if none
	Whole      *quality.Report  `json:"whole,omitempty"`      // of the delivery, when Report is of its good rows
}

// Deliver checks a file or folder against the contract of a dataset. If it keeps it, it becomes the newest version and is
// laid out at the dataset's path; if not, the error names column, rows and owner, and nothing of it is kept but the report.
func (s *Steps) Deliver(ctx context.Context, p *spec.Product, name, path, actor string) (*Delivery, error) {
	return s.deliver(ctx, p, name, path, actor, s.origin(ctx, p, path))
}

func (s *Steps) deliver(ctx context.Context, p *spec.Product, name, path, actor string, o *dataset.Origin) (*Delivery, error) {
	d, err := declared(p, name)
	if err != nil {
		return nil, err
	}
	out := &Delivery{Dataset: name}
	var reportID string
	var checked ref.Digest
	if d.Contract != "" {
		if out.Report, err = s.check(ctx, p, d, path, actor, ""); err != nil {
			return nil, err
		}
		if err := out.Report.Err(); err != nil {
			return out, err
		}
		if out.Report.Quarantined > 0 {
			dir, err := os.MkdirTemp("", "paraplu-split-*")
			if err != nil {
				return out, fault.Wrap(err, "setting rows of %s aside", path)
			}
			defer os.RemoveAll(dir)
			if path, err = s.quarantine(ctx, p, d, out, path, dir, actor); err != nil {
				return out, err
			}
		}
		reportID, checked = out.Report.ID, out.Report.DataDigest
	}
	out.Version, out.Created, err = s.Datasets.Add(ctx, dataset.AddInput{Product: p.Name, Name: name, Path: path, Actor: actor,
		ReportID: reportID, Checked: checked, Source: d.Source, Licence: d.Licence, Simulated: d.Simulated, Origin: o})
	if err != nil {
		return out, err
	}
	if reportID != "" {
		if err := s.Quality.Delivered(ctx, reportID); err != nil {
			return out, err
		}
	}
	return out, s.Datasets.Replace(ctx, out.Version, p.Path(d.Path))
}

// Check holds a file, or the file that lies at the dataset's path, against the contract. It stores the report and nothing else.
func (s *Steps) Check(ctx context.Context, p *spec.Product, name, path, actor string) (*quality.Report, error) {
	return s.CheckFor(ctx, p, name, path, actor, "")
}

// CheckFor is Check in an environment: rules of the contract may be for training or serving only; "" = for training.
func (s *Steps) CheckFor(ctx context.Context, p *spec.Product, name, path, actor, env string) (*quality.Report, error) {
	d, err := declared(p, name)
	if err != nil {
		return nil, err
	}
	if d.Contract == "" {
		at := p.Place("data." + name)
		return nil, fault.New(fault.Precondition, "dataset %s has no contract", name).At(p.File, at.Line, at.Col).
			WithHint("add contract: contracts/%s.odcs.yaml to the section data", name)
	}
	if path == "" {
		path = p.Path(d.Path)
	}
	return s.check(ctx, p, d, path, actor, env)
}

func (s *Steps) check(ctx context.Context, p *spec.Product, d spec.Data, path, actor, env string) (*quality.Report, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "the file %s does not exist", path).WithHint("paraplu data add %s PATH", d.Name)
	}
	in, err := checkInput(p, d, path, actor)
	if err != nil {
		return nil, err
	}
	in.Env = env
	return s.Quality.Check(ctx, in)
}

func checkInput(p *spec.Product, d spec.Data, path, actor string) (quality.CheckInput, error) {
	file := p.Path(d.Contract)
	in := quality.CheckInput{Product: p.Name, Dataset: d.Name, Path: path, Owner: owner(p, d), Actor: actor}
	text, err := os.ReadFile(file)
	if err != nil {
		return in, fault.Wrap(err, "reading the contract of %s", d.Name)
	}
	in.Contract, err = quality.ParseContract(file, text)
	return in, err
}

// owner is the member who answers for a dataset: the one written there, else the accountable of the activity.
func owner(p *spec.Product, d spec.Data) string {
	if d.Owner != "" {
		return d.Owner
	}
	for _, r := range p.Team.Responsibilities {
		if r.Activity == "data quality, features" {
			return r.Accountable
		}
	}
	return ""
}

func declared(p *spec.Product, name string) (spec.Data, error) {
	d, ok := p.Dataset(name)
	if ok {
		return d, nil
	}
	names := make([]string, len(p.Data))
	for i, d := range p.Data {
		names[i] = d.Name
	}
	err := fault.New(fault.NotFound, "%s declares no dataset %q; it has: %s", p.File, name, strings.Join(names, ", "))
	if near := spec.Nearest(name, names); near != "" {
		return d, err.WithHint("did you mean %s?", near)
	}
	return d, err.WithHint("declare it in the section data of paraplu.yaml")
}

// reportOf gives the report under which a dataset version was published, nil when there was none.
func (s *Steps) reportOf(ctx context.Context, _ *spec.Product, v dataset.Version) (*quality.Report, error) {
	if v.ReportID == "" {
		return nil, nil
	}
	rep, err := s.Quality.Report(ctx, v.ReportID)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return rep, err
}

// Leakage checks that every feature of a table was known when the decision was taken. An empty path means the feature
// table of paraplu.yaml. Which column says when a feature was known stands in model.known_at; for features that are not
// named there, a column X_known_at beside X or X_<unit> says it. Features that must be covered (a package's inputs) are
// given; without them all that have such a column are checked.
func (s *Steps) Leakage(ctx context.Context, p *spec.Product, path, actor string, features ...string) (*quality.Report, error) {
	if path == "" {
		if p.Model.Features == "" {
			return nil, fault.New(fault.Precondition, "%s names no feature table", p.File).WithHint("add model.features and model.known_at")
		}
		path = p.Path(p.Model.Features)
	}
	if p.Model.DecidedAt == "" {
		at := p.Place("model")
		return nil, fault.New(fault.Precondition, "model.decided_at is not set: which column says when the decision is taken?").At(p.File, at.Line, at.Col)
	}
	columns, err := header(path)
	if err != nil {
		return nil, err
	}
	return s.Quality.Leakage(ctx, quality.LeakageInput{Product: p.Name, Path: path, DecidedAt: p.Model.DecidedAt,
		KnownAt: knownAt(p.Model.KnownAt, columns), Features: features, Owner: leakOwner(p), Actor: actor, Subject: relative(p, path)})
}

// knownAt says for each feature of a table which column tells when it was known.
func knownAt(declared map[string]string, columns []string) map[string]string {
	out := map[string]string{}
	for _, c := range columns {
		if known, ok := declared[c]; ok {
			out[c] = known
			continue
		}
		for _, base := range []string{c, c[:max(0, strings.LastIndex(c, "_"))]} {
			if base != "" && slices.Contains(columns, base+"_known_at") {
				out[c] = base + "_known_at"
			}
		}
	}
	for c := range out {
		if strings.HasSuffix(c, "_known_at") {
			delete(out, c)
		}
	}
	return out
}

// header reads the column names of a CSV file.
func header(path string) ([]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "the feature table %s does not exist", path).WithHint("paraplu run")
	} else if err != nil {
		return nil, fault.Wrap(err, "reading the feature table")
	}
	defer f.Close()
	names, err := csv.NewReader(f).Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "the feature table has no header: %w", err).At(path, 1, 0)
	}
	return names, nil
}

func relative(p *spec.Product, path string) string {
	if rel, err := filepath.Rel(p.Dir, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}

func leakOwner(p *spec.Product) string {
	for _, r := range p.Team.Responsibilities {
		if r.Activity == "data quality, features" {
			return r.Accountable
		}
	}
	for _, m := range p.Team.Members {
		if m.Role == "data scientist" {
			return m.Name
		}
	}
	return ""
}
