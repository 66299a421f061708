-- +goose Up
CREATE TABLE tracking_doomed (
  path TEXT PRIMARY KEY
);
CREATE TABLE tracking_spent (
  experiment BIGINT PRIMARY KEY
);
CREATE INDEX tracking_run_deleted ON tracking_run (deleted_ms) WHERE stage = 'deleted';
CREATE INDEX tracking_model_metric_run ON tracking_model_metric (run);
