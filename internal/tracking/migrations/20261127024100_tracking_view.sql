-- +goose Up
CREATE TABLE tracking_view (
  id         TEXT PRIMARY KEY,
  product    TEXT NOT NULL,
  name       TEXT NOT NULL,
  filter     TEXT NOT NULL,
  sorting    TEXT NOT NULL,
  columns    TEXT NOT NULL,
  updated_ms BIGINT NOT NULL,
  UNIQUE (product, name)
);
