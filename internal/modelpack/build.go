package modelpack

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// BuildInput is what a package is made of.
type BuildInput struct {
	Product   string
	Name      string            // of the model
	Version   string            // a label for people, may be empty
	Kind      string            // regression, classification, …; "" = regression
	ExportDir string            // folder with model.onnx, signature.json, parity.jsonl and optional files
	Contract  []byte            // ODCS YAML of the input data, may be empty
	Card      Card              // words of people
	Lineage   Lineage           // run, commit, datasets
	Owners    map[string]string // "model": "daisy"
	CreatedAt time.Time         // part of the digest: give the time of the run to get the same digest again; zero = now
	Tests     []TestResult
	Actor     string
}

// Build makes a package from an export folder and signs it. The folder is checked as a whole first: the graph runs on the
// Go engine, the signature fits it, and all parity rows agree. The same input gives the same digest; one that exists
// already gives created = false. Cut off at any point, the same call again completes it.
func (r *Room) Build(ctx context.Context, in BuildInput) (pack *Package, created bool, err error) {
	if err := cmp.Or(ref.CheckName(in.Product), ref.CheckName(in.Name)); err != nil {
		return nil, false, fault.New(fault.Invalid, "building a package: %w", err)
	}
	if in.Actor == "" {
		return nil, false, fault.New(fault.Invalid, "building a package: nobody is named as its builder")
	}
	content, err := readExport(in.ExportDir)
	if err != nil {
		return nil, false, err
	}
	m, err := examine(ctx, in, content)
	if err != nil {
		return nil, false, fault.Wrap(err, "export folder %s", in.ExportDir)
	}
	m.CreatedAt = instant(in.CreatedAt)
	if in.CreatedAt.IsZero() {
		m.CreatedAt = instant(r.clock())
	}
	pack, cfg, err := r.put(ctx, in, m, content)
	if err != nil {
		return nil, false, fault.Wrap(err, "building the package of %s", in.Name)
	}
	created, err = r.record(ctx, pack, cfg)
	if err != nil {
		return nil, false, fault.Wrap(err, "building the package of %s", in.Name)
	}
	pack, err = r.Get(ctx, pack.Digest)
	return pack, created, err
}

// put completes the content, stores all objects and gives the package and the digest of its configuration; nothing
// refers to the objects yet.
func (r *Room) put(ctx context.Context, in BuildInput, m *Manifest, content map[string][]byte) (*Package, ref.Digest, error) {
	if err := complete(in, m, content); err != nil {
		return nil, "", err
	}
	pack := &Package{Product: in.Product, Name: in.Name, Manifest: m, CreatedAt: m.CreatedAt, BuiltAt: instant(r.clock()), Actor: in.Actor}
	for _, name := range slices.Sorted(maps.Keys(content)) {
		d, err := r.blobs.PutBytes(ctx, content[name])
		if err != nil {
			return nil, "", err
		}
		size := int64(len(content[name]))
		pack.Files = append(pack.Files, File{Path: name, Digest: d, Size: size, MediaType: mediaTypes[name]})
		pack.Size += size
	}
	text, err := config(m, in.Card, pack.Files)
	if err != nil {
		return nil, "", err
	}
	cfg, err := r.blobs.PutBytes(ctx, text)
	if err != nil {
		return nil, "", err
	}
	img, err := layout(m, text, pack.Files)
	if err != nil {
		return nil, "", err
	}
	pack.Digest, err = r.blobs.PutBytes(ctx, img)
	return pack, cfg, err
}

// complete adds the files that are generated; package.json comes last and lists the others.
func complete(in BuildInput, m *Manifest, content map[string][]byte) (err error) {
	if req, ok := content["requirements.txt"]; ok {
		content["env.lock"] = req
	}
	if len(in.Contract) > 0 {
		content["contract.yaml"], m.Contract = in.Contract, "contract.yaml"
	}
	content["CARD.md"] = card(m, in.Card)
	if content["bom.cdx.json"], err = billOfMaterials(m, in.Card, content); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(content)) {
		m.Files = append(m.Files, ManifestFile{Path: name, Size: int64(len(content[name])), SHA256: ref.Sum(content[name]).Hex()})
	}
	content["package.json"], err = Canonical(m)
	return err
}

// record signs the package and writes its rows and its fact in one transaction.
func (r *Room) record(ctx context.Context, pack *Package, cfg ref.Digest) (created bool, err error) {
	manifest, err := Canonical(pack.Manifest)
	if err != nil {
		return false, err
	}
	signed, err := r.signature(ctx, pack)
	if err != nil {
		return false, err
	}
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		if created, err = insert(tx, pack, manifest, cfg); err != nil {
			return err
		}
		if err := insertReferrer(tx, pack.Digest, signed); err != nil {
			return err
		}
		return event.Append(tx, builtFact(pack))
	})
	return created, err
}

// signature signs a package with the own key and stores the bundle.
func (r *Room) signature(ctx context.Context, pack *Package) (Referrer, error) {
	key, err := r.keys.signer()
	if err != nil {
		return Referrer{}, err
	}
	pub, err := r.keys.PublicPEM() // kept beside the private key, to give away
	if err != nil {
		return Referrer{}, err
	}
	sig, err := sign(key, pack.Name, pack.Digest, pack.Files)
	if err != nil {
		return Referrer{}, err
	}
	d, err := r.blobs.PutBytes(ctx, sig)
	return Referrer{Kind: "signature", Digest: d, KeyHint: hint(pub), CreatedAt: pack.BuiltAt}, err
}

func builtFact(p *Package) event.Fact {
	f := event.Fact{
		Time: p.BuiltAt, Actor: p.Actor, Product: p.Product, Verb: event.PackageBuilt, Object: p.Name, Digest: string(p.Digest),
		Key: "package.built:" + string(p.Digest), Outputs: []string{"package:" + string(p.Digest)},
		Data: map[string]any{"files": len(p.Files), "size": p.Size, "parity_rows": p.Manifest.Parity.Rows, "ops": p.Manifest.Engine.Ops},
	}
	l := p.Manifest.Lineage
	for _, d := range l.Datasets {
		f.Inputs = append(f.Inputs, "dataset:"+d.Name+"@"+d.Digest)
	}
	if l.Run != "" {
		f.Inputs = append(f.Inputs, "run:"+l.Run)
	}
	if l.Execution != "" {
		f.Inputs = append(f.Inputs, "execution:"+l.Execution)
	}
	if l.Parent != "" {
		f.Inputs = append(f.Inputs, "package:"+string(l.Parent))
	}
	return f
}
