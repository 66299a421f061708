-- +goose Up
CREATE TABLE trace_info (
  id                TEXT PRIMARY KEY,
  experiment        BIGINT NOT NULL,
  timestamp_ms      BIGINT NOT NULL,
  duration_ms       BIGINT,
  state             TEXT NOT NULL,
  client_request_id TEXT,
  request_preview   TEXT,
  response_preview  TEXT
);
CREATE INDEX trace_info_page ON trace_info (experiment, timestamp_ms DESC, id);
CREATE TABLE trace_tag (
  trace TEXT NOT NULL REFERENCES trace_info (id),
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (trace, key)
);
CREATE TABLE trace_metadata (
  trace TEXT NOT NULL REFERENCES trace_info (id),
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (trace, key)
);
CREATE TABLE trace_assessment (
  id          TEXT PRIMARY KEY,
  trace       TEXT NOT NULL REFERENCES trace_info (id),
  seq         BIGINT NOT NULL,
  kind        TEXT NOT NULL,
  name        TEXT NOT NULL,
  value       TEXT NOT NULL,
  number      DOUBLE PRECISION,
  error       TEXT,
  source_type TEXT NOT NULL,
  source_id   TEXT,
  span        TEXT,
  rationale   TEXT,
  metadata    TEXT,
  overrides   TEXT,
  valid       BIGINT NOT NULL,
  created_ms  BIGINT NOT NULL,
  updated_ms  BIGINT NOT NULL
);
CREATE INDEX trace_assessment_trace ON trace_assessment (trace, created_ms, seq);
CREATE TABLE trace_link (
  trace  TEXT NOT NULL,
  kind   TEXT NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY (trace, kind, target)
);
CREATE INDEX trace_link_target ON trace_link (kind, target);
CREATE TABLE trace_chunk (
  trace TEXT NOT NULL REFERENCES trace_info (id),
  seq   BIGINT NOT NULL,
  spans BIGINT NOT NULL,
  size  BIGINT NOT NULL,
  marks BLOB NOT NULL,
  body  BLOB NOT NULL,
  PRIMARY KEY (trace, seq)
);
