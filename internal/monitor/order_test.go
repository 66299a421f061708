package monitor_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/monitor"
)

// TestFinalNumbersDoNotDependOnTheOrderOfArrival shuffles truths with corrections, confirmations, duplicates and orphans, cuts
// them into deliveries at random, evaluates in between or not, and compares the final windows.
func TestFinalNumbersDoNotDependOnTheOrderOfArrival(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 4))
		truths := manyTruths(rng)
		var first []monitor.Window
		for round := range 3 {
			w := lite(t)
			w.setReference(pack1, 364)
			for at := date("2015-02-16"); at.Before(date("2015-03-30")); at = at.AddDate(0, 0, 1) {
				w.predict(at, order(at), pack1)
			}
			rest := slices.Clone(truths)
			rng.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
			for len(rest) > 0 {
				n := min(len(rest), 1+rng.IntN(40))
				w.now = w.now.Add(36 * time.Hour)
				w.record(rest[:n]...)
				if rng.IntN(4) == 0 {
					w.record(rest[:n]...) // delivered twice
				}
				if round > 0 && rng.IntN(3) == 0 {
					w.evaluate(w.now)
				}
				rest = rest[n:]
			}
			w.evaluate(date("2016-01-01"))
			if round == 0 {
				first = w.windows()
				if len(first) != 6 || first[5].State != monitor.Final || first[2].Corrections == 0 {
					t.Fatalf("windows %+v", first)
				}
				continue
			}
			same(t, first, w.windows())
			if t.Failed() {
				t.Fatalf("seed %d, round %d", seed, round)
			}
		}
	}
}

func manyTruths(rng *rand.Rand) (out []monitor.Truth) {
	for at := date("2015-02-02"); at.Before(date("2015-04-06")); at = at.AddDate(0, 0, 1) {
		for v := range 1 + rng.IntN(4) {
			tr := truth(at, float64(40+rng.IntN(4))/3)
			tr.KnownAt = at.AddDate(0, 0, 1+v)
			if rng.IntN(2) == 0 {
				b := float64(rng.IntN(90)) / 7
				tr.Baseline = &b
			}
			if rng.IntN(12) == 0 {
				tr.Entity = "another shop"
			}
			out = append(out, tr)
			if rng.IntN(5) == 0 {
				out = append(out, tr)
			}
		}
	}
	return out
}
