// Package webhook tells other systems by HTTPS what happened in the registry: MLflow's webhooks with a durable outbox.
//
// Notify is called inside the transaction of a change. It stores one delivery, and the job that sends it, for each webhook
// that listens to the event, so that a change and its deliveries exist together or not at all. After the commit nothing is
// lost by kill -9: the job is there and runs when a server runs.
//
//	hooks := webhook.New(d, queue, keyFolder, webhook.Config{}, time.Now)
//	w, err := hooks.Create(ctx, webhook.Input{Name: "deploy", URL: "https://ci.example/hook", Events: []string{"model_version_alias.created"}})
//	reg.Changed = hooks.Notify // the registry knows nothing of webhooks
//
// A delivery is sent at least once, in no order: what was sent and not yet noted when the process died is sent again, with the
// same X-MLflow-Delivery-Id. An answer of 2xx ends it. No connection, 408, 429 and 5xx are tried again, Attempts times in
// all, with growing waits or as Retry-After says; every other answer is final. Redirects are not followed.
//
// An address is given by whoever may talk to the server, so it must not lead into the network of the server: it is https, and
// the IP address of every connection is looked at when it is made, after all names are resolved (see Public).
// Config.AllowPrivate lifts both for tests and intranets.
//
// Secrets sign what is sent. They lie in the database encrypted (AES-256-GCM) with a key in the key folder of the workspace;
// all servers on one database need the same key file.
//
// Tables: webhook, webhook_event, webhook_delivery. Deliveries are kept for Keep after their end.
package webhook
