-- +goose Up
CREATE TABLE dataset_version (
  product      TEXT NOT NULL,
  name         TEXT NOT NULL,
  number       BIGINT NOT NULL,
  digest       TEXT NOT NULL,
  folder       BIGINT NOT NULL,
  row_count    BIGINT NOT NULL,
  byte_count   BIGINT NOT NULL,
  column_names TEXT NOT NULL,
  message      TEXT NOT NULL,
  actor        TEXT NOT NULL,
  source       TEXT NOT NULL,
  licence      TEXT NOT NULL,
  simulated    BIGINT NOT NULL,
  report_id    TEXT NOT NULL,
  created_ms   BIGINT NOT NULL,
  PRIMARY KEY (product, name, number)
);
CREATE INDEX dataset_version_digest ON dataset_version (digest);
CREATE TABLE dataset_file (
  product TEXT NOT NULL,
  name    TEXT NOT NULL,
  number  BIGINT NOT NULL,
  path    TEXT NOT NULL,
  size    BIGINT NOT NULL,
  digest  TEXT NOT NULL,
  PRIMARY KEY (product, name, number, path),
  FOREIGN KEY (product, name, number) REFERENCES dataset_version (product, name, number)
);
CREATE INDEX dataset_file_digest ON dataset_file (digest);
