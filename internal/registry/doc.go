// Package registry keeps two things that must agree: the registered models that MLflow's clients know (names, versions,
// aliases, tags, stages), and releases, the record of who allowed which package to go where, on which evidence.
//
// # Models
//
// A version is the highest number ever used plus one; numbers are never reused, also after a deletion. Deleting a
// version is soft and hides where it came from; deleting a model is hard. Limits and error texts are MLflow's, because
// scripts match on them. A version may name a Paraplu package; registering the same package again answers the version
// that exists. An alias named after an environment follows the deployments of that environment and cannot be moved by
// hand, so no alias ever says what is not running. The source of a version must belong to the run or logged model that is said
// to have made it (see source.go). Changes are told, inside their transaction, to whom it may concern (see Changed).
//
// # Releases
//
// A request binds a package digest, an evidence digest (over the sorted gates with their result digests), a target and a
// policy digest. Any other evidence or policy is another request: an approval cannot be carried over, there is nothing
// to reset.
//
//	draft → in review → approved → deployed → superseded
//	            ↘ rejected   ↘ revoked, expired: not deployable
//
// The author of a package, and everybody who wrote part of its evidence, never approves it. An approval is an Ed25519
// signature over a fixed JSON form of what was agreed (see Statement). The keys of all members lie in one folder of the
// workspace, each readable by its owner only (mode 0600). On a laptop this is one person's folder: there the signature
// proves what was agreed and that it was not changed since, it does not prove who agreed.
//
// Authorize decides at the moment of placement, from the stored rows and signatures alone:
//
//	rel, err := reg.Request(ctx, registry.ReleaseRequest{Product: "umbrella", Environment: "production", …})
//	_, err = reg.Approve(ctx, rel.ID, "bo", "business", "saves 20 kEUR a year")
//	_, err = reg.Authorize(ctx, "umbrella", "production", digest) // fault.Precondition says what is missing
//
// An emergency placement skips people and gates, never silently: the release keeps who forced it and why, and when the
// review by another person is due.
//
// Tables: registry_model, registry_model_tag, registry_version, registry_version_tag, registry_alias, registry_release,
// registry_approval. Facts: model.versioned, alias.set, gates.evaluated, approval.given, approval.rejected.
package registry
