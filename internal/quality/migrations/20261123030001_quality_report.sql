-- +goose Up
CREATE TABLE quality_report (
  id              TEXT PRIMARY KEY,
  product         TEXT NOT NULL,
  dataset         TEXT NOT NULL,
  kind            TEXT NOT NULL,
  status          TEXT NOT NULL,
  data_digest     TEXT NOT NULL,
  contract_digest TEXT NOT NULL,
  created_ms      BIGINT NOT NULL,
  body            TEXT NOT NULL
);
CREATE INDEX quality_report_dataset ON quality_report (product, dataset, created_ms);
CREATE INDEX quality_report_data ON quality_report (data_digest);
