// Package serving answers questions: it loads the packages that are placed, checks every request against the signature of
// the model, computes, and keeps a log of every answer.
//
// Three ideas:
//
//   - A package is admitted, not loaded: fetch → digests → signature → graph → engine → parity → warm-up → admit. Until the
//     new package has passed all of it the old one answers; then one atomic pointer changes. A package that fails never
//     gets a request, and the reason stays in Models.
//   - What the signature says is the law. Wrong names, types, shapes and missing values are refused. So are values below
//     min, above max or outside the categories, unless the column says out_of_range: warn (answer, and say so in the
//     response and in the log) or ignore. Outputs outside their limits are never refused, only reported.
//   - The log never makes a caller wait. Answers go to a bounded queue and from there in groups to the database; when the
//     queue is full they are counted and dropped. The caller may name the prediction and its event time, so that a replay
//     leaves one row: the first answer wins. Stop and Flush write everything; kill -9 loses what was not written yet: the
//     last tenth of a second, and up to seconds while others keep the database busy.
//
// Table: serving_prediction, one row an answer, unique by product and prediction id.
//
//	room := serving.New(d, packs, placed, time.Now)
//	room.Start(ctx)
//	defer room.Stop()
//	resp, err := room.Infer(ctx, serving.Request{Model: "umbrella", Decode: serving.Tensors(inputs)})
package serving
