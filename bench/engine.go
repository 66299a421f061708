package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/onnx"
)

//go:embed peer.py
var peerProgram string

// engine evaluates the champion of the story without HTTP.
func (b *bench) engine() error {
	ctx := context.Background()
	a, err := app.Open(ctx, app.Config{Home: b.story})
	if err != nil {
		return err
	}
	defer a.Close()
	open, err := a.Rollout.Current(ctx)
	if err != nil || len(open) == 0 {
		return fmt.Errorf("nothing is placed: %w", err)
	}
	model, err := a.Packs.Load(ctx, open[0].Package, nil)
	if err != nil {
		return err
	}
	graph := filepath.Join(b.work, "model.onnx")
	if err := os.WriteFile(graph, model.Graph, 0o644); err != nil {
		return err
	}
	peer, err := b.peer(graph)
	if err != nil {
		return err
	}
	single, err := perRow(ctx, model, 1)
	if err != nil {
		return err
	}
	b.add("the engine, one row a call", fmt.Sprintf("%.1f µs", single/1e3), fmt.Sprintf("ONNX Runtime: %.1f µs; scikit-learn: %.0f µs", peer.ONNXRuntime, peer.ScikitLearn))
	many, err := perRow(ctx, model, 1000)
	if err != nil {
		return err
	}
	b.add("the engine, 1,000 rows a call, for each row", fmt.Sprintf("%.0f ns", many), fmt.Sprintf("ONNX Runtime: %.0f ns", peer.ONNXRuntimeBatch*1e3))
	return nil
}

// perRow gives the nanoseconds for a row in batches of n, the median of many calls.
func perRow(ctx context.Context, l *modelpack.Loaded, n int) (float64, error) {
	sig := l.Signature()
	frame := &modelpack.Frame{Rows: n, Cols: make([]*onnx.Tensor, len(sig.Inputs))}
	values := map[string]any{"rain_forecast_mm": json.Number("3.4"), "weekday": "Thu", "month": json.Number("11")}
	for c := range sig.Inputs {
		frame.Cols[c] = sig.Inputs[c].NewTensor(n)
		for i := range n {
			if err := sig.Inputs[c].Set(frame.Cols[c], i, values[sig.Inputs[c].Name]); err != nil {
				return 0, err
			}
		}
	}
	run := l.Binding.Runner(l.Program)
	var took []float64
	for began := time.Now(); time.Since(began) < 2*time.Second; {
		start := time.Now()
		if _, err := run(ctx, frame); err != nil {
			return 0, err
		}
		took = append(took, float64(time.Since(start).Nanoseconds())/float64(n))
	}
	return median(took), nil
}

// peerTimes are microseconds for a row.
type peerTimes struct {
	ONNXRuntime      float64 `json:"onnxruntime"`
	ONNXRuntimeBatch float64 `json:"onnxruntime_batch"`
	ScikitLearn      float64 `json:"scikit_learn"`
}

func (b *bench) peer(graph string) (out peerTimes, err error) {
	script := filepath.Join(b.work, "peer.py")
	if err := os.WriteFile(script, []byte(peerProgram), 0o644); err != nil {
		return out, err
	}
	_, text, err := timed([]string{"OMP_NUM_THREADS=1"}, b.python, script, graph, b.story)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal([]byte(text), &out)
}
