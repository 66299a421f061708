-- +goose Up
CREATE TABLE rollout_deployment (
  id           TEXT PRIMARY KEY,
  product      TEXT NOT NULL,
  environment  TEXT NOT NULL,
  endpoint     TEXT NOT NULL,
  model        TEXT NOT NULL,
  role         TEXT NOT NULL,
  package      TEXT NOT NULL,
  share        DOUBLE PRECISION NOT NULL,
  from_ms      BIGINT NOT NULL,
  to_ms        BIGINT,
  effective_ms BIGINT NOT NULL,
  release_id   TEXT NOT NULL,
  cause        TEXT NOT NULL,
  reason       TEXT NOT NULL,
  actor        TEXT NOT NULL,
  previous     TEXT NOT NULL,
  rolled_back  BIGINT NOT NULL,
  took_ms      BIGINT NOT NULL
);
CREATE UNIQUE INDEX rollout_one_champion ON rollout_deployment (product, environment) WHERE to_ms IS NULL AND role = 'champion';
CREATE UNIQUE INDEX rollout_history ON rollout_deployment (product, environment, role, from_ms);
CREATE INDEX rollout_package ON rollout_deployment (package);
