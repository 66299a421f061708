package series

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// A tail is a chunk that is still growing. Its bits are those of a chunk; before them stands where the coding is, so that a
// point is added without reading the ones before:
//
//	byte      2, the format
//	uvarint   number of points
//	varint ×4 timestamp of the last point, its difference to the one before; the same of steps
//	8 bytes   bits of the last value, big-endian
//	byte ×3   leading zeros and size of the last window; unused bits of the last byte
//	bits      as in a chunk
const tailFormat = 2

// Tail is a list of points in the order in which they were added. The zero Tail has none.
type Tail struct {
	n      uint64
	t, s   delta
	v      window
	unused int // bits of the last byte, 0 to 7
	bits   []byte
}

// ParseTail reads what Bytes gave, and keeps no part of data.
func ParseTail(data []byte) (t Tail, err error) {
	if len(data) > 0 && data[0] == format { // a finished chunk, as tails were kept at first
		points, err := Decode(data)
		t.Append(points)
		return t, err
	}
	if len(data) == 0 || data[0] != tailFormat {
		return t, errFormat
	}
	rest, used := data[1:], 0
	if t.n, used = binary.Uvarint(rest); used <= 0 {
		return Tail{}, errShort
	}
	rest = rest[used:]
	for _, v := range []*int64{&t.t.last, &t.t.step, &t.s.last, &t.s.step} {
		if *v, used = binary.Varint(rest); used <= 0 {
			return Tail{}, errShort
		}
		rest = rest[used:]
	}
	if len(rest) < 11 {
		return Tail{}, errShort
	}
	t.v = window{last: binary.BigEndian.Uint64(rest), lead: int(rest[8]), size: int(rest[9])}
	t.unused = int(rest[10])
	rest = rest[11:]
	if t.v.lead+t.v.size > 64 || t.unused > 7 || t.unused > 0 && len(rest) == 0 || t.n > uint64(len(rest))*8/3 {
		return Tail{}, errDamaged
	}
	t.bits = append(make([]byte, 0, len(rest)+24), rest...)
	return t, nil
}

var (
	errFormat  = errors.New("a chunk of a metric series has an unknown format")
	errDamaged = errors.New("a chunk of a metric series contradicts itself")
)

// Append adds points, at a cost that does not depend on how many there are already.
func (t *Tail) Append(points []Point) {
	if len(points) == 0 {
		return
	}
	w := writer{buf: t.bits}
	if t.unused > 0 {
		end := len(w.buf) - 1
		w.acc, w.fill = uint64(w.buf[end]>>t.unused), 8-t.unused
		w.buf = w.buf[:end]
	}
	for _, p := range points {
		w.difference(t.t.next(p.Timestamp))
		w.difference(t.s.next(p.Step))
		w.value(&t.v, bitsOf(p.Value))
	}
	t.unused = (8 - w.fill) % 8
	t.bits = w.close()
	t.n += uint64(len(points))
}

// Len is the number of points.
func (t *Tail) Len() int { return int(t.n) }

// Last gives the point that was added last; the zero point when there is none.
func (t *Tail) Last() Point {
	return Point{Timestamp: t.t.last, Step: t.s.last, Value: math.Float64frombits(t.v.last)}
}

// Points decodes all points.
func (t *Tail) Points() ([]Point, error) {
	return appendBits(nil, t.bits, t.n)
}

// Size bounds the number of bytes that AppendBytes adds.
func (t *Tail) Size() int { return 64 + len(t.bits) }

// AppendBytes adds the stored form to a buffer.
func (t *Tail) AppendBytes(out []byte) []byte {
	out = slices.Grow(out, t.Size())
	out = append(out, tailFormat)
	out = binary.AppendUvarint(out, t.n)
	for _, v := range []int64{t.t.last, t.t.step, t.s.last, t.s.step} {
		out = binary.AppendVarint(out, v)
	}
	out = binary.BigEndian.AppendUint64(out, t.v.last)
	out = append(out, byte(t.v.lead), byte(t.v.size), byte(t.unused))
	return append(out, t.bits...)
}
