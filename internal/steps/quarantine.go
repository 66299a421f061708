package steps

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
)

// QuarantineOf names the dataset of the rows that were set aside.
func QuarantineOf(name string) string { return name + "-quarantine" }

// quarantine splits a delivery whose contract sets bad rows aside. These become a version of their own, first, so that none is
// lost; the good rows are checked again, because they are what is published. It gives the file with them.
func (s *Steps) quarantine(ctx context.Context, p *spec.Product, d spec.Data, out *Delivery, path, dir, actor string) (string, error) {
	in, err := checkInput(p, d, path, actor)
	if err != nil {
		return "", err
	}
	whole := out.Report
	good, bad := filepath.Join(dir, "good", filepath.Base(path)), filepath.Join(dir, "bad", filepath.Base(path))
	if err := split(func(a, b *os.File) error {
		parts, err := s.Quality.Split(ctx, in, whole, a, b)
		if err == nil && parts.Good == 0 {
			return fault.New(fault.Precondition, "every row of %s would be set aside; owner: %s", filepath.Base(path), whole.Owner).WithHint("correct the delivery, or change the contract together with %s", whole.Owner)
		}
		return err
	}, good, bad); err != nil {
		return "", err
	}
	in.Path, in.PartOf = good, whole.ID
	if out.Report, err = s.Quality.Check(ctx, in); err != nil {
		return "", err
	}
	if err := out.Report.Err(); err != nil {
		return "", fault.Wrap(err, "the rows that are left")
	}
	v, _, err := s.Datasets.Add(ctx, dataset.AddInput{Product: p.Name, Name: QuarantineOf(d.Name), Path: bad, Actor: actor, ReportID: whole.ID,
		Message: fmt.Sprintf("%d of %d rows of %s", whole.Quarantined, whole.Rows, filepath.Base(path)), Source: d.Source, Licence: d.Licence, Simulated: d.Simulated})
	if err != nil {
		return "", err
	}
	out.Quarantine, out.Whole = &v, whole
	return good, nil
}

// split opens both files and closes them, whatever happens.
func split(write func(good, bad *os.File) error, good, bad string) error {
	var files [2]*os.File
	for i, path := range []string{good, bad} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fault.Wrap(err, "setting rows aside")
		}
		f, err := os.Create(path)
		if err != nil {
			return fault.Wrap(err, "setting rows aside")
		}
		files[i] = f
	}
	err := write(files[0], files[1])
	return errors.Join(err, files[0].Close(), files[1].Close())
}
