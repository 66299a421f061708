-- +goose Up
CREATE TABLE pipeline_execution (
  id           TEXT PRIMARY KEY,
  product      TEXT NOT NULL,
  state        TEXT NOT NULL,
  actor        TEXT NOT NULL,
  spec_digest  TEXT NOT NULL,
  targets      TEXT NOT NULL,
  overrides    TEXT NOT NULL,
  force        BIGINT NOT NULL,
  error        TEXT NOT NULL,
  started_ms   BIGINT NOT NULL,
  finished_ms  BIGINT NOT NULL,
  heartbeat_ms BIGINT NOT NULL,
  owner        TEXT NOT NULL
);
CREATE INDEX pipeline_execution_product ON pipeline_execution (product, id);
CREATE INDEX pipeline_execution_state ON pipeline_execution (state);

CREATE TABLE pipeline_step (
  execution_id TEXT NOT NULL REFERENCES pipeline_execution (id),
  step         TEXT NOT NULL,
  product      TEXT NOT NULL,
  position     BIGINT NOT NULL,
  result       TEXT NOT NULL,
  why          TEXT NOT NULL,
  digest       TEXT NOT NULL,
  inputs       TEXT NOT NULL,
  outs         TEXT NOT NULL,
  metrics      TEXT NOT NULL,
  log          TEXT NOT NULL,
  log_bytes    BIGINT NOT NULL,
  exit_code    BIGINT NOT NULL,
  error        TEXT NOT NULL,
  started_ms   BIGINT NOT NULL,
  finished_ms  BIGINT NOT NULL,
  PRIMARY KEY (execution_id, step)
);
CREATE INDEX pipeline_step_latest ON pipeline_step (product, step, execution_id);

CREATE TABLE pipeline_cache (
  product      TEXT NOT NULL,
  step         TEXT NOT NULL,
  digest       TEXT NOT NULL,
  execution_id TEXT NOT NULL REFERENCES pipeline_execution (id),
  outs         TEXT NOT NULL,
  metrics      TEXT NOT NULL,
  created_ms   BIGINT NOT NULL,
  PRIMARY KEY (product, step, digest)
);

CREATE TABLE pipeline_object (
  manifest TEXT NOT NULL,
  digest   TEXT NOT NULL,
  PRIMARY KEY (manifest, digest)
);
