// Package event keeps the facts: an append-only record of everything that happened to a product, who did it, and from
// what. A fact is written in the transaction of the change that it tells, so that neither exists without the other.
//
// A fact may carry a Key. A second fact with the same Key is dropped silently: work that was cut off and is done again
// leaves one fact.
//
// Table: fact. Facts are never changed or deleted; triggers refuse it. Rooms learn of each other only by reading facts:
//
//	err := d.Update(ctx, func(tx *db.Tx) error {
//		// … the change itself …
//		return event.Append(tx, event.Fact{Time: now, Actor: "daisy", Product: "umbrella", Verb: event.DatasetPublished, Object: "weather@v1"})
//	})
package event
