// Package chunk cuts bytes where their content says, so that an insertion moves the cuts near it and no others: two files
// that share most of their bytes share most of their chunks.
//
// The cut rule is that of a gear hash (Xia et al., FastCDC, 2016; the parameters are those of Hugging Face Xet): after each
// byte h = h<<1 + table[byte]; a chunk of at least Min bytes ends where the 16 highest bits of h are zero, and at Max in any
// case. Only the last 64 bytes influence h. Table and parameters are frozen: another cut makes known data look new.
//
//	for len(b) > 0 {
//		n := chunk.Cut(b)
//		keep(b[:n])
//		b = b[n:]
//	}
package chunk

import (
	"crypto/sha256"
	"encoding/binary"
)

// Sizes of chunks, in bytes. The last chunk of a file may be smaller than Min. Above Min the length to the next cut is
// geometric with mean 64 KiB.
const (
	Min = 8 << 10
	Max = 128 << 10
)

// Scheme names table, rule and parameters.
const Scheme = "gear-8-64-128/1"

const (
	quiet  = 1 << 48 // below it the 16 highest bits are zero
	window = 64      // bytes that influence h
)

var table = makeTable()

func makeTable() (t [256]uint64) {
	for i := range t {
		sum := sha256.Sum256([]byte{'p', 'a', 'r', 'a', 'p', 'l', 'u', ' ', 'g', 'e', 'a', 'r', ' ', '1', byte(i)})
		t[i] = binary.LittleEndian.Uint64(sum[:])
	}
	return t
}

// Cut gives the length of the first chunk of b. When b is shorter than Max, it must hold the rest of the file.
func Cut(b []byte) int {
	if len(b) <= Min {
		return len(b)
	}
	b = b[:min(len(b), Max)]
	h := uint64(0)
	for _, c := range b[Min-window : Min-1] {
		h = h<<1 + table[c]
	}
	i := Min - 1
	for ; i+8 <= len(b); i += 8 { // two bytes at a time: the sum of a pair does not wait for the hash
		v := binary.LittleEndian.Uint64(b[i:])
		h1 := h<<1 + table[byte(v)]
		h = h<<2 + (table[byte(v)]<<1 + table[byte(v>>8)])
		if h1 < quiet {
			return i + 1
		} else if h < quiet {
			return i + 2
		}
		h1 = h<<1 + table[byte(v>>16)]
		h = h<<2 + (table[byte(v>>16)]<<1 + table[byte(v>>24)])
		if h1 < quiet {
			return i + 3
		} else if h < quiet {
			return i + 4
		}
		h1 = h<<1 + table[byte(v>>32)]
		h = h<<2 + (table[byte(v>>32)]<<1 + table[byte(v>>40)])
		if h1 < quiet {
			return i + 5
		} else if h < quiet {
			return i + 6
		}
		h1 = h<<1 + table[byte(v>>48)]
		h = h<<2 + (table[byte(v>>48)]<<1 + table[byte(v>>56)])
		if h1 < quiet {
			return i + 7
		} else if h < quiet {
			return i + 8
		}
	}
	for ; i < len(b); i++ {
		if h = h<<1 + table[b[i]]; h < quiet {
			return i + 1
		}
	}
	return len(b)
}
