package modelpack

import (
	"context"
	"time"

	"github.com/paraplu/paraplu/internal/ref"
)

// Verification is the outcome of all checks of a package.
type Verification struct {
	Digest   ref.Digest    `json:"digest"`
	OK       bool          `json:"ok"`
	Steps    []Step        `json:"steps"`     // in order; the last one has the error when the package is refused
	SignedBy string        `json:"signed_by"` // hint of the key that signed
	Files    int           `json:"files"`
	Parity   *ParityReport `json:"parity,omitempty"` // nil when it was refused before
	At       time.Time     `json:"at"`
	Reason   string        `json:"reason,omitempty"` // why it is refused, "" when it is not
}

// Verify checks a package as serving does before it admits it: digests, signature, graph, and all parity rows on the Go
// engine. A package that is refused gives both the verification and its error.
func (r *Room) Verify(ctx context.Context, digest ref.Digest) (*Verification, error) {
	v := &Verification{Digest: digest, At: r.clock()}
	done := func(s Step) { v.Steps = append(v.Steps, s) }
	err := r.verify(ctx, digest, v, done)
	v.OK = err == nil
	if err != nil {
		v.Reason = err.Error()
	}
	return v, err
}

func (r *Room) verify(ctx context.Context, digest ref.Digest, v *Verification, done func(Step)) error {
	l, err := r.Load(ctx, digest, done)
	if err != nil {
		return err
	}
	v.SignedBy, v.Files = l.SignedBy, len(l.Manifest.Files)+1
	err = stages{done}.run(StepParity, func() (err error) {
		v.Parity, err = l.CheckParity(ctx, l.Binding.Runner(l.Program))
		return err
	})
	return refused(digest, err)
}

// CheckParity asks all parity rows of the package with the given runner; a report outside the limits is an error too.
func (l *Loaded) CheckParity(ctx context.Context, run Runner) (*ParityReport, error) {
	rep, err := CheckParity(ctx, l.Signature(), l.Parity, run)
	if err != nil {
		return nil, err
	}
	return rep, rep.Err()
}
