// Package httpapi serves the native API below /api/v1: thin handlers over the rooms, one function each. The structs are
// those of package api, the description is /api/v1/openapi.json (OpenAPI 3.1).
//
// Every error is a Problem (application/problem+json) whose status comes from the kind of the fault; it carries the hint and
// the place that the fault has. Keys and query parameters that are not known are refused; empty lists are [] and never null.
//
//	mux.Handle("/api/v1/", httpapi.Handler(httpapi.Deps{Steps: steps, Product: product}))
//
// web/openapi.json is the description as a file, from which the types of the pages are generated. The test of this package
// holds the two together; UPDATE=1 writes the file.
package httpapi
