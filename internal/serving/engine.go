package serving

import (
	"context"
	"runtime/debug"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
)

// Engine runs the graphs of packages. The Go engine evaluates tabular models in this process; ONNX Runtime in a child
// process is the second one.
type Engine interface {
	// Name is the word for the engine in package.json, such as "go".
	Name() string
	// Load prepares a checked package. The model is used from many goroutines at once.
	Load(ctx context.Context, p *modelpack.Loaded) (Model, error)
}

// Model is a loaded graph.
type Model interface {
	// Run computes a batch: a frame over the inputs of the signature gives one over its outputs.
	Run(ctx context.Context, in *modelpack.Frame) (*modelpack.Frame, error)
	// Close releases the model; no Run is under way or follows.
	Close() error
}

// GoEngine evaluates graphs with the package onnx, in this process.
type GoEngine struct{}

// Name is "go".
func (GoEngine) Name() string { return "go" }

// Load takes the program that modelpack has compiled.
func (GoEngine) Load(_ context.Context, p *modelpack.Loaded) (Model, error) {
	return &goModel{run: p.Binding.Runner(p.Program)}, nil
}

type goModel struct{ run modelpack.Runner }

// Run turns a panic of the evaluator, which would be a defect of ours, into an error of this one request.
func (m *goModel) Run(ctx context.Context, in *modelpack.Frame) (out *modelpack.Frame, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fault.New(fault.Internal, "the engine failed: %v\n%s", p, debug.Stack())
		}
	}()
	return m.run(ctx, in)
}

func (m *goModel) Close() error { return nil }
