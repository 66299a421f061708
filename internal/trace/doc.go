// Package trace keeps traces of programs that call models: what was asked, every step on the way (spans), what came back, and
// what people and judges think of it (assessments). It gives MLflow's tracing its meaning; the face mlflow only translates.
//
// A trace is told from two sides that may arrive in any order and more than once. AddSpans takes spans as OpenTelemetry tells
// them, in as many requests as the client likes; Start takes the summary at the end, which is final: what spans tell later no
// longer changes time, duration or usage. Both make the trace if it is missing.
//
// # Spans at rest
//
// A chunk is a gzip of an OTLP ScopeSpans message, so any tool of OpenTelemetry reads it, and two chunks become one by joining
// their bytes. A new chunk swallows the last one while that holds no more spans than itself, so n spans that come one by one
// lie in at most log2(n)+1 rows and each is written log2(n) times. Beside the spans stand their marks (id and hash), by which
// a span that is sent again is known without unpacking; one that changed is added, and the last one counts.
//
// # Search
//
// Search knows MLflow's grammar for traces. Times, states, ids and equality of tags and metadata are decided by the database;
// LIKE, ILIKE, RLIKE and what is inside spans are decided here, so they mean the same on both databases and a regular expression
// costs linear time. Such a search looks at a bounded number of traces; a page that is cut short by that has a token to go on.
//
// Tables: trace_info, trace_tag, trace_metadata, trace_assessment, trace_link (to runs and prompts), trace_chunk.
package trace
