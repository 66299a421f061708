package modelpack

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/onnx"
)

// Binding joins the columns of a signature to the tensors of a graph. Two forms exist: each column is a graph input of
// its own, [rows, 1] or [rows]; or the graph has one input [rows, k] of numbers that holds k columns in order.
type Binding struct {
	sig     *Signature
	inputs  []onnx.ValueInfo // by column; the matrix alone in the second form
	outputs []onnx.ValueInfo // by column of the answer
	matrix  bool
}

// Bind checks a signature against a program. Errors name the column and what the graph has instead.
func Bind(sig *Signature, prog *onnx.Program) (*Binding, error) {
	b := &Binding{sig: sig}
	if err := b.bindInputs(prog.Inputs()); err != nil {
		return nil, err
	}
	return b, b.bindOutputs(prog.Outputs())
}

func (b *Binding) bindInputs(graph []onnx.ValueInfo) error {
	if len(graph) == 1 && b.sig.Input(graph[0].Name) < 0 {
		return b.bindMatrix(graph[0])
	}
	for i := range b.sig.Inputs {
		c := &b.sig.Inputs[i]
		at := slices.IndexFunc(graph, func(v onnx.ValueInfo) bool { return v.Name == c.Name })
		if at < 0 {
			return fault.New(fault.Invalid, "the signature has the input %q, and the graph has only %s", c.Name, names(graph))
		}
		v := graph[at]
		if !fits(v, c.Width()) {
			return fault.New(fault.Invalid, "input %q: the graph wants shape %v, the signature gives [rows, %d]", c.Name, v.Shape, c.Width())
		}
		if v.Type != c.DType() && !convertible(c.DType(), v.Type) {
			return fault.New(fault.Invalid, "input %q: the graph wants %s, the signature says %s", c.Name, v.Type, c.Type)
		}
		b.inputs = append(b.inputs, v)
	}
	for _, v := range graph {
		if b.sig.Input(v.Name) < 0 {
			return fault.New(fault.Invalid, "the graph wants the input %q, and the signature does not have it", v.Name)
		}
	}
	return nil
}

func (b *Binding) bindMatrix(v onnx.ValueInfo) error {
	width := int64(0)
	for i := range b.sig.Inputs {
		c := &b.sig.Inputs[i]
		if v.Type != c.DType() && !convertible(c.DType(), v.Type) {
			return fault.New(fault.Invalid, "input %q: the graph has one input %q of %s, which a %s cannot become", c.Name, v.Name, v.Type, c.Type)
		}
		width += c.Width()
	}
	if len(v.Shape) != 2 || v.Shape[0] >= 0 || v.Shape[1] >= 0 && v.Shape[1] != width {
		return fault.New(fault.Invalid, "the graph has one input %q of shape %v, and the signature has %d columns", v.Name, v.Shape, width)
	}
	b.matrix, b.inputs = true, []onnx.ValueInfo{v}
	return nil
}

func (b *Binding) bindOutputs(graph []onnx.ValueInfo) error {
	for i := range b.sig.Outputs {
		c := &b.sig.Outputs[i]
		at := slices.IndexFunc(graph, func(v onnx.ValueInfo) bool { return v.Name == c.Name })
		if at < 0 && len(graph) == 1 && len(b.sig.Outputs) == 1 {
			at = 0 // one answer, whatever the exporter called it
		}
		if at < 0 {
			return fault.New(fault.Invalid, "the signature has the output %q, and the graph has only %s", c.Name, names(graph))
		}
		v := graph[at]
		if v.Type != c.DType() && !convertible(v.Type, c.DType()) {
			return fault.New(fault.Invalid, "output %q: the graph gives %s, the signature says %s", c.Name, v.Type, c.Type)
		}
		if v.Shape != nil && !fits(v, c.Width()) {
			return fault.New(fault.Invalid, "output %q: the graph gives shape %v, the signature says [rows, %d]", c.Name, v.Shape, c.Width())
		}
		b.outputs = append(b.outputs, v)
	}
	return nil
}

// fits tells whether a declared shape can be [rows, width], or [rows] for scalars.
func fits(v onnx.ValueInfo, width int64) bool {
	switch len(v.Shape) {
	case 0:
		return v.Shape == nil
	case 1:
		return v.Shape[0] < 0 && width == 1
	case 2:
		return v.Shape[0] < 0 && (v.Shape[1] < 0 || v.Shape[1] == width)
	}
	return false
}

func names(vs []onnx.ValueInfo) string {
	var out []string
	for _, v := range vs {
		out = append(out, v.Name)
	}
	return strings.Join(out, ", ")
}

// Feed turns a frame into the inputs of the graph. Columns that need no change share their elements with it.
func (b *Binding) Feed(f *Frame) (map[string]*onnx.Tensor, error) {
	in := make(map[string]*onnx.Tensor, len(b.inputs))
	if b.matrix {
		m, err := pack(f, b.inputs[0].Type)
		if err != nil {
			return nil, err
		}
		in[b.inputs[0].Name] = m
		return in, nil
	}
	for i := range b.inputs {
		v, t := &b.inputs[i], f.Cols[i]
		if t.Type != v.Type {
			converted := newTensor(v.Type, int64(f.Rows), t.Shape[1])
			if err := convert(converted, t, 0, 1, 1); err != nil {
				return nil, fmt.Errorf("input %q: %w", v.Name, err)
			}
			t = converted
		}
		if len(v.Shape) == 1 {
			flat := *t
			flat.Shape = t.Shape[:1]
			t = &flat
		}
		in[v.Name] = t
	}
	return in, nil
}

// pack puts all columns side by side.
func pack(f *Frame, t onnx.DType) (*onnx.Tensor, error) {
	width := int64(0)
	for _, c := range f.Cols {
		width += c.Shape[1]
	}
	m := newTensor(t, int64(f.Rows), width)
	at := 0
	for _, c := range f.Cols {
		w := int(c.Shape[1])
		if err := convert(m, c, at, int(width), w); err != nil {
			return nil, err
		}
		at += w
	}
	return m, nil
}

// Wanted gives the names of the graph outputs for some columns of the answer, all when none is asked for.
func (b *Binding) Wanted(columns []int) []string {
	var out []string
	for _, i := range columns {
		if n := b.outputs[i].Name; !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	if len(columns) == 0 {
		for i := range b.outputs {
			out = append(out, b.outputs[i].Name)
		}
	}
	return out
}

// Collect turns the outputs of the graph into a frame over the outputs of the signature; those not computed stay nil.
func (b *Binding) Collect(rows int, out map[string]*onnx.Tensor) (*Frame, error) {
	f := &Frame{Rows: rows, Cols: make([]*onnx.Tensor, len(b.outputs))}
	for i := range b.outputs {
		c, t := &b.sig.Outputs[i], out[b.outputs[i].Name]
		if t == nil {
			continue
		}
		if want := rows * int(c.Width()); t.Len() != want {
			return nil, fault.New(fault.Invalid, "output %q: the graph gave %d elements of shape %v for %d rows, the signature says %d",
				c.Name, t.Len(), t.Shape, rows, want)
		}
		r := *t
		r.Shape, r.Labels = []int64{int64(rows), c.Width()}, nil
		if t.Type != c.DType() {
			converted := c.NewTensor(rows)
			if err := convert(converted, &r, 0, 1, 1); err != nil {
				return nil, fmt.Errorf("output %q: %w", c.Name, err)
			}
			r = *converted
		}
		f.Cols[i] = &r
	}
	return f, nil
}
