package stat

import "math"

// The floors: what a distance is expected to be when nothing changed, for k well-filled bins and samples of n1 and n2 rows.
// A fixed limit below three floors is a limit on noise.

// PSIFloor is (k−1)(1/n1+1/n2).
func PSIFloor(k int, n1, n2 int64) float64 { return float64(k-1) * inverse(n1, n2) }

// JSFloor is the expected divergence (k−1)/8·(1/n1+1/n2) in nats; the distance is its root.
func JSFloor(k int, n1, n2 int64) float64 { return float64(k-1) / 8 * inverse(n1, n2) }

// KSFloor is about 0.87·√(1/n1+1/n2), the mean of the Kolmogorov distribution.
func KSFloor(n1, n2 int64) float64 { return 0.87 * math.Sqrt(inverse(n1, n2)) }

func inverse(n1, n2 int64) float64 { return 1/float64(n1) + 1/float64(n2) }
