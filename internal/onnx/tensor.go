package onnx

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// DType is the element type of a tensor, with the numbers of the ONNX standard.
type DType uint8

// Element types. Only Float32, Float64, Int32, Int64, Bool and String can be
// evaluated; the others are known by name.
const (
	Undefined DType = 0
	Float32   DType = 1
	Uint8     DType = 2
	Int8      DType = 3
	Uint16    DType = 4
	Int16     DType = 5
	Int32     DType = 6
	Int64     DType = 7
	String    DType = 8
	Bool      DType = 9
	Float16   DType = 10
	Float64   DType = 11
	Uint32    DType = 12
	Uint64    DType = 13
	BFloat16  DType = 16
)

var dtypeNames = map[DType]string{
	Undefined: "undefined", Float32: "float32", Uint8: "uint8", Int8: "int8", Uint16: "uint16",
	Int16: "int16", Int32: "int32", Int64: "int64", String: "string", Bool: "bool",
	Float16: "float16", Float64: "float64", Uint32: "uint32", Uint64: "uint64", BFloat16: "bfloat16",
}

// String gives the name of the type as NumPy spells it, such as "float32".
func (d DType) String() string {
	if s, ok := dtypeNames[d]; ok {
		return s
	}
	return "type" + strconv.Itoa(int(d))
}

func (d DType) evaluable() bool {
	switch d {
	case Float32, Float64, Int32, Int64, Bool, String:
		return true
	}
	return false
}

// Labels are the class labels of a probability tensor, in column order. At most
// one of the two lists is set.
type Labels struct {
	Ints []int64
	Strs []string
}

// Len is the number of classes.
func (l *Labels) Len() int { return max(len(l.Ints), len(l.Strs)) }

// Strings gives the labels as text.
func (l *Labels) Strings() []string {
	if l.Ints == nil {
		return slices.Clone(l.Strs)
	}
	out := make([]string, len(l.Ints))
	for i, v := range l.Ints {
		out[i] = strconv.FormatInt(v, 10)
	}
	return out
}

// Tensor is a dense array in row-major order. Exactly the slice that belongs to
// Type is used, with as many elements as the product of Shape. An empty Shape is
// a scalar.
type Tensor struct {
	Type   DType
	Shape  []int64
	F32    []float32
	F64    []float64
	I32    []int32
	I64    []int64
	Bool   []bool
	Str    []string
	Labels *Labels // class labels of the columns; set on ZipMap outputs only
}

// NewF32 makes a float32 tensor over v; the slices are kept, not copied.
func NewF32(shape []int64, v []float32) *Tensor { return newOf(shape, v) }

// NewF64 makes a float64 tensor over v.
func NewF64(shape []int64, v []float64) *Tensor { return newOf(shape, v) }

// NewI32 makes an int32 tensor over v.
func NewI32(shape []int64, v []int32) *Tensor { return newOf(shape, v) }

// NewI64 makes an int64 tensor over v.
func NewI64(shape []int64, v []int64) *Tensor { return newOf(shape, v) }

// NewBool makes a bool tensor over v.
func NewBool(shape []int64, v []bool) *Tensor { return newOf(shape, v) }

// NewStr makes a string tensor over v.
func NewStr(shape []int64, v []string) *Tensor { return newOf(shape, v) }

// Len is the number of elements present in the slice that belongs to Type.
func (t *Tensor) Len() int {
	switch t.Type {
	case Float32:
		return len(t.F32)
	case Float64:
		return len(t.F64)
	case Int32:
		return len(t.I32)
	case Int64:
		return len(t.I64)
	case Bool:
		return len(t.Bool)
	case String:
		return len(t.Str)
	}
	return 0
}

// Clone copies the tensor and its elements.
func (t *Tensor) Clone() *Tensor {
	c := *t
	c.Shape = slices.Clone(t.Shape)
	c.F32, c.F64 = slices.Clone(t.F32), slices.Clone(t.F64)
	c.I32, c.I64 = slices.Clone(t.I32), slices.Clone(t.I64)
	c.Bool, c.Str = slices.Clone(t.Bool), slices.Clone(t.Str)
	return &c
}

// check verifies that shape and data agree.
func (t *Tensor) check(limit int64) error {
	if !t.Type.evaluable() {
		return errType(t.Type)
	}
	n, err := elements(t.Shape, limit)
	if err != nil {
		return err
	}
	if n != int64(t.Len()) {
		return fmt.Errorf("shape %v needs %d elements, have %d", t.Shape, n, t.Len())
	}
	return nil
}

// view gives a tensor of another shape over the same elements.
func (t *Tensor) view(shape []int64) *Tensor {
	c := *t
	c.Shape, c.Labels = shape, nil
	return &c
}

// element is the set of Go types that a tensor can hold.
type element interface {
	float32 | float64 | int32 | int64 | bool | string
}

type number interface {
	float32 | float64 | int32 | int64
}

type float interface{ float32 | float64 }

func dtypeOf[T element]() DType {
	switch any((*T)(nil)).(type) {
	case *float32:
		return Float32
	case *float64:
		return Float64
	case *int32:
		return Int32
	case *int64:
		return Int64
	case *bool:
		return Bool
	}
	return String
}

// data gives the elements of t, which must hold type T.
func data[T element](t *Tensor) []T {
	var p any
	switch dtypeOf[T]() {
	case Float32:
		p = &t.F32
	case Float64:
		p = &t.F64
	case Int32:
		p = &t.I32
	case Int64:
		p = &t.I64
	case Bool:
		p = &t.Bool
	default:
		p = &t.Str
	}
	return *p.(*[]T)
}

func newOf[T element](shape []int64, v []T) *Tensor {
	t := &Tensor{Type: dtypeOf[T](), Shape: shape}
	switch p := any(&v).(type) {
	case *[]float32:
		t.F32 = *p
	case *[]float64:
		t.F64 = *p
	case *[]int32:
		t.I32 = *p
	case *[]int64:
		t.I64 = *p
	case *[]bool:
		t.Bool = *p
	case *[]string:
		t.Str = *p
	}
	return t
}

// elements multiplies the dimensions; it refuses negative ones, overflow and
// more than limit elements. Zero dimensions do not hide absurd ones.
func elements(shape []int64, limit int64) (int64, error) {
	n, empty := int64(1), false
	for _, d := range shape {
		switch {
		case d < 0:
			return 0, invalid("negative dimension in shape %v", shape)
		case d == 0:
			empty = true
		case n > math.MaxInt64/d || n*d > limit:
			return 0, invalid("shape %v exceeds the limit of %d elements", shape, limit)
		default:
			n *= d
		}
	}
	if empty {
		return 0, nil
	}
	return n, nil
}

// count multiplies dimensions that have been checked before.
func count(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	return n
}

// axisOf normalises a possibly negative axis of a tensor of the given rank.
func axisOf(axis int64, rank int) (int, error) {
	a := axis
	if a < 0 {
		a += int64(rank)
	}
	if a < 0 || a >= int64(rank) {
		return 0, invalid("axis %d out of range for rank %d", axis, rank)
	}
	return int(a), nil
}
