// Package team makes end-to-end responsibility executable: who answers for what, what a product has proved, and the one
// next step.
//
// Sync stores paraplu.yaml as it is. Members and responsibilities are worked out from it: a shipped preset says for each
// activity which role answers (A), does (R), is asked (C) and is told (I); the file may override it. Exactly one member
// answers for an activity and a different one is the backup; what breaks this is a Gap.
//
// A stage of the lifecycle is passed by evidence, not by opinion. Stages reads the facts of all rooms and says for each
// check whether it is done, has grown old, or is missing, who answers for it and which command helps. People sign only what
// cannot be computed: the canvas. A signature is bound to the digest of the canvas; a changed canvas must be signed again.
//
//	changed, err := room.Sync(ctx, product, "daisy")
//	who, backup, err := room.Accountable(ctx, "umbrella", "watch model issues")
//	next, err := room.Next(ctx, "umbrella") // exactly one step, with the command and the person
//
// Tables: team_product, team_canvas_signature. Facts: product.synced, canvas.signed.
package team
