package stat

import "math"

// The errors of predictions against truth. Pairs with a NaN on either side are left out; without any pair the answer is NaN.

// each calls fn for the complete pairs and gives their number.
func each(prediction, truth []float64, fn func(q, y float64)) float64 {
	sameLength(prediction, truth)
	n := 0
	for i, q := range prediction {
		if y := truth[i]; !math.IsNaN(q) && !math.IsNaN(y) {
			fn(q, y)
			n++
		}
	}
	return float64(n)
}

// WAPE is Σ|y−q| / Σ|y|, a share; +Inf when all truths are 0 and some prediction is not.
func WAPE(prediction, truth []float64) float64 {
	var e, total float64
	each(prediction, truth, func(q, y float64) { e += math.Abs(y - q); total += math.Abs(y) })
	return e / total
}

// MAE is the mean absolute error, in units of the truth.
func MAE(prediction, truth []float64) float64 {
	var e float64
	n := each(prediction, truth, func(q, y float64) { e += math.Abs(y - q) })
	return e / n
}

// RMSE is the root of the mean squared error, in units of the truth.
func RMSE(prediction, truth []float64) float64 {
	var e float64
	n := each(prediction, truth, func(q, y float64) { e += (y - q) * (y - q) })
	return math.Sqrt(e / n)
}

// Bias is the mean of prediction − truth: negative means too few.
func Bias(prediction, truth []float64) float64 {
	var e float64
	n := each(prediction, truth, func(q, y float64) { e += q - y })
	return e / n
}

// Pinball is the mean loss of a forecast of the tau-quantile: tau·(y−q) when too few, (1−tau)·(q−y) when too many.
func Pinball(prediction, truth []float64, tau float64) float64 {
	var e float64
	n := each(prediction, truth, func(q, y float64) { e += max(tau*(y-q), (tau-1)*(y-q)) })
	return e / n
}

// Newsvendor is the total cost: tooFew for each unit that was missing, tooMany for each that was left over. It equals
// (tooFew+tooMany) · n · Pinball at tau = CriticalRatio.
func Newsvendor(prediction, truth []float64, tooFew, tooMany float64) float64 {
	var cost float64
	n := each(prediction, truth, func(q, y float64) { cost += tooFew*max(y-q, 0) + tooMany*max(q-y, 0) })
	if n == 0 {
		return math.NaN()
	}
	return cost
}

// CriticalRatio is the quantile of demand that costs least to order: tooFew / (tooFew + tooMany).
func CriticalRatio(tooFew, tooMany float64) float64 { return tooFew / (tooFew + tooMany) }
