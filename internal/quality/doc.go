// Package quality checks deliveries of data against their contract, and features against the time at which they were known.
//
// A contract is an ODCS v3 YAML file, read strictly: what is not understood is an error with its line and column. It is
// compiled to a few SELECTs that an Engine runs over the file (CSV, JSON lines, Parquet), all aggregates in one scan;
// only what failed is looked at again, for the first bad rows and for what they probably mean: another unit, another date
// format, a code for "missing", a renamed column. The semantics of every rule are pinned in docs/spec/contracts.md.
//
// The outcome is a Report. A blocked delivery is no error of Check: the status says it, and Report.Err tells column, rows
// and owner. A rule that could not be run has the status error, never ok. The same delivery, contract and engine give the
// same report with the same ID, which is stored once, with one fact contract.checked (and delivery.refused when it blocks).
//
//	c, err := quality.ParseContract("weather.odcs.yaml", data)
//	report, err := room.Check(ctx, quality.CheckInput{Product: "umbrella", Dataset: "weather", Path: "data/weather.csv", Contract: c, Owner: "daisy", Actor: "daisy"})
//	if err := report.Err(); err != nil { … }
//
// Table: quality_report.
package quality
