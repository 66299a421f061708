package blob

import (
	"sync"

	"github.com/klauspost/compress/zstd"
)

// scheme says how a payload was made from its bytes.
type scheme uint8

const (
	rawScheme  scheme = 0
	zstdScheme scheme = 1
)

// coders are made once, when something is compressed or read: they keep some memory.
var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // constant options
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(1<<32))
	if err != nil {
		panic(err) // constant options
	}
	return d
})

// minCompress is the size below which compression cannot pay.
const minCompress = 64

// shrink compresses b into buf when that saves a sixteenth, and says how it is stored.
func shrink(b []byte, buf *[]byte) ([]byte, scheme) {
	if len(b) < minCompress || !promising(b) {
		return b, rawScheme
	}
	*buf = encoder().EncodeAll(b, (*buf)[:0])
	if len(*buf) > len(b)-len(b)/16 {
		return b, rawScheme
	}
	return *buf, zstdScheme
}

// sample is how much of a chunk is looked at before it is compressed.
const sample = 4 << 10

// promising tells from a sample whether bytes are likely to shrink: it compares the sum of the squared frequencies of byte
// values (the collision probability) with that of noise, about n/256 + 1 pairs for each byte. Compressed and encrypted data
// stay near it; a bias worth a sixteenth does not.
func promising(b []byte) bool {
	if len(b) > sample {
		at := (len(b) - sample) / 2
		b = b[at : at+sample]
	}
	var count [256]uint32
	for _, c := range b {
		count[c]++
	}
	sum := uint64(0)
	for _, n := range count {
		sum += uint64(n) * uint64(n)
	}
	n := uint64(len(b))
	return sum*100 > (n*n/256+n)*112
}

// expand gives back the n bytes of a payload, in buf when they had to be expanded.
func (s scheme) expand(stored []byte, n int, buf *buffers) ([]byte, error) {
	switch s {
	case rawScheme:
		if len(stored) == n {
			return stored, nil
		}
	case zstdScheme:
		raw, err := decoder().DecodeAll(stored, sized(&buf.raw, n)[:0])
		if err == nil && len(raw) == n {
			buf.raw = raw
			return raw, nil
		}
	}
	return nil, errDamaged
}
