package stat

import (
	"math"
	"math/rand/v2"
)

// Interval is an estimate with the range that holds it at a level, for example 0.95.
type Interval struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Level    float64 `json:"level"`
	Block    int     `json:"block"`
	Rounds   int     `json:"rounds"`
}

// BlockBootstrap gives the percentile interval of a statistic over a series whose neighbours depend on each other: it draws
// whole blocks (circular block bootstrap, Politis and Romano 1992), never single rows. block is in rows of the series, best
// a whole season such as 7 days. The same seed gives the same interval on every machine.
func BlockBootstrap(n, block, rounds int, level float64, seed uint64, statistic func(rows []int) float64) Interval {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	block = min(max(block, 1), max(n, 1))
	out := Interval{Estimate: math.NaN(), Low: math.NaN(), High: math.NaN(), Level: level, Block: block, Rounds: rounds}
	if n == 0 {
		return out
	}
	out.Estimate = statistic(all)
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	values, rows := make([]float64, 0, rounds), make([]int, n)
	for range rounds {
		for i := 0; i < n; i += block {
			from := rng.IntN(n)
			for j := i; j < min(i+block, n); j++ {
				rows[j] = (from + j - i) % n
			}
		}
		values = append(values, statistic(rows))
	}
	sorted := finiteSorted(values)
	out.Low, out.High = quantileSorted(sorted, (1-level)/2), quantileSorted(sorted, (1+level)/2)
	return out
}

// BlockBootstrapMean is the interval of the mean of a series.
func BlockBootstrapMean(series []float64, block, rounds int, level float64, seed uint64) Interval {
	return BlockBootstrap(len(series), block, rounds, level, seed, func(rows []int) float64 {
		var sum float64
		for _, i := range rows {
			sum += series[i]
		}
		return sum / float64(len(rows))
	})
}
