package chunk

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(b) //nolint:errcheck // never fails
	return b
}

func cuts(b []byte) (out []int) {
	for len(b) > 0 {
		n := Cut(b)
		out, b = append(out, n), b[n:]
	}
	return out
}

// slowly is the rule as the package comment words it, without any shortcut.
func slowly(b []byte) int {
	h := uint64(0)
	for i, c := range b {
		h = h<<1 + table[c]
		if size := i + 1; size == Max || size >= Min && h>>48 == 0 {
			return size
		}
	}
	return len(b)
}

// TestFrozen holds table and cuts against what was stored by earlier builds.
func TestFrozen(t *testing.T) {
	h := sha256.New()
	for _, v := range table {
		fmt.Fprintf(h, "%016x\n", v)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != frozenTable {
		t.Errorf("the table changed: %s", got)
	}
	if got := cuts(noise(1, 600_000)); !slices.Equal(got, frozenCuts) {
		t.Errorf("the cuts changed: %#v", got)
	}
}

func TestRule(t *testing.T) {
	for seed, n := range []int{0, 1, Min - 1, Min, Min + 1, Max - 1, Max, Max + 1, 3_000_000} {
		for b := noise(uint64(seed), n); len(b) > 0; {
			got := Cut(b)
			if want := slowly(b); got != want {
				t.Fatalf("%d bytes: cut at %d, want %d", len(b), got, want)
			}
			b = b[got:]
		}
	}
	if got := Cut(make([]byte, 2*Max)); got != Max {
		t.Errorf("zeros are cut at %d", got)
	}
}

// TestEditsAreLocal: after an edit anywhere nearly all chunks are known.
func TestEditsAreLocal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := noise(uint64(rapid.IntRange(0, 999).Draw(t, "seed")), 2_000_000)
		at := rapid.IntRange(0, len(b)).Draw(t, "at")
		insert := noise(1234, rapid.IntRange(0, 5000).Draw(t, "insert"))
		gone := rapid.IntRange(0, min(5000, len(b)-at)).Draw(t, "gone")
		known := map[[32]byte]bool{}
		fresh := 0
		for i, text := range [][]byte{b, slices.Concat(b[:at], insert, b[at+gone:])} {
			for len(text) > 0 {
				n := Cut(text)
				id := sha256.Sum256(text[:n])
				if i == 1 && !known[id] {
					fresh += n
				}
				known[id] = true
				text = text[n:]
			}
		}
		if fresh > 6*Max {
			t.Errorf("%d bytes are new after an edit at %d", fresh, at)
		}
	})
}

func BenchmarkCut(b *testing.B) {
	data := noise(1, 8<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		for rest := data; len(rest) > 0; {
			rest = rest[Cut(rest):]
		}
	}
}
