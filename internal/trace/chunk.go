package trace

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"io"
	"slices"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// Bytes of spans, unpacked: what a chunk grows to by swallowing others, where a trace takes no more spans, and what one call
// unpacks. A trace may be one request larger than maxTrace, which is less than maxRead.
const (
	maxChunk = 1 << 20
	maxTrace = 32 << 20
	maxRead  = 64 << 20
)

// mark is the id of a span (8 bytes) and a hash of all it says (8 bytes).
const mark = 16

// chunk is a row of trace_chunk without its body.
type chunk struct {
	seq, spans, size int64
	marks            []byte
}

// addChunk stores spans of one trace that are new or changed. It tells whether there were any.
func addChunk(tx *db.Tx, trace string, spans []Span) (bool, error) {
	chunks, err := listChunks(tx, trace)
	if err != nil {
		return false, err
	}
	known := map[string]string{} // id → hash
	size := int64(0)
	for _, c := range chunks {
		size += c.size
		for m := range slices.Chunk(c.marks, mark) {
			known[string(m[:8])] = string(m[8:])
		}
	}
	var raw, marks []byte
	for i := range spans {
		frame, m, err := encodeSpan(&spans[i])
		if err != nil {
			return false, err
		}
		if known[string(m[:8])] == string(m[8:]) {
			continue
		}
		known[string(m[:8])] = string(m[8:])
		raw, marks = append(raw, frame...), append(marks, m...)
	}
	switch {
	case len(raw) == 0:
		return false, nil
	case size > maxTrace:
		return false, fault.New(fault.Invalid, "The trace %s holds more than %d MiB of spans and takes no more", trace, maxTrace>>20)
	}
	return true, writeChunk(tx, trace, chunks, raw, marks)
}

// writeChunk appends a chunk, which first swallows the last ones that hold no more spans than itself.
func writeChunk(tx *db.Tx, trace string, chunks []chunk, raw, marks []byte) error {
	next := int64(0)
	if n := len(chunks); n > 0 {
		next = chunks[n-1].seq + 1
	}
	for n := len(chunks); n > 0; n-- {
		last := chunks[n-1]
		if last.spans > int64(len(marks)/mark) || last.size+int64(len(raw)) > maxChunk {
			break
		}
		var body []byte
		if err := tx.QueryRow(`SELECT body FROM trace_chunk WHERE trace = ? AND seq = ?`, trace, last.seq).Scan(&body); err != nil {
			return err
		}
		before, err := inflate(body)
		if err != nil {
			return err
		}
		raw, marks = append(before, raw...), append(last.marks, marks...)
		if _, err := tx.Exec(`DELETE FROM trace_chunk WHERE trace = ? AND seq = ?`, trace, last.seq); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`INSERT INTO trace_chunk (trace, seq, spans, size, marks, body) VALUES (?, ?, ?, ?, ?, ?)`,
		trace, next, len(marks)/mark, len(raw), marks, deflate(raw))
	return err
}

// encodeSpan gives a span as a field of an OTLP ScopeSpans message, and its mark.
func encodeSpan(s *Span) (frame, m []byte, err error) {
	p, err := protoOf(s)
	if err != nil {
		return nil, nil, err
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		return nil, nil, fault.Wrap(err, "storing span %s", s.ID)
	}
	frame = protowire.AppendTag(nil, 2, protowire.BytesType)
	frame = protowire.AppendBytes(frame, b)
	m, err = hex.DecodeString(s.ID)
	sum := sha256.Sum256(b)
	return frame, append(m, sum[:8]...), err
}

func listChunks(tx *db.Tx, trace string) (out []chunk, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		var c chunk
		err := rows.Scan(&c.seq, &c.spans, &c.size, &c.marks)
		out = append(out, c)
		return err
	}, `SELECT seq, spans, size, marks FROM trace_chunk WHERE trace = ? ORDER BY seq`, trace)
	return out, err
}

// loadSpans gives the spans of a trace, roots first, then by start. left counts the bytes that may still be unpacked.
func loadSpans(tx *db.Tx, trace string, left *int64) ([]Span, error) {
	var bodies [][]byte
	err := tx.Each(func(rows *sql.Rows) error {
		var size int64
		var body []byte
		if err := rows.Scan(&size, &body); err != nil {
			return err
		}
		if *left -= size; *left < 0 {
			return fault.New(fault.Invalid, "The spans of these traces are more than %d MiB; ask for fewer traces", maxRead>>20)
		}
		bodies = append(bodies, body)
		return nil
	}, `SELECT size, body FROM trace_chunk WHERE trace = ? ORDER BY seq`, trace)
	if err != nil {
		return nil, err
	}
	spans, err := unpack(bodies)
	return spans, fault.Wrap(err, "reading the spans of trace %s", trace)
}

func unpack(bodies [][]byte) ([]Span, error) {
	var spans []Span
	at := map[string]int{}
	for _, body := range bodies {
		raw, err := inflate(body)
		if err != nil {
			return nil, err
		}
		var part tracepb.ScopeSpans
		if err := proto.Unmarshal(raw, &part); err != nil {
			return nil, err
		}
		for _, p := range part.Spans {
			s, err := spanOf(p)
			if err != nil {
				return nil, err
			}
			if i, again := at[s.ID]; again { // sent again with another content: the last one counts
				spans[i] = s
				continue
			}
			at[s.ID] = len(spans)
			spans = append(spans, s)
		}
	}
	slices.SortStableFunc(spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(min(len(a.ParentID), 1), min(len(b.ParentID), 1)), cmp.Compare(a.StartNs, b.StartNs), cmp.Compare(a.ID, b.ID))
	})
	return spans, nil
}

func deflate(raw []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(raw) //nolint:errcheck // a buffer takes all
	w.Close()    //nolint:errcheck // as above
	return b.Bytes()
}

func inflate(body []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
