-- +goose Up
CREATE TABLE fact (
  seq        BIGINT PRIMARY KEY,
  time_ms    BIGINT NOT NULL,
  actor      TEXT NOT NULL,
  source     TEXT NOT NULL,
  product    TEXT NOT NULL,
  verb       TEXT NOT NULL,
  kind       TEXT NOT NULL,
  object     TEXT NOT NULL,
  digest     TEXT NOT NULL,
  reason     TEXT NOT NULL,
  once       TEXT UNIQUE,
  inputs     TEXT NOT NULL,
  outputs    TEXT NOT NULL,
  data       TEXT NOT NULL
);
CREATE INDEX fact_product_verb ON fact (product, verb, seq);
CREATE INDEX fact_object ON fact (object, seq);
