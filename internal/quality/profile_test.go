package quality_test

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/quality"
)

// TestAProfileOfManyRowsIsThatOfFew: the way of large tables, by a sample and scans, gives the numbers of the exact way.
func TestAProfileOfManyRowsIsThatOfFew(t *testing.T) {
	r := newRoom(dbtest.SQLite(t, sources...))
	path := filepath.Join(t.TempDir(), "many.parquet")
	writeParquet(t, path, `SELECT i AS id, CASE WHEN i % 3 = 0 THEN NULL ELSE sin(i) END AS wave, exp(i % 40000 / 2000) AS steep, 1e9 + cos(i) AS far,
		CASE WHEN i = 5 THEN 'nan'::DOUBLE WHEN i = 6 THEN '-inf'::DOUBLE ELSE i / 7 END AS odd, i * 25 AS lattice, CASE WHEN i % 50 = 0 THEN 'often' ELSE 'x' || i END AS name
		FROM range(70000) t(i) ORDER BY hash(i)`)
	few, err := r.Profile(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer quality.SetGroupedRows(1000)()
	many, err := r.Profile(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	near := func(a, b *float64) bool {
		return (a == nil) == (b == nil) && (a == nil || math.Abs(*a-*b) <= 1e-6*(1+math.Abs(*a)))
	}
	for i, a := range few.Columns {
		b := many.Columns[i]
		if a.Nulls != b.Nulls || a.NaNs != b.NaNs || a.Infinite != b.Infinite || a.Zeros != b.Zeros || a.Negatives != b.Negatives || a.Min != b.Min || a.Max != b.Max ||
			!near(a.Mean, b.Mean) || !near(a.StdDev, b.StdDev) || !near(a.Skew, b.Skew) || !near(a.Kurtosis, b.Kurtosis) || !slices.Equal(a.Quantiles, b.Quantiles) {
			t.Errorf("%s:\n%+v\n%+v", a.Name, a, b)
		}
		if a.Histogram != nil && (b.Histogram == nil || !slices.Equal(a.Histogram.Counts, b.Histogram.Counts) || !slices.Equal(a.Histogram.Edges, b.Histogram.Edges)) {
			t.Errorf("%s: histograms %v and %v", a.Name, a.Histogram, b.Histogram)
		}
		if math.Abs(float64(a.Distinct-b.Distinct)) > 0.02*float64(a.Distinct) || b.DistinctMethod == quality.Exact && a.Distinct != b.Distinct {
			t.Errorf("%s: %d and %d (%s) different values", a.Name, a.Distinct, b.Distinct, b.DistinctMethod)
		}
	}
	if top := many.Columns[6]; top.TopMethod != quality.FrequentOnly || len(top.Top) != 1 || top.Top[0] != (quality.TopValue{Value: "often", Count: 1400}) {
		t.Errorf("the frequent text: %+v", top.Top)
	}
	if a, b := few.Table, many.Table; a.CompleteRows != b.CompleteRows || a.DuplicateRows != 0 || b.DuplicateRows != 0 || len(a.Correlations) != len(b.Correlations) || math.Abs(a.Correlations[0].Value-b.Correlations[0].Value) > 0.02 {
		t.Errorf("tables:\n%+v\n%+v", a, b)
	}
}
