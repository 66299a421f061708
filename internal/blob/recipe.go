package blob

import (
	"encoding/binary"
	"math"

	"github.com/zeebo/blake3"

	"github.com/paraplu/paraplu/internal/fault"
)

// recipe lists the chunks of a large object in their order. Its text is 36 bytes for each chunk (id and length) and the
// BLAKE3 of them.
type recipe []piece

type piece struct {
	id   id
	size uint32
}

const pieceSize = 36

func (r recipe) encode() ([]byte, error) {
	if len(r) > (math.MaxUint32-32)/pieceSize/2 {
		return nil, fault.New(fault.Exhausted, "the object has too many chunks (%d)", len(r)).WithHint("split the file")
	}
	b := make([]byte, 0, len(r)*pieceSize+32)
	for _, p := range r {
		b = append(b, p.id[:]...)
		b = binary.LittleEndian.AppendUint32(b, p.size)
	}
	sum := blake3.Sum256(b)
	return append(b, sum[:]...), nil
}

func parseRecipe(b []byte) (recipe, error) {
	n := len(b) - 32
	if n < 0 || n%pieceSize != 0 || blake3.Sum256(b[:n]) != [32]byte(b[n:]) {
		return nil, errDamaged
	}
	out := make(recipe, n/pieceSize)
	for i := range out {
		p := b[i*pieceSize:]
		out[i] = piece{id(p[:32]), binary.LittleEndian.Uint32(p[32:])}
	}
	return out, nil
}

func (r recipe) size() (n int64) {
	for _, p := range r {
		n += int64(p.size)
	}
	return n
}
