-- +goose Up
CREATE TABLE monitor_truth (
  product    TEXT NOT NULL,
  seq        BIGINT NOT NULL,
  event      TEXT NOT NULL,
  day        TEXT NOT NULL,
  event_ms   BIGINT NOT NULL,
  version    BIGINT NOT NULL,
  value      DOUBLE PRECISION NOT NULL,
  baseline   DOUBLE PRECISION,
  known_ms   BIGINT NOT NULL,
  ingest_ms  BIGINT NOT NULL,
  source     TEXT NOT NULL,
  PRIMARY KEY (product, event, version)
);
CREATE UNIQUE INDEX monitor_truth_seq ON monitor_truth (product, seq);
CREATE INDEX monitor_truth_day ON monitor_truth (product, day);

CREATE TABLE monitor_delivery (
  product    TEXT NOT NULL,
  digest     TEXT NOT NULL,
  first_ms   BIGINT NOT NULL,
  last_ms    BIGINT NOT NULL,
  times      BIGINT NOT NULL,
  truths     BIGINT NOT NULL,
  accepted   BIGINT NOT NULL,
  duplicates BIGINT NOT NULL,
  PRIMARY KEY (product, digest)
);

CREATE TABLE monitor_reference (
  product    TEXT NOT NULL,
  package    TEXT NOT NULL,
  digest     TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  seq        BIGINT NOT NULL,
  body       TEXT NOT NULL,
  PRIMARY KEY (product, package)
);

CREATE TABLE monitor_limits (
  product    TEXT NOT NULL,
  package    TEXT NOT NULL,
  reference  TEXT NOT NULL,
  settings   TEXT NOT NULL,
  body       TEXT NOT NULL,
  PRIMARY KEY (product, package, settings)
);

CREATE TABLE monitor_window (
  product    TEXT NOT NULL,
  start_ms   BIGINT NOT NULL,
  end_ms     BIGINT NOT NULL,
  state      TEXT NOT NULL,
  revision   BIGINT NOT NULL,
  as_of_ms   BIGINT NOT NULL,
  settings   TEXT NOT NULL,
  limits     TEXT NOT NULL,
  truths     BIGINT NOT NULL,
  truth_seq  BIGINT NOT NULL,
  package    TEXT NOT NULL,
  digest     TEXT NOT NULL,
  body       TEXT NOT NULL,
  PRIMARY KEY (product, start_ms)
);

CREATE TABLE monitor_cells (
  product    TEXT NOT NULL,
  start_ms   BIGINT NOT NULL,
  feature    TEXT NOT NULL,
  reference  TEXT NOT NULL,
  body       TEXT NOT NULL,
  PRIMARY KEY (product, start_ms, feature)
);

CREATE TABLE monitor_alert (
  id         TEXT PRIMARY KEY,
  product    TEXT NOT NULL,
  rule       TEXT NOT NULL,
  state      TEXT NOT NULL,
  incident   TEXT NOT NULL,
  fired_ms   BIGINT NOT NULL,
  ended_ms   BIGINT NOT NULL,
  body       TEXT NOT NULL
);
CREATE INDEX monitor_alert_product ON monitor_alert (product, fired_ms);

CREATE TABLE monitor_incident (
  id         TEXT PRIMARY KEY,
  product    TEXT NOT NULL,
  number     BIGINT NOT NULL,
  state      TEXT NOT NULL,
  owner      TEXT NOT NULL,
  opened_ms  BIGINT NOT NULL,
  body       TEXT NOT NULL,
  UNIQUE (product, number)
);
