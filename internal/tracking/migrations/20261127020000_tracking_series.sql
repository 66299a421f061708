-- +goose Up
CREATE TABLE tracking_series (
  run          TEXT NOT NULL REFERENCES tracking_run (id),
  key          TEXT NOT NULL,
  experiment   BIGINT NOT NULL,
  points       BIGINT NOT NULL,
  nans         BIGINT NOT NULL,
  total        DOUBLE PRECISION NOT NULL,
  first_value  DOUBLE PRECISION,
  timestamp_ms BIGINT NOT NULL,
  step         BIGINT NOT NULL,
  value        DOUBLE PRECISION NOT NULL,
  is_nan       BIGINT NOT NULL,
  low          DOUBLE PRECISION,
  low_step     BIGINT,
  high         DOUBLE PRECISION,
  high_step    BIGINT,
  tail         BLOB NOT NULL,
  PRIMARY KEY (run, key)
);
CREATE INDEX tracking_series_value ON tracking_series (experiment, key, is_nan, value);
CREATE TABLE tracking_chunk (
  run        TEXT NOT NULL REFERENCES tracking_run (id),
  key        TEXT NOT NULL,
  number     BIGINT NOT NULL,
  points     BIGINT NOT NULL,
  first_ms   BIGINT NOT NULL,
  first_step BIGINT NOT NULL,
  last_ms    BIGINT NOT NULL,
  last_step  BIGINT NOT NULL,
  from_step  BIGINT NOT NULL,
  to_step    BIGINT NOT NULL,
  coarse     BLOB,
  data       BLOB NOT NULL,
  PRIMARY KEY (run, key, number)
);
