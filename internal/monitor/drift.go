package monitor

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/stat"
)

const (
	driftRows    = 50 // least rows of a comparison
	driftWindows = 13 // a comparison looks back over at most so many windows
)

// Drift compares a feature as it was served with the training data. It is a diagnosis: it never fires an alert.
type Drift struct {
	Column        string    `json:"column"`
	Method        string    `json:"method"` // id with all parameters
	Package       string    `json:"package"`
	From          time.Time `json:"from"` // the windows compared
	To            time.Time `json:"to"`
	Windows       int       `json:"windows"`
	Rows          int64     `json:"rows"`
	ReferenceRows int64     `json:"reference_rows"`
	Value         *Number   `json:"value,omitempty"`
	Floor         *Number   `json:"floor,omitempty"` // what to expect when nothing changed
	Limit         *Number   `json:"limit,omitempty"`
	Outside       *Number   `json:"outside,omitempty"` // share outside of the range of the training data
	Missing       *Number   `json:"missing,omitempty"` // share without a value
	Beyond        bool      `json:"beyond"`
	Why           string    `json:"why"`
}

// cells are the histograms of one window, by feature, with the reference whose bins they use.
type cells struct {
	start     time.Time
	pack      string
	reference string // digest
	features  map[string]*stat.Histogram
}

// inWindow gives the part of predictions, in order of event time, that lies in a window.
func inWindow(w Window, predictions []Prediction) []Prediction {
	at := func(t time.Time) int {
		i, _ := slices.BinarySearchFunc(predictions, t, func(p Prediction, t time.Time) int { return p.EventTime.Compare(t) })
		return i
	}
	return predictions[at(w.Start):at(w.End)]
}

// count fills the cells of a window from the answers of its main package; predictions are in order of event time.
func count(w Window, predictions []Prediction, f reference, columns []string) cells {
	c := cells{start: w.Start, pack: w.Package, reference: f.digest, features: map[string]*stat.Histogram{}}
	for _, name := range columns {
		frozen, ok := f.Features[name]
		if !ok {
			continue
		}
		h := frozen.Empty()
		for _, p := range inWindow(w, predictions) {
			if p.Package != w.Package {
				continue
			}
			if x, ok := toFloat(p.Features[name]); ok {
				h.Add(x)
			} else {
				h.AddNull()
			}
		}
		c.features[name] = h
	}
	return c
}

// drifts compares the newest windows that share a reference with it. history is in order of time.
func drifts(rule *spec.Drift, history []cells, n normal) []Drift {
	if rule == nil || len(history) == 0 {
		return nil
	}
	newest := history[len(history)-1]
	f, _ := n.histograms(newest.pack)
	var out []Drift
	for _, name := range rule.Columns {
		out = append(out, drift(rule, name, history, f))
	}
	return out
}

func drift(rule *spec.Drift, name string, history []cells, f reference) Drift {
	newest := history[len(history)-1]
	d := Drift{Column: name, Package: newest.pack, Method: methods[rule.Method].id, To: newest.start}
	frozen, ok := f.Features[name]
	if !ok {
		d.Why = "the package froze no values of this column"
		return d
	}
	sum := frozen.Empty()
	for i := len(history) - 1; i >= 0 && d.Windows < driftWindows && sum.N() < driftRows; i-- {
		h, ok := history[i].features[name]
		if !ok || history[i].reference != newest.reference || sum.Merge(h) != nil {
			break
		}
		d.From, d.Windows = history[i].start, d.Windows+1
	}
	d.Rows, d.ReferenceRows = sum.N(), frozen.N()
	d.Missing = number(ratio(sum.Null+sum.NonFinite, sum.N()+sum.Null+sum.NonFinite))
	if d.Rows < driftRows || d.ReferenceRows < driftRows {
		d.Why = fmt.Sprintf("%d rows against %d of the training data; a comparison needs %d on each side", d.Rows, d.ReferenceRows, driftRows)
		return d
	}
	m := methods[rule.Method]
	value, floor := m.distance(frozen, sum), m.floor(frozen, sum)
	limit := rule.Limit.Value
	if rule.Limit.Auto {
		limit = max(m.least, 3*floor)
	}
	d.Value, d.Floor, d.Limit, d.Outside = number(value), number(floor), number(limit), number(sum.Outside())
	d.Beyond = value > limit
	d.Why = fmt.Sprintf("without any change about %.3f is expected", floor)
	return d
}

// method is a distance over frozen bins, its floor, and the least limit that auto gives.
type method struct {
	id              string
	least           float64
	distance, floor func(r, c *stat.Histogram) float64
}

var methods = map[string]method{
	"psi": {stat.MethodPSI, 0.25,
		func(r, c *stat.Histogram) float64 { return stat.PSI(r.Smoothed(), c.Smoothed()) },
		func(r, c *stat.Histogram) float64 { return stat.PSIFloor(r.Bins(), r.N(), c.N()) }},
	"js": {stat.MethodJS, 0.1,
		func(r, c *stat.Histogram) float64 { return stat.JSDistance(r.Smoothed(), c.Smoothed()) },
		func(r, c *stat.Histogram) float64 { return math.Sqrt(stat.JSFloor(r.Bins(), r.N(), c.N())) }},
	"ks": {stat.MethodKS, 0.1,
		func(r, c *stat.Histogram) float64 { return stat.BinnedKS(stat.Shares(r.Open()), stat.Shares(c.Open())) },
		func(r, c *stat.Histogram) float64 { return stat.KSFloor(r.N(), c.N()) }},
	"chi2": {stat.MethodChi2, 0.999,
		func(r, c *stat.Histogram) float64 {
			_, _, p := stat.ChiSquareContingency(r.Open(), c.Open())
			return 1 - p
		},
		func(r, c *stat.Histogram) float64 { return 0.5 / 3 }}, // 1 − p is uniform: half on average, and the limit is 0.999
	"wasserstein": {stat.MethodW1, 0.1,
		func(r, c *stat.Histogram) float64 {
			return stat.BinnedWasserstein(r.Edges, stat.Shares(r.Open()), stat.Shares(c.Open())) / binnedStd(r)
		},
		func(r, c *stat.Histogram) float64 { return stat.KSFloor(r.N(), c.N()) }},
}

// binnedStd is the standard deviation when each bin's mass sits in its middle, at least 0.001.
func binnedStd(h *stat.Histogram) float64 {
	var m stat.Moments
	for i, n := range h.Counts {
		middle := (h.Edges[i] + h.Edges[i+1]) / 2
		m.Merge(stat.Moments{N: n, Mean: middle, Min: middle, Max: middle})
	}
	return max(m.Std(), 0.001)
}

func toFloat(v any) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case float32:
		return float64(x), true
	case int:
		return float64(x), true
	case int64:
		return float64(x), true
	case int32:
		return float64(x), true
	case bool:
		if x {
			return 1, true
		}
		return 0, true
	case json.Number:
		f, err := x.Float64()
		return f, err == nil
	}
	return 0, false
}
