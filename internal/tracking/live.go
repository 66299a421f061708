package tracking

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/series"
)

// Limits of a feed: what it must remember is sent to the client with its events.
const (
	MaxFollowed   = 50   // runs
	maxFeedSeries = 200  // series of all of them
	MaxNews       = 1000 // points of one change
)

// Change is news of a run: its state, or points of one of its series.
type Change struct {
	Run     Run    // without what was logged; of a change of points the ID only
	Key     string // "" = the state of the run changed
	Points  []series.Point
	Count   int64 // points of the series now
	Partial bool  // Points are not all that is new: some came late or there are too many; read the series again
}

// Feed follows runs. Each Poll gives what changed since the one before; it costs two short queries when nothing did. It
// holds nothing open between them. A Feed is not safe for concurrent use.
type Feed struct {
	room  *Room
	runs  []string
	keys  []string
	state map[feedKey]feedState
}

// feedKey is a series of a run, or the state of the run itself (key 0).
type feedKey struct{ run, key uint32 } // place in runs, hash of the key

type feedState struct {
	count int64 // of points; of the state of a run its hash
	last  series.Point
}

// Follow begins to follow runs, and of them the series with these keys (none = all). mark, if it is not "", is what Mark
// gave for the same runs: the feed goes on there. A mark that does not fit is as none.
func (r *Room) Follow(ctx context.Context, runs, keys []string, mark string) (*Feed, error) {
	if len(runs) == 0 || len(runs) > MaxFollowed {
		return nil, fault.New(fault.Invalid, "1 to %d runs can be followed at once, not %d", MaxFollowed, len(runs))
	}
	f := &Feed{room: r, runs: runs, keys: keys}
	if f.state = f.unmark(mark); f.state != nil {
		return f, nil
	}
	err := r.db.View(ctx, func(tx *db.Tx) error {
		f.state = map[feedKey]feedState{}
		counts, err := f.counts(tx)
		if err != nil {
			return err
		}
		for at, keys := range counts {
			known, err := loadSeries(tx, runs[at], slices.Collect(maps.Keys(keys)))
			if err != nil {
				return err
			}
			for key, s := range known {
				last, err := s.lastPoint(tx)
				if err != nil {
					return err
				}
				f.state[feedKey{uint32(at), hash(key)}] = feedState{s.summary.Count, last}
			}
		}
		return nil
	})
	return f, err
}

// lastPoint gives the greatest point in the order of a history.
func (s *metricSeries) lastPoint(tx *db.Tx) (last series.Point, err error) {
	none := s.tail.Len() == 0
	if !none {
		last = s.tail.Last()
	}
	if s.chunks == 0 || !none && last.Timestamp > s.sealed.ToTime {
		return last, nil
	}
	err = s.decode(tx, func(points []series.Point) {
		if p := points[len(points)-1]; none || series.Compare(p, last) > 0 {
			last, none = p, false
		}
	}, `last_ms = ?`, s.sealed.ToTime)
	return last, err
}

// counts gives the number of points of each followed series, by the place of its run and its key.
func (f *Feed) counts(tx *db.Tx) (map[int]map[string]int64, error) {
	out, n := map[int]map[string]int64{}, 0
	where, args := "", make([]any, 0, len(f.runs)+len(f.keys))
	for _, id := range f.runs {
		args = append(args, id)
	}
	if len(f.keys) > 0 {
		where = " AND key IN " + db.In(len(f.keys))
		for _, k := range f.keys {
			args = append(args, k)
		}
	}
	err := tx.Each(func(rows *sql.Rows) error {
		var run, key string
		var points int64
		if err := rows.Scan(&run, &key, &points); err != nil {
			return err
		}
		at := slices.Index(f.runs, run)
		if out[at] == nil {
			out[at] = map[string]int64{}
		}
		out[at][key] = points
		n++
		return nil
	}, `SELECT run, key, points FROM tracking_series WHERE run IN `+db.In(len(f.runs))+where, args...)
	if n > maxFeedSeries {
		return nil, fault.New(fault.Exhausted, "these runs have %d series, more than %d", n, maxFeedSeries).WithHint("name the metrics: ?metric=loss")
	}
	return out, err
}

// Poll gives what changed since the last Poll. The first one also gives the state of every run, unless the feed goes on from
// a mark that knows it. A run that does not exist is fault.NotFound.
func (f *Feed) Poll(ctx context.Context) (out []Change, err error) {
	var next map[feedKey]feedState
	err = f.room.db.View(ctx, func(tx *db.Tx) error {
		out, next = nil, maps.Clone(f.state)
		for at, id := range f.runs {
			run, err := runInfo(tx, id)
			if err != nil {
				return err
			}
			k, now := feedKey{uint32(at), 0}, feedState{count: int64(hash(fmt.Sprint(run.Status, run.Stage, run.Name, run.EndMs != nil)))}
			if was, ok := f.state[k]; !ok || was != now {
				out, next[k] = append(out, Change{Run: run}), now
			}
		}
		counts, err := f.counts(tx)
		if err != nil {
			return err
		}
		for at := range f.runs {
			for _, key := range slices.Sorted(maps.Keys(counts[at])) {
				k := feedKey{uint32(at), hash(key)}
				if was := f.state[k]; was.count != counts[at][key] {
					c, now, err := f.news(tx, f.runs[at], key, was, counts[at][key])
					if err != nil {
						return err
					}
					out, next[k] = append(out, c), now
				}
			}
		}
		return nil
	})
	if err == nil {
		f.state = next
	}
	return out, err
}

// news gives the points of a series behind the last one that is known.
func (f *Feed) news(tx *db.Tx, run, key string, was feedState, count int64) (Change, feedState, error) {
	c := Change{Run: Run{ID: run}, Key: key, Count: count}
	var from cursor
	if was.count > 0 {
		from.Point = pointAtOf(was.last)
	}
	points, err := history(tx, run, key, from, MaxNews)
	if err != nil {
		return c, was, err
	}
	c.Partial = int64(len(points)) != count-was.count || len(points) > MaxNews
	c.Points = points[:min(len(points), MaxNews)]
	now := feedState{count: count, last: was.last}
	switch {
	case len(points) > MaxNews: // go on at the end
		known, err := loadSeries(tx, run, []string{key})
		if err != nil {
			return c, was, err
		}
		now.last, err = known[key].lastPoint(tx)
		return c, now, err
	case len(points) > 0:
		now.last = points[len(points)-1]
	}
	return c, now, nil
}

func hash(s string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(s))
	return h.Sum32()
}

// Mark gives the place of the feed as a text, so that Follow can go on there, also in another process.
func (f *Feed) Mark() string {
	b := binary.LittleEndian.AppendUint32(nil, hash(fmt.Sprint(f.runs, f.keys)))
	for k, s := range f.state {
		b = binary.AppendUvarint(b, uint64(k.run))
		b = binary.LittleEndian.AppendUint32(b, k.key)
		b = binary.AppendVarint(b, s.count)
		if k.key == 0 {
			continue
		}
		b = binary.AppendVarint(b, s.last.Timestamp)
		b = binary.AppendVarint(b, s.last.Step)
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(s.last.Value))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// unmark reads a mark, nil when it is none of this feed.
func (f *Feed) unmark(mark string) map[feedKey]feedState {
	b, err := base64.RawURLEncoding.DecodeString(mark)
	if err != nil || len(b) < 4 || binary.LittleEndian.Uint32(b) != hash(fmt.Sprint(f.runs, f.keys)) {
		return nil
	}
	r := markReader{b: b[4:]}
	out := map[feedKey]feedState{}
	for len(r.b) > 0 && !r.short {
		k := feedKey{run: uint32(r.uvarint())}
		k.key = uint32(r.fixed(4))
		s := feedState{count: r.varint()}
		if k.key != 0 {
			s.last = series.Point{Timestamp: r.varint(), Step: r.varint(), Value: math.Float64frombits(r.fixed(8))}
		}
		out[k] = s
	}
	if r.short {
		return nil
	}
	return out
}

type markReader struct {
	b     []byte
	short bool
}

func (r *markReader) take(n int) {
	if n <= 0 || n > len(r.b) {
		r.b, r.short = nil, true
		return
	}
	r.b = r.b[n:]
}

func (r *markReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.take(n)
	return v
}

func (r *markReader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.take(n)
	return v
}

func (r *markReader) fixed(n int) (v uint64) {
	for i := range min(n, len(r.b)) {
		v |= uint64(r.b[i]) << (8 * i)
	}
	r.take(n)
	return v
}
