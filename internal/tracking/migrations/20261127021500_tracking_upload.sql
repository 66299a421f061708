-- +goose Up
CREATE TABLE tracking_upload (
  id         TEXT PRIMARY KEY,
  path       TEXT NOT NULL,
  parts      BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  digest     TEXT NOT NULL,
  size       BIGINT NOT NULL
);
CREATE INDEX tracking_upload_expiry ON tracking_upload (expires_ms);
CREATE TABLE tracking_upload_part (
  upload TEXT NOT NULL REFERENCES tracking_upload (id),
  number BIGINT NOT NULL,
  name   TEXT NOT NULL,
  digest TEXT NOT NULL,
  size   BIGINT NOT NULL,
  PRIMARY KEY (upload, number)
);
