// Package tracking is the room of experiments and runs, with exactly the meaning that MLflow gives them: a run belongs to
// an experiment and has params (written once), metrics (series of points), tags, inputs (datasets, models), outputs
// (models) and artifacts (files by path, content-addressed). LoggedModels are the models that `log_model` writes.
//
// Deleting is soft and can be undone, until Purge deletes for good: rows in small transactions with a fact each, then the
// artifacts piece by piece, then (steps.Sweep) the objects. What other rooms refer to is kept. A file may arrive in parts
// (uploads.go); its parts are in the object store, the rest of its state in the database. One call is one transaction, also
// a batch of params, metrics and tags; every call may be repeated: an exact duplicate of a point is dropped, a param may be
// written again with the same value.
//
// Times that clients give (start, end, timestamp) are Unix milliseconds UTC, as on the wire. A metric's latest point is the
// greatest by (step, timestamp, value), whatever the order in which points arrive. NaN is stored beside the number, ±Inf as
// the greatest finite number of that sign.
//
// Searching reads the filter with package filter and turns its clauses into SQL with semi-joins (where.go); the same text
// means the same on SQLite and PostgreSQL, with one exception: ILIKE on SQLite folds the case of ASCII letters only.
//
// Table asks more than MLflow's search can say (filter.ParseExpr): what NULL and NaN mean in it is said in expr.go. Chart, Compare
// and Feed read runs for people: few points without losing a peak, side by side, and as they come.
//
//	t, err := room.Table(ctx, tracking.TableQuery{Filter: "min(metrics.wape) < 0.3 OR params.depth > 6", Order: []string{"metrics.wape"}, Limit: 100})
//
// Tables: tracking_experiment(_tag), tracking_run, tracking_tag, tracking_param, tracking_series, tracking_chunk,
// tracking_dataset, tracking_input(_tag), tracking_model(_tag, _param, _metric), tracking_run_model, tracking_artifact,
// tracking_view, tracking_upload(_part), tracking_doomed (folders of artifacts whose owner is gone), tracking_spent (numbers of experiments
// that are gone), tracking_peer (what an import or export has brought over); tracking_metric and tracking_latest hold points of
// earlier versions until Adopt has moved them. A table of what belongs to a run, logged model or experiment names it in a column run, model or experiment,
// and its own name begins with that of what it refers to: so Purge finds it.
//
// Facts: run.finished, once a run, when its status becomes FINISHED, FAILED or KILLED; run.purged, logged-model.purged and
// experiment.purged.
package tracking
