package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Wire types of protocol buffers. Groups (3 and 4) do not occur in ONNX.
const (
	wireVarint = 0
	wireI64    = 1
	wireBytes  = 2
	wireI32    = 5
)

// wire reads one protobuf message. base is the offset of buf in the file, so
// that errors can name a position.
type wire struct {
	buf  []byte
	pos  int
	base int
}

// field is one key-value pair: num holds varints and fixed values, buf the bytes
// of length-delimited ones.
type field struct {
	tag  int
	kind int
	num  uint64
	buf  []byte
	at   int // offset of buf in the file
}

func (w *wire) fail(format string, args ...any) error {
	return &ParseError{Offset: w.base + w.pos, Reason: fmt.Sprintf(format, args...)}
}

func (f *field) fail(format string, args ...any) error {
	return &ParseError{Offset: f.at, Reason: fmt.Sprintf(format, args...)}
}

func (w *wire) varint() (uint64, error) {
	v, n := binary.Uvarint(w.buf[w.pos:])
	if n <= 0 {
		return 0, w.fail("bad or truncated varint")
	}
	w.pos += n
	return v, nil
}

// next reads one field; ok is false at the end of the message.
func (w *wire) next() (f field, ok bool, err error) {
	if w.pos == len(w.buf) {
		return f, false, nil
	}
	key, err := w.varint()
	if err != nil {
		return f, false, err
	}
	if key>>3 == 0 || key>>3 > math.MaxInt32>>2 {
		return f, false, w.fail("bad field number %d", key>>3)
	}
	f.tag, f.kind, f.at = int(key>>3), int(key&7), w.base+w.pos
	switch f.kind {
	case wireVarint:
		f.num, err = w.varint()
	case wireI64:
		f.num, err = w.fixed(8)
	case wireI32:
		f.num, err = w.fixed(4)
	case wireBytes:
		err = w.bytes(&f)
	default:
		err = w.fail("field %d: unknown wire type %d", f.tag, f.kind)
	}
	return f, err == nil, err
}

func (w *wire) fixed(n int) (uint64, error) {
	if len(w.buf)-w.pos < n {
		return 0, w.fail("truncated fixed value")
	}
	b := w.buf[w.pos : w.pos+n]
	w.pos += n
	if n == 4 {
		return uint64(binary.LittleEndian.Uint32(b)), nil
	}
	return binary.LittleEndian.Uint64(b), nil
}

func (w *wire) bytes(f *field) error {
	n, err := w.varint()
	if err != nil {
		return err
	}
	if n > uint64(len(w.buf)-w.pos) {
		return w.fail("field %d: length %d exceeds the %d bytes left", f.tag, n, len(w.buf)-w.pos)
	}
	f.at = w.base + w.pos
	f.buf = w.buf[w.pos : w.pos+int(n)]
	w.pos += int(n)
	return nil
}

// each calls fn for every field of a message.
func each(buf []byte, base int, fn func(f *field) error) error {
	w := wire{buf: buf, base: base}
	for {
		f, ok, err := w.next()
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		if err := fn(&f); err != nil {
			return err
		}
	}
}

func (f *field) want(kind int) error {
	if f.kind != kind {
		return f.fail("field %d has wire type %d, want %d", f.tag, f.kind, kind)
	}
	return nil
}

func (f *field) string(dst *string) error {
	if err := f.want(wireBytes); err != nil {
		return err
	}
	*dst = string(f.buf)
	return nil
}

func (f *field) int(dst *int64) error {
	if err := f.want(wireVarint); err != nil {
		return err
	}
	*dst = int64(f.num)
	return nil
}

func (f *field) float(dst *float32) error {
	if err := f.want(wireI32); err != nil {
		return err
	}
	*dst = math.Float32frombits(uint32(f.num))
	return nil
}

func (f *field) addString(dst *[]string) error {
	if err := f.want(wireBytes); err != nil {
		return err
	}
	*dst = append(*dst, string(f.buf))
	return nil
}

// addInts appends a repeated varint field, packed or not.
func (f *field) addInts(dst *[]int64) error {
	if f.kind == wireVarint {
		*dst = append(*dst, int64(f.num))
		return nil
	}
	if err := f.want(wireBytes); err != nil {
		return err
	}
	n := 0
	for _, b := range f.buf {
		if b < 0x80 {
			n++
		}
	}
	if *dst == nil {
		*dst = make([]int64, 0, n)
	}
	w := wire{buf: f.buf, base: f.at}
	for w.pos < len(w.buf) {
		v, err := w.varint()
		if err != nil {
			return err
		}
		*dst = append(*dst, int64(v))
	}
	return nil
}

// addFloats appends a repeated float field, packed or not.
func (f *field) addFloats(dst *[]float32) error {
	if f.kind == wireI32 {
		*dst = append(*dst, math.Float32frombits(uint32(f.num)))
		return nil
	}
	if err := f.want(wireBytes); err != nil {
		return err
	}
	if len(f.buf)%4 != 0 {
		return f.fail("packed floats of %d bytes", len(f.buf))
	}
	if *dst == nil {
		*dst = make([]float32, 0, len(f.buf)/4)
	}
	for b := f.buf; len(b) > 0; b = b[4:] {
		*dst = append(*dst, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return nil
}

// addDoubles appends a repeated double field, packed or not.
func (f *field) addDoubles(dst *[]float64) error {
	if f.kind == wireI64 {
		*dst = append(*dst, math.Float64frombits(f.num))
		return nil
	}
	if err := f.want(wireBytes); err != nil {
		return err
	}
	if len(f.buf)%8 != 0 {
		return f.fail("packed doubles of %d bytes", len(f.buf))
	}
	if *dst == nil {
		*dst = make([]float64, 0, len(f.buf)/8)
	}
	for b := f.buf; len(b) > 0; b = b[8:] {
		*dst = append(*dst, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return nil
}
