-- +goose Up
CREATE INDEX tracking_run_started ON tracking_run (stage, start_ms DESC, id);
