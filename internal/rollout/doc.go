// Package rollout decides what runs where, and remembers it: one row for each interval in which a package was placed.
//
// Intervals are half-open, [From, To), and change only by being closed. Closing one and opening the next is one
// transaction at one instant, so that "who was in production at 14:05" has exactly one answer; an index allows one open
// champion for each product and environment, and Verify proves over all history that there is no gap and no overlap.
//
// Place asks the registry for a valid release inside that transaction. An emergency (Force, with a reason) skips people and
// gates, never the self-test of the package. Rollback goes to the newest earlier package that was not rolled back or
// revoked itself; it asks nobody and waits for nothing.
//
// How a package takes over, shadow → canary → full, is the pure function Next; this build places with the one step full.
//
//	dep, err := room.Place(ctx, rollout.PlaceInput{Product: "umbrella", Environment: "production", Package: digest, Actor: "eddy"})
//	dep, err = room.Rollback(ctx, "umbrella", "production", "eddy", "orders too many since Monday")
//	dep, err = room.At(ctx, "umbrella", "production", monday)
//
// Table: rollout_deployment. Facts: deployment.placed, deployment.rolledback.
package rollout
