-- +goose Up
CREATE TABLE tracking_experiment (
  id                BIGINT PRIMARY KEY,
  name              TEXT NOT NULL UNIQUE,
  artifact_location TEXT NOT NULL,
  stage             TEXT NOT NULL,
  created_ms        BIGINT NOT NULL,
  updated_ms        BIGINT NOT NULL
);
CREATE TABLE tracking_experiment_tag (
  experiment BIGINT NOT NULL REFERENCES tracking_experiment (id),
  key        TEXT NOT NULL,
  value      TEXT NOT NULL,
  PRIMARY KEY (experiment, key)
);
CREATE TABLE tracking_run (
  id           TEXT PRIMARY KEY,
  experiment   BIGINT NOT NULL REFERENCES tracking_experiment (id),
  name         TEXT NOT NULL,
  user_id      TEXT NOT NULL,
  status       TEXT NOT NULL,
  stage        TEXT NOT NULL,
  start_ms     BIGINT NOT NULL,
  end_ms       BIGINT,
  deleted_ms   BIGINT,
  artifact_uri TEXT NOT NULL
);
CREATE INDEX tracking_run_page ON tracking_run (experiment, stage, start_ms DESC, id);
CREATE TABLE tracking_tag (
  run   TEXT NOT NULL REFERENCES tracking_run (id),
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run, key)
);
CREATE TABLE tracking_param (
  run   TEXT NOT NULL REFERENCES tracking_run (id),
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run, key)
);
CREATE TABLE tracking_metric (
  run          TEXT NOT NULL REFERENCES tracking_run (id),
  key          TEXT NOT NULL,
  timestamp_ms BIGINT NOT NULL,
  step         BIGINT NOT NULL,
  value        DOUBLE PRECISION NOT NULL,
  is_nan       BIGINT NOT NULL,
  PRIMARY KEY (run, key, timestamp_ms, step, value, is_nan)
);
CREATE TABLE tracking_latest (
  run          TEXT NOT NULL REFERENCES tracking_run (id),
  key          TEXT NOT NULL,
  timestamp_ms BIGINT NOT NULL,
  step         BIGINT NOT NULL,
  value        DOUBLE PRECISION NOT NULL,
  is_nan       BIGINT NOT NULL,
  PRIMARY KEY (run, key)
);
CREATE TABLE tracking_dataset (
  id          TEXT PRIMARY KEY,
  experiment  BIGINT NOT NULL REFERENCES tracking_experiment (id),
  name        TEXT NOT NULL,
  digest      TEXT NOT NULL,
  source_type TEXT NOT NULL,
  source      TEXT NOT NULL,
  schema      TEXT,
  profile     TEXT,
  UNIQUE (experiment, name, digest)
);
CREATE TABLE tracking_input (
  run     TEXT NOT NULL REFERENCES tracking_run (id),
  dataset TEXT NOT NULL REFERENCES tracking_dataset (id),
  PRIMARY KEY (run, dataset)
);
CREATE INDEX tracking_input_dataset ON tracking_input (dataset);
CREATE TABLE tracking_input_tag (
  run     TEXT NOT NULL,
  dataset TEXT NOT NULL,
  key     TEXT NOT NULL,
  value   TEXT NOT NULL,
  PRIMARY KEY (run, dataset, key),
  FOREIGN KEY (run, dataset) REFERENCES tracking_input (run, dataset)
);
CREATE TABLE tracking_artifact (
  path        TEXT PRIMARY KEY,
  parent      TEXT NOT NULL,
  digest      TEXT NOT NULL,
  size        BIGINT NOT NULL,
  modified_ms BIGINT NOT NULL
);
CREATE INDEX tracking_artifact_parent ON tracking_artifact (parent);
