-- +goose Up
CREATE TABLE tracking_model (
  id           TEXT PRIMARY KEY,
  experiment   BIGINT NOT NULL REFERENCES tracking_experiment (id),
  name         TEXT NOT NULL,
  model_type   TEXT NOT NULL,
  source_run   TEXT NOT NULL,
  status       TEXT NOT NULL,
  stage        TEXT NOT NULL,
  artifact_uri TEXT NOT NULL,
  created_ms   BIGINT NOT NULL,
  updated_ms   BIGINT NOT NULL
);
CREATE INDEX tracking_model_page ON tracking_model (experiment, stage, created_ms DESC, id);
CREATE TABLE tracking_model_tag (
  model TEXT NOT NULL REFERENCES tracking_model (id),
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (model, key)
);
CREATE TABLE tracking_model_param (
  model TEXT NOT NULL REFERENCES tracking_model (id),
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (model, key)
);
CREATE TABLE tracking_model_metric (
  model          TEXT NOT NULL REFERENCES tracking_model (id),
  key            TEXT NOT NULL,
  run            TEXT NOT NULL REFERENCES tracking_run (id),
  timestamp_ms   BIGINT NOT NULL,
  step           BIGINT NOT NULL,
  value          DOUBLE PRECISION NOT NULL,
  is_nan         BIGINT NOT NULL,
  dataset_name   TEXT NOT NULL,
  dataset_digest TEXT NOT NULL,
  PRIMARY KEY (model, key, run, timestamp_ms, step, value, is_nan, dataset_name, dataset_digest)
);
CREATE TABLE tracking_run_model (
  run   TEXT NOT NULL REFERENCES tracking_run (id),
  model TEXT NOT NULL REFERENCES tracking_model (id),
  role  TEXT NOT NULL,
  step  BIGINT NOT NULL,
  PRIMARY KEY (run, model, role, step)
);
CREATE INDEX tracking_run_model_model ON tracking_run_model (model);
