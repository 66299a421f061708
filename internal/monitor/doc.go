// Package monitor watches a product after its release: did the predictions come true, what did they cost, and who must know?
//
// Truth arrives later than predictions, out of order, twice and corrected. It is kept append-only: a correction is a new
// version, so a number can be computed again as it was known at any moment. Predictions and truth are joined in DuckDB by SQL
// (see query.go), per calendar window. A window is open until all of its truth is there or the longest delay has passed, then
// final; only touched windows are computed again, and a correction of a final one makes a revision. The final numbers do not
// depend on the order of arrival.
//
// A rule compares a window with a limit that comes from the hold-out of the package that answered (mean + 3σ over its
// reference windows, at least 20) or is a fixed number. K of the last N final windows beyond the limit fire one alert, and
// the alert opens one incident for the accountable member. Money stands beside every error. Drift of inputs is computed, shown
// and never fires anything: it explains what performance and value find.
//
//	room := monitor.New(d, engine, predictions, accountable, time.Now)
//	accepted, duplicates, err := room.RecordTruth(ctx, "umbrella", truths)
//	evaluation, err := room.Evaluate(ctx, product, now)   // repeat at will: rows are replaced, alerts and incidents have keys
//	bill, err := room.Bill(ctx, product, from, to)        // and where each number comes from
//
// Tables: monitor_truth, monitor_delivery (what was received), monitor_reference, monitor_limits (derived, a cache),
// monitor_window, monitor_cells (histograms of features per window), monitor_alert, monitor_incident.
// Facts: truth.received, window.evaluated, alert.fired, incident.opened, incident.acknowledged, incident.mitigated,
// incident.resolved.
package monitor
