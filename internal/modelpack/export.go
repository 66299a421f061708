package modelpack

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/onnx"
)

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
	if len(want) == len(prog.Outputs()) {
		want = nil // all: the program need not look for what it can leave out
	}
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
