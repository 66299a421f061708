package modelpack

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/onnx"
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

// limits in bytes of what is read from an export folder.
var exportFiles = []struct {
	name     string
	limit    int64
	required bool
}{
	{"model.onnx", 512 << 20, true},
	{"signature.json", 4 << 20, true},
	{"parity.jsonl", 256 << 20, true},
	{"requirements.txt", 4 << 20, false},
	{"input_example.json", 16 << 20, false},
	{"MLmodel", 1 << 20, false},
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

// readExport reads the known files of the folder; links that leave it are refused.
func readExport(dir string) (map[string][]byte, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no export folder %s", dir).WithHint("let the training step call paraplu.export, then run the pipeline: paraplu run")
	} else if err != nil {
		return nil, fault.Wrap(err, "opening the export folder %s", dir)
	}
	defer root.Close()
	content := map[string][]byte{}
	for _, f := range exportFiles {
		data, err := readLimited(root, f.name, f.limit)
		if errors.Is(err, fs.ErrNotExist) {
			if f.required {
				return nil, fault.New(fault.Invalid, "the export folder %s has no %s", dir, f.name).WithHint("paraplu.export writes it")
			}
			continue
		} else if err != nil {
			return nil, fault.Wrap(err, "reading %s/%s", dir, f.name)
		}
		content[f.name] = data
	}
	return content, nil
}

func readLimited(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fault.New(fault.Exhausted, "it is larger than %d MiB", limit>>20)
	}
	return data, err
}

// examine checks that the files belong together and gives the manifest without its files.
func examine(ctx context.Context, in BuildInput, content map[string][]byte) (*Manifest, error) {
	sig, err := ParseSignature(content["signature.json"])
	if err != nil {
		return nil, err
	}
	graph, prog, err := compile(content["model.onnx"])
	if err != nil {
		return nil, err
	}
	rep, err := prove(ctx, sig, prog, content["parity.jsonl"])
	if err != nil {
		return nil, err
	}
	m := &Manifest{
		SchemaVersion: schemaVersion, Product: in.Product, Name: in.Name, Version: in.Version, Kind: cmp.Or(in.Kind, "regression"),
		Engine:    EngineNeeds{Prefer: "go", Allow: []string{"go", "ort"}, Opsets: graph.Opsets(), Ops: graph.Ops()},
		Signature: *sig,
		Parity:    ParityDecl{Path: "parity.jsonl", Rows: rep.Rows},
		Tests:     in.Tests, Lineage: in.Lineage, Owners: in.Owners,
	}
	for i := range sig.Outputs {
		m.Parity.Checks = append(m.Parity.Checks, ParityCheck{Output: sig.Outputs[i].Name, Tolerance: sig.tolerance(&sig.Outputs[i])})
	}
	return m, nil
}

// compile parses a graph and prepares it for the Go engine.
func compile(data []byte) (*onnx.Model, *onnx.Program, error) {
	graph, err := onnx.Parse(data, onnx.Limits{})
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "model.onnx is not a sound ONNX file: %w", err)
	}
	prog, err := onnx.Compile(graph)
	var missing *onnx.UnsupportedError
	if errors.As(err, &missing) {
		return nil, nil, fault.New(fault.Unsupported, "the Go engine cannot run model.onnx; it does not have %s", strings.Join(missing.Ops, ", ")).
			WithHint("use another estimator or transformer, or one that skl2onnx converts to supported operators")
	} else if err != nil {
		return nil, nil, fault.New(fault.Invalid, "model.onnx: %w", err)
	}
	return graph, prog, nil
}

// prove binds signature and graph and runs the parity rows; a report that is not OK is an error.
func prove(ctx context.Context, sig *Signature, prog *onnx.Program, rows []byte) (*ParityReport, error) {
	b, err := Bind(sig, prog)
	if err != nil {
		return nil, err
	}
	p, err := ParseParity(sig, rows)
	if err != nil {
		return nil, err
	}
	rep, err := CheckParity(ctx, sig, p, b.Runner(prog))
	if err != nil {
		return nil, err
	}
	return rep, rep.Err()
}

// Runner gives the Go engine's way to compute a batch.
func (b *Binding) Runner(prog *onnx.Program) Runner {
	want := b.Wanted(nil)
	return func(_ context.Context, in *Frame) (*Frame, error) {
		feed, err := b.Feed(in)
		if err != nil {
			return nil, err
		}
		out, err := prog.Run(feed, want...)
		if err != nil {
			return nil, err
		}
		return b.Collect(in.Rows, out)
	}
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
	pub, err := publicPEM(&key.PublicKey)
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
