package modelpack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/onnx"
)

// maxParityRows bounds parity.jsonl: more rows prove little more and slow every load.
const maxParityRows = 100_000

// Parity is what an engine is asked before it may serve: inputs and the original library's outputs.
type Parity struct {
	In, Want *Frame
}

// ParseParity reads parity.jsonl: a line {"inputs":{name:value},"outputs":{name:value}} for each row. Every output is
// there; an input that is not is missing. Errors name the line and the column.
func ParseParity(sig *Signature, data []byte) (*Parity, error) {
	lines := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n"))
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fault.New(fault.Invalid, "parity.jsonl has no rows: nothing shows that the model is the one that was trained")
	}
	if len(lines) > maxParityRows {
		return nil, fault.New(fault.Invalid, "parity.jsonl has %d rows, more than %d", len(lines), maxParityRows)
	}
	p := &Parity{In: frameOf(sig.Inputs, len(lines)), Want: frameOf(sig.Outputs, len(lines))}
	for i, line := range lines {
		var row struct {
			Inputs  map[string]any `json:"inputs"`
			Outputs map[string]any `json:"outputs"`
		}
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.UseNumber()
		dec.DisallowUnknownFields()
		if err := dec.Decode(&row); err != nil {
			return nil, fault.New(fault.Invalid, "not a parity row: %w", err).At("parity.jsonl", i+1, 0)
		}
		if _, err := dec.Token(); err != io.EOF {
			return nil, fault.New(fault.Invalid, "more than one JSON value in the line").At("parity.jsonl", i+1, 0)
		}
		if err := setRow(sig.Inputs, p.In, i, row.Inputs, false); err != nil {
			return nil, err
		}
		if err := setRow(sig.Outputs, p.Want, i, row.Outputs, true); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func frameOf(cols []Column, rows int) *Frame {
	f := &Frame{Rows: rows}
	for i := range cols {
		f.Cols = append(f.Cols, cols[i].NewTensor(rows))
	}
	return f
}

func setRow(cols []Column, f *Frame, i int, row map[string]any, all bool) error {
	for name := range row {
		if position(cols, name) < 0 {
			return fault.New(fault.Invalid, "column %q is not in the signature", name).At("parity.jsonl", i+1, 0)
		}
	}
	for j := range cols {
		c := &cols[j]
		v, present := row[c.Name]
		if all && !present {
			return fault.New(fault.Invalid, "the output %q is missing", c.Name).At("parity.jsonl", i+1, 0)
		}
		if err := c.Set(f.Cols[j], i, v); err != nil {
			return fault.New(fault.Invalid, "column %q: %w", c.Name, err).At("parity.jsonl", i+1, 0)
		}
	}
	return nil
}

// OutputParity is the result for one output.
type OutputParity struct {
	Output    string  `json:"output"`
	Kind      string  `json:"kind"`
	Limit     float64 `json:"limit"`
	Worst     float64 `json:"worst"` // largest difference in the measure of Kind; +Inf is written as the largest float
	Outside   int     `json:"outside"`
	Mismatch  int     `json:"mismatch"` // rows that are not exactly equal
	OK        bool    `json:"ok"`
	WithinPct float64 `json:"within_pct"` // share of rows inside the limit, percent
}

// WorstRow is a row on which the engine and the original library differ most.
type WorstRow struct {
	Line   int            `json:"line"` // of parity.jsonl, from 1
	Output string         `json:"output"`
	Inputs map[string]any `json:"inputs"`
	Want   any            `json:"want"`
	Got    any            `json:"got"`
	Diff   float64        `json:"diff"`
}

// ParityReport is the outcome of all parity rows on one engine.
type ParityReport struct {
	Rows    int            `json:"rows"`
	OK      bool           `json:"ok"`
	Outputs []OutputParity `json:"outputs"`
	Worst   []WorstRow     `json:"worst,omitempty"` // the largest differences first, at most five
}

// Runner computes a batch: an engine with a loaded model.
type Runner func(ctx context.Context, in *Frame) (*Frame, error)

// parityBatch is larger than the 100 rows from which libraries switch to their batch paths.
const parityBatch, paritySingles = 256, 64

// CheckParity asks all rows in batches, and the first ones again one by one, and compares.
func CheckParity(ctx context.Context, sig *Signature, p *Parity, run Runner) (*ParityReport, error) {
	rep := &ParityReport{Rows: p.In.Rows, OK: true}
	for i := range sig.Outputs {
		t := sig.tolerance(&sig.Outputs[i])
		rep.Outputs = append(rep.Outputs, OutputParity{Output: sig.Outputs[i].Name, Kind: t.Kind, Limit: t.Limit})
	}
	for lo := 0; lo < p.In.Rows; lo += parityBatch {
		if err := rep.compare(ctx, sig, p, run, lo, min(lo+parityBatch, p.In.Rows), true); err != nil {
			return nil, err
		}
	}
	for i := range min(p.In.Rows, paritySingles) {
		if err := rep.compare(ctx, sig, p, run, i, i+1, false); err != nil {
			return nil, err
		}
	}
	rep.conclude()
	return rep, nil
}

func (rep *ParityReport) compare(ctx context.Context, sig *Signature, p *Parity, run Runner, lo, hi int, batch bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	got, err := run(ctx, p.In.Slice(lo, hi))
	if err != nil {
		return fault.New(fault.Precondition, "the engine failed on parity rows %d to %d: %w", lo+1, hi, err)
	}
	for j := range sig.Outputs {
		c, o := &sig.Outputs[j], &rep.Outputs[j]
		w := int(c.Width())
		for i := lo; i < hi; i++ {
			d := difference(o.Kind, got.Cols[j], (i-lo)*w, p.Want.Cols[j], i*w, w)
			if batch {
				if d != 0 {
					o.Mismatch++
				}
				if d > o.Limit && o.Kind != "mismatch_rate" {
					o.Outside++
				}
			} else if d > o.Limit && o.Kind != "mismatch_rate" && o.Outside == 0 {
				o.Outside++ // right in a batch, wrong alone
			}
			o.Worst = max(o.Worst, d)
			if d > 0 && rep.among(d) {
				rep.keep(WorstRow{Line: i + 1, Output: c.Name, Diff: d, Inputs: rowOf(sig.Inputs, p.In, i),
					Want: c.Get(p.Want.Cols[j], i), Got: c.Get(got.Cols[j], i-lo)})
			}
		}
	}
	return nil
}

const most = 5 // worst rows

// among tells whether a difference belongs to the worst rows.
func (rep *ParityReport) among(d float64) bool {
	return len(rep.Worst) < most || d > rep.Worst[most-1].Diff
}

// keep holds the five largest differences, each line and output once.
func (rep *ParityReport) keep(w WorstRow) {
	for i := range rep.Worst {
		if rep.Worst[i].Line == w.Line && rep.Worst[i].Output == w.Output {
			if w.Diff > rep.Worst[i].Diff {
				rep.Worst[i] = w
			}
			return
		}
	}
	at, _ := slices.BinarySearchFunc(rep.Worst, w, func(a, b WorstRow) int {
		if a.Diff > b.Diff || a.Diff == b.Diff && a.Line < b.Line {
			return -1
		}
		return 1
	})
	rep.Worst = slices.Insert(rep.Worst, at, w)
	rep.Worst = rep.Worst[:min(len(rep.Worst), most)]
}

func (rep *ParityReport) conclude() {
	for j := range rep.Outputs {
		o := &rep.Outputs[j]
		if o.Kind == "mismatch_rate" {
			o.Worst = float64(o.Mismatch) / float64(rep.Rows)
			o.OK = o.Worst <= o.Limit
			o.Outside = o.Mismatch
		} else {
			o.OK = o.Outside == 0
		}
		o.WithinPct = 100 * float64(rep.Rows-o.Outside) / float64(rep.Rows)
		rep.OK = rep.OK && o.OK
	}
}

func rowOf(cols []Column, f *Frame, i int) map[string]any {
	row := make(map[string]any, len(cols))
	for j := range cols {
		row[cols[j].Name] = cols[j].Get(f.Cols[j], i)
	}
	return row
}

// difference gives the largest difference of w elements. Both missing is 0; one missing or infinite alone is beyond any limit.
func difference(kind string, got *onnx.Tensor, g int, want *onnx.Tensor, e, w int) float64 {
	worst := 0.0
	for i := range w {
		worst = max(worst, elementDiff(kind, got, g+i, want, e+i))
	}
	return worst
}

func elementDiff(kind string, got *onnx.Tensor, g int, want *onnx.Tensor, e int) float64 {
	if want.Type == onnx.String {
		return flag(got.Str[g] != want.Str[e])
	}
	if want.Type == onnx.Int64 {
		return flag(got.I64[g] != want.I64[e])
	}
	a, _ := Number(got, g)
	b, _ := Number(want, e)
	switch {
	case a == b || math.IsNaN(a) && math.IsNaN(b):
		return 0
	case kind == "exact_label" || kind == "mismatch_rate":
		return 1
	case math.IsNaN(a) || math.IsNaN(b) || math.IsInf(a, 0) || math.IsInf(b, 0):
		return math.MaxFloat64
	case kind == "max_rel":
		return math.Abs(a-b) / max(math.Abs(b), 1)
	}
	return math.Abs(a - b)
}

func flag(different bool) float64 {
	if different {
		return 1
	}
	return 0
}

// Err gives the refusal for a report that is not OK: the output, how many rows, and the worst one.
func (rep *ParityReport) Err() error {
	if rep.OK {
		return nil
	}
	for _, o := range rep.Outputs {
		if o.OK {
			continue
		}
		at := ""
		for _, w := range rep.Worst {
			if w.Output == o.Output {
				at = fmt.Sprintf("; worst is parity.jsonl line %d with %s: expected %s, got %s", w.Line, text(w.Inputs), show(w.Want), show(w.Got))
				break
			}
		}
		return fault.New(fault.Precondition, "parity: output %q differs from the original library in %d of %d rows (%s %.3g, limit %.3g)%s",
			o.Output, max(o.Outside, 1), rep.Rows, o.Kind, o.Worst, o.Limit, at).
			WithHint("the converted model is not the model that was trained; export it again, or state a tolerance in signature.json")
	}
	return fault.New(fault.Precondition, "parity: the engine does not agree with the original library")
}
