package series

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
)

// A chunk is
//
//	byte     1, the format
//	uvarint  number of points n
//	bits     n times: timestamp, step, value
//
// The bits stand most significant first. A timestamp or step is coded as the difference of its difference to the one before
// (zigzag): 0 as "0", else "10" + 7 bits, "110" + 12, "1110" + 20, "1111" + 64. A value is coded as XOR with the bits of the
// value before: equal as "0"; "10" + the bits that differ, inside the window of the last "11"; "11" + 5 bits leading zeros +
// 6 bits (length - 1) + the bits of the window. The scheme is that of Gorilla (Pelkonen et al., VLDB 2015), with wider
// buckets because steps may jump and the first point is coded like the others, after a point of zeros.
const format = 1

// maxCount bounds what Decode allocates for; three bits is the least that a point takes.
const maxCount = 1 << 24

var errShort = errors.New("a chunk of a metric series ends too early")

// Encode gives the chunk of points, in the order in which they come. Sorted points take the fewest bytes.
func Encode(points []Point) []byte {
	w := writer{buf: make([]byte, 0, 16+len(points)*9)}
	w.buf = append(w.buf, format)
	w.buf = binary.AppendUvarint(w.buf, uint64(len(points)))
	var t, s delta
	v := window{}
	for _, p := range points {
		w.difference(t.next(p.Timestamp))
		w.difference(s.next(p.Step))
		w.value(&v, bitsOf(p.Value))
	}
	return w.close()
}

// bitsOf gives one pattern for all NaNs, and +0 for -0: SQL and JSON tell neither apart.
func bitsOf(v float64) uint64 {
	if math.IsNaN(v) {
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(v + 0)
}

// Decode reads a chunk. A damaged one is an error, never a panic, and never takes more memory than its length warrants.
func Decode(data []byte) ([]Point, error) {
	return AppendDecoded(nil, data)
}

// AppendDecoded is Decode into a list that the caller may use again.
func AppendDecoded(out []Point, data []byte) ([]Point, error) {
	if len(data) == 0 || data[0] != format {
		return nil, errFormat
	}
	n, used := binary.Uvarint(data[1:])
	if used <= 0 {
		return nil, errShort
	}
	return appendBits(out, data[1+used:], n)
}

// appendBits decodes the bits of n points.
func appendBits(out []Point, data []byte, n uint64) ([]Point, error) {
	if n > maxCount || n > uint64(len(data))*8/3 {
		return nil, errShort
	}
	if need := len(out) + int(n); cap(out) < need {
		out = append(make([]Point, 0, need), out...)
	}
	r := reader{data: data}
	var t, s delta
	v := window{}
	for range n {
		p := Point{Timestamp: t.undo(r.difference()), Step: s.undo(r.difference())}
		p.Value = math.Float64frombits(r.value(&v))
		out = append(out, p)
	}
	if r.short {
		return nil, errShort
	}
	return out, nil
}

// delta turns numbers into differences of differences and back. Overflow wraps around, both ways alike.
type delta struct{ last, step int64 }

func (d *delta) next(v int64) int64 {
	step := v - d.last
	out := step - d.step
	d.last, d.step = v, step
	return out
}

func (d *delta) undo(dd int64) int64 {
	d.step += dd
	d.last += d.step
	return d.last
}

// window is the state of the coding of values: the bits before, and which of them the last window covers.
type window struct {
	last       uint64
	lead, size int // size 0: no window yet
}

type writer struct {
	buf  []byte
	acc  uint64 // pending bits, at the low end
	fill int    // how many, < 8 between calls of put
}

func (w *writer) put(v uint64, n int) {
	if n > 32 {
		w.put(v>>32, n-32)
		v, n = v&math.MaxUint32, 32
	}
	w.acc = w.acc<<n | v
	w.fill += n
	for w.fill >= 8 {
		w.fill -= 8
		w.buf = append(w.buf, byte(w.acc>>w.fill))
	}
	w.acc &= 1<<w.fill - 1
}

func (w *writer) close() []byte {
	if w.fill > 0 {
		w.put(0, 8-w.fill)
	}
	return w.buf
}

func (w *writer) difference(d int64) {
	z := uint64(d<<1) ^ uint64(d>>63) // zigzag
	switch {
	case z == 0:
		w.put(0b0, 1)
	case z < 1<<7:
		w.put(0b10<<7|z, 2+7)
	case z < 1<<12:
		w.put(0b110<<12|z, 3+12)
	case z < 1<<20:
		w.put(0b1110<<20|z, 4+20)
	default:
		w.put(0b1111, 4)
		w.put(z, 64)
	}
}

func (w *writer) value(s *window, v uint64) {
	x := v ^ s.last
	s.last = v
	if x == 0 {
		w.put(0b0, 1)
		return
	}
	lead, tail := min(bits.LeadingZeros64(x), 31), bits.TrailingZeros64(x)
	size := 64 - lead - tail
	if s.size > 0 && lead >= s.lead && tail >= 64-s.lead-s.size && s.size <= size+11 {
		w.put(0b10, 2)
		w.put(x>>(64-s.lead-s.size), s.size)
		return
	}
	s.lead, s.size = lead, size
	w.put(0b11<<11|uint64(lead)<<6|uint64(size-1), 2+5+6)
	w.put(x>>tail, size)
}

type reader struct {
	data  []byte
	acc   uint64 // bits that were read and not used, at the low end
	fill  int
	short bool // asked for more than there is; everything after is zeros
}

func (r *reader) get(n int) uint64 {
	if n > 32 {
		high := r.get(n - 32)
		return high<<32 | r.get(32)
	}
	for r.fill < n {
		if len(r.data) >= 4 && r.fill <= 32 {
			r.acc = r.acc<<32 | uint64(binary.BigEndian.Uint32(r.data))
			r.data, r.fill = r.data[4:], r.fill+32
		} else if len(r.data) > 0 {
			r.acc = r.acc<<8 | uint64(r.data[0])
			r.data, r.fill = r.data[1:], r.fill+8
		} else {
			r.short = true
			return 0
		}
	}
	r.fill -= n
	return r.acc >> r.fill & (1<<n - 1)
}

func (r *reader) difference() int64 {
	var z uint64
	switch {
	case r.get(1) == 0:
		return 0
	case r.get(1) == 0:
		z = r.get(7)
	case r.get(1) == 0:
		z = r.get(12)
	case r.get(1) == 0:
		z = r.get(20)
	default:
		z = r.get(64)
	}
	return int64(z>>1) ^ -int64(z&1)
}

func (r *reader) value(s *window) uint64 {
	if r.get(1) == 0 {
		return s.last
	}
	if r.get(1) == 1 {
		s.lead = int(r.get(5))
		s.size = int(r.get(6)) + 1
	}
	if s.size == 0 || s.lead+s.size > 64 {
		r.short = true
		return 0
	}
	s.last ^= r.get(s.size) << (64 - s.lead - s.size)
	return s.last
}
