package tracking

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/series"
)

// cursor is the content of a page token: an offset, or the sort key of the last row, so that a deep page costs no more than
// the first. Clients treat it as opaque.
type cursor struct {
	Offset int64    `json:"offset,omitempty"`
	Start  *int64   `json:"start,omitempty"` // of runs
	ID     string   `json:"id,omitempty"`
	Rank   *int     `json:"rank,omitempty"` // of runs in the order of a metric, see ranked
	Value  float64  `json:"value,omitempty"`
	Point  *pointAt `json:"point,omitempty"` // metric histories
	Path   string   `json:"path,omitempty"`  // artifacts
}

type pointAt struct {
	Timestamp int64   `json:"t"`
	Step      int64   `json:"s"`
	Value     float64 `json:"v"`
	NaN       int64   `json:"n"`
}

func pointAtOf(p series.Point) *pointAt {
	value, isNaN := stored(p.Value)
	return &pointAt{p.Timestamp, p.Step, value, flag(isNaN)}
}

func (p *pointAt) point() series.Point {
	return series.Point{Timestamp: p.Timestamp, Step: p.Step, Value: loaded(p.Value, p.NaN)}
}

func (c cursor) token() string {
	b, _ := json.Marshal(c) // finite numbers and strings always marshal
	return base64.StdEncoding.EncodeToString(b)
}

func parseCursor(token string) (cursor, error) {
	var c cursor
	if token == "" {
		return c, nil
	}
	b, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return c, fault.New(fault.Invalid, "Invalid page token, could not base64-decode")
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fault.New(fault.Invalid, "Invalid page token, decoded value=%s", Quote(cut(string(b), 200)))
	}
	empty := c.Offset == 0 && c.Start == nil && c.Point == nil && c.Path == ""
	if c.Rank != nil && (*c.Rank < 0 || *c.Rank > 2 || c.Start == nil) || c.Offset < 0 || empty || strings.ContainsRune(c.ID+c.Path, 0) {
		return c, fault.New(fault.Invalid, "Invalid page token, parsed value=%s", Quote(cut(string(b), 200)))
	}
	return c, nil
}
