-- +goose Up
CREATE TABLE webhook (
  id          TEXT PRIMARY KEY,
  name        TEXT NOT NULL,
  description TEXT NOT NULL,
  url         TEXT NOT NULL,
  events      TEXT NOT NULL,
  status      TEXT NOT NULL,
  secret      BLOB NOT NULL,
  deleted     BIGINT NOT NULL,
  created_ms  BIGINT NOT NULL,
  updated_ms  BIGINT NOT NULL
);
CREATE TABLE webhook_event (
  event      TEXT NOT NULL,
  webhook_id TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
  PRIMARY KEY (event, webhook_id)
);
CREATE TABLE webhook_delivery (
  id          TEXT PRIMARY KEY,
  webhook_id  TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
  event       TEXT NOT NULL,
  body        TEXT NOT NULL,
  state       TEXT NOT NULL,
  attempts    BIGINT NOT NULL,
  http_status BIGINT NOT NULL,
  error       TEXT NOT NULL,
  created_ms  BIGINT NOT NULL,
  done_ms     BIGINT NOT NULL
);
CREATE INDEX webhook_delivery_done ON webhook_delivery (done_ms);
CREATE INDEX webhook_delivery_webhook ON webhook_delivery (webhook_id, created_ms);
