// Package transfer brings a whole MLflow over into this workspace, and out of it again: experiments, runs with all their
// points, params, tags and datasets, logged models, files, and the registry.
//
//	t := transfer.New(tracking, registry)
//	report, err := t.Import(ctx, source, transfer.Options{Peer: "from http://localhost:5000", Actor: "daisy"})
//
// A Source is read and never written. Everything keeps its id, its times and its number; only the places of files change, and
// the old ones are kept in tags. What was brought over is noted in the database with a mark, a digest of its state in the
// source, so that a transfer that was cut off goes on where it was, and a second one brings only what is new or has changed.
// All writes may be repeated, so nothing is made twice even when the note is lost between a write and its note.
//
// What cannot be brought over (a missing file, a damaged metric) is a Problem of the Report; the rest goes on. A source that is
// gone, a full disk or a database that fails ends the transfer.
//
// An export is the same walk over our own rooms, into a Target that chooses ids of its own.
package transfer
