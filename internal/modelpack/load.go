package modelpack

import (
	"context"
	"errors"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/onnx"
	"github.com/paraplu/paraplu/internal/ref"
)

// Loaded is a package whose digests, signature and graph were checked. Its parity rows are still to be asked.
type Loaded struct {
	Digest   ref.Digest
	Manifest *Manifest
	Graph    []byte // model.onnx
	Program  *onnx.Program
	Binding  *Binding
	Parity   *Parity
	SignedBy string // hint of the key that signed
}

// Signature gives what the package may be asked.
func (l *Loaded) Signature() *Signature { return &l.Manifest.Signature }

// Step is one finished stage of a load.
type Step struct {
	Name string        `json:"name"` // digests, signature, graph, parity, …
	Took time.Duration `json:"took_ns"`
	Err  error         `json:"-"`
}

// The stages of Load and Verify.
const (
	StepDigests   = "digests"
	StepSignature = "signature"
	StepGraph     = "graph"
	StepParity    = "parity"
)

// Load fetches a package by digest and checks, in this order, all file digests, the signature and the graph. The first
// thing that does not agree is a Precondition fault that names the file. done is told of every stage; it may be nil.
func (r *Room) Load(ctx context.Context, digest ref.Digest, done func(Step)) (*Loaded, error) {
	pack, err := r.Get(ctx, digest)
	if err != nil {
		return nil, err
	}
	s := stages{done: done}
	l := &Loaded{Digest: digest}
	var files []File
	var content map[string][]byte
	if err := s.run(StepDigests, func() (err error) {
		files, content, err = r.fetch(ctx, digest)
		return err
	}); err != nil {
		return nil, refused(digest, err)
	}
	if err := s.run(StepSignature, func() (err error) {
		l.SignedBy, err = r.checkSignature(ctx, pack, files)
		return err
	}); err != nil {
		return nil, refused(digest, err)
	}
	if err := s.run(StepGraph, func() error { return l.open(files, content) }); err != nil {
		return nil, refused(digest, err)
	}
	return l, nil
}

type stages struct{ done func(Step) }

func (s stages) run(name string, fn func() error) error {
	start := time.Now()
	err := fn()
	if s.done != nil {
		s.done(Step{Name: name, Took: time.Since(start), Err: err})
	}
	return err
}

func refused(digest ref.Digest, err error) error {
	return fault.Wrap(err, "package %s", digest.Short())
}

// fetch reads the image manifest and all files. The digests of the manifest decide, not the rows of the database.
func (r *Room) fetch(ctx context.Context, digest ref.Digest) ([]File, map[string][]byte, error) {
	data, err := r.read(ctx, digest, "the image manifest")
	if err != nil {
		return nil, nil, err
	}
	im, files, err := parseImage(data)
	if err != nil {
		return nil, nil, fault.New(fault.Precondition, "%w", err)
	}
	if _, err := r.read(ctx, im.Config.Digest, "the configuration"); err != nil {
		return nil, nil, err
	}
	content := make(map[string][]byte, len(files))
	for _, f := range files {
		if content[f.Path], err = r.read(ctx, f.Digest, "file "+f.Path); err != nil {
			return nil, nil, err
		}
		if int64(len(content[f.Path])) != f.Size {
			return nil, nil, fault.New(fault.Precondition, "file %s has %d bytes, the manifest says %d", f.Path, len(content[f.Path]), f.Size)
		}
	}
	return files, content, nil
}

// read gives an object; one that is damaged or lost is a refusal that names what it is in the package.
func (r *Room) read(ctx context.Context, d ref.Digest, what string) ([]byte, error) {
	data, err := r.blobs.ReadAll(ctx, d)
	switch {
	case err == nil && ref.Sum(data) == d:
		return data, nil
	case fault.Is(err, fault.NotFound):
		return nil, fault.New(fault.Precondition, "%s is missing from the object store (%s)", what, d)
	case err == nil, isDamage(err):
		return nil, fault.New(fault.Precondition, "%s is damaged: its bytes do not have the digest %s", what, d).
			WithHint("restore the object store from a backup, or build the package again")
	}
	return nil, fault.Wrap(err, "reading %s", what)
}

// isDamage tells a failed digest from a store that does not answer: the store marks damage as its own Internal fault.
func isDamage(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Kind == fault.Internal
}

// checkSignature accepts the package when one of its bundles is by a trusted key and covers exactly its files.
func (r *Room) checkSignature(ctx context.Context, pack *Package, files []File) (string, error) {
	trusted, err := r.keys.trusted()
	if err != nil {
		return "", err
	}
	var why error
	for _, s := range pack.Signatures {
		data, err := r.read(ctx, s.Digest, "file "+signaturePath)
		if err != nil {
			why = err
			continue
		}
		who, err := checkBundle(data, trusted, pack.Digest, files)
		if err == nil {
			return who, nil
		}
		why = fault.New(fault.Precondition, "%s: %w", signaturePath, err).
			WithHint("put the public key of the signer into the folder %s of the key folder, if you trust it", trustedName)
	}
	if why == nil {
		why = fault.New(fault.Precondition, "it is not signed")
	}
	return "", why
}

// open reads the manifest, compares it with the layers and prepares the graph.
func (l *Loaded) open(files []File, content map[string][]byte) (err error) {
	if l.Manifest, err = ParseManifest(content["package.json"]); err != nil {
		return err
	}
	if err := l.Manifest.covers(files); err != nil {
		return err
	}
	l.Graph = content["model.onnx"]
	if _, l.Program, err = compile(l.Graph); err != nil {
		return err
	}
	if l.Binding, err = Bind(l.Signature(), l.Program); err != nil {
		return fault.Wrap(err, "package.json does not fit model.onnx")
	}
	l.Parity, err = ParseParity(l.Signature(), content[l.Manifest.Parity.Path])
	return err
}

// covers compares package.json with the layers of the image in both directions.
func (m *Manifest) covers(files []File) error {
	listed := map[string]ManifestFile{}
	for _, f := range m.Files {
		listed[f.Path] = f
	}
	for _, f := range files {
		if f.Path == "package.json" {
			continue
		}
		if l, ok := listed[f.Path]; !ok || l.SHA256 != f.Digest.Hex() || l.Size != f.Size {
			return fault.New(fault.Precondition, "package.json does not list file %s as it is in the image", f.Path)
		}
		delete(listed, f.Path)
	}
	for path := range listed {
		return fault.New(fault.Precondition, "package.json lists file %s, and the image does not have it", path)
	}
	return nil
}

// Program gives the graph of a package, ready to run on the Go engine, after the checks of Load.
func (r *Room) Program(ctx context.Context, digest ref.Digest) (*onnx.Program, *Manifest, error) {
	l, err := r.Load(ctx, digest, nil)
	if err != nil {
		return nil, nil, err
	}
	return l.Program, l.Manifest, nil
}
