// Package onnx reads ONNX files and evaluates the tabular part of the standard
// in pure Go: linear models, scalers, imputers, encoders and tree ensembles, and
// the shape, arithmetic, reduction and logic operators that exporters put
// around them inside a pipeline.
//
// Three steps, each of which can refuse a file:
//
//   - [Parse] decodes the bytes with a bounds-checked protobuf reader and checks
//     the structure: sizes, names, one producer per value, no cycle, no external
//     data. It understands any graph, also one that this package cannot run.
//   - [Compile] checks every operator and prepares it: attributes are read once,
//     trees are checked and flattened. What is missing is listed in an
//     [*UnsupportedError], so that a caller can choose another engine.
//   - [Program.Run] evaluates a batch. It is safe for concurrent use.
//
// The reference for every number is ONNX Runtime with one thread. Tensors are
// rounded to their declared type after every operator; tree ensembles add leaf
// values in tree order in the type of the thresholds and are equal bit for bit;
// sums of products (MatMul, Gemm, linear models, reductions) are accumulated in
// float64 and rounded once, since the order in which ONNX Runtime adds is not
// specified. Behaviour of ONNX Runtime that a model author may not expect is
// reported by [Program.Warnings].
//
// Input is not trusted: malformed bytes give an error, never a panic, and no
// tensor larger than [Limits].MaxElements is created. The package uses only the
// standard library and holds no state.
//
//	prog, err := onnx.Load(data)
//	if err != nil {
//		return err
//	}
//	out, err := prog.Run(map[string]*onnx.Tensor{
//		"X": onnx.NewF32([]int64{1, 2}, []float32{0.5, 3}),
//	}, "probabilities")
package onnx
