// Package umbrella is the running example of Paraplu as an embedded folder: a small, complete
// product that forecasts umbrella orders from rain. The weather is real (NOAA, public domain);
// the sales and the forecasts are simulated by simulate.py, which states its coefficients.
//
// Tests and caches are left out: what is embedded is what a workspace needs.
package umbrella

import "embed"

// Files holds the example as it stands in this folder. `paraplu demo` copies it to a workspace.
//
//go:embed README.md paraplu.yaml params.yaml *.py contracts runbooks data-source
var Files embed.FS
