// Package ref holds the names by which everything is called: digests, identifiers, and references such as
// "weather@v3" or "models:/umbrella@production". It parses and prints; it never touches a disk.
package ref

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"sync"
	"time"
)

// Digest names content: "sha256:" and 64 lower-case hex digits.
type Digest string

// Sum gives the digest of b.
func Sum(b []byte) Digest {
	s := sha256.Sum256(b)
	return Digest("sha256:" + hex.EncodeToString(s[:]))
}

// ParseDigest checks the form of a digest; it says what is wrong.
func ParseDigest(s string) (Digest, error) {
	h, ok := strings.CutPrefix(s, "sha256:")
	if !ok {
		return "", fmt.Errorf("digest %q does not start with \"sha256:\"", s)
	}
	if len(h) != 64 {
		return "", fmt.Errorf("digest %q has %d hex digits, want 64", s, len(h))
	}
	for i := range len(h) {
		if c := h[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", fmt.Errorf("digest %q: %q is not a lower-case hex digit", s, c)
		}
	}
	return Digest(s), nil
}

// Hex gives the digits without the algorithm.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), "sha256:") }

// Short gives the first twelve digits, enough for people.
func (d Digest) Short() string {
	h := d.Hex()
	return h[:min(12, len(h))]
}

// Hasher computes a Digest from a stream.
type Hasher struct{ hash.Hash }

// NewHasher returns an empty Hasher.
func NewHasher() Hasher { return Hasher{sha256.New()} }

// Digest gives the digest of what was written so far.
func (h Hasher) Digest() Digest { return Digest("sha256:" + hex.EncodeToString(h.Sum(nil))) }

var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

var ids struct {
	sync.Mutex
	last uint64
}

// NewID gives a 26-character identifier that sorts by time of creation: 48 bits of milliseconds and 80 random bits.
// Within a process identifiers never go back, even when the clock does.
func NewID() string { return newID(time.Now()) }

func newID(now time.Time) string {
	ids.Lock()
	ms := max(uint64(now.UnixMilli()), ids.last)
	ids.last = ms
	ids.Unlock()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], ms<<16)
	rand.Read(b[6:]) //nolint:errcheck // crypto/rand.Read never fails
	return crockford.EncodeToString(b[:])
}
