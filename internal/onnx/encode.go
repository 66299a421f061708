package onnx

import (
	"math"
	"slices"
)

// buildOneHotEncoder adds a last axis with one column per category. Floats are
// cut toward zero before the look-up.
func buildOneHotEncoder(c *nodeCtx) (kernel, error) {
	zeros := c.int("zeros", 1) != 0
	cats, err := readClasses(c, "cats_int64s", "cats_strings")
	if err != nil {
		return nil, err
	}
	ints, strs := map[int64]int{}, map[string]int{}
	for i, v := range cats.Ints {
		ints[v] = i
	}
	for i, v := range cats.Strs {
		strs[v] = i
	}
	return func(e *env, in, out []*Tensor) error {
		x := in[0]
		if (x.Type == String) != (len(strs) > 0) || x.Type == Bool {
			return errType(x.Type)
		}
		width := cats.Len()
		var err error
		if out[0], err = e.make(Float32, append(slices.Clone(x.Shape), int64(width))); err != nil {
			return err
		}
		for i := range x.Len() {
			var col int
			var ok bool
			switch x.Type {
			case String:
				col, ok = strs[x.Str[i]]
			case Int64:
				col, ok = ints[x.I64[i]]
			case Int32:
				col, ok = ints[int64(x.I32[i])]
			case Float32:
				col, ok = ints[truncate64(float64(x.F32[i]))]
			case Float64:
				col, ok = ints[truncate64(x.F64[i])]
			}
			if ok {
				out[0].F32[i*width+col] = 1
			} else if !zeros {
				return invalid("unknown category at element %d", i)
			}
		}
		return nil
	}, nil
}

// buildLabelEncoder maps keys to values. Version 1 counts through a list of
// strings, in either direction.
func buildLabelEncoder(c *nodeCtx) (kernel, error) {
	if c.version == 1 {
		return buildLabelEncoder1(c)
	}
	keys, err := readList(c, "keys")
	if err != nil {
		return nil, err
	}
	values, err := readList(c, "values")
	if err != nil {
		return nil, err
	}
	if keys.Len() != values.Len() {
		return nil, defect("%d keys and %d values", keys.Len(), values.Len())
	}
	def, err := readDefault(c, values.Type)
	if err != nil {
		return nil, err
	}
	switch keys.Type {
	case String:
		return encoderTo[string](c, keys, values, def)
	case Int64:
		return encoderTo[int64](c, keys, values, def)
	case Int32:
		return encoderTo[int32](c, keys, values, def)
	case Float32:
		return encoderTo[float32](c, keys, values, def)
	case Float64:
		return encoderTo[float64](c, keys, values, def)
	}
	return nil, unsupported("keys of type %s", keys.Type)
}

func buildLabelEncoder1(c *nodeCtx) (kernel, error) {
	classes := c.strings("classes_strings")
	if len(classes) == 0 {
		return nil, defect("no classes_strings")
	}
	index := make([]int64, len(classes))
	for i := range index {
		index[i] = int64(i)
	}
	shape := []int64{int64(len(classes))}
	names, numbers := NewStr(shape, classes), NewI64(shape, index)
	forward, err := encoder[string, int64](c, names, numbers, c.int("default_int64", -1))
	if err != nil {
		return nil, err
	}
	backward, err := encoder[int64, string](c, numbers, names, c.str("default_string", "_Unused"))
	if err != nil {
		return nil, err
	}
	return func(e *env, in, out []*Tensor) error {
		if in[0].Type == String {
			return forward(e, in, out)
		}
		return backward(e, in, out)
	}, nil
}

// readList reads keys or values in whichever of the spellings is present.
func readList(c *nodeCtx, prefix string) (*Tensor, error) {
	var found []*Tensor
	if v := c.strings(prefix + "_strings"); v != nil {
		found = append(found, NewStr([]int64{int64(len(v))}, v))
	}
	if v := c.ints(prefix + "_int64s"); v != nil {
		found = append(found, NewI64([]int64{int64(len(v))}, v))
	}
	if v := c.floats(prefix + "_floats"); v != nil {
		found = append(found, NewF32([]int64{int64(len(v))}, v))
	}
	if c.version >= 4 {
		if t := c.tensor(prefix + "_tensor"); t != nil {
			found = append(found, t)
		}
	}
	if len(found) != 1 {
		return nil, defect("%d lists of %s", len(found), prefix)
	}
	return found[0], nil
}

// readDefault gives the value for unknown keys.
func readDefault(c *nodeCtx, t DType) (*Tensor, error) {
	shape := []int64{1}
	def := map[DType]*Tensor{
		String:  NewStr(shape, []string{c.str("default_string", "_Unused")}),
		Int64:   NewI64(shape, []int64{c.int("default_int64", -1)}),
		Float32: NewF32(shape, []float32{c.float("default_float", float32(math.Copysign(0, -1)))}),
		Float64: NewF64(shape, []float64{math.Copysign(0, -1)}),
		Int32:   NewI32(shape, []int32{-1}),
	}[t]
	if c.version >= 4 {
		if d := c.tensor("default_tensor"); d != nil {
			if d.Type != t || d.Len() != 1 {
				return nil, defect("default of type %s and shape %v for values of type %s", d.Type, d.Shape, t)
			}
			return d, nil
		}
	}
	if def == nil {
		return nil, unsupported("values of type %s", t)
	}
	return def, nil
}

func encoderTo[K element](c *nodeCtx, keys, values, def *Tensor) (kernel, error) {
	switch values.Type {
	case String:
		return encoder[K](c, keys, values, def.Str[0])
	case Int64:
		return encoder[K](c, keys, values, def.I64[0])
	case Int32:
		return encoder[K](c, keys, values, def.I32[0])
	case Float32:
		return encoder[K](c, keys, values, def.F32[0])
	case Float64:
		return encoder[K](c, keys, values, def.F64[0])
	}
	return nil, unsupported("values of type %s", values.Type)
}

// encoder makes the look-up. The first of repeated keys wins, as in ONNX Runtime;
// the standard says the last. A NaN key matches every NaN from version 4 on and
// nothing before.
func encoder[K, V element](c *nodeCtx, keys, values *Tensor, def V) (kernel, error) {
	table, nan, repeated := make(map[K]V, keys.Len()), def, false
	vs := data[V](values)
	for i, k := range data[K](keys) {
		if k != k {
			if c.version >= 4 {
				nan = vs[i]
			} else {
				c.warnf("the NaN key is never matched")
			}
			continue
		}
		if _, dup := table[k]; dup {
			repeated = true
			continue
		}
		table[k] = vs[i]
	}
	if repeated {
		c.warnf("keys repeat; the first entry is used")
	}
	return func(e *env, in, out []*Tensor) (err error) {
		if in[0].Type != keys.Type {
			return errType(in[0].Type)
		}
		out[0], err = apply(e, in[0], func(k K) V {
			if v, ok := table[k]; ok {
				return v
			}
			if k != k {
				return nan
			}
			return def
		})
		return err
	}, nil
}
