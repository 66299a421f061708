// Package stat holds the statistics of monitoring and quality: histograms with frozen edges, distances between
// distributions, tests with their p-values, forecast errors, costs, limits and bootstrap intervals. It is pure: standard
// library only, no I/O, no clock, and a seed wherever chance is used.
//
// Two tools give different numbers for the same data under the same name, so every number that is stored carries the id of
// its method with all parameters, family.statistic/binning/param=value (see the constants Method…). A changed parameter is a
// new id. Numbers are held against SciPy and NumPy in testdata/golden.json, written by testdata/golden.py.
//
// Conventions: r is the reference, c is current. Shares sum to 1. Bins are [lo, hi), the last one [lo, hi], as in NumPy.
// Standard deviations are of the population (divided by n) unless a name says otherwise. What cannot be computed is NaN.
//
//	h := stat.NewHistogram(stat.FrozenEdges(reference, 10))
//	for _, x := range reference { h.Add(x) }
//	c := h.Empty()                       // the same edges, nothing counted
//	for _, x := range current { c.Add(x) }
//	psi := stat.PSI(h.Smoothed(), c.Smoothed())
//	if psi > max(0.25, 3*stat.PSIFloor(h.Bins(), h.N(), c.N())) { … }
package stat
