package onnx

import (
	"encoding/binary"
	"math"
)

// rawTensor collects the fields of a TensorProto before they are put together.
type rawTensor struct {
	name     string
	dims     []int64
	dtype    int64
	raw      []byte
	hasRaw   bool
	floats   []float32
	ints32   []int64
	ints64   []int64
	doubles  []float64
	strings  []string
	external bool
}

// tensor decodes a TensorProto. Tensors of types that cannot be evaluated keep
// type and shape only. Data outside the file is refused here, so that no later
// stage can be made to open a path.
func (d *decoder) tensor(f *field) (*Tensor, string, error) {
	if err := f.want(wireBytes); err != nil {
		return nil, "", err
	}
	var r rawTensor
	if err := each(f.buf, f.at, r.read); err != nil {
		return nil, "", err
	}
	switch {
	case r.external:
		return nil, "", f.fail("tensor %q refers to external data", r.name)
	case r.dtype <= 0 || r.dtype > 255:
		return nil, "", f.fail("tensor %q has element type %d", r.name, r.dtype)
	case len(r.dims) > d.lim.MaxRank:
		return nil, "", f.fail("tensor %q has %d dimensions", r.name, len(r.dims))
	}
	n, err := elements(r.dims, d.lim.MaxElements)
	if err != nil {
		return nil, "", f.fail("tensor %q: %v", r.name, err)
	}
	if r.dims == nil {
		r.dims = []int64{}
	}
	t := &Tensor{Type: DType(r.dtype), Shape: r.dims}
	if !t.Type.evaluable() {
		return t, r.name, nil
	}
	if r.hasRaw {
		err = r.fillRaw(t, n, f)
	} else {
		err = r.fillTyped(t, f)
	}
	if err != nil {
		return nil, "", err
	}
	if int64(t.Len()) != n {
		return nil, "", f.fail("tensor %q: shape %v needs %d elements, has %d", r.name, r.dims, n, t.Len())
	}
	return t, r.name, nil
}

func (r *rawTensor) read(f *field) error {
	switch f.tag {
	case 1:
		return f.addInts(&r.dims)
	case 2:
		return f.int(&r.dtype)
	case 4:
		return f.addFloats(&r.floats)
	case 5:
		return f.addInts(&r.ints32)
	case 6:
		return f.addString(&r.strings)
	case 7:
		return f.addInts(&r.ints64)
	case 8:
		return f.string(&r.name)
	case 9:
		if err := f.want(wireBytes); err != nil {
			return err
		}
		r.raw, r.hasRaw = f.buf, true
	case 10:
		return f.addDoubles(&r.doubles)
	case 13:
		r.external = true
	case 14:
		r.external = r.external || f.num != 0
	}
	return nil
}

// fillRaw reads little-endian raw_data. The size is compared before anything is
// allocated.
func (r *rawTensor) fillRaw(t *Tensor, n int64, f *field) error {
	size := map[DType]int64{Float32: 4, Float64: 8, Int32: 4, Int64: 8, Bool: 1}[t.Type]
	if size == 0 || int64(len(r.raw)) != n*size {
		return f.fail("tensor %q: %d raw bytes for %d elements of %s", r.name, len(r.raw), n, t.Type)
	}
	switch t.Type {
	case Float32:
		t.F32 = make([]float32, n)
		for i := range t.F32 {
			t.F32[i] = math.Float32frombits(binary.LittleEndian.Uint32(r.raw[4*i:]))
		}
	case Float64:
		t.F64 = make([]float64, n)
		for i := range t.F64 {
			t.F64[i] = math.Float64frombits(binary.LittleEndian.Uint64(r.raw[8*i:]))
		}
	case Int32:
		t.I32 = make([]int32, n)
		for i := range t.I32 {
			t.I32[i] = int32(binary.LittleEndian.Uint32(r.raw[4*i:]))
		}
	case Int64:
		t.I64 = make([]int64, n)
		for i := range t.I64 {
			t.I64[i] = int64(binary.LittleEndian.Uint64(r.raw[8*i:]))
		}
	case Bool:
		t.Bool = make([]bool, n)
		for i := range t.Bool {
			t.Bool[i] = r.raw[i] != 0
		}
	}
	return nil
}

// fillTyped takes the elements from the typed repeated fields.
func (r *rawTensor) fillTyped(t *Tensor, f *field) error {
	switch t.Type {
	case Float32:
		t.F32 = r.floats
	case Float64:
		t.F64 = r.doubles
	case Int64:
		t.I64 = r.ints64
	case String:
		t.Str = r.strings
	case Int32:
		t.I32 = make([]int32, len(r.ints32))
		for i, v := range r.ints32 {
			if v != int64(int32(v)) {
				return f.fail("tensor %q: %d is not an int32", r.name, v)
			}
			t.I32[i] = int32(v)
		}
	case Bool:
		t.Bool = make([]bool, len(r.ints32))
		for i, v := range r.ints32 {
			t.Bool[i] = v != 0
		}
	}
	return nil
}
