// Package db is the one handle on the metadata database: SQLite embedded, or PostgreSQL for a team.
//
// Rooms own their SQL. They write one text for both databases with ? placeholders and get a transaction:
//
//	err := d.Update(ctx, func(tx *db.Tx) error {
//		_, err := tx.Exec(`INSERT INTO thing (id, created_ms) VALUES (?, ?)`, id, db.Millis(now))
//		return err
//	})
//
// Update transactions are serialised on both databases (SQLite: one writer; PostgreSQL: SERIALIZABLE), so a room may
// read, decide and write without locks of its own. A transaction that lost a race is run again, therefore fn must be
// repeatable: no effects outside the transaction.
//
// Conventions for portable SQL: types TEXT, BIGINT, DOUBLE PRECISION, BLOB (BYTEA on PostgreSQL); flags are BIGINT 0/1;
// instants are BIGINT Unix milliseconds UTC in columns named *_ms; upserts by INSERT … ON CONFLICT.
//
// Each room embeds its migrations and hands them over as a Source; Migrate applies all of them in order of their
// time-stamped version.
package db
