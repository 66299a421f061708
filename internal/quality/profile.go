package quality

import (
	"context"
	"errors"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// profileMethod changes when a number of a profile changes its meaning.
const profileMethod = "profile 2"

// Profile describes a file without judging it. Its JSON form is stable; monitors compare with its frozen edges.
type Profile struct {
	Digest  ref.Digest      `json:"digest"`
	Engine  string          `json:"engine"`
	Rows    int64           `json:"rows"`
	Columns []ColumnProfile `json:"columns"`
	Table   TableProfile    `json:"table"`
}

// ColumnProfile describes one column. Statistics of numbers leave out NaN and infinity; moments of dates are texts.
type ColumnProfile struct {
	Name           string      `json:"name"`
	Type           string      `json:"type"`     // integer, number, date, timestamp, boolean, string
	Physical       string      `json:"physical"` // type in the file; VARCHAR in text files
	Nulls          int64       `json:"nulls"`
	Distinct       int64       `json:"distinct"`
	DistinctMethod string      `json:"distinct_method"` // Exact or LinearCounting
	NaNs           int64       `json:"nans,omitempty"`
	Infinite       int64       `json:"infinite,omitempty"`
	Zeros          int64       `json:"zeros,omitempty"`
	Negatives      int64       `json:"negatives,omitempty"`
	Min            string      `json:"min,omitempty"`
	Max            string      `json:"max,omitempty"`
	Mean           *float64    `json:"mean,omitempty"`
	StdDev         *float64    `json:"stddev,omitempty"`    // of the sample
	Skew           *float64    `json:"skew,omitempty"`      // of the sample, corrected for bias (G1)
	Kurtosis       *float64    `json:"kurtosis,omitempty"`  // excess, of the sample, corrected for bias (G2)
	Quantiles      []float64   `json:"quantiles,omitempty"` // at QuantilePoints, exact, interpolated
	Top            []TopValue  `json:"top"`                 // most frequent, by count and then value
	TopMethod      string      `json:"top_method"`          // Exact or FrequentOnly
	Histogram      *Histogram  `json:"histogram,omitempty"`
	MinLength      int64       `json:"min_length,omitempty"` // of texts, in code points
	MaxLength      int64       `json:"max_length,omitempty"`
	MeanLength     *float64    `json:"mean_length,omitempty"`
	Time           *TimeSeries `json:"time,omitempty"` // of dates and timestamps
}

// Methods of a number.
const (
	Exact          = "exact"
	LinearCounting = "linear counting" // of every fourth 64-bit hash in a bitmap; the error is below 1 % (Whang et al., 1990)
	RowHash        = "64-bit hashes of the rows"
	FrequentOnly   = "exact, of the values in at least 0.1 % of the rows"
)

// QuantilePoints are the probabilities of ColumnProfile.Quantiles.
var QuantilePoints = []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99}

// TopValue is a frequent value.
type TopValue struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// Histogram counts finite numbers: Counts[i] are those in [Edges[i], Edges[i+1]), in the last bucket also its upper edge.
type Histogram struct {
	Edges  []float64 `json:"edges"`
	Counts []int64   `json:"counts"`
}

// TimeSeries tells how moments lie in time. A gap is a run of steps without a row between the first and the last moment.
type TimeSeries struct {
	First   string `json:"first"`
	Last    string `json:"last"`
	Step    string `json:"step,omitempty"` // "1 hour"; "" when there are fewer than three moments
	Method  string `json:"method,omitempty"`
	Steps   int64  `json:"steps"`   // from first to last, both included
	Gaps    int64  `json:"gaps"`    // runs of absent steps
	Missing int64  `json:"missing"` // absent steps in all gaps
}

// TableProfile describes the rows as a whole.
type TableProfile struct {
	DuplicateRows     int64            `json:"duplicate_rows"` // rows beyond the first of each group of equal rows
	DuplicateMethod   string           `json:"duplicate_method"`
	CompleteRows      int64            `json:"complete_rows"` // without an empty value
	Missing           []MissingPattern `json:"missing"`       // which columns are empty together, most frequent first
	Correlations      []Correlation    `json:"correlations"`  // of numbers, the strongest first
	CorrelationRows   int64            `json:"correlation_rows"`
	CorrelationMethod string           `json:"correlation_method,omitempty"`
	LeftOut           []string         `json:"left_out,omitempty"` // numeric columns without correlations: there were too many
	Time              string           `json:"time,omitempty"`     // the column that covers the longest time with the fewest gaps
}

// MissingPattern is a set of columns that are empty in the same rows; no columns are the complete rows.
type MissingPattern struct {
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
}

// Correlation is Pearson's of two columns, over the rows where both are finite.
type Correlation struct {
	A     string  `json:"a"`
	B     string  `json:"b"`
	Value float64 `json:"value"`
}

// Profile describes a file. Types of text formats are inferred strictly: a column is a number when every value is one.
func (r *Room) Profile(ctx context.Context, path string) (*Profile, error) {
	src, err := r.open(ctx, path, "", nil, nil)
	var u *unreadableError
	if errors.As(err, &u) {
		return nil, fault.New(fault.Invalid, "%s", u.Why).At(path, int(u.Line), 0)
	} else if err != nil {
		return nil, err
	}
	defer src.close()
	d := &describer{src: src, profile: &Profile{Digest: src.digest, Engine: r.engine.Version() + ", " + profileMethod, Rows: src.rows}}
	if err := d.all(ctx); err != nil {
		return nil, fault.Wrap(err, "profiling %s", path)
	}
	return d.profile, nil
}
