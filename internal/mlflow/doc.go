// Package mlflow is the face for the stock MLflow client: it answers the REST calls of `mlflow` 3.x over the rooms tracking,
// registry, trace and webhook, so that a notebook works unchanged when only its tracking address is set to Paraplu.
//
// Every call is served under /api/{2,3}.0/mlflow and /ajax-api/{2,3}.0/mlflow; artifacts go through the proxy
// /api/2.0/mlflow-artifacts, streamed both ways, large ones in parts at addresses that are signed; spans of traces come as
// OTLP over HTTP at /v1/traces. A handler decodes, makes one call of a room, and encodes.
//
// JSON is that of protobuf: names in snake_case, unknown fields ignored, absent when unset, int64 as a number (in: also as
// text), NaN and infinities as the strings "NaN", "Infinity", "-Infinity", enums by name (in: also by number). Errors are
// {"error_code", "message"} with MLflow's texts; an unknown route is a plain 404, which the client takes as "not offered".
//
// Some things differ from MLflow on purpose, above all: a mistake of the user is never a 5xx, because the client repeats those
// for minutes, and what MLflow drops in silence is an error. docs/spec/mlflow-differences.md lists them; testdata/calls holds
// over 2,200 calls with their answers, and MLflow's where it answers otherwise, compared with a real `mlflow server`.
package mlflow
