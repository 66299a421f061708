package inference

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/intake"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/onnx"
)

// rows are what /invocations was sent, before the signature is known: by position, or by name, or one array.
type rows struct {
	count  int
	names  []string                     // columns of cell's second index; nil = the order of the signature
	cell   func(row, column int) any    // by position; nil column values are missing
	record func(row int) map[string]any // by name, instead
	width  func(row int) int            // number of values in a row without names
	text   bool                         // values are texts of a CSV file
}

// invocationParams are the "params" that mean something here.
type invocationParams struct {
	ID string `json:"id"`
	parameters
}

// maxCells bounds the values of a call whose rows become a tree before they become tensors.
const maxCells = 8 << 20

// parseInvocation reads the JSON forms of MLflow: exactly one of dataframe_split, dataframe_records, instances, inputs.
func parseInvocation(body []byte) (*rows, *invocationParams, error) {
	if err := intake.JSON(body, maxCells); err != nil {
		return nil, nil, fault.New(fault.Invalid, "%w", err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(pythonJSON(body), &raw); err != nil {
		return nil, nil, badInvocation(err, "the body must be a JSON object")
	}
	var params invocationParams
	if p, ok := raw["params"]; ok {
		if err := json.Unmarshal(p, &params); err != nil {
			return nil, nil, badInvocation(err, `"params"`)
		}
		delete(raw, "params")
	}
	if _, ok := raw["signature_name"]; ok {
		return nil, nil, fault.New(fault.Invalid, `"signature_name" is not supported: a model has one signature`)
	}
	if len(raw) != 1 {
		return nil, nil, fault.New(fault.Invalid, `the request must have exactly one of "dataframe_split", "dataframe_records", "instances", "inputs"`)
	}
	for form, data := range raw {
		tree, err := decodeTree(data)
		if err != nil {
			return nil, nil, badInvocation(err, form)
		}
		r, err := rowsOf(form, tree)
		if err != nil {
			return nil, nil, fault.New(fault.Invalid, "%s: %w", form, err)
		}
		return r, &params, nil
	}
	panic("unreachable")
}

func badInvocation(err error, what string) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fault.New(fault.Invalid, "%s: it must not be or hold a JSON %s here", what, kind.Value)
	}
	return fault.New(fault.Invalid, "%s: %s", what, strings.TrimPrefix(err.Error(), "json: "))
}

func decodeTree(data []byte) (tree any, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	err = dec.Decode(&tree)
	return tree, err
}

func rowsOf(form string, tree any) (*rows, error) {
	switch form {
	case "dataframe_split":
		return splitRows(tree)
	case "dataframe_records":
		list, ok := tree.([]any)
		if !ok || !allRecords(list) {
			return nil, errors.New("it must be a list of objects")
		}
		return recordRows(list), nil
	case "instances":
		list, ok := tree.([]any)
		if !ok {
			return nil, errors.New("it must be a list")
		}
		if len(list) > 0 && allRecords(list) {
			return recordRows(list), nil
		}
		return listRows(list)
	case "inputs":
		if columns, ok := tree.(map[string]any); ok {
			return columnRows(columns)
		}
		if list, ok := tree.([]any); ok {
			return listRows(list)
		}
		return nil, errors.New("it must be an object of columns, or a list")
	}
	return nil, errors.New(`it is not one of "dataframe_split", "dataframe_records", "instances", "inputs"`)
}

func allRecords(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool { _, ok := v.(map[string]any); return !ok })
}

func recordRows(list []any) *rows {
	return &rows{count: len(list), record: func(i int) map[string]any { return list[i].(map[string]any) }}
}

func splitRows(tree any) (*rows, error) {
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, errors.New("it must be an object")
	}
	for key := range object {
		if key != "columns" && key != "data" && key != "index" {
			return nil, fmt.Errorf("%q is not one of columns, data, index", key)
		}
	}
	list, ok := object["data"].([]any)
	if !ok {
		return nil, errors.New(`"data" must be a list of rows`)
	}
	r, err := listRows(list)
	if err != nil || object["columns"] == nil {
		return r, err
	}
	columns, ok := object["columns"].([]any)
	if !ok {
		return nil, errors.New(`"columns" must be a list of names`)
	}
	for _, c := range columns {
		name, ok := c.(string)
		if !ok {
			return nil, errors.New(`"columns" must be a list of names`)
		}
		r.names = append(r.names, name)
	}
	for i := range r.count {
		if r.width(i) != len(r.names) {
			return nil, fmt.Errorf("row %d has %d values, and there are %d columns", i+1, r.width(i), len(r.names))
		}
	}
	return r, nil
}

// listRows takes a list of lists as rows, and a list of plain values as rows of one value.
func listRows(list []any) (*rows, error) {
	nested := 0
	for _, v := range list {
		if _, ok := v.([]any); ok {
			nested++
		} else if _, ok := v.(map[string]any); ok {
			return nil, errors.New("objects and other values are mixed")
		}
	}
	if nested != 0 && nested != len(list) {
		return nil, errors.New("lists and plain values are mixed")
	}
	if nested == 0 {
		return &rows{count: len(list), width: func(int) int { return 1 }, cell: func(i, _ int) any { return list[i] }}, nil
	}
	return &rows{count: len(list),
		width: func(i int) int { return len(list[i].([]any)) },
		cell:  func(i, j int) any { return list[i].([]any)[j] }}, nil
}

// columnRows takes an object of arrays of equal length; a plain value is one row.
func columnRows(columns map[string]any) (*rows, error) {
	r := &rows{count: -1}
	var data [][]any
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		list, ok := columns[name].([]any)
		if !ok {
			list = []any{columns[name]}
		}
		if r.count >= 0 && len(list) != r.count {
			return nil, fmt.Errorf("the columns have different lengths: %q has %d rows, %q has %d", r.names[0], r.count, name, len(list))
		}
		r.count = len(list)
		r.names, data = append(r.names, name), append(data, list)
	}
	r.count = max(r.count, 0)
	r.cell = func(i, j int) any { return data[j][i] }
	return r, nil
}

// decode builds the frame: columns by name, others ignored; a missing one is an error unless it is nullable.
func (r *rows) decode(sig *modelpack.Signature) (*modelpack.Frame, error) {
	if r.count == 0 {
		return nil, fault.New(fault.Invalid, "the request has no rows")
	}
	if r.record == nil && r.names == nil {
		if err := r.positional(sig); err != nil {
			return nil, err
		}
	}
	f := &modelpack.Frame{Rows: r.count}
	for i := range sig.Inputs {
		c := &sig.Inputs[i]
		t, err := r.column(c)
		if err != nil {
			return nil, err
		}
		f.Cols = append(f.Cols, t)
	}
	return f, nil
}

// positional gives rows without names the order of the signature. A single vector input takes the whole row.
func (r *rows) positional(sig *modelpack.Signature) error {
	if len(sig.Inputs) == 1 && len(sig.Inputs[0].Shape) > 0 {
		inner, width := r.cell, r.width
		r.cell = func(i, _ int) any {
			list := make([]any, width(i))
			for j := range list {
				list[j] = inner(i, j)
			}
			return list
		}
	} else {
		for i := range r.count {
			if w := r.width(i); w != len(sig.Inputs) {
				return fault.New(fault.Invalid, "row %d has %d values, the model has %d inputs", i+1, w, len(sig.Inputs))
			}
		}
	}
	for i := range sig.Inputs {
		r.names = append(r.names, sig.Inputs[i].Name)
	}
	return nil
}

func (r *rows) column(c *modelpack.Column) (*onnx.Tensor, error) {
	at := slices.Index(r.names, c.Name)
	if r.record == nil && at < 0 && !c.Nullable {
		return nil, fault.New(fault.Invalid, "the input %q is missing", c.Name)
	}
	t := c.NewTensor(r.count)
	for i := range r.count {
		var v any
		if r.record != nil {
			var ok bool
			if v, ok = r.record(i)[c.Name]; !ok && !c.Nullable {
				return nil, fault.New(fault.Invalid, "row %d: the input %q is missing", i+1, c.Name)
			}
		} else if at >= 0 {
			v = r.cell(i, at)
		}
		if s, ok := v.(string); ok && r.text {
			v = fromText(c, s)
		}
		if err := c.Set(t, i, v); err != nil {
			return nil, fault.New(fault.Invalid, "input %q, row %d: %w", c.Name, i+1, err)
		}
	}
	return t, nil
}
