-- +goose Up
CREATE TABLE team_product (
  name        TEXT PRIMARY KEY,
  spec        TEXT NOT NULL,
  spec_digest TEXT NOT NULL,
  revision    BIGINT NOT NULL,
  actor       TEXT NOT NULL,
  created_ms  BIGINT NOT NULL,
  synced_ms   BIGINT NOT NULL
);
CREATE TABLE team_canvas_signature (
  product    TEXT NOT NULL REFERENCES team_product (name),
  canvas     TEXT NOT NULL,
  member     TEXT NOT NULL,
  signed_ms  BIGINT NOT NULL,
  PRIMARY KEY (product, canvas, member)
);
