package serving

import (
	"fmt"
	"math"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/onnx"
)

// Input is one named tensor as the Open Inference Protocol carries it, one a column of the signature.
type Input struct {
	Name     string
	Datatype string       // BOOL, INT8 … INT64, UINT8 … UINT64, FP32, FP64, BYTES
	Data     *onnx.Tensor // shape as sent; all integers as int64, BYTES as strings
}

// datatypes are the protocol's names of column types.
var datatypes = map[string]string{"float": "FP32", "double": "FP64", "long": "INT64", "integer": "INT32", "string": "BYTES", "boolean": "BOOL"}

// Datatype gives the protocol's name for the type of a column.
func Datatype(c *modelpack.Column) string { return datatypes[c.Type] }

// widening lists which datatypes a column takes: its own, and those whose every value it can hold exactly.
var widening = map[string]map[string]bool{
	"float":   set("FP32", "INT8", "UINT8", "INT16", "UINT16"),
	"double":  set("FP64", "FP32", "INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32"),
	"long":    set("INT64", "INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32"),
	"integer": set("INT32", "INT8", "UINT8", "INT16", "UINT16"),
	"string":  set("BYTES"),
	"boolean": set("BOOL"),
}

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

// Tensors decodes typed tensors: exactly the inputs of the signature, each [rows] or [rows, width], of the column's type or
// one that widens to it without loss. A nullable string or number that is missing is sent as "" or NaN.
func Tensors(inputs []Input) Decoder {
	return func(sig *modelpack.Signature) (*modelpack.Frame, error) {
		f := &modelpack.Frame{Rows: -1, Cols: make([]*onnx.Tensor, len(sig.Inputs))}
		for i := range inputs {
			in := &inputs[i]
			at := sig.Input(in.Name)
			if at < 0 {
				return nil, fault.New(fault.Invalid, "the model has no input %q; it has %s", in.Name, list(sig.Inputs))
			}
			if f.Cols[at] != nil {
				return nil, fault.New(fault.Invalid, "input %q is given twice", in.Name)
			}
			t, err := in.column(&sig.Inputs[at])
			if err != nil {
				return nil, err
			}
			if rows := int(t.Shape[0]); f.Rows < 0 {
				f.Rows = rows
			} else if f.Rows != rows {
				return nil, fault.New(fault.Invalid, "input %q has %d rows, %q has %d", in.Name, rows, inputs[0].Name, f.Rows)
			}
			f.Cols[at] = t
		}
		for i, t := range f.Cols {
			if t == nil {
				c := &sig.Inputs[i]
				return nil, fault.New(fault.Invalid, "input %q (%s, shape [rows, %d]) is missing", c.Name, Datatype(c), c.Width())
			}
		}
		return f, nil
	}
}

// column checks shape and datatype and gives the tensor in the column's own type.
func (in *Input) column(c *modelpack.Column) (*onnx.Tensor, error) {
	t, width := in.Data, c.Width()
	fits := len(t.Shape) == 1 && width == 1 || len(t.Shape) == 2 && t.Shape[1] == width
	if !fits {
		return nil, fault.New(fault.Invalid, "input %q has the shape %v; want [rows, %d]%s", in.Name, t.Shape, width, orRows(width))
	}
	if !widening[c.Type][in.Datatype] {
		return nil, fault.New(fault.Invalid, "input %q has the datatype %s; want %s", in.Name, in.Datatype, Datatype(c))
	}
	if t.Type == c.DType() {
		if len(t.Shape) == 2 {
			return t, nil
		}
		out := *t
		out.Shape = []int64{t.Shape[0], width}
		return &out, nil
	}
	widened := c.NewTensor(int(t.Shape[0]))
	for i := range t.Len() {
		switch widened.Type {
		case onnx.Float32:
			widened.F32[i] = float32(t.I64[i])
		case onnx.Float64:
			widened.F64[i], _ = modelpack.Number(t, i)
		case onnx.Int32:
			if v := t.I64[i]; v < math.MinInt32 || v > math.MaxInt32 {
				return nil, fault.New(fault.Invalid, "input %q: %d does not fit into 32 bits", in.Name, v)
			}
			widened.I32[i] = int32(t.I64[i])
		}
	}
	return widened, nil
}

func orRows(width int64) string {
	if width == 1 {
		return " or [rows]"
	}
	return ""
}

func list(cols []modelpack.Column) string {
	s := ""
	for i := range cols {
		if i > 0 {
			s += ", "
		}
		s += cols[i].Name
	}
	return fmt.Sprintf("(%s)", s)
}
