// Package job keeps work that must be done even if this process dies: the queue of riverqueue/river in the tables of our
// own database, SQLite or PostgreSQL.
//
// A job is inserted in the transaction of the change that causes it, so that neither exists without the other. Any process
// inserts, a started one works: of several started on one database each job is taken by one. A job that fails is tried again
// with growing waits until its attempts are used up:
//
//	q := job.New(d, job.Config{})
//	q.Handle("webhook.deliver", room.deliver)
//	err := q.Start(ctx)
//	…
//	err = d.Update(ctx, func(tx *db.Tx) error {
//		// … the change itself …
//		return q.Insert(tx, "webhook.deliver", delivery{ID: id}, job.Options{Attempts: 8})
//	})
//
// What a handler may rely on, and what it must do:
//
//   - A job runs at least once. After kill -9 in the middle it runs again, MaxRun and up to a minute later, because the
//     queue cannot see that its process is gone. So a handler is repeatable: it looks whether its work is done already.
//   - Jobs are short. A handler has MaxRun; longer work is a stored state that short jobs advance.
//   - Jobs have no order.
//
// Finished jobs are forgotten after a day, those that failed for good after a week. What must be known longer is a row of the
// room. Tables: river_job, river_leader, river_queue and others of river; their migrations are applied with ours.
package job
